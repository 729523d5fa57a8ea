"""Withdraw (R12): the link is dead and the onboarding over, for good."""

import uuid

import pytest
from django.urls import reverse

from onboarding.models import ImportRun
from partnerapp.models import Event, Message
from tests.factories import DAY, NOW, fresh, partner, pending_partner


def url(*organizations):
    return reverse("withdraw") + "?" + "&".join(f"id={organization.pk}" for organization in organizations)


@pytest.fixture
def importing(contoso):
    """Connected, and its import runs."""
    tid = uuid.uuid4()
    row = pending_partner(
        contoso, "Woodgrove", tid=tid, started_at=NOW, started_oid=uuid.uuid4(), consented_at=NOW, configured_at=NOW
    )
    row.tid = tid
    row.save()
    ImportRun.objects.create(organization=row, tid=tid, ready_at=NOW, started_at=NOW)
    return fresh(row)


def test_the_invitation_is_withdrawn(signed_in, alice, adatum):
    assert signed_in(alice, htmx=True).post(url(adatum), {"reason": "Wrong company"}).status_code == 204
    assert fresh(adatum).subscription.state(NOW) == "withdrawn"
    event = Event.objects.get(organization=adatum, kind="invitation_withdrawn")
    assert (event.actor, event.at, event.reason) == ("Alice Adler", NOW, "Wrong company")


def test_the_link_is_dead(signed_in, alice, adatum, client):
    signed_in(alice).post(url(adatum))
    response = client.get(adatum.onboarding.link())
    assert response.status_code == 410
    assert "This invitation was withdrawn" in response.content.decode()


def test_a_mail_that_waits_is_not_sent(signed_in, alice, adatum):
    adatum.onboarding.resend(by=alice, at=NOW - DAY)
    signed_in(alice).post(url(adatum))
    assert Message.objects.get(organization=adatum).state == Message.State.OBSOLETE


def test_it_leaves_the_list(signed_in, alice, adatum):
    client = signed_in(alice)
    assert "Adatum" in client.get(reverse("pending_partners")).content.decode()
    client.post(url(adatum))
    client.get(reverse("pending_partners"))  # the notice about it is shown once
    assert "Adatum" not in client.get(reverse("pending_partners")).content.decode()


def test_while_the_import_runs_it_stops_and_the_tenant_is_free(signed_in, alice, importing):
    """R13: the claim on the tenant ends."""
    assert signed_in(alice, htmx=True).post(url(importing)).status_code == 204
    assert fresh(importing).tid_released_at == NOW
    assert ImportRun.objects.get(organization=importing).failed_at == NOW
    assert fresh(importing).onboarding.next_try_at is None


def test_the_drawer_says_that_it_is_final(signed_in, alice, adatum):
    page = signed_in(alice, htmx=True).get(url(adatum)).content.decode()
    assert "The activation link of Adatum stops working at once." in page
    assert "This is final" in page


def test_the_second_press_is_refused(signed_in, alice, adatum):
    client = signed_in(alice, htmx=True)
    client.post(url(adatum))
    response = client.post(url(adatum))
    assert response.status_code == 422
    assert "The invitation was withdrawn on 1 Dec 2026, 09:00 UTC." in response.content.decode()
    assert Event.objects.filter(organization=adatum, kind="invitation_withdrawn").count() == 1


def test_after_the_import_it_is_refused(signed_in, alice, contoso):
    there = partner(contoso)
    response = signed_in(alice, htmx=True).post(url(there))
    assert response.status_code == 422
    assert "The import is complete; the activation link was used." in response.content.decode()
    assert fresh(there).subscription.withdrawn_at is None


def test_once_in_production_it_is_refused(signed_in, alice, importing):
    importing.subscription.convert(by=alice, at=NOW)
    response = signed_in(alice, htmx=True).post(url(importing))
    assert response.status_code == 422
    assert "Already in production since 1 Dec 2026, 09:00 UTC." in response.content.decode()


def test_several_are_withdrawn_at_once(signed_in, alice, adatum, contoso):
    other = pending_partner(contoso, "Proseware")
    response = signed_in(alice, htmx=True).post(url(adatum, other))
    assert "2 invitations were withdrawn." in response.headers["HX-Trigger"]
    assert [fresh(row).subscription.withdrawn_at for row in (adatum, other)] == [NOW, NOW]


def test_a_reason_has_its_limits(signed_in, alice, adatum):
    client = signed_in(alice, htmx=True)
    for reason in ("x" * 501, "turned \u202e around", "\x00"):
        assert client.post(url(adatum), {"reason": reason}).status_code == 422
    assert fresh(adatum).subscription.withdrawn_at is None


def test_a_viewer_reads_why_not(signed_in, victor, adatum):
    response = signed_in(victor).post(url(adatum))
    assert response.status_code == 403
    assert "Your role is Viewer." in response.content.decode()
    assert fresh(adatum).subscription.withdrawn_at is None


def test_one_foreign_id_and_nothing_applies(signed_in, alice, adatum, mallory):
    foreign = pending_partner(mallory.organization, "Elsewhere")
    assert signed_in(alice).post(url(adatum, foreign)).status_code == 404
    assert fresh(adatum).subscription.withdrawn_at is None
