"""Extend trial (R16): only in the last 72 hours, 168 hours more, once; through the door, by the cast."""

import pytest
from django.urls import reverse

from partnerapp.actions import Refused
from partnerapp.models import Event, Message
from tests.factories import DAY, HOUR, NOW, fresh, partner


def url(*organizations):
    return reverse("extend_trial") + "?" + "&".join(f"id={organization.pk}" for organization in organizations)


def test_apply_adds_seven_days(signed_in, alice, fabrikam):
    response = signed_in(alice, htmx=True).post(url(fabrikam))
    assert response.status_code == 204
    assert "organizations-changed" in response.headers["HX-Trigger"]
    subscription = fresh(fabrikam).subscription
    assert subscription.ends_at == subscription.upgrade_at == NOW + 9 * DAY
    assert (subscription.extended_at, subscription.extended_by) == (NOW, alice)


def test_without_htmx_it_goes_back_to_the_list(signed_in, alice, fabrikam):
    response = signed_in(alice).post(url(fabrikam), {"next": "/invoice/partners/"})
    assert (response.status_code, response.url) == (303, "/invoice/partners/")


def test_the_drawer_shows_the_new_date(signed_in, alice, fabrikam):
    page = signed_in(alice, htmx=True).get(url(fabrikam)).content.decode()
    assert "10 Dec 2026" in page
    assert "Each trial can be extended once." in page


def test_before_the_window_the_drawer_opens_and_says_from_when(signed_in, alice, contoso):
    early = partner(contoso, ends_in=5 * DAY)
    response = signed_in(alice, htmx=True).get(url(early))
    assert response.status_code == 200
    assert "You can extend this trial from 3 Dec 2026, 09:00 UTC (3 days before it ends)." in response.content.decode()


def test_before_the_window_apply_is_refused_with_the_same_sentence(signed_in, alice, contoso):
    early = partner(contoso, ends_in=5 * DAY)
    response = signed_in(alice, htmx=True).post(url(early))
    assert response.status_code == 422
    assert "You can extend this trial from 3 Dec 2026, 09:00 UTC" in response.content.decode()
    assert fresh(early).subscription.extended_at is None


def test_the_second_press_is_refused(signed_in, alice, fabrikam):
    client = signed_in(alice, htmx=True)
    client.post(url(fabrikam))
    assert client.post(url(fabrikam)).status_code == 422
    assert fresh(fabrikam).subscription.ends_at == NOW + 9 * DAY


def test_a_block_stays(alice, contoso):
    blocked = partner(contoso, ends_in=2 * DAY, blocked_at=NOW - DAY, blocked_by=alice)
    assert blocked.subscription.extend(by=alice, at=NOW).blocked_at == NOW - DAY


def test_a_viewer_reads_why_not(signed_in, victor, fabrikam):
    response = signed_in(victor).post(url(fabrikam))
    assert response.status_code == 403
    assert "Your role is Viewer." in response.content.decode()


def test_another_distributor_cannot_tell_it_from_nothing(signed_in, mallory, fabrikam):
    client = signed_in(mallory)
    foreign, missing = client.post(url(fabrikam)), client.post(reverse("extend_trial") + "?id=999999")
    assert foreign.status_code == missing.status_code == 404


def test_the_partner_itself_cannot(signed_in, charlie, fabrikam):
    response = signed_in(charlie).post(url(fabrikam))
    assert response.status_code == 403
    assert "Only Contoso Distribution can do this for Fabrikam." in response.content.decode()


@pytest.mark.parametrize(
    ("facts", "sentence"),
    [
        ({"converted_at": NOW - DAY}, "Already in production since 30 Nov 2026, 09:00 UTC."),
        ({"cancelled_at": NOW - DAY}, "The trial was cancelled on 30 Nov 2026, 09:00 UTC."),
        ({"ends_in": -HOUR, "blocked_at": NOW - DAY}, "The trial expired on 1 Dec 2026, 08:00 UTC."),
        ({"ends_in": -HOUR}, "only a running trial can be extended"),
        ({"extended_at": NOW - DAY}, "Already extended on 30 Nov 2026, 09:00 UTC."),
    ],
)
def test_every_other_state_says_why_not(contoso, alice, facts, sentence):
    other = partner(contoso, **({"ends_in": 2 * DAY} | facts))
    with pytest.raises(Refused, match=sentence.replace(".", r"\.")):
        other.subscription.extend(by=alice, at=NOW)


def test_the_event_says_who_what_when(alice, fabrikam):
    fabrikam.subscription.extend(by=alice, at=NOW)
    event = Event.objects.get(organization=fabrikam, kind="trial_extended")
    assert (event.actor, event.actor_kind, event.at) == ("Alice Adler", "operator", NOW)
    assert event.before["ends_at"] < event.after["ends_at"]


def test_the_admins_and_the_partner_are_told(alice, fabrikam):
    fabrikam.subscription.extend(by=alice, at=NOW)
    mails = Message.objects.filter(kind="subscriptions.trial_extended", about_at=NOW)
    assert set(mails.values_list("recipient", flat=True)) == {alice.email, fabrikam.notification_email}


def test_both_of_two_are_extended_and_the_third_is_left_out(signed_in, alice, contoso):
    two = [partner(contoso, name, ends_in=2 * DAY) for name in ("Tailspin", "Wingtip")]
    early = partner(contoso, "Lucerne", ends_in=9 * DAY)
    drawer = signed_in(alice, htmx=True).get(url(*two, early)).content.decode()
    assert "2 of 3 selected" in drawer
    assert signed_in(alice, htmx=True).post(url(*two, early)).status_code == 204
    assert [bool(fresh(o).subscription.extended_at) for o in (*two, early)] == [True, True, False]


def test_one_foreign_id_and_nothing_applies(signed_in, alice, fabrikam, mallory):
    foreign = partner(mallory.organization, "Elsewhere", ends_in=2 * DAY)
    assert signed_in(alice).post(url(fabrikam, foreign)).status_code == 404
    assert fresh(fabrikam).subscription.extended_at is None
