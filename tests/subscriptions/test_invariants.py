"""`check_invariants` sees each thing that must never be, when it is broken by hand, and nothing else."""

import pytest
from django.core.management import CommandError, call_command

from partnerapp.models import Event, Message, Organization
from subscriptions import lifecycle
from subscriptions.invariants import INVARIANTS, broken
from subscriptions.models import Period, Subscription
from subscriptions.terms import FAR
from tests.factories import DAY, HOUR, NOW, TICK, fresh, notice, partner, pending_partner

LONG_AGO = NOW - 3 * DAY
(
    NOT_BILLED,
    NOT_PRODUCTION,
    PERIOD_ELSEWHERE,
    AGAINST_R20,
    TWICE,
    WITHDRAWN,
    UNCLAIMED,
    HINTS,
    BEYOND,
    BRANCH,
    SEARCHED,
) = INVARIANTS


def said(organization):
    """The invariants that are broken, each for this organization and no other."""
    lines = broken(NOW)
    assert all(line.endswith(f": organizations {organization.pk}") for line in lines)
    return {line.partition(":")[0] for line in lines}


@pytest.fixture
def converted(contoso, alice):
    """Upgraded by the sweep, as it should be."""
    row = partner(contoso, "Northwind", ends_in=0 * DAY)
    notice(row, alice, accepted_at=NOW - DAY)
    lifecycle.sweep(NOW, NOW)
    return fresh(row)


@pytest.fixture
def trial(contoso, alice):
    return partner(contoso, ends_in=5 * DAY)


def change(organization, **facts):
    assert Subscription.objects.filter(pk=organization.pk).update(**facts) == 1


def test_all_is_well_after_a_sweep(converted, trial):
    assert broken(NOW) == []


@pytest.mark.parametrize("key", ["distributor_id", "partner_id"])
def test_the_keys_of_another_branch(trial, key):
    change(trial, **{key: 1})
    assert said(trial) == {BRANCH}


@pytest.mark.parametrize(("key", "pending"), [("{}p-", False), ("{}p", True), ("{}p", False), ("0p-", True)])
def test_one_that_waits_and_is_not_searched_so(contoso, key, pending):
    waiting = pending_partner(contoso)
    assert broken(NOW) == []
    searched(waiting, key, pending)
    assert said(waiting) == {SEARCHED}


@pytest.mark.parametrize(("key", "pending"), [("{}p-", False), ("{}p", True), ("{}p-", True), ("0p", False)])
def test_an_imported_one_that_is_searched_among_the_pending(trial, key, pending):
    searched(trial, key, pending)
    assert said(trial) == {SEARCHED}


def test_an_imported_one_that_has_lost_its_words(trial):
    Organization.objects.filter(pk=trial.pk).update(search=[])
    assert said(trial) == {SEARCHED}


def searched(organization, key, pending):
    words = [key.format(organization.distributor_id) + word for word in ("f", "fa")]
    Organization.objects.filter(pk=organization.pk).update(search=words, pending=pending)


def test_in_production_without_a_period(converted):
    Period.objects.all().delete()
    assert said(converted) == {NOT_BILLED}


def test_in_production_with_a_period_that_ended(converted):
    Period.objects.update(ends_at=NOW + HOUR)
    assert said(converted) == {NOT_BILLED}


def test_a_period_without_production(trial):
    Period.objects.create(organization=trial, starts_at=LONG_AGO)
    assert said(trial) == {NOT_PRODUCTION, PERIOD_ELSEWHERE}


def test_a_period_that_was_dated_back(converted):
    Period.objects.all().delete()
    Period.objects.create(organization=converted, starts_at=NOW - TICK)
    assert said(converted) == {PERIOD_ELSEWHERE}


@pytest.mark.parametrize(
    "facts",
    [
        {"accepted_at": NOW - DAY + TICK},
        {"state": "refused", "accepted_at": None},
        {"operator": None},
        {"kind": "subscriptions.trial_will_expire_1"},
        {"about_at": NOW - HOUR},
    ],
)
def test_an_automatic_conversion_without_its_notice(converted, facts):
    Message.objects.filter(kind="subscriptions.upgrade_notice_1").update(**facts)
    assert said(converted) == {AGAINST_R20}


@pytest.mark.parametrize("facts", [{"upgrade_at": NOW + TICK}, {"blocked_at": LONG_AGO}])
def test_an_automatic_conversion_that_was_early_or_blocked(converted, facts):
    change(converted, **facts)
    Message.objects.filter(kind="subscriptions.upgrade_notice_1").update(about_at=facts.get("upgrade_at", NOW))
    assert said(converted) == {AGAINST_R20}


@pytest.mark.parametrize(("late", "found"), [(48 * HOUR - TICK, set()), (48 * HOUR, {AGAINST_R20})])
def test_an_automatic_conversion_that_was_too_late(contoso, alice, late, found):
    at = NOW - late
    row = partner(contoso, ends_in=-late, converted_at=NOW)
    notice(row, alice, accepted_at=at - DAY)
    assert said(row) == found


def test_a_conversion_by_hand_needs_no_notice(trial, alice):
    trial.subscription.convert(by=alice, at=NOW)
    assert broken(NOW) == []


def test_a_second_conversion(converted):
    Event.record(converted, "converted", at=NOW, by=None)
    assert said(converted) == {TWICE}


@pytest.mark.parametrize(
    "facts", [{"wake_at": None}, {"wake_at": NOW + 5 * DAY}, {"sort_at": NOW}], ids=["never", "too late", "order"]
)
def test_a_hint_that_was_lost(trial, facts):
    change(trial, **facts)
    assert said(trial) == {HINTS}


def test_a_due_upgrade_that_no_sweep_would_see(contoso):
    """Without `wake_at` it would neither convert nor be held, for ever."""
    due = partner(contoso, ends_in=-HOUR)
    change(due, wake_at=None)
    assert said(due) == {HINTS}


def test_an_expiry_that_no_sweep_would_announce(contoso):
    over = partner(contoso, ends_in=-HOUR, blocked_at=LONG_AGO)
    change(over, wake_at=None)
    assert said(over) == {HINTS}


def test_a_hint_where_nothing_is_to_come(contoso):
    over = partner(contoso, cancelled_at=LONG_AGO)
    change(over, wake_at=NOW)
    assert said(over) == {HINTS}


def test_a_hint_may_lag_until_the_next_sweep(contoso):
    partner(contoso, ends_in=-HOUR)
    partner(contoso, ends_in=-HOUR, blocked_at=LONG_AGO)
    assert broken(NOW) == []


def test_the_command_fails_and_says_what_is_broken(converted, capsys):
    call_command("check_invariants")
    Period.objects.all().delete()
    with pytest.raises(CommandError, match=f"{NOT_BILLED}: organizations {converted.pk}"):
        call_command("check_invariants")


def test_a_withdrawn_one_that_was_imported(trial):
    change(trial, withdrawn_at=NOW, wake_at=None, sort_at=FAR)
    assert said(trial) == {WITHDRAWN}


def test_production_whose_tenant_somebody_else_may_claim(converted):
    Organization.objects.filter(pk=converted.pk).update(tid_released_at=NOW)
    assert said(converted) == {UNCLAIMED}
