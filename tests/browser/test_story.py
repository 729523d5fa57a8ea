"""From Add Partner to PRODUCTION, by hand and with real parts: the story of the first guide."""

import re

import pytest
from playwright.sync_api import Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("demo")]


def row(page: Page, name: str):
    return page.get_by_test_id("row").filter(has_text=name)


def choose(page: Page, name: str, action: str) -> None:
    """Select the row and open the action's drawer from the Actions menu."""
    page.get_by_role("checkbox", name=name, exact=True).check()
    expect(page.locator("#selection")).to_contain_text("1 selected")
    page.get_by_role("button", name="Actions").click()
    page.get_by_role("button", name=re.compile(action)).click()
    expect(page.get_by_role("dialog")).to_be_visible()


def add_partner(page: Page, name: str, email: str) -> None:
    page.get_by_role("button", name="Add Partner").first.click()
    drawer = page.get_by_role("dialog")
    drawer.get_by_label("Organization name").fill(name)
    drawer.get_by_label("Notification email").fill(email)
    drawer.get_by_role("button", name="Apply").click()
    expect(drawer).to_be_hidden()


def activation_link(page: Page, demo: str, name: str) -> str:
    """The link of the welcome mail, once the worker has sent it."""
    for _attempt in range(60):
        for mail in page.request.get(f"{demo}/demo/mailbox.json").json()["mails"]:
            if f"for {name}" in mail["text"] and "invited you" in mail["subject"]:
                return mail["links"][0]
        page.wait_for_timeout(500)
    raise AssertionError(f"no welcome mail about {name}")


def connect(page: Page, link: str, person: str) -> None:
    page.goto(link)
    page.get_by_role("button", name="Connect Microsoft 365").click()
    page.get_by_role("button", name=person).first.click()
    page.get_by_role("button", name="Grant consent").click()
    page.get_by_role("button", name="Accept").click()


def to_next_event(page: Page, about: str) -> None:
    """Press "To next event" until the coming event is this one, then once more."""
    for _press in range(20):
        button = page.get_by_role("button", name="To next event")
        reached = about in button.inner_text()
        button.click()
        if reached:
            return
    raise AssertionError(f"{about} never came")


def periods(page: Page, demo: str, name: str) -> str:
    return row(page, name).get_by_text("PRODUCTION").inner_text()


def test_a_partner_goes_the_whole_way(page: Page, demo: str, sign_in, context):
    sign_in(page, "Alice Adler")
    page.get_by_role("link", name="Pending Partners").click()
    add_partner(page, "Fourth Coffee", "it@fourthcoffee.example")
    expect(row(page, "Fourth Coffee")).to_contain_text("CoreView Activation link sent", timeout=30_000)

    visitor = context.new_page()
    connect(visitor, activation_link(page, demo, "Fourth Coffee"), "Fiona Ford")
    expect(visitor.get_by_text("You are connected. Your trial runs to")).to_be_visible(timeout=60_000)
    expect(row(page, "Fourth Coffee")).to_be_hidden(timeout=30_000)

    page.get_by_role("link", name="Partners", exact=True).first.click()
    expect(row(page, "Fourth Coffee")).to_contain_text("14 days left")
    choose(page, "Fourth Coffee", "Extend trial")
    expect(page.get_by_role("dialog")).to_contain_text("You can extend this trial from")
    expect(page.get_by_role("button", name="Apply")).to_have_attribute("aria-disabled", "true")
    page.get_by_role("link", name="Cancel", exact=True).click()

    to_next_event(page, "notice about Fourth Coffee")
    to_next_event(page, "notice about Fourth Coffee")
    choose(page, "Fourth Coffee", "Extend trial")
    expect(page.get_by_role("dialog")).to_contain_text("Each trial can be extended once.")
    page.get_by_role("button", name="Apply").click()
    expect(page.locator("#toasts")).to_contain_text("The trial of Fourth Coffee was extended by 7 days.")
    expect(row(page, "Fourth Coffee")).to_contain_text("10 days left")

    to_next_event(page, "notice about Fourth Coffee")
    to_next_event(page, "Fourth Coffee upgrades")
    expect(row(page, "Fourth Coffee")).to_contain_text("PRODUCTION")
    subjects = [mail["subject"] for mail in page.request.get(f"{demo}/demo/mailbox.json").json()["mails"]]
    assert "Fourth Coffee is in Production now" in subjects
