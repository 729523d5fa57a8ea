"""Resend (R12): the live link once more, whose 30 days stay; an expired one is renewed."""

from django.urls import reverse

from partnerapp.models import Event, Message
from tests.factories import DAY, NOW, fresh, partner, pending_partner


def url(*organizations):
    return reverse("resend_activation_link") + "?" + "&".join(f"id={organization.pk}" for organization in organizations)


def links_to(organization):
    return Message.objects.filter(organization=organization, kind="onboarding.activation_link")


def test_the_live_link_is_sent_and_stays_the_same(signed_in, alice, adatum):
    assert signed_in(alice, htmx=True).post(url(adatum)).status_code == 204
    onboarding = fresh(adatum).onboarding
    assert (onboarding.link_version, onboarding.link_expires_at) == (1, NOW + 30 * DAY)
    message = links_to(adatum).get()
    assert (message.recipient, message.about_at) == (adatum.notification_email, NOW)
    assert onboarding.link_message == message


def test_an_expired_link_is_renewed(signed_in, alice, contoso):
    late = pending_partner(contoso, link_expires_at=NOW)
    assert signed_in(alice, htmx=True).post(url(late)).status_code == 204
    onboarding = fresh(late).onboarding
    assert (onboarding.link_version, onboarding.link_expires_at) == (2, NOW + 30 * DAY)


def test_the_drawer_says_what_happens_to_the_link(signed_in, alice, adatum, contoso):
    client, late = signed_in(alice, htmx=True), pending_partner(contoso, "Late", link_expires_at=NOW - DAY)
    assert "The link stays the same and works until 31 Dec 2026, 09:00 UTC." in client.get(url(adatum)).content.decode()
    page = client.get(url(late)).content.decode()
    assert "The old link has expired; the email has a new one that works 30 days." in page


def test_while_the_mail_is_being_sent_it_is_not_sent_twice(signed_in, alice, adatum):
    client = signed_in(alice, htmx=True)
    assert [client.post(url(adatum)).status_code for _ in range(2)] == [204, 422]
    assert "is being sent at the moment" in client.get(url(adatum)).content.decode()
    assert list(links_to(adatum).values_list("state", flat=True)) == ["queued"]


def test_the_event_says_who(signed_in, alice, adatum):
    signed_in(alice).post(url(adatum))
    event = Event.objects.get(organization=adatum, kind="link_resent")
    assert (event.actor, event.at) == ("Alice Adler", NOW)


def test_whom_the_row_waits_for_does_not_start_anew(signed_in, alice, adatum):
    signed_in(alice).post(url(adatum))
    assert fresh(adatum).onboarding.waiting_since == NOW - DAY


def test_after_consent_it_says_that_the_link_was_used(signed_in, alice, contoso):
    connected = partner(contoso)
    response = signed_in(alice, htmx=True).post(url(connected))
    assert response.status_code == 422
    assert "The import is complete; the activation link was used." in response.content.decode()
    assert not links_to(connected).exists()


def test_a_withdrawn_one_says_when(signed_in, alice, contoso):
    gone = pending_partner(contoso, subscription__withdrawn_at=NOW - DAY)
    response = signed_in(alice, htmx=True).post(url(gone))
    assert response.status_code == 422
    assert "The invitation was withdrawn on 30 Nov 2026, 09:00 UTC." in response.content.decode()


def test_of_three_selected_the_connected_one_is_left_out(signed_in, alice, adatum, contoso):
    """R32."""
    other, connected = pending_partner(contoso, "Proseware"), partner(contoso)
    client = signed_in(alice, htmx=True)
    assert "2 of 3 selected: Adatum, Proseware" in client.get(url(adatum, other, connected)).content.decode()
    assert "2 activation links are on their way." in client.post(url(adatum, other, connected)).headers["HX-Trigger"]
    assert [links_to(row).count() for row in (adatum, other, connected)] == [1, 1, 0]


def test_a_viewer_reads_why_not(signed_in, victor, adatum):
    response = signed_in(victor).post(url(adatum))
    assert response.status_code == 403
    assert "Your role is Viewer." in response.content.decode()
    assert not links_to(adatum).exists()


def test_another_distributor_finds_nothing(signed_in, mallory, adatum):
    assert signed_in(mallory).post(url(adatum)).status_code == 404
    assert not links_to(adatum).exists()
