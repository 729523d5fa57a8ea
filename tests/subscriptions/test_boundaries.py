"""The rules and their SQL forms agree at every edge instant − 1 µs, 0, + 1 µs, over a grid of facts."""

import uuid
from itertools import product

import pytest

from partnerapp.models import Message, Organization
from subscriptions.models import Subscription
from subscriptions.models.subscription import State
from subscriptions.terms import EXTENDED_TRIAL, NOTICE_LEAD, TRIAL, UPGRADE_GRACE
from tests.factories import DAY, HOUR, NOW, TICK, notice, partner

END = NOW + 14 * DAY
UPGRADES = {"": END, "refused": END + 10 * HOUR}  # as it stands, and as a hold moved it
LENGTHS = [-168 * HOUR, -72 * HOUR, -24 * HOUR, 0 * HOUR, 48 * HOUR]
INSTANTS = sorted({at + by + tick for at in UPGRADES.values() for by in LENGTHS for tick in (-TICK, 0 * TICK, TICK)})
GRID = {
    "extended_at": [None, END - 30 * HOUR],
    "blocked_at": [None, END - 40 * HOUR],
    "hold_reason": list(UPGRADES),
    "over": [None, "cancelled_at", "converted_at", "withdrawn_at"],
    "expired_at": [None, END + HOUR],
    "accepted": [None, "too late", 0 * TICK, TICK],  # the notice: not sent, less than 24 h before, in time, 1 µs late
}


def accepted_at(row, accepted):
    late = {"too late": 20 * HOUR}.get(accepted, accepted)
    return None if accepted is None else row.upgrade_at - NOTICE_LEAD + late


def subscription(organization, extended_at, blocked_at, hold_reason, over, expired_at, accepted):
    start = END - (EXTENDED_TRIAL if extended_at else TRIAL)
    row = Subscription(
        organization=organization, **organization.branch, kind="partner", imported_at=start, started_at=start,
        ends_at=END, upgrade_at=UPGRADES[hold_reason], extended_at=extended_at, blocked_at=blocked_at,
        held_at=END if hold_reason else None, hold_reason=hold_reason, expired_at=expired_at,
    )  # fmt: skip
    if over:
        setattr(row, over, END - 50 * HOUR)
    row.told_at = accepted_at(row, accepted)
    return row


def possible(fact):
    """Who was told only matters before it is over, but a notice in time must not revive what is; only the blocked expire."""
    told = fact["accepted"] in (None, 0 * TICK) or not fact["over"]
    return told and (fact["blocked_at"] or not fact["expired_at"])


@pytest.fixture
def rows(contoso, alice) -> list[Subscription]:
    """One subscription per combination of the grid, `told_at` with the instant at which its notice was accepted."""
    facts = [fact for values in product(*GRID.values()) if possible(fact := dict(zip(GRID, values, strict=True)))]
    organizations = Organization.objects.bulk_create(
        Organization(
            kind="partner", distributor=contoso, parent=contoso, name="Partner", name_key="partner", tid=uuid.uuid4(),
            notification_email="it@partner.example", created_at=NOW - 30 * DAY,
        ) for _ in facts
    )  # fmt: skip
    made = [subscription(o, **fact) for o, fact in zip(organizations, facts, strict=True)]
    Subscription.objects.bulk_create(made)
    Message.objects.bulk_create(
        Message(
            organization=row.organization, **row.organization.branch, operator=alice, recipient=alice.email,
            kind="subscriptions.upgrade_notice_1", about_at=row.upgrade_at, state="sent", accepted_at=row.told_at,
        ) for row in made if row.told_at
    )  # fmt: skip
    return made


@pytest.fixture
def told_from_memory(monkeypatch):
    """`Subscription.announced` without its query, which would be asked tens of thousands of times here."""
    told = lambda row, at: row.told_at is not None and at - row.told_at >= NOTICE_LEAD  # noqa: E731
    monkeypatch.setattr(Subscription, "announced", told)


FILTERS = {
    "under_trial": Subscription.under_trial,
    "running": Subscription.running,
    "blocked": lambda row, at: row.running(at) and row.blocked_at is not None,
    "held": lambda row, at: row.state(at) == State.HELD,
    "expired": lambda row, at: row.state(at) == State.EXPIRED,
    "extendable": lambda row, at: row.extension(at).allowed,
    "upgrade_due": Subscription.upgrade_is_due,
    "convertible": Subscription.convertible,
    "to_hold": lambda row, at: row.upgrade_is_due(at) and not row.convertible(at),
    "to_expire": lambda row, at: row.state(at) == State.EXPIRED and row.expired_at is None,
    "notice_due": lambda row, at: row.notice_due(at) is not None,
}


@pytest.mark.parametrize("name", FILTERS)
def test_the_rule_and_its_sql_form_agree(rows, told_from_memory, name):
    seen = set()
    for at in INSTANTS:
        found = set(getattr(Subscription.objects, name)(at).values_list("pk", flat=True))
        assert found == {row.pk for row in rows if FILTERS[name](row, at)}, at
        seen.add(len(found))
    assert len(seen) > 1  # the edges are among the instants


@pytest.mark.parametrize(("name", "state"), [("cancelled", State.CANCELLED), ("in_production", State.PRODUCTION)])
def test_what_stays_is_found_at_any_instant(rows, name, state):
    for at in (INSTANTS[0], END, INSTANTS[-1]):
        found = set(getattr(Subscription.objects, name)(at).values_list("pk", flat=True))
        assert found == {row.pk for row in rows if row.state(at) == state}


def test_the_nearest_notice_and_its_deadline_agree(rows):
    for at in INSTANTS:
        found = Subscription.objects.notice_due(at).values_list("pk", "notice", "deadline")
        assert set(found) == {(row.pk, row.notice_due(at), row.deadline) for row in rows if row.notice_due(at)}, at


def test_the_next_boundary_agrees(rows):
    for at in INSTANTS:
        due_now = [row for row in rows if row.notice_due(at)]
        coming = {row.pk: min(mark for mark in row.boundaries(at) if mark > at) for row in due_now}
        found = Subscription.objects.notice_due(at).with_next_boundary(at).values_list("pk", "next_boundary")
        assert dict(found) == coming, at


def test_the_reason_of_a_hold_agrees(rows):
    for at in INSTANTS:
        held = [row for row in rows if FILTERS["to_hold"](row, at)]
        late = {row.pk: "away" for row in held if at >= row.upgrade_at + UPGRADE_GRACE}
        told = {row.pk: "too_late" if row.told_at else "undelivered" for row in held}
        assert dict(Subscription.objects.to_hold(at).values_list("pk", "reason")) == told | late, at


def test_the_hints_never_hide_work_from_the_sweep(rows):
    """`wake_at` as the verbs set it is reached whenever the sweep has something to do."""
    work = [FILTERS[name] for name in ("notice_due", "upgrade_due", "to_expire")]
    for at in INSTANTS:
        busy = [row for row in rows if any(rule(row, at) for rule in work)]
        for row in busy:
            row.set_hints(at)
        assert all(row.wake_at and row.wake_at <= at for row in busy), at


@pytest.mark.parametrize(("tick", "state"), [(-TICK, State.TRIAL), (0 * TICK, State.EXPIRED), (TICK, State.EXPIRED)])
def test_a_blocked_trial_expires_exactly_at_its_end(rows, tick, state):
    blocked = [row for row in rows if row.blocked_at and not (row.cancelled_at or row.converted_at or row.withdrawn_at)]
    assert blocked
    assert {row.state(END + tick) for row in blocked} == {state}


@pytest.mark.parametrize(
    ("at", "allowed"),
    [
        (END - 72 * HOUR - TICK, False),
        (END - 72 * HOUR, True),
        (END - TICK, True),
        (END, False),
    ],
)
def test_the_window_of_an_extension_is_half_open(rows, at, allowed):
    """R16: ends − 72 h ≤ now < ends."""
    running = [row for row in rows if row.under_trial(END - TICK) and not row.extended_at]
    assert running
    assert {row.extension(at).allowed for row in running} == {allowed}


@pytest.mark.parametrize(("tick", "told"), [(-TICK, False), (0 * TICK, True), (TICK, True)])
def test_announced_is_24_hours_after_the_mail_server_took_it(contoso, alice, tick, told):
    row = partner(contoso)
    notice(row, alice, accepted_at=NOW)
    assert row.subscription.announced(NOW + DAY + tick) is told


@pytest.mark.parametrize(
    "facts",
    [{"operator": None}, {"kind": "subscriptions.trial_will_expire_1"}, {"about_at": NOW}, {"accepted_at": None}],
    ids=["nobody's", "expiry", "another instant", "not accepted"],
)
def test_another_mail_announces_nothing(contoso, alice, facts):
    row = partner(contoso)
    mail = notice(row, alice, accepted_at=NOW)
    Message.objects.filter(pk=mail.pk).update(**({"state": "queued"} if "accepted_at" in facts else {}), **facts)
    assert not row.subscription.announced(NOW + 2 * DAY)
