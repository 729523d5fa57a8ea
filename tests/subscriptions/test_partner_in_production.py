"""R27: staff suspend, reinstate and end a Partner in production; what that means below it (R21, R28)."""

import pytest

from partnerapp.actions import Refused
from partnerapp.models import Event, Message, Operator
from subscriptions import invariants, lifecycle
from subscriptions.models import Period
from subscriptions.models.period import billed_time
from tests.factories import DAY, HOUR, NOW, OperatorFactory, customer, fresh, notice, partner

INACTIVE = {
    "expired": {"ends_in": -HOUR, "blocked_at": NOW - DAY},
    "cancelled": {"cancelled_at": NOW - DAY},
    "suspended": {"converted_at": NOW - 9 * DAY, "suspended_at": NOW - DAY, "suspended_reason": "Unpaid"},
    "ended": {"converted_at": NOW - 9 * DAY, "cancelled_at": NOW - DAY},
}


@pytest.fixture
def stan(db):
    return Operator.objects.create_superuser("stan", "stan@vendor.example", "a password", name="Stan Stone")


@pytest.fixture
def northwind(contoso):
    return partner(contoso, "Northwind", converted_at=NOW - 9 * DAY)


@pytest.fixture
def bob(northwind):
    return OperatorFactory(organization=northwind, name="Bob Berg")


def test_suspending_ends_access_and_billing_now(northwind, stan, alice):
    row = northwind.subscription.suspend(by=stan, at=NOW, reason="Unpaid")
    assert (row.state(NOW), row.has_access(NOW), row.level) == ("suspended", False, "PRODUCTION")
    assert Period.objects.get(organization=northwind).ends_at == NOW
    event = Event.objects.get(organization=northwind, kind="suspended")
    assert (event.actor_kind, event.reason, event.after["suspended_at"]) == ("staff", "Unpaid", "2026-12-01T09:00:00Z")
    mail = Message.objects.get(kind="subscriptions.production_suspended", about_at=NOW)
    assert (mail.recipient, mail.context["by"]) == (alice.email, "Vendor staff")


def test_reinstating_starts_a_new_period_and_the_gap_is_not_billed(northwind, stan):
    northwind.subscription.suspend(by=stan, at=NOW, reason="Unpaid")
    row = northwind.subscription.reinstate(by=stan, at=NOW + 2 * DAY, reason="Paid")
    assert (row.state(NOW + 2 * DAY), row.suspended_reason) == ("production", "")
    gap = [(NOW - 9 * DAY, NOW), (NOW + 2 * DAY, NOW + 3 * DAY)]
    assert billed_time(northwind, NOW + 3 * DAY) == gap


@pytest.mark.parametrize("suspended", [False, True])
def test_an_ended_one_is_cancelled_for_good_and_its_tenant_free(northwind, stan, alice, suspended):
    if suspended:
        northwind.subscription.suspend(by=stan, at=NOW - HOUR, reason="Unpaid")
    row = northwind.subscription.end(by=stan, at=NOW, reason="Gave up")
    assert (row.state(NOW), row.organization.tid_released_at) == ("cancelled", NOW)
    with pytest.raises(Refused, match="was ended on 1 Dec 2026, 09:00 UTC, for good"):
        fresh(northwind).subscription.convert(by=alice, at=NOW + DAY)
    assert Period.objects.get(organization=northwind).ends_at == (NOW - HOUR if suspended else NOW)


@pytest.mark.parametrize("verb", ["suspend", "reinstate", "end"])
def test_staff_say_why(northwind, stan, verb):
    with pytest.raises(Refused, match="Say why"):
        getattr(northwind.subscription, verb)(by=stan, at=NOW, reason=" ")


@pytest.mark.parametrize("verb", ["suspend", "reinstate", "end"])
def test_neither_a_trial_nor_a_customer_is_suspended_by_staff(contoso, northwind, stan, verb):
    for row in (partner(contoso, "Tailspin"), customer(northwind, converted_at=NOW - DAY)):
        with pytest.raises(Refused, match="Only a"):
            getattr(row.subscription, verb)(by=stan, at=NOW, reason="Because")


def test_a_period_that_began_this_very_instant_is_not_cut(contoso, alice, stan):
    row = partner(contoso, "Tailspin").subscription.convert(by=alice, at=NOW)
    with pytest.raises(Refused, match="at this very instant"):
        row.suspend(by=stan, at=NOW, reason="Unpaid")


# Below it -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", INACTIVE)
def test_customers_have_no_access_and_little_can_be_done(contoso, state):
    """R27, R28: operators read, withdraw, cancel trials and bring dates forward, no more."""
    above = partner(contoso, "Northwind", **INACTIVE[state])
    trial, production = customer(above, "Alpine", ends_in=2 * DAY), customer(above, "Coho", converted_at=NOW - DAY)
    for row in (trial, production):
        assert not row.subscription.has_access(NOW)
    rules = trial.subscription
    sentence = above.subscription.inactivity(NOW)
    assert "cancel trials and bring expiration dates forward, no more." in sentence
    assert ("is active again" in sentence) == (state != "ended")
    for rule in (rules.extension, rules.upgrade_control, rules.conversion, rules.editing):
        assert rule(NOW).refusal == sentence
    assert rules.cancellation(NOW).allowed


def test_a_date_comes_forward_but_not_later_below_an_inactive_partner(contoso, bob, northwind, stan):
    """R27: shorten dates."""
    held = {"essentials-msp-2025"}
    row = customer(northwind, converted_at=NOW - DAY, expires_on=(NOW + 30 * DAY).date()).subscription
    row = row.edit(by=bob, at=NOW, products=held, expires_on=row.expires_on)
    northwind.subscription.suspend(by=stan, at=NOW, reason="Unpaid")
    for products, day in ((held, NOW + 31 * DAY), (held | {"audit-2025"}, NOW + 30 * DAY), (held, None)):
        with pytest.raises(Refused, match="Northwind is suspended since 1 Dec 2026, 09:00 UTC"):
            row.edit(by=bob, at=NOW, products=products, expires_on=day and day.date())
    sooner = (NOW + 9 * DAY).date()
    assert row.edit(by=bob, at=NOW, products=held, expires_on=sooner).expires_on == sooner


@pytest.mark.parametrize("state", INACTIVE)
def test_an_upgrade_waits_for_the_partner_and_then_everything_starts_anew(contoso, alice, stan, state):
    """R21: held, without notices until that ends; then R20 with a new notice."""
    above = partner(contoso, "Northwind", **INACTIVE[state])
    row = customer(above, "Alpine", ends_in=2 * DAY)
    end = row.subscription.ends_at
    for at in (NOW, end - DAY, end - HOUR):
        assert lifecycle.sweep(at, NOW)["notices"] == 0
    assert lifecycle.sweep(end, NOW)["held"] == 1
    for hours in (1, 2, 30, 999):
        counts = lifecycle.sweep(end + hours * HOUR, NOW)
        assert (counts["held"], counts["notices"], counts["converted"]) == (0, 0, 0)
    held = fresh(row).subscription
    assert (held.state(end + DAY), held.hold_reason, held.upgrade_at) == ("held", "partner", end)
    assert Event.objects.filter(organization=row, kind="upgrade_held").count() == 1
    assert not Message.objects.filter(organization=row, kind__startswith="subscriptions.upgrade_notice").exists()
    assert invariants.broken(end + 999 * HOUR)[1:] == []  # the first: these Partners were made without their events


def test_a_partner_that_is_active_again_lets_its_customers_upgrade_after_a_notice(alice, bob, northwind, stan):
    row = customer(northwind, "Alpine", ends_in=2 * DAY)
    northwind.subscription.suspend(by=stan, at=NOW, reason="Unpaid")
    end = row.subscription.ends_at
    lifecycle.sweep(end, NOW)
    northwind.subscription.reinstate(by=stan, at=end + 5 * HOUR, reason="Paid")
    at = end + 6 * HOUR
    lifecycle.sweep(at, NOW)
    held = fresh(row).subscription
    assert (held.hold_reason, held.upgrade_at) == ("resumed", at + 25 * HOUR)
    notice = Message.objects.get(organization=row, kind="subscriptions.upgrade_notice_1", operator=bob)
    assert notice.about_at == held.upgrade_at
    Message.objects.filter(state="queued").update(state="sent", accepted_at=at)
    lifecycle.sweep(held.upgrade_at, NOW)
    assert fresh(row).subscription.state(held.upgrade_at) == "production"
    told = Message.objects.filter(organization=row, kind="subscriptions.customer_converted")
    assert [mail.operator for mail in told] == [alice]


def test_a_notice_from_before_does_not_count_once_its_partner_was_inactive(alice, bob, northwind, stan):
    """R21: R20 starts anew, although an Admin had been told of the old instant in time."""
    row = customer(northwind, "Alpine", ends_in=2 * DAY)
    end = row.subscription.ends_at
    notice(row, bob, accepted_at=end - 30 * HOUR)
    northwind.subscription.suspend(by=stan, at=end - HOUR, reason="Unpaid")
    assert lifecycle.sweep(end, NOW)["held"] == 1
    northwind.subscription.reinstate(by=stan, at=end + 5 * HOUR, reason="Paid")
    counts = lifecycle.sweep(end + 6 * HOUR, NOW)
    assert (counts["converted"], counts["held"]) == (0, 1)
    assert fresh(row).subscription.upgrade_at == end + 31 * HOUR


def test_notices_come_within_the_hour_once_its_partner_is_active_again(bob, northwind, stan):
    row = customer(northwind, "Alpine", ends_in=5 * DAY)
    end = row.subscription.ends_at
    northwind.subscription.suspend(by=stan, at=NOW, reason="Unpaid")
    lifecycle.sweep(end - 72 * HOUR, NOW)
    northwind.subscription.reinstate(by=stan, at=end - 71 * HOUR, reason="Paid")
    assert lifecycle.sweep(end - 70 * HOUR, NOW)["notices"] == 1
    assert Message.objects.filter(organization=row, kind="subscriptions.upgrade_notice_3").exists()


def test_the_test_clock_does_not_stop_at_each_look(northwind, stan):
    row = customer(northwind, "Alpine", ends_in=5 * DAY)
    northwind.subscription.suspend(by=stan, at=NOW, reason="Unpaid")
    lifecycle.sweep(NOW, NOW)
    assert lifecycle.next_due(NOW) == row.subscription.ends_at
    lifecycle.sweep(row.subscription.ends_at, NOW)
    assert lifecycle.next_due(row.subscription.ends_at) is None


def test_a_suspension_that_was_undone_is_not_told_any_more(northwind, stan, alice):
    northwind.subscription.suspend(by=stan, at=NOW, reason="Unpaid")
    northwind.subscription.reinstate(by=stan, at=NOW + HOUR, reason="Paid")
    assert Message.objects.get(kind="subscriptions.production_suspended").state == "obsolete"


def test_a_blocked_trial_expires_below_an_inactive_partner_as_elsewhere(contoso):
    above = partner(contoso, "Northwind", **INACTIVE["expired"])
    row = customer(above, "Alpine", ends_in=2 * DAY, blocked_at=NOW - DAY)
    assert lifecycle.sweep(NOW, NOW)["notices"] == 1
    assert Message.objects.filter(organization=row, kind="subscriptions.trial_will_expire_3").exists()
    assert lifecycle.sweep(row.subscription.ends_at, NOW)["expired"] == 1
