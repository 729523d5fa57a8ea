"""Lists of more rows than a page: search, chips, pages, selections, exports, and two tabs at once."""

import csv
import re
from pathlib import Path
from zipfile import ZipFile

import pytest
from playwright.sync_api import Page, expect

from tests.browser.portal import PARTNERS, actions, box, choose, drawer, item, row, select

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("demo"), pytest.mark.usefixtures("first_day")]


@pytest.fixture(scope="module")
def first_day(demo) -> None:
    """The cast and 60 trials more: three pages."""
    demo.begin(scale=60)


def selection(page: Page):
    return page.locator("#selection")


def names(page: Page) -> list[str]:
    return page.get_by_test_id("row").locator(".name").all_inner_texts()


def test_searching_keeps_focus_and_text_and_makes_no_history(alice):
    alice.goto(PARTNERS)
    steps = alice.evaluate("history.length")
    search = alice.get_by_role("searchbox")
    search.press_sequentially("tails", delay=100)
    expect(alice.get_by_test_id("row")).to_have_count(1)
    expect(alice).to_have_url(f"{PARTNERS}?q=tails")
    search.press_sequentially("pin", delay=300)
    expect(alice).to_have_url(f"{PARTNERS}?q=tailspin")
    expect(search).to_be_focused()
    expect(search).to_have_value("tailspin")
    assert alice.evaluate("history.length") == steps


def test_back_brings_the_earlier_list_back_and_it_works(alice):
    alice.goto(PARTNERS)
    for chip in ("held", "production"):
        alice.locator(f"#chip-{chip}").click()
        expect(alice).to_have_url(f"{PARTNERS}?chip={chip}")
    expect(row(alice, "Northwind")).to_be_visible()
    alice.go_back()
    expect(alice).to_have_url(f"{PARTNERS}?chip=held")
    expect(alice.get_by_role("heading", level=1)).to_have_text("Partners")
    choose(alice, "Convert to production account", "Lucerne")
    alice.go_back()
    expect(alice.get_by_test_id("row")).to_have_count(25)


def test_a_selection_goes_on_over_pages(alice):
    alice.goto(PARTNERS)
    first = names(alice)[0]
    select(alice, first)
    alice.get_by_role("link", name="Next").click()
    expect(box(alice, first)).to_be_hidden()
    box(alice, names(alice)[0]).check()
    expect(selection(alice)).to_contain_text("2 selected")
    alice.get_by_role("link", name="Previous").click()
    expect(box(alice, first)).to_be_checked()
    expect(selection(alice)).to_contain_text("2 selected")


def test_all_that_match_are_selected_until_one_is_unticked(alice):
    alice.goto(PARTNERS)
    box(alice, "Select all on this page").check()
    expect(selection(alice)).to_contain_text("25 selected")
    alice.get_by_role("button", name="Select all 66 that match").click()
    expect(selection(alice)).to_contain_text("All 66 that match are selected")
    actions(alice).click()
    expect(item(alice, "Extend trial")).to_have_accessible_name("Extend trial (13 of 66)")
    alice.keyboard.press("Escape")
    box(alice, "Fabrikam").uncheck()
    expect(selection(alice)).to_contain_text("24 selected")
    actions(alice).click()
    expect(item(alice, "Extend trial")).to_have_accessible_name("Extend trial (12 of 24)")


def test_a_cleared_selection_is_empty_on_every_page(alice):
    alice.goto(PARTNERS)
    first = names(alice)[0]
    select(alice, first)
    alice.get_by_role("link", name="Next").click()
    expect(box(alice, first)).to_be_hidden()
    alice.get_by_role("button", name="Clear").click()
    expect(selection(alice)).to_contain_text("Select rows to see")
    alice.get_by_role("link", name="Previous").click()
    expect(box(alice, first)).not_to_be_checked()
    expect(selection(alice)).to_contain_text("Select rows to see")


def names_in_csv(path: Path) -> list[str]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return [line["Organization name"] for line in csv.DictReader(file)]


def names_in_xlsx(path: Path) -> list[str]:
    with ZipFile(path) as book:
        sheet = book.read("xl/worksheets/sheet1.xml").decode()
    return re.findall(r'<c r="A\d+"[^>]*><is><t>(.+?)</t>', sheet)[1:]


@pytest.mark.parametrize(("kind", "names_in"), [("CSV", names_in_csv), ("Excel (XLSX)", names_in_xlsx)])
def test_a_selection_is_exported(alice, kind, names_in):
    alice.goto(f"{PARTNERS}?order=name")
    select(alice, "Lucerne", "Fabrikam")
    alice.get_by_role("button", name="Export", exact=True).click()
    with alice.expect_download() as download:
        alice.get_by_role("button", name=kind).click()
    assert names_in(download.value.path()) == ["Fabrikam", "Lucerne"]


def test_without_a_selection_the_filter_is_exported(alice):
    alice.goto(f"{PARTNERS}?chip=held")
    alice.get_by_role("button", name="Export", exact=True).click()
    with alice.expect_download() as download:
        alice.get_by_role("button", name="CSV").click()
    assert names_in_csv(download.value.path()) == ["Lucerne"]


def test_a_drawer_answers_with_the_refusal_when_another_tab_was_faster(alice):
    slow, fast = alice, alice.context.new_page()
    for tab in (slow, fast):
        tab.bring_to_front()
        tab.goto(f"{PARTNERS}?order=name")
        choose(tab, "Cancel trial", "Fabrikam")
    drawer(fast).get_by_role("button", name="Cancel trial").click()
    expect(fast.locator("#toasts")).to_have_text(re.compile("The trial of Fabrikam was cancelled."))
    slow.bring_to_front()
    drawer(slow).get_by_role("button", name="Cancel trial").click()
    expect(drawer(slow).get_by_role("alert")).to_contain_text("The trial was cancelled on 2 Dec 2030")
    expect(drawer(slow).get_by_role("alert")).to_be_focused()
    expect(slow.locator("#toasts")).to_be_empty()
