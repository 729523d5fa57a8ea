"""From Add Partner to PRODUCTION, by hand and with real parts: the story of the first guide."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.portal import activation_link, choose, connect, mails, row, sign_in, to_next_event

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("demo"), pytest.mark.usefixtures("first_day")]


def add_partner(page: Page, name: str, email: str) -> None:
    page.get_by_role("button", name="Add Partner").first.click()
    drawer = page.get_by_role("dialog")
    drawer.get_by_label("Organization name").fill(name)
    drawer.get_by_label("Notification email").fill(email)
    drawer.get_by_role("button", name="Apply").click()
    expect(drawer).to_be_hidden()


def test_a_partner_goes_the_whole_way(page: Page, context):
    page.goto("/")
    sign_in(page, "Alice Adler")
    page.get_by_role("link", name="Pending Partners").click()
    add_partner(page, "Fourth Coffee", "it@fourthcoffee.example")
    expect(row(page, "Fourth Coffee")).to_contain_text("CoreView Activation link sent", timeout=30_000)

    visitor = context.new_page()
    connect(visitor, activation_link(page, "Fourth Coffee"), "Fiona Ford")
    expect(visitor.get_by_text("You are connected. Your trial runs to")).to_be_visible(timeout=60_000)
    expect(row(page, "Fourth Coffee")).to_be_hidden(timeout=30_000)

    page.get_by_role("link", name="Partners", exact=True).first.click()
    expect(row(page, "Fourth Coffee")).to_contain_text("14 days left")
    choose(page, "Extend trial", "Fourth Coffee")
    expect(page.get_by_role("dialog")).to_contain_text("You can extend this trial from")
    expect(page.get_by_role("button", name="Apply")).to_have_attribute("aria-disabled", "true")
    page.get_by_role("link", name="Cancel", exact=True).click()

    to_next_event(page, "notice about Fourth Coffee")
    to_next_event(page, "notice about Fourth Coffee")
    choose(page, "Extend trial", "Fourth Coffee")
    expect(page.get_by_role("dialog")).to_contain_text("Each trial can be extended once.")
    page.get_by_role("button", name="Apply").click()
    expect(page.locator("#toasts")).to_contain_text("The trial of Fourth Coffee was extended by 7 days.")
    expect(row(page, "Fourth Coffee")).to_contain_text("10 days left")

    to_next_event(page, "notice about Fourth Coffee")
    to_next_event(page, "Fourth Coffee upgrades")
    expect(row(page, "Fourth Coffee")).to_contain_text("PRODUCTION")
    assert "Fourth Coffee is in Production now" in [mail["subject"] for mail in mails(page)]
