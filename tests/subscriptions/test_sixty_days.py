"""Sixty days of several Partners on the test clock, with refused mail, an outage and odd jumps: everything still holds."""

import pytest

from partnerapp import clock, mail
from partnerapp.models import Event, Message
from subscriptions import invariants, lifecycle
from subscriptions.models import Period
from subscriptions.models.period import billed_time
from tests.factories import DAY, HOUR, NOW, TICK, DistributorFactory, OperatorFactory, customer, fresh, partner


class Simulation:
    """Business time and wall time run together; the mail server refuses whom it is told to."""

    def __init__(self) -> None:
        self.at = NOW
        self.refused, self.later = set(), set()

    def transmit(self, email) -> None:
        if email["To"] in self.refused:
            raise mail.RefusedByServer("550 5.7.1 Rejected by policy")
        if email["To"] in self.later:
            raise mail.Deferred("451 4.7.1 Try again later")

    def tick(self, at) -> None:
        assert at >= self.at
        self.at = at
        lifecycle.sweep(at, clock.wall())
        mail.deliver()

    def run_until(self, at, every=47 * HOUR) -> None:
        """As in a healthy installation: at every due instant, and now and then in between."""
        while self.at < at:
            due = lifecycle.next_due(self.at) or at
            self.tick(min(due, self.at + every, at))

    def outage_until(self, at) -> None:
        self.tick(at)


@pytest.fixture
def world(monkeypatch):
    simulation, wall = Simulation(), clock.wall
    monkeypatch.setattr(clock, "now", lambda: simulation.at)
    monkeypatch.setattr(clock, "wall", lambda: wall() + (simulation.at - NOW))
    monkeypatch.setattr(mail, "compose", lambda message: {"To": message.recipient})
    monkeypatch.setattr(mail.Line, "transmit", lambda line, email: simulation.transmit(email))
    return simulation


@pytest.fixture
def grumpy(db):
    """The Admin of a distributor whose mail server refuses."""
    distributor = DistributorFactory(name="Grumpy Distribution")
    return OperatorFactory(organization=distributor, name="Greta Grump", email="greta@refused.example")


def states(at, organizations):
    return {row.name: str(fresh(row).subscription.state(at)) for row in organizations}


def test_sixty_days(world, contoso, alice, grumpy):
    names = ["Plain", "Blocked", "Extended", "Cancelled", "By hand", "Restored late", "Never told"]
    rows = {name: partner(contoso, name, ends_in=14 * DAY + n * HOUR) for n, name in enumerate(names)}
    rows["Away"] = partner(contoso, "Away", ends_in=31 * DAY)
    rows["Refused"] = partner(grumpy.organization, "Refused", ends_in=40 * DAY)
    rows["Mended"] = partner(grumpy.organization, "Mended", ends_in=50 * DAY)
    world.refused = {grumpy.email}
    first_days(world, alice, rows)
    outage(world, rows)
    world.run_until(NOW + 48 * DAY)
    assert states(world.at, [rows["Refused"]]) == {"Refused": "held"}
    world.refused = set()
    world.run_until(NOW + 60 * DAY)

    production = {"Plain", "Extended", "By hand", "Restored late", "Never told", "Away", "Refused", "Mended"}
    expected = dict.fromkeys(production, "production") | {"Blocked": "expired", "Cancelled": "cancelled"}
    assert states(world.at, rows.values()) == expected
    assert {period.organization.name for period in Period.objects.all()} == production
    assert invariants.broken(world.at) == []
    assert_each_thing_happened_once()


def test_sixty_days_of_customers(world, contoso, alice, bob):
    """R21, R24–R27: below a Partner that is suspended for a week, and below one whose trial expires."""
    northwind, tailspin = bob.organization, partner(contoso, "Tailspin", ends_in=10 * DAY, blocked_at=NOW)
    Event.record(northwind, "converted", at=NOW, by=alice)
    tina = OperatorFactory(organization=tailspin, name="Tina Thorn")
    rows = {
        name: customer(northwind, name, ends_in=14 * DAY + n * HOUR)
        for n, name in enumerate(["Plain", "By hand", "Dated"])
    }
    rows["Waiting"] = customer(northwind, "Waiting", ends_in=22 * DAY)
    rows["Below Tailspin"] = customer(tailspin, "Below Tailspin", ends_in=12 * DAY)
    world.run_until(NOW + 3 * DAY)
    for name, last_day in (("By hand", None), ("Dated", (NOW + 18 * DAY).date())):
        rows[name].subscription.convert(by=bob, at=world.at, expires_on=last_day)
    world.run_until(NOW + 20 * DAY)
    assert states(world.at, [rows["Dated"], rows["Below Tailspin"]]) == {"Dated": "suspended", "Below Tailspin": "held"}
    northwind.subscription.suspend(by=alice, at=world.at, reason="Unpaid")
    world.run_until(NOW + 27 * DAY)
    assert states(world.at, [rows["Waiting"]]) == {"Waiting": "held"}
    northwind.subscription.reinstate(by=alice, at=world.at, reason="Paid")
    dated = fresh(rows["Dated"]).subscription
    dated.edit(by=bob, at=world.at, products=dated.held(), expires_on=None)
    world.run_until(NOW + 60 * DAY)

    expected = dict.fromkeys(rows, "production") | {"Below Tailspin": "held"}
    assert states(world.at, rows.values()) == expected
    assert invariants.broken(world.at) == []
    (_first, ended), (began, _last) = billed_time(fresh(rows["Plain"]), world.at)
    assert began - ended == 7 * DAY
    notices = Message.objects.filter(organization=rows["Below Tailspin"], kind__contains="upgrade_notice")
    assert not notices.filter(about_at__gt=NOW + 12 * DAY).exists()
    assert (
        Message.objects.filter(organization=rows["Below Tailspin"], operator=tina, kind__contains="held").count() == 1
    )


def first_days(world, alice, rows):
    subscription = {name: row.subscription for name, row in rows.items()}
    world.run_until(NOW + 3 * DAY)
    subscription["Blocked"].block_upgrade(by=alice, at=world.at)
    subscription["Restored late"].block_upgrade(by=alice, at=world.at)
    world.run_until(NOW + 5 * DAY)
    subscription["Cancelled"].cancel(by=alice, at=world.at)
    world.run_until(NOW + 12 * DAY)
    subscription["Extended"].extend(by=alice, at=world.at)
    subscription["By hand"].convert(by=alice, at=world.at)
    world.run_until(NOW + 13 * DAY + 20 * HOUR)
    subscription["Restored late"].restore_upgrade(by=alice, at=world.at)
    world.run_until(NOW + 14 * DAY + 5 * HOUR)
    assert states(world.at, [rows["Plain"], rows["Restored late"]]) == {"Plain": "production", "Restored late": "held"}


def outage(world, rows):
    """Nobody works for three days across the last notice and the end of one trial (31 days)."""
    world.run_until(NOW + 29 * DAY + 12 * HOUR)
    world.outage_until(NOW + 32 * DAY + 12 * HOUR)
    away = fresh(rows["Away"]).subscription
    assert (away.state(world.at), away.converted_at) == ("production", world.at)


def assert_each_thing_happened_once():
    for kind in ("converted", "trial_expired", "trial_cancelled", "trial_extended"):
        told = Event.objects.filter(kind=kind).values_list("organization", flat=True)
        assert len(told) == len(set(told)) > 0, kind
    assert not Message.objects.filter(state="queued").exists()
    refused = Message.objects.filter(state="refused")
    assert {message.recipient for message in refused} == {"greta@refused.example"}


@pytest.mark.parametrize(
    ("jump", "ends"),
    [(23 * HOUR, {"production"}), (49 * HOUR, {"production"}), (5 * DAY, {"production", "held"}), (17 * DAY, {"held"})],
    ids=lambda value: str(sorted(value) if isinstance(value, set) else value),
)
def test_clumsy_clocks(world, contoso, alice, jump, ends):
    """However the clock jumps, a trial converts after a notice of 24 hours, or is held; a blocked one expires."""
    rows = [partner(contoso, f"Partner {n}", ends_in=n * 3 * DAY + 7 * HOUR - TICK) for n in range(1, 6)]
    blocked = partner(contoso, "Tailspin", ends_in=9 * DAY, blocked_at=NOW)
    while world.at < NOW + 34 * DAY:
        world.tick(world.at + jump)
    assert set(states(world.at, rows).values()) == ends
    assert states(world.at, [blocked]) == {"Tailspin": "expired"}
    assert invariants.broken(world.at) == []
