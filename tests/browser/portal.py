"""What people do in the portal, and what they see there."""

import re

from playwright.sync_api import Locator, Page, expect

PARTNERS, PENDING = "/invoice/partners/", "/invoice/partners/pending/"
CUSTOMERS, PENDING_CUSTOMERS = "/manage/customers/", "/manage/customers/pending/"
OPERATORS, PENDING_OPERATORS = "/operators/", "/operators/pending/"


def sign_in(page: Page, name: str) -> None:
    """From the sign-in page through Microsoft's and back."""
    page.get_by_role("button", name="Sign in with Microsoft").click()
    page.get_by_role("button", name=name).first.click()
    page.wait_for_url(lambda url: "/signin/" not in url and "/authorize" not in url)


def row(page: Page, name: str) -> Locator:
    return page.get_by_test_id("row").filter(has_text=name)


def drawer(page: Page) -> Locator:
    return page.get_by_role("dialog")


def item(page: Page, action: str) -> Locator:
    """An item of the open Actions menu; for several rows its name goes on with a count."""
    name = re.compile(rf"^{re.escape(action)}( \(\d+ of \d+\))?$")
    return page.locator("#actions-menu").get_by_role("button", name=name)


def box(page: Page, name: str) -> Locator:
    return page.get_by_role("checkbox", name=name, exact=True)


def actions(page: Page) -> Locator:
    return page.get_by_role("button", name="Actions", exact=True)


def select(page: Page, *names: str) -> None:
    for name in names:
        box(page, name).check()
    expect(page.locator("#selection")).to_contain_text(f"{len(names)} selected")


def choose(page: Page, action: str, *names: str) -> None:
    """Select the rows, if it takes any, and open the action's drawer from the Actions menu."""
    if names:
        select(page, *names)
    actions(page).click()
    item(page, action).click()
    expect(drawer(page)).to_be_visible()


def menu_of(page: Page, name: str) -> Locator:
    """The button that opens the menu of somebody's row."""
    return page.get_by_role("button", name=f"Actions for {name}", exact=True)


def item_for(page: Page, action: str) -> Locator:
    """An item of the row's menu that is open."""
    return page.locator(".row-menu:popover-open").get_by_role("button", name=action, exact=True)


def choose_for(page: Page, action: str, name: str) -> None:
    """Open the action's drawer from the menu of somebody's row."""
    menu_of(page, name).click()
    item_for(page, action).click()
    expect(drawer(page)).to_be_visible()


def mails(page: Page) -> list[dict]:
    return page.request.get("/demo/mailbox.json").json()["mails"]


def activation_link(page: Page, name: str) -> str:
    """The link of the welcome mail, once the worker has sent it."""
    for _attempt in range(60):
        for mail in mails(page):
            if f"for {name}" in mail["text"] and "invited you" in mail["subject"]:
                return mail["links"][0]
        page.wait_for_timeout(500)
    raise AssertionError(f"no welcome mail about {name}")


def connect(page: Page, link: str, person: str) -> None:
    """Follow an activation link as this person, and consent."""
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
