"""The sweep (R15–R22): what happens by itself, at its instant, once, and what does not."""

import json
from io import StringIO
from threading import Barrier, Thread

import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection

from partnerapp.clock import wall
from partnerapp.models import Event, Job, Message
from partnerapp.models.message import owner_and_notification_email
from subscriptions import invariants, lifecycle
from subscriptions.models import Period, Subscription
from tests.factories import DAY, HOUR, NOW, TICK, OperatorFactory, customer, fresh, notice, partner

UPGRADE = "subscriptions.upgrade_notice_"
EXPIRY = "subscriptions.trial_will_expire_"
YESTERDAY = (NOW - DAY).date()
IN_TIME = NOW - 24 * HOUR


def sweep(at=NOW):
    """What a sweep did: its counts that are not 0."""
    counts = lifecycle.sweep(at, wall())
    return {name: count for name, count in counts.items() if count and name != "ms"}


def kinds(organization, **filters):
    rows = Message.objects.filter(organization=organization, **filters)
    return sorted(set(rows.values_list("kind", flat=True)))


def deliver(organization, at):
    """The mail server takes everything that is queued."""
    queued = Message.objects.filter(organization=organization, state="queued")
    return queued.update(state="sent", accepted_at=at)


def state():
    out = StringIO()
    call_command("state", "--json", stdout=out)
    return json.loads(out.getvalue())


# Notices ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("blocked_at", "family"), [(None, UPGRADE), (NOW - DAY, EXPIRY)])
def test_each_notice_goes_out_once_at_7_3_and_1_days(contoso, alice, blocked_at, family):
    """R20, and the table of the mails: to the owner's Admins and the notification email, about the deadline."""
    row = partner(contoso, ends_in=8 * DAY, blocked_at=blocked_at)
    end = row.subscription.ends_at
    assert sweep(end - 7 * DAY - TICK) == {}
    for days in (7, 3, 1):
        assert sweep(end - days * DAY) == {"notices": 1}
        assert sweep(end - days * DAY + HOUR) == {}
        mails = Message.objects.filter(kind=f"{family}{days}", about_at=end)
        assert set(mails.values_list("recipient", flat=True)) == {alice.email, row.notification_email}
    assert Message.objects.count() == 6


def test_notices_whose_time_has_passed_are_skipped(contoso, alice):
    """R22: a worker that was away sends the nearest one, not a bunch."""
    row = partner(contoso, ends_in=2 * DAY)
    assert sweep() == {"notices": 1}
    assert kinds(row) == [f"{UPGRADE}3"]


def test_an_admin_whose_address_is_the_notification_email_gets_one_mail(contoso, alice):
    row = partner(contoso, ends_in=2 * DAY)
    type(row).objects.filter(pk=row.pk).update(notification_email=alice.email)
    sweep()
    assert Message.objects.get(organization=row).operator == alice


@pytest.mark.parametrize(
    "facts", [{"role": "viewer"}, {"disabled_at": NOW - DAY}, {"accepted_at": None, "tid": None, "oid": None}]
)
def test_only_active_admins_are_told(contoso, alice, facts):
    OperatorFactory(organization=contoso, name="Somebody Else", **facts)
    row = partner(contoso, ends_in=2 * DAY)
    sweep()
    told = set(Message.objects.filter(organization=row).values_list("recipient", flat=True))
    assert told == {alice.email, row.notification_email}


def test_a_late_block_says_only_the_nearest_expiry_notice(contoso, alice):
    row = partner(contoso, ends_in=2 * DAY)
    sweep()
    row.subscription.block_upgrade(by=alice, at=NOW + HOUR)
    assert sweep(NOW + HOUR) == {"notices": 1}
    assert kinds(row, state="queued") == [f"{EXPIRY}3", "subscriptions.upgrade_blocked"]
    assert kinds(row, state="obsolete") == [f"{UPGRADE}3"]


def test_a_notice_that_a_block_made_pointless_holds_again_once_restored(contoso, alice):
    row = partner(contoso, ends_in=2 * DAY)
    sweep()
    row.subscription.block_upgrade(by=alice, at=NOW + HOUR)
    row.subscription.restore_upgrade(by=alice, at=NOW + 2 * HOUR)
    assert sweep(NOW + 2 * HOUR) == {"notices": 1}
    assert f"{UPGRADE}3" in kinds(row, state="queued")


def test_a_notice_that_was_sent_is_not_repeated_after_block_and_restore(contoso, alice):
    row = partner(contoso, ends_in=2 * DAY)
    notice(row, alice, days=3, accepted_at=NOW - HOUR)
    row.subscription.block_upgrade(by=alice, at=NOW)
    row.subscription.restore_upgrade(by=alice, at=NOW)
    assert sweep() == {}


def test_an_extension_arms_the_notices_for_the_new_end(contoso, alice):
    """R16, R20: all three again, about the new end; what was queued about the old one is pointless."""
    row = partner(contoso, ends_in=2 * DAY)
    sweep()
    end = row.subscription.extend(by=alice, at=NOW).ends_at
    assert kinds(row, state="obsolete") == [f"{UPGRADE}3"]
    for days in (7, 3, 1):
        assert sweep(end - days * DAY) == {"notices": 1}
    assert kinds(row, about_at=end) == [f"{UPGRADE}{days}" for days in (1, 3, 7)]


# Conversion -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def due(contoso, alice):
    """A trial that ends now, announced to Alice exactly 24 hours ago."""
    row = partner(contoso, ends_in=0 * DAY)
    notice(row, alice, accepted_at=IN_TIME)
    return row


def test_it_converts_exactly_at_its_instant_and_not_before(due):
    """R19."""
    assert sweep(NOW - TICK) == {}
    assert sweep(NOW) == {"converted": 1}
    row = fresh(due).subscription
    assert (row.converted_at, row.converted_by, row.level) == (NOW, None, "PRODUCTION")


def test_conversion_and_period_are_one_and_never_dated_back(due):
    """R19, R25: both carry the sweep's now, however late it is."""
    assert sweep(NOW + 47 * HOUR) == {"converted": 1}
    assert fresh(due).subscription.converted_at == NOW + 47 * HOUR
    period = Period.objects.get(organization=due)
    assert (period.starts_at, period.ends_at, period.cause) == (NOW + 47 * HOUR, None, "converted")


def test_its_event_and_its_mails(due, alice):
    sweep()
    event = Event.objects.get(organization=due)
    assert (event.kind, event.actor, event.actor_kind, event.at) == ("converted", "System", "system", NOW)
    told = Message.objects.filter(kind="subscriptions.converted", about_at=NOW)
    assert set(told.values_list("recipient", flat=True)) == {alice.email, due.notification_email}


def test_notices_still_queued_are_pointless_once_converted(due, alice):
    queued = notice(due, alice, accepted_at=None, days=3)
    sweep()
    assert Message.objects.get(pk=queued.pk).state == Message.State.OBSOLETE


def test_a_notice_accepted_a_microsecond_too_late_holds(contoso, alice):
    """R20: at least 24 hours before."""
    row = partner(contoso, ends_in=0 * DAY)
    notice(row, alice, accepted_at=IN_TIME + TICK)
    assert sweep() == {"held": 1}


def test_any_of_the_three_notices_counts(contoso, alice):
    row = partner(contoso, ends_in=0 * DAY)
    notice(row, alice, accepted_at=NOW - 7 * DAY, days=7)
    assert sweep() == {"converted": 1}


@pytest.mark.parametrize(
    "facts",
    [
        {"kind": f"{EXPIRY}1"},
        {"operator": None, "recipient": "it@partner.example"},
        {"about_at": NOW - TICK},
        {"state": "refused", "accepted_at": None},
        {"state": "ambiguous", "accepted_at": None},
        {"state": "queued", "accepted_at": None},
    ],
    ids=["will expire", "notification email only", "another instant", "refused", "ambiguous", "queued"],
)
def test_what_does_not_count_as_a_notice(contoso, alice, facts):
    """R20: an upgrade notice, of this very instant, accepted for an owner Admin."""
    row = partner(contoso, ends_in=0 * DAY)
    mail = notice(row, alice, accepted_at=IN_TIME)
    Message.objects.filter(pk=mail.pk).update(**facts)
    assert sweep() == {"held": 1}
    assert not Period.objects.exists()


def test_a_notice_to_another_organizations_admin_of_the_same_instant_does_not_count(contoso, alice):
    told, other = partner(contoso, "Told", ends_in=0 * DAY), partner(contoso, "Other", ends_in=0 * DAY)
    notice(told, alice, accepted_at=IN_TIME)
    assert sweep() == {"converted": 1, "held": 1}
    assert fresh(other).subscription.held_at == NOW


def test_a_blocked_trial_never_converts(contoso, alice):
    row = partner(contoso, ends_in=0 * DAY, blocked_at=NOW - DAY)
    notice(row, alice, accepted_at=IN_TIME)
    assert sweep() == {"expired": 1}
    assert sweep(NOW + 30 * DAY) == {}
    assert not Period.objects.exists()


@pytest.mark.parametrize("fact", ["cancelled_at", "converted_at", "withdrawn_at"])
def test_what_is_over_is_left_alone(contoso, alice, fact):
    row = partner(contoso, ends_in=0 * DAY, **{fact: NOW - DAY})
    notice(row, alice, accepted_at=IN_TIME)
    Subscription.objects.update(wake_at=NOW - DAY)
    assert sweep() == {}


def test_the_hint_alone_decides_nothing(contoso, alice):
    """A `wake_at` that is wrong costs a look, not a conversion."""
    partner(contoso, ends_in=9 * DAY)
    Subscription.objects.update(wake_at=NOW - DAY)
    assert sweep() == {}


# Held -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mail", "reason"),
    [
        (None, "undelivered"),
        ({"accepted_at": None}, "undelivered"),
        ({"accepted_at": None, "state": "refused"}, "refused"),
        ({"accepted_at": NOW - 23 * HOUR}, "too_late"),
    ],
)
def test_without_notice_it_is_held_for_25_hours_with_the_reason(contoso, alice, mail, reason):
    row = partner(contoso, ends_in=0 * DAY)
    if mail:
        notice(row, alice, **mail)
    assert sweep() == {"held": 1}
    held = fresh(row).subscription
    assert (held.state(NOW), held.held_at, held.hold_reason) == ("held", NOW, reason)
    assert (held.upgrade_at, held.ends_at) == (NOW + 25 * HOUR, NOW)
    assert held.has_access(NOW + 24 * HOUR)


@pytest.mark.parametrize(("late", "did"), [(48 * HOUR - TICK, "converted"), (48 * HOUR, "held")])
def test_after_48_hours_away_it_is_held_although_it_was_announced(due, late, did):
    assert sweep(NOW + late) == {did: 1}
    assert fresh(due).subscription.hold_reason == ("away" if did == "held" else "")


def test_a_held_one_is_announced_anew_and_then_converts(contoso, alice):
    row = partner(contoso, ends_in=0 * DAY)
    sweep()
    retry = NOW + 25 * HOUR
    assert kinds(row, state="queued") == ["subscriptions.upgrade_held", f"{UPGRADE}1"]
    assert Message.objects.filter(kind=f"{UPGRADE}1", about_at=retry, operator=alice).exists()
    deliver(row, NOW + HOUR)
    assert sweep(retry - TICK) == {}
    assert sweep(retry) == {"converted": 1}
    assert fresh(row).subscription.converted_at == retry


def test_a_second_refusal_holds_again_and_keeps_since_when(contoso, alice):
    row = partner(contoso, ends_in=0 * DAY)
    sweep()
    Message.objects.filter(operator=alice).update(state="refused")
    assert sweep(NOW + 25 * HOUR) == {"held": 1}
    held = fresh(row).subscription
    assert (held.held_at, held.upgrade_at, held.hold_reason) == (NOW, NOW + 50 * HOUR, "refused")
    assert Message.objects.filter(kind=f"{UPGRADE}1", operator=alice).count() == 2


def test_a_hold_is_one_event_that_tells_all_that_changed(contoso, alice):
    """R31: before and after of every fact, so that the events alone give the state."""
    row = partner(contoso, ends_in=0 * DAY)
    sweep()
    event = Event.objects.get(organization=row)
    facts = {name for name in event.after if fresh(row).subscription.facts()[name] is not None}
    assert (event.kind, event.actor) == ("upgrade_held", "System")
    assert facts == set(event.before) == {"upgrade_at", "held_at", "hold_reason"}


def test_what_was_queued_about_the_old_instant_is_pointless(contoso, alice):
    row = partner(contoso, ends_in=0 * DAY)
    old = notice(row, alice, accepted_at=None)
    sweep()
    assert Message.objects.get(pk=old.pk).state == Message.State.OBSOLETE


def test_unblocking_in_the_last_hours_holds(contoso, alice):
    row = partner(contoso, ends_in=10 * HOUR, blocked_at=NOW - DAY)
    row.subscription.restore_upgrade(by=alice, at=NOW)
    assert sweep() == {"notices": 1}
    deliver(row, NOW)
    assert sweep(NOW + 10 * HOUR) == {"held": 1}
    assert fresh(row).subscription.hold_reason == "too_late"
    deliver(row, NOW + 10 * HOUR)
    assert sweep(NOW + 35 * HOUR) == {"converted": 1}


def test_a_late_extension_moves_the_upgrade(contoso, alice):
    """A notice that names the old end is not one for the new end."""
    row = partner(contoso, ends_in=HOUR)
    notice(row, alice, accepted_at=NOW - DAY)
    end = row.subscription.extend(by=alice, at=NOW).ends_at
    assert sweep(NOW + HOUR) == {"notices": 1}
    Message.objects.filter(about_at=end).update(state="refused")
    assert sweep(end) == {"held": 1}


# Expiry -----------------------------------------------------------------------------------------------------------------


def test_an_expiry_is_announced_once(contoso, alice):
    row = partner(contoso, ends_in=0 * DAY, blocked_at=NOW - DAY)
    assert sweep(NOW - TICK) == {}
    assert sweep() == {"expired": 1}
    assert sweep(NOW + TICK) == {}
    mails = Message.objects.filter(kind="subscriptions.trial_expired", about_at=NOW)
    assert set(mails.values_list("recipient", flat=True)) == {alice.email, row.notification_email}
    assert Event.objects.get(organization=row).kind == "trial_expired"


def test_the_state_is_right_without_a_sweep(contoso, due):
    blocked = partner(contoso, ends_in=0 * DAY, blocked_at=NOW - DAY)
    states = [row.subscription.state(NOW) for row in (blocked, due)]
    assert states == ["expired", "trial"]
    assert [row.subscription.has_access(NOW) for row in (blocked, due)] == [False, True]


def test_a_held_one_that_is_blocked_expires_at_once(contoso, alice):
    row = partner(contoso, ends_in=0 * DAY)
    sweep()
    row.subscription.block_upgrade(by=alice, at=NOW + HOUR)
    assert sweep(NOW + HOUR) == {"expired": 1}
    assert sweep(NOW + 26 * HOUR) == {}
    assert not Period.objects.exists()


# The sweep itself -------------------------------------------------------------------------------------------------------


@pytest.fixture
def one_of_each(contoso, alice):
    """A notice, a conversion, a hold, an expiry and a suspension are due."""
    partner(contoso, "Notice", ends_in=2 * DAY)
    notice(partner(contoso, "Conversion", ends_in=0 * DAY), alice, accepted_at=IN_TIME)
    partner(contoso, "Hold", ends_in=0 * DAY)
    partner(contoso, "Expiry", ends_in=0 * DAY, blocked_at=NOW - DAY)
    northwind = partner(contoso, "Northwind", converted_at=NOW - 9 * DAY)
    over = customer(northwind, "Suspension", converted_at=NOW - 8 * DAY, expires_on=YESTERDAY)
    for row in (northwind, over):
        Event.record(row, "converted", at=row.subscription.converted_at, by=alice)


ONE_OF_EACH = {"notices": 1, "converted": 1, "held": 1, "expired": 1, "suspended": 1}


def test_a_second_sweep_at_the_same_instant_changes_nothing(one_of_each):
    assert sweep() == ONE_OF_EACH
    once = state()
    assert sweep() == {}
    assert state() == once


def test_the_hints_stay_as_their_recomputation_would_be(one_of_each):
    sweep()
    assert invariants.broken(NOW) == []


def test_the_heartbeat_is_written(one_of_each):
    sweep()
    job = Job.objects.get(name="sweep")
    assert job.counts == ONE_OF_EACH
    assert job.oldest_overdue_s == 0


def test_slices_together_do_what_one_does(one_of_each, monkeypatch):
    monkeypatch.setattr(lifecycle, "SLICE", 1)
    assert sweep() == ONE_OF_EACH


def broken_row(contoso, alice):
    """A due trial that cannot be converted: it has an open period already."""
    row = partner(contoso, "Broken", ends_in=0 * DAY)
    notice(row, alice, accepted_at=IN_TIME)
    Period.objects.create(organization=row, starts_at=NOW - DAY)
    return row


def test_a_broken_row_does_not_stop_the_others_of_its_slice(contoso, alice, due):
    """reliability.md: the slice is bisected; the error is raised when all the others are done."""
    broken = broken_row(contoso, alice)
    with pytest.raises(IntegrityError, match="one_open_period"):
        sweep()
    assert fresh(due).subscription.level == "PRODUCTION"
    assert fresh(broken).subscription.level == "TRIAL"


def test_a_broken_row_does_not_stop_the_rules_after_its_own(contoso, alice):
    broken_row(contoso, alice)
    held, over = partner(contoso, ends_in=0 * DAY), partner(contoso, ends_in=0 * DAY, blocked_at=NOW - DAY)
    with pytest.raises(IntegrityError):
        sweep()
    assert fresh(held).subscription.held_at == fresh(over).subscription.expired_at == NOW


def test_a_broken_row_leaves_no_half_of_its_conversion(contoso, alice):
    broken = broken_row(contoso, alice)
    with pytest.raises(IntegrityError):
        sweep()
    assert not Event.objects.filter(organization=broken).exists()
    assert not Message.objects.filter(organization=broken, kind="subscriptions.converted").exists()


@pytest.mark.django_db(transaction=True)
def test_two_sweeps_at_once_give_the_result_of_one(contoso, alice):
    for number in range(20):
        row = partner(contoso, f"Partner {number}", ends_in=0 * DAY, blocked_at=NOW - DAY if number % 4 == 0 else None)
        if number % 2:
            notice(row, alice, accepted_at=IN_TIME)
    results = in_parallel(sweep, sweep)
    together = {name: sum(result.get(name, 0) for result in results) for name in ("converted", "held", "expired")}
    assert together == {"converted": 10, "held": 5, "expired": 5}
    assert Period.objects.count() == Event.objects.filter(kind="converted").count() == 10
    assert invariants.broken(NOW) == []
    assert sweep() == {}


def in_parallel(*works):
    """What each of these returns, started at the same moment on connections of their own."""
    start, results = Barrier(len(works)), []

    def go(work):
        try:
            connection.ensure_connection()
            start.wait(5)
            results.append(work())
        finally:
            connection.close()

    threads = [Thread(target=go, args=[work]) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(results) == len(works)
    return results


def test_the_recipients_are_those_of_the_verbs(contoso, alice, due):
    """The sweep's SQL and `owner_and_notification_email` name the same people."""
    OperatorFactory(organization=contoso, name="Second Admin")
    sweep()
    told = set(Message.objects.filter(kind="subscriptions.converted").values_list("recipient", flat=True))
    assert told == {getattr(person, "email", person) for person in owner_and_notification_email(due)}
