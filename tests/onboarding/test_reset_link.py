"""Reset link (R9): forgets whose tenant it was, kills the link and sends a new one."""

import uuid

from django.urls import reverse

from partnerapp.models import Event
from tests.factories import DAY, NOW, fresh, partner, pending_partner


def url(organization):
    return f"{reverse('reset_link')}?id={organization.pk}"


def started(contoso, **facts):
    """Somebody of some tenant signed in an hour ago."""
    return pending_partner(contoso, tid=uuid.uuid4(), started_at=NOW - DAY, started_oid=uuid.uuid4(), **facts)


def test_the_tenant_is_forgotten_and_a_new_link_is_sent(signed_in, alice, contoso):
    row = started(contoso)
    assert signed_in(alice, htmx=True).post(url(row)).status_code == 204
    onboarding = fresh(row).onboarding
    assert (onboarding.tid, onboarding.started_at, onboarding.started_oid) == (None, None, None)
    assert (onboarding.link_version, onboarding.link_expires_at) == (2, NOW + 30 * DAY)
    assert onboarding.link_message.recipient == row.notification_email
    assert onboarding.status == "link_sent"


def test_whoever_was_about_to_become_admin_is_forgotten(signed_in, alice, contoso):
    """R14: nobody becomes an Admin by a consent that was asked for before the reset."""
    row = started(contoso, consenter_oid=uuid.uuid4(), consenter_name="Eve", consenter_email="eve@evil.example")
    signed_in(alice).post(url(row))
    onboarding = fresh(row).onboarding
    assert (onboarding.consenter_oid, onboarding.consenter_name, onboarding.consenter_email) == (None, "", "")


def test_an_error_and_the_next_try_are_cleared(signed_in, alice, contoso):
    row = started(contoso, error_code="tenant_taken", error_at=NOW - DAY, error_detail="O-1", next_try_at=NOW)
    signed_in(alice).post(url(row))
    onboarding = fresh(row).onboarding
    assert (onboarding.error_code, onboarding.error_at, onboarding.next_try_at) == ("", None, None)


def test_the_drawer_says_what_is_forgotten(signed_in, alice, adatum):
    page = signed_in(alice, htmx=True).get(url(adatum)).content.decode()
    assert "Adatum can start with another Microsoft 365 tenant." in page
    assert "A new link, which works 30 days, is sent by email." in page


def test_the_event_keeps_which_tenant_it_was(signed_in, alice, contoso):
    row = started(contoso)
    signed_in(alice).post(url(row))
    event = Event.objects.get(organization=row, kind="link_reset")
    assert (event.before["tid"], event.after["tid"]) == (str(row.onboarding.tid), None)


def test_after_consent_it_is_refused(signed_in, alice, contoso):
    connected = pending_partner(
        contoso, tid=uuid.uuid4(), started_at=NOW - DAY, started_oid=uuid.uuid4(), consented_at=NOW - DAY
    )
    response = signed_in(alice, htmx=True).post(url(connected))
    assert response.status_code == 422
    page = response.content.decode()
    assert "Consent was granted on 30 Nov 2026, 09:00 UTC; the activation link was used." in page
    assert fresh(connected).onboarding.tid == connected.onboarding.tid


def test_after_the_import_it_is_refused(signed_in, alice, contoso):
    response = signed_in(alice, htmx=True).post(url(partner(contoso)))
    assert response.status_code == 422
    assert "The import is complete; the activation link was used." in response.content.decode()


def test_a_viewer_reads_why_not(signed_in, victor, adatum):
    response = signed_in(victor).post(url(adatum))
    assert response.status_code == 403
    assert "Your role is Viewer." in response.content.decode()
    assert fresh(adatum).onboarding.link_version == 1


def test_another_distributor_finds_nothing(signed_in, mallory, adatum):
    assert signed_in(mallory).post(url(adatum)).status_code == 404
    assert fresh(adatum).onboarding.link_version == 1
