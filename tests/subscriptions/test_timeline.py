"""What lies ahead agrees with the rules at each of its instants, and ends where they end."""

import pytest

from subscriptions.timeline import future
from tests.factories import DAY, HOUR, NOW, TICK, customer, partner


def ahead(organization, at=NOW):
    """(days from NOW, sentence) of what is to come."""
    return [((when - NOW) / DAY, str(text)) for when, _icon, text in future(organization.subscription, at)]


WHOLE = [
    (3, "Notice, 7 days before the upgrade"),
    (7, "Extension window opens"),
    (7, "Notice, 3 days before the upgrade"),
    (9, "Notice, 1 day before the upgrade"),
    (10, "Upgrade to Production"),
]


def test_a_trial_has_its_window_its_notices_and_its_upgrade_ahead(contoso):
    assert ahead(partner(contoso, ends_in=10 * DAY)) == WHOLE


def test_a_blocked_one_expires_and_its_notices_say_so(contoso):
    """R17."""
    rows = ahead(partner(contoso, ends_in=2 * DAY, blocked_at=NOW))
    assert rows == [(1, "Notice, 1 day before the trial expires"), (2, "The trial expires, and access ends")]


def test_an_extended_one_has_no_window_any_more(contoso):
    """R16."""
    rows = ahead(partner(contoso, ends_in=10 * DAY, extended_at=NOW - DAY))
    assert rows == [row for row in WHOLE if "window" not in row[1]]


def test_a_held_one_has_its_new_upgrade_ahead(contoso):
    """R20."""
    held = {"held_at": NOW - HOUR, "hold_reason": "refused", "upgrade_at": NOW + 25 * HOUR}
    rows = ahead(partner(contoso, ends_in=-HOUR, **held))
    assert rows == [
        (1 / 24, "Notice, 1 day before the upgrade"),
        (25 / 24, "Upgrade to Production, if a notice was delivered 24 hours before"),
    ]


@pytest.mark.parametrize("over", ["converted_at", "cancelled_at", "withdrawn_at"])
def test_what_is_over_has_nothing_ahead(contoso, over):
    assert ahead(partner(contoso, **{over: NOW - DAY})) == []


def test_an_expired_one_and_one_that_is_due_have_nothing_ahead(contoso):
    assert ahead(partner(contoso, "Wingtip", ends_in=-TICK, blocked_at=NOW - DAY)) == []
    assert ahead(partner(contoso, "Tailspin", ends_in=0 * DAY)) == []


@pytest.mark.parametrize("n", range(len(WHOLE)))
def test_each_lies_ahead_until_its_very_instant(contoso, n):
    row = partner(contoso, ends_in=10 * DAY)
    when = NOW + WHOLE[n][0] * DAY
    assert WHOLE[n] in ahead(row, when - TICK)
    assert WHOLE[n] not in ahead(row, when)


def test_the_rules_change_at_these_instants(contoso):
    subscription = partner(contoso, ends_in=10 * DAY).subscription
    for when, icon, _text in future(subscription, NOW):
        before, then = when - TICK, when
        if icon == "calendar-plus":
            assert [subscription.extension(at).allowed for at in (before, then)] == [False, True]
        elif icon == "mail":
            assert subscription.notice_due(before) != subscription.notice_due(then)
        else:
            assert [subscription.upgrade_is_due(at) for at in (before, then)] == [False, True]


def test_all_but_the_window_is_when_the_sweep_looks(contoso):
    subscription = partner(contoso, ends_in=10 * DAY).subscription
    assert [
        when for when, icon, _text in future(subscription, NOW) if icon != "calendar-plus"
    ] == subscription.boundaries(NOW)


# In production ------------------------------------------------------------------------------------------------------


@pytest.fixture
def woodgrove(bob):
    """In production until 24:00 UTC of a day in two weeks."""
    return customer(bob.acts_for, converted_at=NOW - DAY, expires_on=(NOW + 14 * DAY).date())


def test_an_expiration_date_has_its_notices_and_the_suspension_ahead(woodgrove):
    """R26."""
    hours = 15 / 24  # from 9:00 to 24:00
    assert ahead(woodgrove) == [
        (7 + hours, "Notice, 7 days before the expiration date"),
        (13 + hours, "Notice, 1 day before the expiration date"),
        (14 + hours, "Suspended: access and the production period end"),
    ]


def test_access_ends_at_the_last_instant_ahead(woodgrove):
    subscription = woodgrove.subscription
    marks = future(subscription, NOW)
    assert [when for when, _icon, _text in marks] == [when for when in subscription.boundaries(NOW) if when > NOW]
    end = marks[-1][0]
    assert [subscription.has_access(at) for at in (end - TICK, end)] == [True, False]
    assert [len(future(subscription, at)) for at in (end - TICK, end)] == [1, 0]


def test_production_without_a_date_has_nothing_ahead(bob):
    assert ahead(bob.acts_for) == []


def test_while_its_partner_is_not_active_an_upgrade_has_no_date(contoso):
    """R21. A blocked one expires all the same."""
    expired = partner(contoso, ends_in=-DAY, blocked_at=NOW - 2 * DAY)
    assert ahead(customer(expired, ends_in=10 * DAY)) == []
    rows = ahead(customer(expired, "Alpine", ends_in=10 * DAY, blocked_at=NOW))
    assert rows[-1] == (10, "The trial expires, and access ends")
    assert not any("window" in text for _days, text in rows)
