"""The staff's site in Chromium: the strict policy has nothing to complain about on any of its pages (`complaints`)."""

import re

import pytest
from playwright.sync_api import Page, expect

from partnerapp.demo.cast import STELLA

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("demo")]
ADMIN = "/admin/partnerapp/"


@pytest.fixture
def stella(signed_in) -> Page:
    page = signed_in("")
    page.goto("/admin/")
    page.get_by_label("Username").fill(STELLA[0])
    page.get_by_label("Password").fill(STELLA[1])
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", name="Accounts, catalogue, records")).to_be_visible()
    return page


def find(page: Page, name: str) -> str:
    """The address of an organization's page, from the search on the first one."""
    page.goto("/admin/")
    page.get_by_label("Find an organization").fill(name)
    page.get_by_role("button", name="Search").click()
    page.get_by_role("link", name=name, exact=True).first.click()
    expect(page.get_by_role("heading", name=name)).to_be_visible()
    return page.url


def test_no_page_complains(stella, complaints):
    partner = find(stella, "Northwind")
    verbs = [link.get_attribute("href") for link in stella.locator(".verbs a").all()]
    for model in ("organization", "operator", "event", "message", "job"):
        stella.goto(f"{ADMIN}{model}/")
        if rows := stella.locator("#result_list tbody th a").all():
            rows[0].click()
    others = ["organization/add/", "operator/add/", "operator/?q=stella", "organization/?kind=partner&p=2"]
    for url in [*verbs, partner, *(ADMIN + end for end in others), "/admin/password_change/"]:
        stella.goto(url)
        expect(stella.locator("h1")).to_be_visible()
    for url in ("", "add/", "audit-2025/change/"):
        stella.goto(f"/admin/subscriptions/product/{url}")
        expect(stella.locator("h1")).to_be_visible()
    assert len(verbs) > 5


def test_a_verb_with_its_reason(stella, complaints):
    find(stella, "Wingtip")
    stella.get_by_role("link", name="Change notification email").click()
    expect(stella.get_by_role("heading", name="What will happen")).to_be_visible()
    stella.get_by_label("Notification email").fill("desk@wingtip.example")
    stella.get_by_role("button", name="Change notification email").click()
    expect(stella.get_by_text("Say why: the reason is kept with the event.")).to_be_visible()
    stella.get_by_label("Reason").fill("Asked by telephone")
    stella.get_by_role("button", name="Change notification email").click()
    expect(stella.get_by_text("The notification email is desk@wingtip.example now.")).to_be_visible()
    expect(stella.get_by_role("cell", name="Asked by telephone")).to_be_visible()


def test_narrow_pages_do_not_scroll_sideways(stella, complaints):
    stella.set_viewport_size({"width": 320, "height": 800})
    address = find(stella, "Northwind")
    for url in (address, re.sub("change/", "do/suspend/", address), f"{ADMIN}organization/add/", "/admin/"):
        stella.goto(url)
        assert stella.evaluate("document.documentElement.scrollWidth") <= 320
