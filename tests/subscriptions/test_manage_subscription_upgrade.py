"""Manage subscription upgrade (R17): keep the automatic upgrade or block it, while the trial runs or is held."""

import pytest
from django.urls import reverse

from partnerapp.actions import Refused
from partnerapp.models import Event, Message
from tests.factories import DAY, HOUR, NOW, fresh, notice, partner

HELD = {"ends_in": -10 * HOUR, "upgrade_at": NOW + 15 * HOUR, "held_at": NOW - 10 * HOUR, "hold_reason": "refused"}


def url(*organizations):
    query = "&".join(f"id={organization.pk}" for organization in organizations)
    return f"{reverse('manage_subscription_upgrade')}?{query}"


def test_block_is_kept_with_who_and_why(signed_in, alice, fabrikam):
    response = signed_in(alice, htmx=True).post(url(fabrikam), {"upgrade": "block", "reason": "Budget in January"})
    assert response.status_code == 204
    assert "organizations-changed" in response.headers["HX-Trigger"]
    row = fresh(fabrikam).subscription
    assert (row.blocked_at, row.blocked_by, row.blocked_reason) == (NOW, alice, "Budget in January")
    assert row.upgrade_at == row.ends_at == NOW + 2 * DAY


def test_keep_takes_the_block_away(signed_in, alice, contoso):
    blocked = partner(contoso, blocked_at=NOW - DAY, blocked_by=alice, blocked_reason="Budget")
    assert signed_in(alice, htmx=True).post(url(blocked), {"upgrade": "keep"}).status_code == 204
    row = fresh(blocked).subscription
    assert (row.blocked_at, row.blocked_by, row.blocked_reason) == (None, None, "")


def test_without_htmx_it_goes_back_to_the_list(signed_in, alice, fabrikam):
    response = signed_in(alice).post(url(fabrikam), {"upgrade": "block", "next": "/invoice/partners/"})
    assert (response.status_code, response.url) == (303, "/invoice/partners/")


@pytest.mark.parametrize(
    "target", ["https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)"]
)
def test_it_never_goes_back_to_somebody_elses_page(signed_in, alice, fabrikam, target):
    assert signed_in(alice).post(url(fabrikam), {"upgrade": "block", "next": target}).url == "/"


@pytest.mark.parametrize(("blocked_at", "choice"), [(None, "keep"), (NOW - DAY, "block")])
def test_what_is_set_already_changes_nothing(signed_in, alice, contoso, blocked_at, choice):
    same = partner(contoso, blocked_at=blocked_at)
    assert signed_in(alice, htmx=True).post(url(same), {"upgrade": choice}).status_code == 204
    assert fresh(same).subscription.blocked_at == blocked_at
    assert not Event.objects.filter(organization=same).exists()
    assert not Message.objects.filter(organization=same).exists()


@pytest.mark.parametrize("data", [{}, {"upgrade": ""}, {"upgrade": "maybe"}, {"upgrade": "block", "reason": "a\x00b"}])
def test_nonsense_is_answered_by_the_form(signed_in, alice, fabrikam, data):
    assert signed_in(alice, htmx=True).post(url(fabrikam), data).status_code == 422
    assert fresh(fabrikam).subscription.blocked_at is None


def test_the_drawer_shows_what_is_set_and_what_either_choice_does(signed_in, alice, contoso):
    blocked = partner(contoso, "Tailspin", blocked_at=NOW - DAY)
    page = signed_in(alice, htmx=True).get(url(blocked)).content.decode()
    assert 'value="block" id="id_upgrade_1" checked' in page.replace(" required", "")
    assert "Tailspin becomes Production on 6 Dec 2026, 09:00 UTC" in page
    assert "Block: the trial expires on 6 Dec 2026, 09:00 UTC." in page


@pytest.mark.parametrize(
    ("hours", "told", "later"), [(20, None, True), (20, 5, False), (20, 3, True), (120, None, False)]
)
def test_an_upgrade_that_was_announced_too_late_comes_some_hours_later(signed_in, alice, contoso, hours, told, later):
    """R20. `told`: so many hours ago the notice was accepted."""
    row, other = (partner(contoso, name, ends_in=hours * HOUR) for name in ("Tailspin", "Wingtip"))
    notice(other, alice, accepted_at=NOW - 5 * HOUR)
    if told:
        notice(row, alice, accepted_at=NOW - told * HOUR)
    page = signed_in(alice, htmx=True).get(url(row, other)).content.decode()
    assert page.count("24 hours after an Admin has got a notice") == later


def test_the_event_says_who_what_when_and_why(alice, fabrikam):
    fabrikam.subscription.block_upgrade(by=alice, at=NOW, reason="Budget")
    event = Event.objects.get(organization=fabrikam, kind="upgrade_blocked")
    assert (event.actor, event.at, event.reason) == ("Alice Adler", NOW, "Budget")
    assert (event.before["blocked_at"], event.after["blocked_at"]) == (None, "2026-12-01T09:00:00Z")


@pytest.mark.parametrize(("verb", "blocked_at"), [("block_upgrade", None), ("restore_upgrade", NOW - DAY)])
def test_the_admins_and_the_partner_are_told(alice, victor, contoso, verb, blocked_at):
    row = partner(contoso, blocked_at=blocked_at)
    getattr(row.subscription, verb)(by=alice, at=NOW, reason="Budget")
    mails = Message.objects.filter(about_at=NOW, organization=row)
    assert set(mails.values_list("recipient", flat=True)) == {alice.email, row.notification_email}
    told = {mail.recipient: mail.context for mail in mails}
    assert told[alice.email] == {"by": "Alice Adler", "reason": "Budget"}
    assert told[row.notification_email] == {
        "by": "Contoso Distribution",
        "reason": "",
    }  # the person and why stay within


def test_a_queued_upgrade_notice_is_pointless_once_blocked(alice, fabrikam):
    queued = notice(fabrikam, alice, accepted_at=None)
    fabrikam.subscription.block_upgrade(by=alice, at=NOW)
    assert Message.objects.get(pk=queued.pk).state == Message.State.OBSOLETE


def test_a_blocked_trial_is_expired_from_its_end_on(alice, fabrikam):
    row = fabrikam.subscription.block_upgrade(by=alice, at=NOW)
    assert [row.state(row.ends_at - HOUR), row.state(row.ends_at)] == ["trial", "expired"]


def test_blocking_a_held_trial_expires_it_at_once(signed_in, alice, contoso):
    held = partner(contoso, "Lucerne", **HELD)
    assert "Block: the trial expires at once." in signed_in(alice, htmx=True).get(url(held)).content.decode()
    signed_in(alice, htmx=True).post(url(held), {"upgrade": "block"})
    assert fresh(held).subscription.state(NOW) == "expired"
    assert signed_in(alice, htmx=True).post(url(held), {"upgrade": "keep"}).status_code == 422


def test_unblocking_after_the_end_is_refused(signed_in, alice, contoso):
    over = partner(contoso, ends_in=-HOUR, blocked_at=NOW - DAY)
    response = signed_in(alice, htmx=True).post(url(over), {"upgrade": "keep"})
    assert response.status_code == 422
    assert "You can convert it to a production account." in response.content.decode()
    assert fresh(over).subscription.blocked_at == NOW - DAY


@pytest.mark.parametrize(
    ("facts", "sentence"),
    [
        ({"converted_at": NOW - DAY}, "Already in production since 30 Nov 2026, 09:00 UTC."),
        ({"cancelled_at": NOW - DAY}, "The trial was cancelled on 30 Nov 2026, 09:00 UTC."),
        ({"withdrawn_at": NOW - DAY}, "The invitation was withdrawn on 30 Nov 2026, 09:00 UTC."),
        ({"ends_in": -HOUR, "blocked_at": NOW - DAY}, "The trial expired on 1 Dec 2026, 08:00 UTC."),
    ],
)
def test_every_other_state_says_why_not(signed_in, alice, contoso, facts, sentence):
    other = partner(contoso, **facts)
    response = signed_in(alice, htmx=True).post(url(other), {"upgrade": "block"})
    assert response.status_code == 422
    assert sentence in response.content.decode()
    assert sentence in signed_in(alice, htmx=True).get(url(other)).content.decode()


@pytest.mark.parametrize(("verb", "blocked_at"), [("block_upgrade", NOW - DAY), ("restore_upgrade", None)])
def test_a_stale_form_finds_the_verb_refusing(alice, contoso, verb, blocked_at):
    row = partner(contoso, blocked_at=blocked_at)
    with pytest.raises(Refused, match="is already"):
        getattr(row.subscription, verb)(by=alice, at=NOW)
    assert not Event.objects.filter(organization=row).exists()


def test_a_viewer_reads_why_not(signed_in, victor, fabrikam):
    response = signed_in(victor).post(url(fabrikam), {"upgrade": "block"})
    assert response.status_code == 403
    assert "Your role is Viewer." in response.content.decode()
    assert fresh(fabrikam).subscription.blocked_at is None


def test_the_partner_itself_cannot(signed_in, charlie, fabrikam):
    response = signed_in(charlie).post(url(fabrikam), {"upgrade": "block"})
    assert response.status_code == 403
    assert "Only Contoso Distribution can do this for Fabrikam." in response.content.decode()


def test_another_distributor_cannot_tell_it_from_nothing(signed_in, mallory, fabrikam):
    client, data = signed_in(mallory), {"upgrade": "block"}
    foreign, missing = client.post(url(fabrikam), data), client.post(reverse("manage_subscription_upgrade") + "?id=9")
    assert foreign.status_code == missing.status_code == 404
    assert fresh(fabrikam).subscription.blocked_at is None


def test_a_bulk_choice_holds_for_all_that_qualify(signed_in, alice, contoso):
    open_, blocked = partner(contoso, "Fabrikam"), partner(contoso, "Tailspin", blocked_at=NOW - DAY)
    over = partner(contoso, "Trey", cancelled_at=NOW - DAY)
    assert signed_in(alice, htmx=True).post(url(open_, blocked, over), {"upgrade": "block"}).status_code == 204
    assert [fresh(o).subscription.blocked_at for o in (open_, blocked, over)] == [NOW, NOW - DAY, None]
