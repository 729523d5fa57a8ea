"""A list as a file: which rows and columns, in whose time, and that nothing in it can be taken for a formula."""

import csv
import io
import re
import zipfile
from datetime import datetime, timedelta
from urllib.parse import urlencode
from xml.etree import ElementTree

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from partnerapp import tables
from partnerapp.exports import safe_cell
from partnerapp.models import Event
from partnerapp.pages.lists import FORMATS
from subscriptions.models import Subscription
from tests.conftest import body
from tests.factories import DAY, NOW, OperatorFactory, crowd, partner, pending_partner

LIST, URL = "/invoice/partners/", "/invoice/partners/export/"
PENDING_URL = "/invoice/partners/pending/export/"
ALL_COLUMNS = [
    "Organization name", "Notification email", "Subscription level", "State", "Trial started", "Trial ends", "After trial",
    "Extended", "In production since", "SKUs", "Add-ons", "Customers", "Seats",
]  # fmt: skip


def of_csv(answer):
    return list(csv.reader(io.StringIO(body(answer).decode("utf-8-sig"), newline="")))


def of_xlsx(answer):
    """The cells of the sheet: text, numbers, and the days that dates are."""
    with zipfile.ZipFile(io.BytesIO(body(answer))) as file:
        root = ElementTree.fromstring(re.sub(rb' xmlns="[^"]+"', b"", file.read("xl/worksheets/sheet1.xml"), count=1))
    assert root.find(".//f") is None  # a formula
    return [[cell.findtext("is/t") or float(cell.findtext("v") or 0) for cell in row] for row in root.iter("row")]


def instant(days):
    """What a spreadsheet shows for a date cell."""
    return datetime(1899, 12, 30) + timedelta(minutes=round(days * 24 * 60))


READ = {"csv": of_csv, "xlsx": of_xlsx}
BOTH = pytest.mark.parametrize("kind", FORMATS)


def exported(client, kind="csv", url=URL, **query):
    """The names in the file, in its order."""
    rows = READ[kind](client.get(f"{url}?{urlencode({'format': kind} | query, doseq=True)}"))
    return [row[0] for row in rows[1:]]


@pytest.fixture
def small_pages(monkeypatch):
    """An export reads four rows at a time."""
    monkeypatch.setattr(tables.pages, "__defaults__", (4,))


def test_a_csv_has_a_line_for_each_partner_and_the_words_of_the_page(signed_in, alice, contoso):
    partner(contoso, ends_in=9 * DAY, extended_at=NOW - DAY, seats=1234)
    headings, row = of_csv(signed_in(alice).get(URL))
    assert headings == ALL_COLUMNS
    assert dict(zip(headings, row, strict=True)) == {
        "Organization name": "Fabrikam", "Notification email": row[1], "Subscription level": "TRIAL", "State": "Trial",
        "Trial started": "2026-11-19T09:00:00+00:00", "Trial ends": "2026-12-10T09:00:00+00:00",
        "After trial": "Upgrades to Production", "Extended": "2026-11-30T09:00:00+00:00", "In production since": "",
        "SKUs": "Essentials MSP 2025, Professional MSP 2025", "Add-ons": "Audit 2025, Delegation 2025, Hybrid 2025",
        "Customers": "0", "Seats": "1234",
    }  # fmt: skip


def test_an_xlsx_has_the_same_cells_with_numbers_and_dates_as_such(signed_in, alice, contoso):
    partner(contoso, ends_in=9 * DAY, seats=1234)
    headings, row = of_xlsx(signed_in(alice).get(f"{URL}?format=xlsx"))
    assert headings == ALL_COLUMNS
    assert row[:4] == ["Fabrikam", row[1], "TRIAL", "Trial"]
    assert instant(row[5]) == datetime(2026, 12, 10, 9)
    assert row[-2:] == [0, 1234]


@BOTH
def test_the_pending_list_too(signed_in, alice, contoso, kind):
    pending = pending_partner(contoso)
    Event.record(pending, "link_copied", at=NOW, by=alice)
    headings, row = READ[kind](signed_in(alice).get(f"{PENDING_URL}?format={kind}"))
    shown = dict(zip(headings, row, strict=False))
    assert (shown["Organization name"], shown["Onboarding"]) == ("Adatum", "CoreView Activation link sent")
    assert (shown["Waiting for"], shown["Latest message"]) == ("The Partner", "Activation link copied")
    assert float(shown["Event log messages"]) == 1


@BOTH
@pytest.mark.parametrize("state", ["held", "expired", "cancelled", "production"])
def test_every_state_has_a_row(signed_in, alice, contoso, kind, state):
    facts = {
        "held": {"ends_in": -DAY, "held_at": NOW - DAY, "hold_reason": "refused"},
        "expired": {"ends_in": -DAY, "blocked_at": NOW - 2 * DAY},
        "cancelled": {"cancelled_at": NOW}, "production": {"converted_at": NOW},
    }[state]  # fmt: skip
    partner(contoso, **facts)
    assert exported(signed_in(alice), kind, chip=state) == ["Fabrikam"]


def test_a_viewer_may_export(signed_in, victor, fabrikam):
    assert exported(signed_in(victor)) == ["Fabrikam"]


# Which rows ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def ten(contoso, mallory):
    """Ten Partners, of which the even ones are in production; and one of somebody else."""
    crowd(mallory.organization, 1)
    return crowd(contoso, 10, trials=lambda n: {"converted_at": NOW} if n % 2 == 0 else {"ends_in": (10 - n) * DAY})


@BOTH
def test_all_of_the_list_in_its_order_whatever_page_is_shown(signed_in, alice, ten, small_pages, kind):
    names = [row.name for row in ten]
    assert exported(signed_in(alice), kind, order="name", size=25, after=f"partner 0004~{ten[4].pk}") == names
    soonest = [*(names[n] for n in (9, 7, 5, 3, 1)), *(names[n] for n in (0, 2, 4, 6, 8))]
    assert exported(signed_in(alice), kind) == soonest


def test_what_chip_and_search_leave(signed_in, alice, ten, small_pages):
    client = signed_in(alice)
    assert exported(client, chip="production") == [row.name for row in ten[::2]]
    assert exported(client, chip="production", q="0004") == ["Partner 0004"]
    assert exported(client, q="!!!") == []


def test_the_selected_rows_whatever_the_chip(signed_in, alice, ten):
    chosen = [ten[3].pk, ten[4].pk]
    assert exported(signed_in(alice), chip="held", id=chosen) == ["Partner 0003", "Partner 0004"]


def test_all_that_match(signed_in, alice, ten, small_pages):
    names = exported(signed_in(alice), **{"all": f"{LIST}?chip=production"})
    assert names == [row.name for row in ten[::2]]


@pytest.mark.parametrize("query", [{"id": 999}, {"id": "x"}, {"all": "/"}, {"all": "/invoice/partners/pending/"}])
def test_a_selection_of_nothing_that_is_here_is_not_everything(signed_in, alice, ten, query):
    assert exported(signed_in(alice), **query) == []


def test_nothing_of_another_tree(signed_in, mallory, ten):
    client = signed_in(mallory)
    assert exported(client, id=[row.pk for row in ten]) == []
    assert len(exported(client)) == 1


@BOTH
def test_more_than_a_selection_may_hold_is_exported_whole(signed_in, alice, contoso, monkeypatch, kind):
    """By filter, by search, and when a list grew since all of it was selected."""
    monkeypatch.setattr(tables, "MOST", 5)
    crowd(contoso, 12)
    client = signed_in(alice)
    for query in ({}, {"q": "partner"}, {"all": LIST}, {"all": f"{LIST}?q=partner"}):
        assert len(exported(client, kind, **query)) == 12, query


def test_rows_that_leave_meanwhile_bring_nothing_twice(signed_in, alice, ten, small_pages):
    """The file is written while it is read; it never starts again at its first row."""
    lines = iter(signed_in(alice).get(f"{URL}?order=name").streaming_content)
    read = [next(lines) for _line in range(4)]
    Subscription.objects.filter(pk__in=[row.pk for row in ten[4:]]).delete()
    rows = list(csv.reader(line.decode() for line in [*read, *lines]))
    assert [row[0] for row in rows[1:]] == [row.name for row in ten[:4]]


# What is in a cell --------------------------------------------------------------------------------------------------


@BOTH
def test_times_are_in_the_operators_zone_also_while_the_file_is_sent(signed_in, contoso, kind):
    """R33. The request's own time zone is over when the last line is made."""
    partner(contoso, ends_in=9 * DAY)
    berlin = OperatorFactory(organization=contoso, time_zone="Europe/Berlin")
    _headings, row = READ[kind](signed_in(berlin).get(f"{URL}?format={kind}"))
    ends = {"csv": datetime.fromisoformat, "xlsx": instant}[kind](row[5])
    assert ends.replace(tzinfo=None) == datetime(2026, 12, 10, 10)


FORMULAS = ["=1+1", "+49 30 1", "-1", "@sum", " =1+1", "＝1+1", "＋1", "－1", "＠x", '=HYPERLINK("//evil.example")']
NAMES = ['O\'Brien, "Söhne" & Co; GmbH', "Ångström ﷺ 北京科技 \u05e9\u05dc\u05d5\u05dd 😀", "line\nbreak"]


@BOTH
def test_a_name_is_never_a_formula(signed_in, alice, contoso, kind):
    crowd(contoso, len(FORMULAS), lambda n: {"name": FORMULAS[n], "notification_email": f"+{n}@partner.example"})
    _headings, *rows = READ[kind](signed_in(alice).get(f"{URL}?format={kind}"))
    assert [row[0] for row in rows] == [f"'{name}" for name in FORMULAS]
    assert {row[1][:2] for row in rows} == {"'+"}


@pytest.mark.parametrize("text", ["\t=1", "\r=1", "\tx", "\n=1", "\u00a0=1", "\u3000@x"])
def test_no_white_space_hides_a_formula(text):
    assert safe_cell(text) == f"'{text}"


@pytest.mark.parametrize("value", ["a=b", "1-2", "it@x.example", "", -5, 0, None, "'quoted"])
def test_everything_else_stays_as_it_is(value):
    assert safe_cell(value) == value


@BOTH
def test_quotes_marks_and_scripts_arrive_as_they_were_typed(signed_in, alice, contoso, kind):
    crowd(contoso, len(NAMES), lambda n: {"name": NAMES[n]})
    assert exported(signed_in(alice), kind) == NAMES


def test_a_csv_is_utf_8_with_a_mark_for_excel_and_a_file_name(signed_in, alice, fabrikam):
    answer = signed_in(alice).get(URL)
    assert body(answer).startswith(b"\xef\xbb\xbfOrganization name,")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="partners.csv"'


def test_an_xlsx_says_what_it_is_and_in_which_zone_its_times_are(signed_in, contoso, fabrikam):
    berlin = OperatorFactory(organization=contoso, time_zone="America/Argentina/ComodRivadavia")
    answer = signed_in(berlin).get(f"{PENDING_URL}?format=xlsx")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="pending_partners.xlsx"'
    with zipfile.ZipFile(io.BytesIO(body(answer))) as file:
        assert b'name="Times in America Argentina Como"' in file.read("xl/workbook.xml")


def test_an_unknown_format_is_a_csv(signed_in, alice, fabrikam):
    assert signed_in(alice).get(f"{URL}?format=pdf").headers["Content-Type"].startswith("text/csv")


# What it costs ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("url", [URL, PENDING_URL])
def test_a_page_of_rows_costs_the_same_queries_however_many_it_has(signed_in, alice, contoso, url):
    client, counts = signed_in(alice), []
    for number in (3, 30):
        crowd(contoso, number)
        crowd(contoso, number, trials=None)
        with CaptureQueriesContext(connection) as queries:
            assert len(of_csv(client.get(url))) > number
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 6


def test_a_csv_is_read_while_it_is_sent(signed_in, alice, ten, small_pages):
    """So that a million rows need no more memory than a page of them."""
    lines = iter(signed_in(alice).get(URL).streaming_content)
    next(lines)
    with CaptureQueriesContext(connection) as before:
        [next(lines) for _line in range(4)]
    with CaptureQueriesContext(connection) as behind:
        next(lines)
    assert (len(before), len(behind)) == (1, 1)  # a page at a time


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("x;=1+1;", "x;'=1+1;"),
        ("x; @a", "x; '@a"),
        ("a\t-b", "a\t'-b"),
        ("\u200d=1", "'\u200d=1"),
        ("a;b - c", "a;b - c"),
    ],
)
def test_where_a_semicolon_separates_cells_there_is_no_formula_either(text, cell):
    assert safe_cell(text) == cell
