"""Pages of a list: forward and back, each row once and in order, whatever happens between two of them."""

import random
from dataclasses import replace
from itertools import chain

import pytest
from django.http import QueryDict

from partnerapp import tables
from partnerapp.models import Organization
from partnerapp.pages.customers import CUSTOMERS, PENDING_CUSTOMERS
from partnerapp.pages.partners import PARTNERS, PENDING_PARTNERS
from partnerapp.tables import Asked
from subscriptions.models import Subscription
from tests.factories import DAY, NOW, OperatorFactory, crowd, partner

URL = "/invoice/partners/"
KEYS = {  # by the template that a list shares with the other kind's
    ("imported", "ends"): lambda row: (row.sort_at, row.pk),
    ("imported", "name"): lambda row: (row.organization.name_key, row.pk),
    ("imported", "newest"): lambda row: -row.pk,
    ("pending", "newest"): lambda row: -row.pk,
    ("pending", "oldest"): lambda row: row.pk,
    ("pending", "name"): lambda row: (row.organization.name_key, row.pk),
}
KINDS = {  # whose list of which kind
    "Partners of a distributor": {"imported": PARTNERS, "pending": PENDING_PARTNERS},
    "customers below a distributor": {"imported": CUSTOMERS, "pending": PENDING_CUSTOMERS},
    "customers of a Partner": {"imported": CUSTOMERS, "pending": PENDING_CUSTOMERS},
}


def asked(table, query=""):
    return Asked.of(table, QueryDict(query))


def names(answer):
    return [row["name"] for row in answer.context["rows"]]


def own(n):
    """Names that many share."""
    return {"name": f"{'ÅbZ'[n % 3]} {n % 5}"}


def trials(n):
    return {"ends_in": (n % 3 + 1) * DAY} | ({"converted_at": NOW} if n % 2 else {})


@pytest.fixture
def many(contoso, mallory):
    """60 Partners and 60 pending ones, and some of somebody else."""
    for distributor, number in ((contoso, 60), (mallory.organization, 5)):
        crowd(distributor, number, own, trials)
        crowd(distributor, number, own, None)


@pytest.fixture
def owners(contoso, mallory):
    """Who has 30 and who has as many again, and who has some in another tree: for each kind of list."""
    one, other, foreign = partner(contoso, "One"), partner(contoso, "Other"), partner(mallory.organization, "Foreign")
    return {
        "Partners of a distributor": (contoso, contoso, mallory.organization),
        "customers below a distributor": (one, other, foreign),
        "customers of a Partner": (one, one, other),
    }


@pytest.fixture
def whose(alice, owners):
    """Who looks at 60 of this kind, and at 60 pending ones, with some that are somebody else's."""

    def look(kind):
        Subscription.objects.filter(kind="partner").delete()
        for owner, number in zip(owners[kind], (30, 30, 5), strict=True):
            crowd(owner, number, own, trials)
            crowd(owner, number, own, None)
        return OperatorFactory(organization=owners[kind][0]) if kind == "customers of a Partner" else alice

    return look


def in_order(asked, operator):
    """The ids of all rows as one big sort has them."""
    rows = asked.table.rows(operator).select_related("organization")
    return [row.pk for row in sorted(rows, key=KEYS[asked.table.template, asked.order.name])]


def page(asked, operator):
    return tables.page(asked, operator, NOW, tables.Matches())


def walk(asked, operator, way):
    """The ids on the pages from this one on, `way` "next" or "previous"."""
    found = []
    while True:
        here = page(asked, operator)
        found.append([row.pk for row in here.rows])
        if not getattr(here, way):
            return found, asked
        turn = {"next": "after", "previous": "before"}[way]
        asked = replace(asked, **({"after": "", "before": ""} | {turn: getattr(here, way)}))


@pytest.mark.parametrize(("template", "order"), KEYS)
@pytest.mark.parametrize("kind", KINDS)
def test_every_row_comes_once_and_in_order_forward_and_back(whose, kind, template, order):
    operator, size = whose(kind), 25
    first = asked(KINDS[kind][template], f"order={order}&size={size}")
    forward, last = walk(first, operator, "next")
    back, _first = walk(last, operator, "previous")
    expected = in_order(first, operator)
    assert forward == [expected[start : start + size] for start in range(0, 60, size)]
    assert back == forward[::-1]


def test_one_goes_forward_back_and_forward_again(signed_in, alice, many):
    client, seen = signed_in(alice), []
    url = f"{URL}?order=name"
    for way in ("next", "next", "previous", "next", "previous", "previous", "next"):
        answer = client.get(url)
        seen.append(names(answer))
        url = answer.context["pager"][way]
    assert seen == [seen[0], seen[1], seen[2], seen[1], seen[2], seen[1], seen[0]]


def test_the_first_and_the_last_page_lead_no_further(signed_in, alice, many):
    client = signed_in(alice)
    first = client.get(f"{URL}?size=50").context["pager"]
    last = client.get(first["next"]).context["pager"]
    assert (first["previous"], last["next"]) == ("", "")
    assert client.get(last["previous"]).context["pager"]["previous"] == ""


NOWHERE = [
    "garbage", "~", "~~", "~1", "1", "x~1", "2026-12-01~1", "2026-12-01T09:00:00+00:00~", "2026-12-01T09:00:00+00:00~x",
    "9999-12-31T23:59:59-14:00~1", "0001-01-01T00:00:00+14:00~1", "2026-12-01T09:00:00+00:00~" + "9" * 19,
    "2026-12-01T09:00:00+00:00~²", "\x00~1", "fabrikam~1", "'; DROP TABLE organization~1",
]  # fmt: skip


@pytest.mark.parametrize("turn", ["after", "before"])
def test_a_cursor_that_no_page_wrote_leads_to_the_first_page(many, alice, turn):
    first = page(asked(PARTNERS), alice)
    for cursor in NOWHERE:
        assert page(replace(asked(PARTNERS), **{turn: cursor}), alice) == first, cursor


@pytest.mark.parametrize("turn", ["after", "before"])
@pytest.mark.parametrize("order", ["ends", "newest"])
def test_a_cursor_of_another_order_leads_to_the_first_page(many, alice, order, turn):
    by_name = page(asked(PARTNERS, "order=name"), alice).next
    there = asked(PARTNERS, f"order={order}")
    assert page(replace(there, **{turn: by_name}), alice) == page(there, alice)


def test_a_cursor_stays_where_its_row_was(many, alice):
    """The row itself may be gone."""
    first = page(asked(PARTNERS), alice)
    rest = page(replace(asked(PARTNERS), after=first.next), alice).rows
    Subscription.objects.filter(pk=first.rows[-1].pk).delete()
    assert page(replace(asked(PARTNERS), after=first.next), alice).rows == rest


@pytest.mark.parametrize(("turn", "cursor"), [("after", "next"), ("before", "previous")])
def test_a_page_that_became_empty_is_the_first_page(many, alice, turn, cursor):
    first = page(asked(PARTNERS, "size=50"), alice)
    second = page(replace(asked(PARTNERS, "size=50"), after=first.next), alice)
    there = {"next": first.next, "previous": second.previous}[cursor]
    emptied = {"next": second.rows, "previous": first.rows}[cursor]
    Subscription.objects.filter(pk__in=[row.pk for row in emptied]).delete()
    assert page(replace(asked(PARTNERS, "size=50"), **{turn: there}), alice) == page(asked(PARTNERS, "size=50"), alice)


def test_a_list_that_shrank_below_one_page_still_leads_back(signed_in, alice, contoso):
    rows = crowd(contoso, 27)
    client = signed_in(alice)
    second = client.get(URL).context["pager"]["next"]
    Subscription.objects.filter(pk__in=[row.pk for row in rows[:3]]).delete()
    answer = client.get(second)
    assert 'id="page-previous"' in answer.content.decode()
    assert len(names(client.get(answer.context["pager"]["previous"]))) == 22


def beside(asked, operator, cursor, way):
    """What the page beside a cursor shows by one big sort; the first page if there is nothing."""
    rows = asked.table.rows(operator).select_related("organization")
    key = {row.pk: KEYS[asked.table.template, asked.order.name](row) for row in rows}
    rows = sorted(key, key=key.get)
    found = [pk for pk in rows if key[pk] > cursor][: asked.size] if way == "next" else []
    found = [pk for pk in rows if key[pk] < cursor][-asked.size :] if way == "previous" else found
    return found or rows[: asked.size]


def disturb(chance, contoso):
    """Somebody adds a Partner, or one's end moves, or one goes."""
    rows = Subscription.objects.filter(distributor_id=contoso.pk).order_by("pk")
    row = rows[chance.randrange(len(rows))]
    what = chance.choice(["add", "move", "go", "nothing"])
    if what == "add" or len(rows) < 8:
        crowd(contoso, 1, own, lambda n: {"ends_in": chance.randrange(1, 9) * DAY})
    elif what == "move":
        Subscription.objects.filter(pk=row.pk).update(sort_at=NOW + chance.randrange(1, 9) * DAY)
    elif what == "go":
        row.delete()


@pytest.mark.parametrize("order", ["ends", "name", "newest"])
def test_whatever_happens_meanwhile_the_next_page_goes_on_where_the_last_one_ended(contoso, alice, order):
    chance = random.Random(order)
    crowd(contoso, 12, own, lambda n: {"ends_in": (n % 5 + 1) * DAY})
    start = here = replace(asked(PARTNERS, f"order={order}"), size=3)
    key = KEYS["imported", order]
    for _turn in range(20):
        shown = page(here, alice)
        way = chance.choice([way for way in ("next", "previous") if getattr(shown, way)])
        edge = key(shown.rows[-1 if way == "next" else 0])
        disturb(chance, contoso)
        here = replace(start, **{"next": {"after": shown.next}, "previous": {"before": shown.previous}}[way])
        assert [row.pk for row in page(here, alice).rows] == beside(start, alice, edge, way)


def test_ties_at_never_are_told_apart(contoso, alice):
    """Production has no end: all of it sorts by `sort_at` = 9999-12-31."""
    crowd(contoso, 60, trials=lambda n: {"converted_at": NOW})
    found, _last = walk(asked(PARTNERS), alice, "next")
    assert list(chain(*found)) == list(
        Organization.objects.filter(parent=contoso).order_by("pk").values_list("pk", flat=True)
    )
