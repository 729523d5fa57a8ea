"""Change notification email (R12): the old link dies, a new one goes to the new address."""

import pytest
from django.urls import reverse

from partnerapp.models import Event, Message
from tests.factories import DAY, NOW, fresh, partner

NEW = {"email": "new@adatum.example"}


def url(organization):
    return f"{reverse('change_notification_email')}?id={organization.pk}"


def test_a_new_link_goes_to_the_new_address(signed_in, alice, adatum):
    assert signed_in(alice, htmx=True).post(url(adatum), NEW).status_code == 204
    changed = fresh(adatum)
    assert changed.notification_email == "new@adatum.example"
    assert (changed.onboarding.link_version, changed.onboarding.link_expires_at) == (2, NOW + 30 * DAY)
    assert changed.onboarding.link_message.recipient == "new@adatum.example"


def test_the_old_link_is_dead(signed_in, alice, adatum, client):
    old = adatum.onboarding.link()
    signed_in(alice).post(url(adatum), NEW)
    response = client.get(old)
    assert response.status_code == 410
    assert "Start the CoreView trial" not in response.content.decode()


def test_the_mail_to_the_old_address_is_not_sent_any_more(signed_in, alice, adatum):
    adatum.onboarding.resend(by=alice, at=NOW - DAY)
    signed_in(alice).post(url(adatum), NEW)
    states = dict(Message.objects.filter(organization=adatum).values_list("recipient", "state"))
    assert states == {adatum.notification_email: "obsolete", "new@adatum.example": "queued"}


def test_the_drawer_starts_with_the_present_address(signed_in, alice, adatum):
    response = signed_in(alice, htmx=True).get(url(adatum))
    assert response.context["form"]["email"].value() == adatum.notification_email
    assert "The old activation link stops working at once." in response.content.decode()


def test_the_event_has_before_and_after(signed_in, alice, adatum):
    signed_in(alice).post(url(adatum), NEW)
    event = Event.objects.get(organization=adatum, kind="notification_email_changed")
    assert event.before["notification_email"] == adatum.notification_email
    assert event.after["notification_email"] == "new@adatum.example"
    assert event.actor == "Alice Adler"


@pytest.mark.parametrize(
    "email", ["", "adatum", "a@b\r\nBcc: c@d.example", "x\x00@adatum.example", "a\u202e@b.example"]
)
def test_what_is_not_an_address_is_refused(signed_in, alice, adatum, email):
    assert signed_in(alice, htmx=True).post(url(adatum), {"email": email}).status_code == 422
    changed = fresh(adatum)
    assert (changed.notification_email, changed.onboarding.link_version) == (adatum.notification_email, 1)


def test_after_consent_only_the_address_changes(signed_in, alice, contoso):
    """R6: it stays editable; the link has been used."""
    connected = partner(contoso)
    assert signed_in(alice, htmx=True).post(url(connected), NEW).status_code == 204
    changed = fresh(connected)
    assert changed.notification_email == NEW["email"]
    assert changed.onboarding.link_version == connected.onboarding.link_version
    assert not changed.messages.exists()


def test_the_same_address_again_is_refused(signed_in, alice, adatum):
    response = signed_in(alice, htmx=True).post(url(adatum), {"email": adatum.notification_email.upper()})
    assert response.status_code == 422
    assert "is the notification email already" in response.content.decode()


def test_a_viewer_reads_why_not(signed_in, victor, adatum):
    response = signed_in(victor).post(url(adatum), NEW)
    assert response.status_code == 403
    assert "Your role is Viewer." in response.content.decode()
    assert fresh(adatum).notification_email == adatum.notification_email


def test_another_distributor_finds_nothing(signed_in, mallory, adatum):
    assert signed_in(mallory).post(url(adatum), NEW).status_code == 404
    assert fresh(adatum).onboarding.link_version == 1
