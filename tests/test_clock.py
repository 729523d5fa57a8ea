"""The management commands: the test clock, passes by hand, state, invariants, the first distributor, the demo's cast."""

import io
import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from partnerapp import clock
from partnerapp.models import Event, Message, Operator, Organization
from subscriptions.models import Period, Subscription
from tests.factories import DAY, HOUR, NOW, OperatorFactory, notice, partner

ROOT = Path(__file__).resolve().parents[1]


def run(*arguments):
    """What a command answers with --json."""
    out = io.StringIO()
    call_command(*arguments, "--json", stdout=out)
    return json.loads(out.getvalue())


def instant(text):
    return datetime.fromisoformat(text)


def near(one, other):
    return abs(one - other) < timedelta(minutes=1)


@pytest.fixture
def real_clock(monkeypatch, db):
    """The test clock itself, not the fixed instant of the other tests."""
    monkeypatch.setattr(clock, "now", lambda: clock.wall() + clock.offset())


# The clock --------------------------------------------------------------------------------------------------------------


def test_it_starts_at_the_machines_time(real_clock):
    answer = run("clock")
    assert near(instant(answer["now"]), datetime.now(UTC))
    assert answer["next"] is None
    assert run("clock", "show")["next"] is None


def test_set_moves_it_to_an_instant(real_clock):
    assert near(instant(run("clock", "set", "2999-12-01T09:00:00Z")["now"]), datetime(2999, 12, 1, 9, tzinfo=UTC))
    assert near(clock.now(), datetime(2999, 12, 1, 9, tzinfo=UTC))


@pytest.mark.parametrize(("length", "moved"), [("3d", 3 * DAY), ("5h", 5 * HOUR), ("30m", HOUR / 2)])
def test_advance_moves_it_by_a_length(real_clock, length, moved):
    assert near(instant(run("clock", "advance", length)["now"]), datetime.now(UTC) + moved)
    assert near(instant(run("clock", "advance", length)["now"]), datetime.now(UTC) + 2 * moved)


def test_next_goes_to_the_next_due_instant_and_only_moves_time(real_clock, contoso, alice):
    ends_at = clock.wall() + 9 * DAY
    partner(contoso, ends_in=ends_at - NOW)
    Subscription.objects.update(wake_at=ends_at - 7 * DAY)
    assert instant(run("clock")["next"]) == truncated(ends_at - 7 * DAY)
    assert near(instant(run("clock", "next")["now"]), ends_at - 7 * DAY)
    assert clock.now() >= ends_at - 7 * DAY
    assert not Message.objects.exists()


def truncated(at):
    """As JSON writes it: in milliseconds."""
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


def test_next_without_anything_due_is_refused(real_clock):
    with pytest.raises(CommandError, match="Nothing is due in the future"):
        run("clock", "next")


def test_it_never_goes_back(real_clock):
    run("clock", "advance", "3d")
    with pytest.raises(CommandError, match="only moves forward"):
        run("clock", "set", f"{datetime.now(UTC) + DAY:%Y-%m-%dT%H:%M:%SZ}")
    assert near(clock.now(), datetime.now(UTC) + 3 * DAY)


NONSENSE = [
    ("set", ""), ("set", "tomorrow"), ("set", "2999-12-01"), ("set", "2999-12-01T09:00:00"),
    ("set", "2999-13-01T09:00:00Z"), ("set", "9999-12-31T23:59:59Z"), ("advance", ""), ("advance", "3"), ("advance", "-3d"),
    ("advance", "3w"), ("advance", "3d 5h"),
]  # fmt: skip


@pytest.mark.parametrize(("verb", "value"), NONSENSE)
def test_nonsense_is_refused_with_one_line_and_moves_nothing(real_clock, verb, value):
    with pytest.raises(CommandError) as refused:
        run("clock", verb, f" {value}" if value.startswith("-") else value)
    assert str(refused.value)
    assert "\n" not in str(refused.value)
    assert clock.offset() == timedelta()


@pytest.mark.parametrize(
    "arguments", [["show"], ["set", "2999-12-01T09:00:00Z"], ["advance", "3d"], ["next"], ["reset"]]
)
def test_without_a_test_clock_it_is_refused_and_nothing_is_lost(real_clock, settings, fabrikam, arguments):
    settings.TEST_CLOCK = False
    with pytest.raises(CommandError, match="exists only with TEST_CLOCK=1"):
        run("clock", *arguments)
    assert Organization.objects.filter(pk=fabrikam.pk).exists()


def test_it_stops_long_before_the_calendar_does(real_clock):
    run("clock", "set", "8999-12-01T09:00:00Z")
    for length in ("60d", "9999d"):
        with pytest.raises(CommandError, match=r"year 9000|out of range"):
            run("clock", "advance", length)
    assert clock.now().year == 8999


@pytest.mark.django_db(transaction=True)
def test_reset_puts_it_back_and_loads_the_cast_anew(real_clock, fabrikam, settings, tmp_path):
    settings.DEMO_DIR = tmp_path
    run("clock", "advance", "30d")
    assert near(instant(run("clock", "reset")["now"]), datetime.now(UTC))
    assert Organization.objects.filter(name="Fabrikam").count() == 1
    assert not Organization.objects.filter(pk=fabrikam.pk, created_at=fabrikam.created_at).exists()
    assert run("check_invariants") == {"broken": []}


def manage(*arguments, **environment):
    command = [sys.executable, "manage.py", *arguments]
    return subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, timeout=30, cwd=ROOT)


def test_exit_codes_at_the_shell():
    """0 done, 1 refused with one line on standard error, 2 usage."""
    refused = manage("clock", "set", "tomorrow")
    assert (refused.returncode, refused.stdout, refused.stderr.count("\n")) == (1, "", 1)
    assert manage("clock", "turn").returncode == 2


# Passes by hand ---------------------------------------------------------------------------------------------------------


def test_sweep_answers_with_what_it_did(contoso, alice):
    notice(partner(contoso, ends_in=0 * DAY), alice, accepted_at=NOW - DAY)
    answer = run("sweep")
    assert answer.pop("ms") >= 0
    assert answer == {"notices": 0, "converted": 1, "held": 0, "expired": 0, "suspended": 0}
    assert run("sweep")["converted"] == 0


def test_deliver_answers_with_what_it_did(fabrikam, alice, settings):
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9
    notice(fabrikam, alice, accepted_at=None)
    answer = run("deliver")
    assert answer.pop("ms") >= 0
    assert answer == {"sent": 0, "deferred": 1, "refused": 0, "ambiguous": 0}


def test_people_read_lines_instead(db, capsys):
    call_command("sweep")
    assert "converted: 0\n" in capsys.readouterr().out


def test_state_tells_facts_and_what_follows_from_them(contoso, alice, fabrikam):
    held = partner(contoso, "Lucerne", ends_in=-HOUR, upgrade_at=NOW + DAY, held_at=NOW - HOUR, hold_reason="refused")
    fabrikam.subscription.convert(by=alice, at=NOW)
    answer = run("state")
    assert set(answer) == {"now", "organizations", "periods", "messages", "events"}
    told = {row["name"]: row for row in answer["organizations"]}
    assert [told[name].get("state") for name in ("Contoso Distribution", "Fabrikam", "Lucerne")] == [
        None, "production", "held",
    ]  # fmt: skip
    assert (told["Lucerne"]["level"], told["Lucerne"]["access"]) == ("TRIAL", True)
    assert told["Lucerne"]["subscription"]["hold_reason"] == held.subscription.hold_reason
    assert [period["organization_id"] for period in answer["periods"]] == [fabrikam.pk]
    assert [event["kind"] for event in answer["events"]] == ["converted"]


def test_check_invariants_fails_with_what_is_broken(fabrikam):
    assert run("check_invariants") == {"broken": []}
    Period.objects.create(organization=fabrikam, starts_at=NOW)
    with pytest.raises(CommandError, match=f"an open period without production: organizations {fabrikam.pk}"):
        run("check_invariants")


# The first distributor --------------------------------------------------------------------------------------------------


def test_a_distributor_is_added_with_an_invitation_that_is_mailed(db):
    answer = run("create_distributor", "Contoso Distribution", "--admin-email", "alice@contoso.example")
    operator = Operator.invited(answer["invitation"].strip("/").rpartition("/")[2])
    assert (operator.pk, operator.role, operator.accepted_at) == (answer["operator"], "admin", None)
    assert (operator.organization.kind, operator.organization_id) == ("distributor", answer["organization"])
    assert answer["invitation"].startswith("http://localhost:8000/")
    assert Message.objects.get().recipient == "alice@contoso.example"
    assert set(Event.objects.values_list("kind", flat=True)) == {"distributor_added", "operator_invited"}


def test_the_same_again_is_the_same_invitation(db):
    answers = [
        run("create_distributor", name, "--admin-email", email)
        for name, email in [("Contoso", "alice@contoso.example"), (" Contoso ", "Alice@Contoso.example")]
    ]
    assert answers[0] == answers[1]
    assert Organization.objects.count() == Message.objects.count() == 1


@pytest.mark.parametrize(
    ("name", "email"),
    [("Contoso", "alice"), ("Contoso", "a@b@c"), ("Contoso", ""), ("", "a@b.example"), ("a\u202eb", "a@b.example"),
     ("x" * 121, "a@b.example"), ("Contoso", "a@b.example\nBcc: c@d.example")],
)  # fmt: skip
def test_nonsense_adds_nobody(db, name, email):
    with pytest.raises(CommandError):
        run("create_distributor", name, "--admin-email", email)
    assert not Organization.objects.exists()


def test_who_works_there_already_is_not_invited_again(db):
    answer = run("create_distributor", "Contoso", "--admin-email", "alice@contoso.example")
    here = OperatorFactory.build(organization_id=1)
    Operator.objects.filter(pk=answer["operator"]).update(accepted_at=NOW, tid=here.oid, oid=here.oid)
    with pytest.raises(CommandError, match="is an operator of Contoso already"):
        run("create_distributor", "Contoso", "--admin-email", "alice@contoso.example")


# The cast ---------------------------------------------------------------------------------------------------------------

CAST = {
    "Northwind": "production", "Fabrikam": "trial", "Tailspin": "trial", "Wingtip": "expired", "Lucerne": "held",
    "Trey": "cancelled", "Proseware": "pending", "Adatum": "pending",
}  # fmt: skip
EVERY_STATE = {"pending", "trial", "held", "expired", "cancelled", "production", "suspended"}


NAMED = ["Alice", "Victor", "Beate", "Nina", "Mallory", "Bob", "Charlie"]


def test_the_cast_is_in_every_state_and_in_order(db, settings, tmp_path):
    settings.DEMO_DIR = tmp_path
    answer = run("seed_demo")
    rows = list(Subscription.objects.select_related("organization"))
    states = {row.organization.name: str(row.state(NOW)) for row in rows if row.kind == "partner"}
    customers = {row.organization: str(row.state(NOW)) for row in rows if row.kind == "customer"}
    assert (states, set(customers.values())) == (CAST, EVERY_STATE)
    assert [row.name for row in customers if row.source == "vendor"] == ["Graphic Design Institute"]
    assert set(answer["organizations"]) == {"Contoso Distribution", "Litware", *CAST, *(row.name for row in customers)}
    assert [person["name"].split()[0] for person in answer["people"]] == NAMED
    waiting = Operator.objects.pending().order_by("name").values_list("name", flat=True)
    assert list(waiting) == ["Nina Novak", "Oskar Ohm"]
    assert run("check_invariants") == {"broken": []}


def test_twice_the_same_and_scale_adds_trials(db, settings, tmp_path):
    settings.DEMO_DIR = tmp_path
    assert run("seed_demo") == run("seed_demo")
    run("seed_demo", "--scale", "30")
    added = Subscription.objects.filter(organization__name__startswith="Partner ")
    assert added.count() == 30
    assert all(NOW < row.ends_at <= NOW + 14 * DAY for row in added)
    assert run("check_invariants") == {"broken": []}


def test_a_negative_scale_is_refused(db):
    with pytest.raises(CommandError, match="from 0 to"):
        run("seed_demo", "--scale", "-1")
    assert not Organization.objects.exists()


def test_outside_a_demo_there_is_no_cast(db, settings):
    settings.DEMO = False
    with pytest.raises(CommandError, match="only in a demo"):
        run("seed_demo")
    assert not Organization.objects.exists()
