"""The rules and their SQL forms agree at every edge instant − 1 µs, 0, + 1 µs, over a grid of facts, for both kinds."""

import uuid
from itertools import product

import pytest

from partnerapp.models import Message, Organization
from subscriptions.models import Subscription
from subscriptions.models.states import State
from subscriptions.terms import EXPIRATION_NOTICES, EXTENDED_TRIAL, NOTICE_LEAD, NOTICES, TRIAL, UPGRADE_GRACE
from tests.factories import DAY, HOUR, NOW, TICK, OperatorFactory, customer, notice, partner

END = NOW + 14 * DAY
UPGRADES = {"": END, "refused": END + 10 * HOUR, "partner": END}  # as it stands; as a hold moved it; waiting (R21)
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
ABOVE = {
    "partner": ["Contoso"],
    "customer": ["Active", "Expiring"],
}  # the owner; one is inactive from 30 h before the end


def accepted_at(row, accepted):
    late = {"too late": 20 * HOUR}.get(accepted, accepted)
    return None if accepted is None else row.upgrade_at - NOTICE_LEAD + late


def subscription(organization, extended_at, blocked_at, hold_reason, over, expired_at, accepted):
    start = END - (EXTENDED_TRIAL if extended_at else TRIAL)
    row = Subscription(
        organization=organization, **organization.branch, kind=organization.kind, imported_at=start, started_at=start,
        ends_at=END, upgrade_at=UPGRADES[hold_reason], extended_at=extended_at, blocked_at=blocked_at,
        held_at=END if hold_reason else None, hold_reason=hold_reason, expired_at=expired_at,
    )  # fmt: skip
    if over:
        setattr(row, over, END - 50 * HOUR)
    row.told_at = accepted_at(row, accepted)
    return row


def possible(kind, fact):
    """Who was told only matters before it is over, but a notice in time must not revive what is; only the blocked expire;
    only customers wait for their Partner.
    """
    told = fact["accepted"] in (None, 0 * TICK) or not fact["over"]
    waits = kind == "customer" or fact["hold_reason"] != "partner"
    return told and waits and (fact["blocked_at"] or not fact["expired_at"])


@pytest.fixture
def owners(contoso) -> dict[str, Organization]:
    """Who may stand above a row, by name."""
    active = partner(contoso, "Active", converted_at=NOW - DAY)
    expiring = partner(contoso, "Expiring", ends_in=END - 30 * HOUR - NOW, blocked_at=NOW - DAY)
    return {"Contoso": contoso, "Active": active, "Expiring": expiring}


@pytest.fixture(params=ABOVE)
def rows(request, contoso, owners) -> list[Subscription]:
    """One subscription per combination of the grid, `told_at` with the instant at which its notice was accepted."""
    kind, facts = request.param, [dict(zip(GRID, values, strict=True)) for values in product(*GRID.values())]
    grid = [(owners[name], fact) for name in ABOVE[kind] for fact in facts if possible(kind, fact)]
    source = "msp" if kind == "customer" else ""
    organizations = Organization.objects.bulk_create(
        Organization(
            kind=kind, distributor=contoso, parent=owner, name="One", name_key="one", tid=uuid.uuid4(), source=source,
            notification_email="it@one.example", created_at=NOW - 30 * DAY,
        ) for owner, _fact in grid
    )  # fmt: skip
    made = [subscription(o, **fact) for o, (_owner, fact) in zip(organizations, grid, strict=True)]
    Subscription.objects.bulk_create(made)
    admins = {owner.pk: OperatorFactory(organization=owner) for owner in owners.values()}
    Message.objects.bulk_create(
        Message(
            organization=row.organization, **row.organization.branch, operator=(to := admins[row.organization.parent_id]),
            recipient=to.email, kind="subscriptions.upgrade_notice_1", about_at=row.upgrade_at, state="sent",
            accepted_at=row.told_at,
        ) for row in made if row.told_at
    )  # fmt: skip
    return made


def here(rows, found):
    """The ids that a query finds among these rows; the owners' own subscriptions stand in the same table."""
    return set(found.values_list("pk", flat=True)) & {row.pk for row in rows}


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
    "to_hold": lambda row, at: row.upgrade_is_due(at) and not row.convertible(at) and not row.partner_inactive(at),
    "to_keep_waiting": lambda row, at: (
        row.upgrade_is_due(at) and row.partner_inactive(at) and not row.waits_for_partner(at)
    ),
    "waiting_for_partner": Subscription.waits_for_partner,
    "inactive": Subscription.inactive,
    "to_expire": lambda row, at: row.state(at) == State.EXPIRED and row.expired_at is None,
    "notice_due": lambda row, at: row.notice_due(at) is not None,
}


@pytest.mark.parametrize("name", FILTERS)
def test_the_rule_and_its_sql_form_agree(rows, told_from_memory, name):
    seen = set()
    for at in INSTANTS:
        found = here(rows, getattr(Subscription.objects, name)(at))
        assert found == {row.pk for row in rows if FILTERS[name](row, at)}, at
        seen.add(len(found))
    only_customers = name in {"to_keep_waiting", "waiting_for_partner"}
    assert len(seen) > 1 or (only_customers and rows[0].kind == "partner")  # the edges are among the instants


@pytest.mark.parametrize(("name", "state"), [("cancelled", State.CANCELLED), ("in_production", State.PRODUCTION)])
def test_what_stays_is_found_at_any_instant(rows, name, state):
    for at in (INSTANTS[0], END, INSTANTS[-1]):
        found = here(rows, getattr(Subscription.objects, name)(at))
        assert found == {row.pk for row in rows if row.state(at) == state}


def test_the_nearest_notice_and_its_deadline_agree(rows):
    for at in INSTANTS:
        found = Subscription.objects.notice_due(at).filter(pk__in=rows).values_list("pk", "notice", "deadline")
        assert set(found) == {(row.pk, row.notice_due(at), row.deadline) for row in rows if row.notice_due(at)}, at


def test_the_next_boundary_agrees(rows):
    for at in INSTANTS:
        due_now = [row for row in rows if row.notice_due(at)]
        coming = {row.pk: min(mark for mark in row.boundaries(at) if mark > at) for row in due_now}
        due = Subscription.objects.notice_due(at).with_next_boundary(NOTICES, at).filter(pk__in=rows)
        assert dict(due.values_list("pk", "next_boundary")) == coming, at


def test_the_reason_of_a_hold_agrees(rows):
    for at in INSTANTS:
        held = [row for row in rows if FILTERS["to_hold"](row, at)]
        late = {row.pk: "away" for row in held if at >= row.upgrade_at + UPGRADE_GRACE}
        told = {row.pk: "too_late" if row.told_at else "undelivered" for row in held}
        resumed = {row.pk: "resumed" for row in held if row.hold_reason == "partner"}
        found = Subscription.objects.to_hold(at).filter(pk__in=rows).values_list("pk", "reason")
        assert dict(found) == told | late | resumed, at


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
    active = [row for row in running if not row.partner_inactive(at)]
    assert active
    assert {row.extension(at).allowed for row in active} == {allowed}
    assert not any(row.extension(at).allowed for row in running if row.partner_inactive(at))  # R27


# Production ----------------------------------------------------------------------------------------------------------

DAYS = {"expires_on": [None, END.date(), END.date() + 30 * DAY], "suspended": [False, True], "cancelled": [False, True]}
MIDNIGHT = END.replace(hour=0) + DAY  # 24:00 UTC of the first date
EDGES = sorted(
    {MIDNIGHT + by - before + tick for by in (0 * DAY, 30 * DAY) for before in (0 * DAY, DAY, 7 * DAY, 30 * DAY)
     for tick in (-TICK, 0 * TICK, TICK)}
)  # fmt: skip
PRODUCTION = {
    "in_production": lambda row, at: row.state(at) == State.PRODUCTION,
    "suspended": lambda row, at: row.state(at) == State.SUSPENDED,
    "inactive": Subscription.inactive,
    "to_suspend": lambda row, at: row.state(at) == State.SUSPENDED and not row.suspended_at,
    "expiration_notice_due": lambda row, at: row.expiration_notice_due(at) is not None,
}


@pytest.fixture
def accounts(contoso, owners) -> list[Subscription]:
    """Customers in production with every date, and what became of them; and Partners, which have none (R26, R27)."""
    made = []
    for expires_on, suspended, ended in product(*DAYS.values()):
        row = customer(owners["Active"], converted_at=NOW).subscription
        row.expires_on = expires_on
        row.suspended_at = row.expiry if suspended and expires_on else None
        row.cancelled_at = NOW if ended else None
        made.append(row)
    for suspended, ended in product(DAYS["suspended"], DAYS["cancelled"]):
        row = partner(contoso, "Northwind", converted_at=NOW).subscription
        row.suspended_at, row.suspended_reason = (NOW, "Unpaid") if suspended else (None, "")
        row.cancelled_at = NOW if ended else None
        made.append(row)
    for row in made:
        row.save()
    return made


@pytest.mark.parametrize("name", PRODUCTION)
def test_the_rule_and_its_sql_form_agree_about_production(accounts, name):
    """R26: to the very end of the date (UTC)."""
    seen = set()
    for at in EDGES:
        found = here(accounts, getattr(Subscription.objects, name)(at))
        assert found == {row.pk for row in accounts if PRODUCTION[name](row, at)}, at
        seen.add(len(found))
    assert len(seen) > 1


def test_the_nearest_notice_of_a_date_and_the_next_boundary_agree(accounts):
    for at in EDGES:
        due = Subscription.objects.expiration_notice_due(at).with_next_boundary(EXPIRATION_NOTICES, at)
        told = {row.pk: row for row in accounts if row.expiration_notice_due(at)}
        coming = {pk: min(mark for mark in row.boundaries(at) if mark > at) for pk, row in told.items()}
        expected = {(pk, row.expiration_notice_due(at), row.expiry, coming[pk]) for pk, row in told.items()}
        assert set(due.values_list("pk", "notice", "deadline", "next_boundary")) == expected, at


def test_the_hints_lead_the_sweep_to_every_date(accounts):
    for at in EDGES:
        for row in accounts:
            row.set_hints(at)
            if PRODUCTION["to_suspend"](row, at) or row.expiration_notice_due(at):
                assert row.wake_at <= at


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
