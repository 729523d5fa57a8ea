"""The daily count of seats: once a day at each tenant's hour; and a consent that is gone is told, not punished."""

import pytest

from onboarding import seat_refresh
from onboarding.models import ImportRun
from onboarding.tenant_import import claim_run, import_tenants
from partnerapp import clock
from partnerapp.microsoft365.sandbox.directory import ADA
from partnerapp.models import Event, Message
from tests.factories import DAY, HOUR, NOW, customer, fresh, partner

TOMORROW = (NOW + DAY).replace(hour=23)


@pytest.fixture
def connected(ada, adatum, monkeypatch):
    """Adatum, imported today; and it is tomorrow, late in the evening."""
    ada.go_through(ADA)
    import_tenants()
    monkeypatch.setattr(clock, "now", lambda: TOMORROW)
    return fresh(adatum)


def refresh():
    return seat_refresh.refresh_seats()["begun"]


def test_the_seats_are_counted_anew_and_the_trial_goes_on_as_it_was(connected, world):
    before = connected.subscription
    world.settings[ADA.tenant.tid] = {"users": 500}
    assert (refresh(), import_tenants()["completed"]) == (1, 1)
    after = fresh(connected).subscription
    assert after.seats > before.seats
    assert (after.seats_on, after.ends_at) == (TOMORROW.date(), before.ends_at)
    event = Event.objects.get(kind="seats_counted")
    assert (event.before, event.after, event.actor) == ({"seats": before.seats}, {"seats": after.seats}, "System")
    assert Message.objects.filter(kind="onboarding.import_completed", about_at=TOMORROW).count() == 0


def test_the_same_number_is_no_event(connected):
    refresh()
    import_tenants()
    assert not Event.objects.filter(kind="seats_counted").exists()
    assert fresh(connected).subscription.seats_on == TOMORROW.date()


def test_once_a_day_however_often_it_is_asked_and_whatever_came_of_it(connected, world):
    world.revoke(ADA.tenant)
    assert [refresh(), import_tenants()["failed"], refresh()] == [1, 1, 0]


def test_yesterdays_count_makes_room_for_todays(connected, monkeypatch):
    refresh()
    import_tenants()
    monkeypatch.setattr(clock, "now", lambda: TOMORROW + DAY)
    refresh()
    assert ImportRun.objects.filter(refresh=True).count() == 1


def test_each_has_its_hour_of_the_day(contoso):
    row = partner(contoso, seats_on=(NOW - DAY).date())
    midnight = NOW.replace(hour=0)
    assert not seat_refresh.due(midnight + (row.pk % 24) * HOUR - HOUR).exists()
    assert seat_refresh.due(midnight + (row.pk % 24) * HOUR).exists()


OVER = {
    "expired": {"ends_in": -HOUR, "blocked_at": NOW - DAY},
    "cancelled": {"cancelled_at": NOW - DAY},
    "suspended": {"converted_at": NOW - 9 * DAY, "suspended_at": NOW - DAY, "suspended_reason": "Unpaid"},
    "withdrawn": {"withdrawn_at": NOW - DAY},
}


@pytest.mark.parametrize("state", [*OVER, "customer over by its date"])
def test_nothing_is_read_from_a_tenant_without_access(contoso, state):
    old = {"seats_on": (NOW - 9 * DAY).date()}
    if state in OVER:
        partner(contoso, **old, **OVER[state])
    else:
        above = partner(contoso, seats_on=TOMORROW.date(), converted_at=NOW - 9 * DAY)
        customer(above, **old, converted_at=NOW - 8 * DAY, expires_on=(NOW - DAY).date())
    assert not seat_refresh.due(TOMORROW).exists()


@pytest.mark.parametrize("lost", ["revoked", "permission"])
def test_a_consent_that_is_gone_is_told_to_the_owners_admins_once(connected, world, alice, monkeypatch, lost):
    if lost == "revoked":
        world.revoke(ADA.tenant)
    else:
        world.settings[ADA.tenant.tid] = {"withheld": "User.Read.All"}
    for day in range(2):
        monkeypatch.setattr(clock, "now", lambda day=day: TOMORROW + day * DAY)
        refresh()
        import_tenants()
    row = fresh(connected)
    assert row.onboarding.consent_lost_at == TOMORROW
    assert (row.subscription.seats, row.subscription.state(TOMORROW)) == (connected.subscription.seats, "trial")
    assert not row.onboarding.error_code
    assert [m.recipient for m in Message.objects.filter(kind="onboarding.consent_needed")] == [alice.email]
    assert Event.objects.filter(kind="consent_lost").count() == 1


def test_it_is_back_with_the_next_count_or_at_once_by_try_again(connected, world, alice, signed_in):
    world.revoke(ADA.tenant)
    refresh()
    import_tenants()
    world.grant(ADA.tenant)
    answer = signed_in(alice, htmx=True).post("/organizations/actions/try_again/", {"id": connected.pk})
    assert answer.status_code == 204
    assert import_tenants()["completed"] == 1
    assert fresh(connected).onboarding.consent_lost_at is None
    assert Event.objects.filter(kind="consent_regained").count() == 1
    assert signed_in(alice).post("/organizations/actions/try_again/", {"id": connected.pk}).status_code == 422


def test_a_first_import_goes_before_all_counts(connected, contoso):
    refresh()
    waiting = partner(contoso, "Waiting")
    now = clock.wall()
    first = ImportRun.objects.create(organization=waiting, tid=waiting.tid, ready_at=now, started_at=NOW)
    assert claim_run(clock.wall()) == first


def test_a_count_that_hangs_holds_up_no_other_tenant(contoso, monkeypatch):
    monkeypatch.setattr(seat_refresh, "BATCH", 1)
    stuck, other = (partner(contoso, name, seats_on=(NOW - DAY).date()) for name in ("Stuck", "Other"))
    ImportRun.objects.create(
        organization=stuck, tid=stuck.tid, refresh=True, ready_at=clock.wall(), started_at=NOW - DAY
    )
    monkeypatch.setattr(clock, "now", lambda: TOMORROW)
    refresh()
    assert ImportRun.objects.filter(organization=other).exists()


def test_a_tenant_that_was_released_is_read_no_more(connected, alice):
    """R13."""
    refresh()
    connected.subscription.cancel(by=alice, at=TOMORROW)
    assert claim_run(clock.wall()) is None
