"""Each chip shows the rows whose rules say so, at every edge, however old the hints are; and its count is their number."""

import random
from itertools import product

import pytest
from django.http import QueryDict

from partnerapp import clock, counting
from partnerapp.actions import Refused
from partnerapp.pages.customers import CUSTOMERS
from partnerapp.pages.partners import PARTNERS, PENDING_PARTNERS
from partnerapp.tables import Asked, Matches
from subscriptions.lifecycle import sweep
from subscriptions.models import Subscription
from subscriptions.models.states import State
from tests.factories import DAY, HOUR, NOW, TICK, OperatorFactory, crowd, fresh, partner, pending_partner

URL = "/invoice/partners/"
PENDING_URL = "/invoice/partners/pending/"
BELONGS = {
    "all": lambda row, at: True,
    "ending": lambda row, at: row.running(at) and row.ends_at <= at + 72 * HOUR,
    "extendable": lambda row, at: row.extension(at).allowed,
    "blocked": lambda row, at: row.running(at) and row.blocked_at is not None,
    "held": lambda row, at: row.state(at) == State.HELD,
    "expired": lambda row, at: row.state(at) == State.EXPIRED,
    "cancelled": lambda row, at: row.state(at) == State.CANCELLED,
    "production": lambda row, at: row.state(at) == State.PRODUCTION,
    "suspended": lambda row, at: row.state(at) == State.SUSPENDED,
}
ENDS = [5 * DAY, 72 * HOUR + TICK, 72 * HOUR, 72 * HOUR - TICK, TICK, 0 * TICK, -TICK, -60 * HOUR]
HELD = {"held_at": NOW - DAY, "hold_reason": "refused", "upgrade_at": NOW + HOUR}
FACTS = [
    {}, {"blocked_at": NOW - 4 * DAY}, {"extended_at": NOW - 4 * DAY}, {"cancelled_at": NOW - DAY},
    {"converted_at": NOW - DAY}, {"blocked_at": NOW - 4 * DAY, "extended_at": NOW - 4 * DAY}, HELD,
    HELD | {"blocked_at": NOW - HOUR},
]  # fmt: skip
GRID = [(ends, facts) for ends, facts in product(ENDS, FACTS) if ends < 0 * TICK or "held_at" not in facts]
IN_PRODUCTION = {"converted_at": NOW - 9 * DAY}
SUSPENDED = {  # and those that will be
    "partner": [IN_PRODUCTION | {"suspended_at": NOW - DAY, "suspended_reason": "Unpaid"}],
    "customer": [IN_PRODUCTION | {"expires_on": (NOW + days * DAY).date()} for days in (-2, 0, 3)],
}
KINDS = {"Partners": PARTNERS, "customers below a distributor": CUSTOMERS, "customers of a Partner": CUSTOMERS}


@pytest.fixture(params=KINDS)
def grid(request, contoso, alice, mallory):
    """A list with rows in every state and at every edge, who looks at it, and as many rows of somebody else."""
    table = KINDS[request.param]
    if table is CUSTOMERS:
        owners = [partner(contoso, "One", **IN_PRODUCTION), partner(mallory.organization, "Other", **IN_PRODUCTION)]
    else:
        owners = [contoso, mallory.organization]
    facts = [*GRID, *((DAY, facts) for facts in SUSPENDED[table.kind])]
    for owner in owners:
        crowd(owner, len(facts), trials=lambda n: {"ends_in": facts[n][0]} | facts[n][1])
    return table, OperatorFactory(organization=owners[0]) if request.param == "customers of a Partner" else alice


def shown(operator, at, table=PARTNERS):
    """The ids under each chip of a list."""
    rows = table.rows(operator)
    return {chip.name: set(chip.rows(rows, at).values_list("pk", flat=True)) for chip in table.chips}


def by_the_rules(operator, at, table=PARTNERS):
    rows = list(table.rows(operator).select_related("organization__parent__subscription"))
    return {chip: {row.pk for row in rows if belongs(row, at)} for chip, belongs in BELONGS.items()}


def counts(table, operator, at, matches):
    return counting.counts(Asked.of(table, QueryDict()), operator, at, matches, [])


def counted(answer):
    """What the chips of a page say."""
    return {chip["name"]: chip["count"] for chip in answer.context["toolbar"]["chips"]}


def test_every_chip_has_its_rule_here():
    assert list(BELONGS) == [chip.name for chip in PARTNERS.chips]


@pytest.mark.parametrize("chip", BELONGS)
def test_a_chip_shows_exactly_the_rows_whose_rule_says_so(signed_in, grid, chip):
    table, operator = grid
    answer = signed_in(operator).get(f"{table.url}?chip={chip}&size=100")
    expected = by_the_rules(operator, NOW, table)[chip]
    assert {int(row["id"]) for row in answer.context["rows"]} == expected
    assert counted(answer)[chip] == str(len(expected)) != "0"


@pytest.mark.parametrize("later", [TICK, HOUR, 59 * HOUR, 3 * DAY - TICK, 3 * DAY, 5 * DAY, 40 * DAY])
def test_time_that_passes_without_a_sweep_hides_no_row(grid, later):
    """The hints say what was to come when they were set; the rules decide."""
    table, operator = grid
    expected = by_the_rules(operator, NOW + later, table)
    assert shown(operator, NOW + later, table) == expected
    found = sorted(expected["all"])[::2]
    assert counts(table, operator, NOW + later, Matches()) == {chip: len(rows) for chip, rows in expected.items()}
    among = {chip: len(rows.intersection(found)) for chip, rows in expected.items()}
    assert counts(table, operator, NOW + later, Matches(found)) == among


def test_the_page_counts_by_the_instant_at_which_it_is_asked(signed_in, alice, contoso, monkeypatch):
    partner(contoso, "Tailspin", ends_in=4 * DAY, blocked_at=NOW)
    client = signed_in(alice)
    for days, chip in ((0, "blocked"), (1, "ending"), (1, "extendable"), (4, "expired")):
        monkeypatch.setattr(clock, "now", lambda days=days: NOW + days * DAY)
        answer = client.get(f"{URL}?chip={chip}")
        assert [row["name"] for row in answer.context["rows"]] == ["Tailspin"], chip
        assert counted(answer)[chip] == "1"


VERBS = [
    lambda row, by, at: row.extend(by=by, at=at),
    lambda row, by, at: row.block_upgrade(by=by, at=at),
    lambda row, by, at: row.restore_upgrade(by=by, at=at),
    lambda row, by, at: row.cancel(by=by, at=at),
    lambda row, by, at: row.convert(by=by, at=at),
    lambda row, by, at: sweep(at, at),
    lambda row, by, at: None,
    lambda row, by, at: None,
]


@pytest.mark.parametrize("seed", range(2))
def test_no_verb_and_no_sweep_leaves_a_hint_that_hides_a_row(contoso, alice, seed):
    """A walk through time: somebody does something, the sweep comes now and then, and every chip agrees with the rules."""
    chance, at = random.Random(seed), NOW
    rows = crowd(contoso, 12, trials=lambda n: {"ends_in": (n + 3) * DAY})
    for _turn in range(15):
        at += chance.choice([TICK, HOUR, 11 * HOUR, DAY])
        verb, row = chance.choice(VERBS), fresh(chance.choice(rows)).subscription
        try:
            verb(row, alice, at)
        except Refused:
            continue
        for moment in (at, at + 70 * HOUR):
            assert shown(alice, moment) == by_the_rules(alice, moment)


def test_a_trial_that_begins_is_under_its_chips(contoso, alice):
    fresh(pending_partner(contoso)).subscription.begin(at=NOW, seats=5)
    for days in (0, 10, 11, 12, 14, 20):
        assert shown(alice, NOW + days * DAY) == by_the_rules(alice, NOW + days * DAY)


# Pending ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def pending(contoso, alice):
    """One of each kind."""
    broken = {"error_code": "missing_permission", "error_detail": "User.Read.All", "error_at": NOW - HOUR}
    pending_partner(contoso, "Waiting")
    pending_partner(contoso, "Broken", **broken)
    pending_partner(contoso, "Gone").onboarding.withdraw(by=alice, at=NOW)
    pending_partner(contoso, "Broken and gone", **broken).onboarding.withdraw(by=alice, at=NOW)
    pending_partner(contoso, "Converted", subscription__converted_at=NOW)
    partner(contoso, "Here")


@pytest.mark.parametrize(
    ("chip", "names"),
    [
        ("all", {"Waiting", "Broken", "Converted"}),
        ("error", {"Broken"}),
        ("withdrawn", {"Gone", "Broken and gone"}),
    ],
)
def test_a_pending_chip_shows_and_counts_its_rows(signed_in, alice, pending, chip, names):
    answer = signed_in(alice).get(f"{PENDING_URL}?chip={chip}")
    assert {row["name"] for row in answer.context["rows"]} == names
    assert counted(answer) == {"all": "3", "error": "1", "withdrawn": "2"}
    gone = [pk for pk, name in Subscription.objects.values_list("pk", "organization__name") if "gone" in name.lower()]
    assert counts(PENDING_PARTNERS, alice, NOW, Matches(gone)) == {"all": 0, "error": 0, "withdrawn": 2}


# Beyond a thousand --------------------------------------------------------------------------------------------------


def test_nothing_is_counted_beyond_a_thousand(signed_in, alice, contoso):
    rows = crowd(contoso, 1_001, trials=None)
    client = signed_in(alice)
    for words in ("1,000+", "1,000"):
        answer = client.get(PENDING_URL)
        assert counted(answer)["all"] == answer.context["tabs"][1]["count"] == words
        assert answer.context["pager"]["total"] == words
        Subscription.objects.filter(pk=rows[0].pk).delete()


def test_what_is_unknown_in_the_address_is_as_if_it_were_not_there(alice):
    for query in ("", "chip=nonsense", "order=nonsense&size=7", "size=25&chip=all&order=ends&q=+", "chip=%00&after="):
        assert Asked.of(PARTNERS, QueryDict(query)) == Asked.of(PARTNERS, QueryDict())
        assert Asked.of(PENDING_PARTNERS, QueryDict(query)).url() == PENDING_URL
