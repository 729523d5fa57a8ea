"""An MSP onboards a customer, extends its trial and converts it; its distributor sees it: the story of the second guide."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.portal import (
    CUSTOMERS,
    PENDING_CUSTOMERS,
    actions,
    activation_link,
    choose,
    connect,
    drawer,
    mails,
    row,
    select,
    to_next_event,
)

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("demo"), pytest.mark.usefixtures("first_day")]
NAME = "Fourth Coffee"
ONLY_NORTHWIND = f"Only Northwind can do this for {NAME}."


def add_customer(page: Page) -> None:
    page.get_by_role("button", name="Add customer").first.click()
    form = drawer(page)
    form.get_by_label("Organization name").fill(NAME)
    form.get_by_label("Notification email").fill("it@fourthcoffee.example")
    expect(form.get_by_role("button", name="Apply")).to_have_attribute("aria-disabled", "true")  # no SKU yet
    form.get_by_label("Essentials MSP 2025").check()
    form.get_by_label("Audit 2025").check()
    form.get_by_role("button", name="Apply").click()
    expect(form).to_be_hidden()


def extend_in_the_window(page: Page) -> None:
    choose(page, "Extend trial", NAME)
    expect(drawer(page)).to_contain_text("You can extend this trial from")
    expect(page.get_by_role("button", name="Apply")).to_have_attribute("aria-disabled", "true")
    page.get_by_role("link", name="Cancel", exact=True).click()
    to_next_event(page, f"notice about {NAME}")
    to_next_event(page, f"notice about {NAME}")
    choose(page, "Extend trial", NAME)
    page.get_by_role("button", name="Apply").click()
    expect(row(page, NAME)).to_contain_text("10 days left")


def convert(page: Page) -> None:
    choose(page, "Convert to production account", NAME)
    form = drawer(page)
    expect(form.get_by_label("Essentials MSP 2025")).to_be_checked()
    expect(form.get_by_label("Audit 2025")).to_be_checked()
    form.get_by_label("Professional MSP 2025").check()
    form.get_by_label("Expiration date").fill("2031-06-30")
    expect(form).to_contain_text(
        "SKU and add-ons of Fourth Coffee: Essentials MSP 2025, Audit 2025 → Professional MSP 2025"
    )
    expect(form).to_contain_text("From then on it is billed as a production tenant of Northwind.")
    form.get_by_role("button", name="Apply").click()
    expect(page.locator("#toasts")).to_contain_text(f"{NAME} is in Production now.")
    for words in ("PRODUCTION", "Professional MSP 2025", "30 Jun 2031"):
        expect(row(page, NAME)).to_contain_text(words)


def test_a_customer_goes_the_whole_way_and_its_distributor_looks_on(signed_in, new_context):
    bob = signed_in("Bob Berg")
    bob.goto(PENDING_CUSTOMERS)
    add_customer(bob)
    expect(row(bob, NAME)).to_contain_text("CoreView Activation link sent", timeout=30_000)
    visitor = new_context().new_page()
    connect(visitor, activation_link(bob, NAME), "Fiona Ford")
    expect(visitor.get_by_text("You are connected. Your trial runs to")).to_be_visible(timeout=60_000)
    expect(row(bob, NAME)).to_be_hidden(timeout=30_000)

    bob.goto(CUSTOMERS)
    expect(row(bob, NAME)).to_contain_text("14 days left")
    extend_in_the_window(bob)
    convert(bob)
    assert told(bob, f"Northwind's customer {NAME} is in Production now", "alice@contoso.example")
    look_on(signed_in("Alice Adler"))


def told(page: Page, subject: str, to: str) -> bool:
    """Whether the worker has sent this mail, within half a minute."""
    for _attempt in range(60):
        if any((mail["subject"], mail["to"]) == (subject, to) for mail in mails(page)):
            return True
        page.wait_for_timeout(500)
    return False


def look_on(alice: Page) -> None:
    """R29: the distributor sees it, every action grey with the reason."""
    alice.goto(CUSTOMERS)
    for words in ("PRODUCTION", "Northwind", "MSP", "30 Jun 2031"):
        expect(row(alice, NAME)).to_contain_text(words)
    select(alice, NAME)
    actions(alice).click()
    items = alice.locator("#actions-menu .menu-item").filter(has_not_text="Add customer")
    assert {item.get_attribute("aria-disabled") for item in items.all()} == {"true"}
    assert {item.locator(".reason").inner_text() for item in items.all()} == {ONLY_NORTHWIND}
    pk = row(alice, NAME).get_attribute("data-organization")
    answer = alice.request.get(f"/organizations/actions/cancel_trial/?id={pk}")
    assert (answer.status, ONLY_NORTHWIND in answer.text()) == (403, True)
