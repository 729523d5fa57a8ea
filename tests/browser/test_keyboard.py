"""Everything can be done with the keyboard alone, and one always knows where one is."""

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.portal import (
    CUSTOMERS,
    PARTNERS,
    PENDING,
    PENDING_OPERATORS,
    actions,
    box,
    drawer,
    item,
    item_for,
    menu_of,
    row,
)
from tests.browser.screens import CHOICES, CUSTOMER_CHOICES, ROW_CHOICES, settle

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("demo"), pytest.mark.usefixtures("first_day")]
WHERE = """() => document.activeElement.closest("dialog") ? "inside"
    : document.activeElement === document.body ? "nowhere" : document.activeElement.outerHTML"""
QUESTION = "You have changes that are not applied. Press Esc again to discard them."


def keys(page: Page, *presses: str) -> None:
    for key in presses:
        page.keyboard.press(key)


def reach(target: Locator, key: str = "Tab") -> None:
    """Press the key until the target has the focus."""
    for _press in range(200):
        if target.evaluate("element => element === document.activeElement"):
            return
        target.page.keyboard.press(key)
    raise AssertionError(f"{key} never leads to {target}")


def where_tab_leads(page: Page) -> str:
    """Inside the drawer; nowhere (once a round, it is the browser's own controls' turn); or to this element."""
    keys(page, "Tab")
    return page.evaluate(WHERE)


def open_drawer(page: Page, path: str, action: str, names: list[str]) -> None:
    """Select the rows and open the drawer from the Actions menu, by keys alone."""
    page.goto(path)
    for number, name in enumerate(names, 1):
        reach(box(page, name))
        keys(page, "Space")
        expect(page.locator("#selection")).to_contain_text(f"{number} selected")
    reach(actions(page), "Shift+Tab")
    keys(page, "Enter")
    expect(page.locator("#actions-menu .menu-item").first).to_be_focused()
    reach(item(page, action), "ArrowDown")
    keys(page, "Enter")
    expect(drawer(page)).to_be_visible()
    settle(page)


# The keys pressed in each drawer, which has put the focus on its first control, and what the portal says then; nothing:
# the drawer is left by Esc. In this order each drawer leaves the rows of the next ones as they need them.
USED = {
    "extend_trial_too_early": ([], ""),
    "extend_trial_one_of_two": ([], ""),
    "extend_trial": ([], "The trial of Fabrikam was extended by 7 days."),
    "manage_subscription_upgrade": (["ArrowDown"], "The automatic upgrade is blocked: Fabrikam."),
    "convert_to_production": (["ArrowDown"], "Lucerne is in Production now."),
    "cancel_trial": (["N", "o"], "The trial of Tailspin was cancelled."),
    "resend_activation_link": ([], "The activation link is on its way to it@adatum.example."),
    "change_notification_email": (["Home", "n", "o"], "The notification email is noit@adatum.example now."),
    "reset_link": ([], "The link was reset and a new one is on its way."),
    "withdraw": (["N", "o"], "The invitation of Adatum was withdrawn."),
    "add_partner": ([*"Relecloud", "Tab", *"it@relecloud.example"], "Relecloud was added"),
}


@pytest.mark.parametrize("name", USED)
def test_each_drawer_is_opened_used_and_left(alice, name):
    presses, said = USED[name]
    open_drawer(alice, *CHOICES[name])
    keys(alice, *presses)
    assert {where_tab_leads(alice) for _press in range(20)} <= {"inside", "nowhere"}
    reach(drawer(alice).get_by_role("link", name="Close"))
    keys(alice, "Control+Enter" if said else "Escape")
    expect(drawer(alice)).to_be_hidden()
    expect(alice.locator("#toasts")).to_contain_text(said)
    settle(alice)
    expect(actions(alice)).to_be_focused()


USED_ON_ROWS = {  # as above; each leaves the rows of the next ones as they need them
    "change_role": (["ArrowUp"], "Victor Vance is Admin now."),
    "disable_operator": ([], "Victor Vance is disabled."),
    "enable_operator": ([], "Dirk Dorn is enabled."),
    "resend_invitation": ([], "A new invitation is on its way to oskar@contosso.example."),
    "withdraw_invitation": ([], "The invitation of Oskar Ohm was withdrawn."),
}


@pytest.mark.parametrize("name", USED_ON_ROWS)
def test_each_action_on_an_operator_is_opened_used_and_left(alice, name):
    presses, said = USED_ON_ROWS[name]
    path, action, person = ROW_CHOICES[name]
    alice.goto(path)
    button = menu_of(alice, person)
    reach(button)
    keys(alice, "Enter")
    expect(item_for(alice, "Change role")).to_be_focused()
    reach(item_for(alice, action), "ArrowDown")
    keys(alice, "Enter")
    expect(drawer(alice)).to_be_visible()
    settle(alice)
    keys(alice, *presses)
    assert {where_tab_leads(alice) for _press in range(10)} <= {"inside", "nowhere"}
    keys(alice, "Control+Enter")
    expect(drawer(alice)).to_be_hidden()
    expect(alice.locator("#toasts")).to_contain_text(said)
    settle(alice)
    expect(alice.locator("#main") if name == "withdraw_invitation" else button).to_be_focused()


def test_somebody_is_invited_and_the_row_says_when_the_mail_was_sent(alice):
    alice.goto(PENDING_OPERATORS)
    reach(alice.locator("#add"))
    keys(alice, "Enter")
    expect(drawer(alice).get_by_label("Email")).to_be_focused()
    keys(alice, *"rita@contoso.example", "Tab", *"Rita", "Control+Enter")
    expect(drawer(alice)).to_be_hidden()
    expect(alice.locator("#add")).to_be_focused()
    expect(row(alice, "Rita")).to_contain_text("Invitation sent", timeout=30_000)


USED_ON_CUSTOMERS = {  # as above, for Bob
    "edit_two_customers": ([], ""),
    "edit_skus_and_expiration_date": (["ArrowUp"], "Relecloud was changed."),
    "convert_customer": (["ArrowUp"], "Lamna Healthcare is in Production now."),
}


@pytest.mark.parametrize("name", USED_ON_CUSTOMERS)
def test_each_drawer_of_customers_alone_is_opened_used_and_left(signed_in, name):
    bob, (presses, said) = signed_in("Bob Berg"), USED_ON_CUSTOMERS[name]
    open_drawer(bob, *CUSTOMER_CHOICES[name])
    keys(bob, *presses)
    assert {where_tab_leads(bob) for _press in range(20)} <= {"inside", "nowhere"}
    reach(drawer(bob).get_by_role("link", name="Close"))
    keys(bob, "Control+Enter" if said else "Escape")
    expect(drawer(bob)).to_be_hidden()
    expect(bob.locator("#toasts")).to_contain_text(said)
    settle(bob)
    expect(actions(bob)).to_be_focused()


def test_a_customer_is_added_by_keys_alone(signed_in):
    """Of the SKUs an arrow key chooses, of the add-ons each is ticked by itself."""
    bob = signed_in("Bob Berg")
    open_drawer(bob, CUSTOMERS, "Add customer", [])
    keys(bob, *"Relecloud North", "Tab", *"it@north.example", "Tab", "Space")
    expect(drawer(bob).get_by_role("radio", name="Essentials MSP 2025")).to_be_checked()
    keys(bob, "ArrowDown")
    expect(drawer(bob).get_by_role("radio", name="Professional MSP 2025")).to_be_checked()
    for add_on in ("Audit 2025", "Hybrid 2025"):
        reach(drawer(bob).get_by_role("checkbox", name=add_on))
        keys(bob, "Space")
    assert {where_tab_leads(bob) for _press in range(20)} <= {"inside", "nowhere"}
    keys(bob, "Control+Enter")
    expect(drawer(bob)).to_be_hidden()
    expect(bob.locator("#toasts")).to_contain_text("Relecloud North was added")
    settle(bob)
    expect(actions(bob)).to_be_focused()


def test_a_button_gets_the_focus_back(alice):
    alice.goto(PARTNERS)
    add = alice.locator("#add")
    reach(add)
    keys(alice, "Enter")
    expect(drawer(alice).get_by_label("Organization name")).to_be_focused()
    keys(alice, "Escape")
    expect(drawer(alice)).to_be_hidden()
    expect(add).to_be_focused()


def test_esc_asks_once_when_something_was_changed(alice):
    open_drawer(alice, *CHOICES["add_partner"])
    keys(alice, "A", "Escape")
    expect(drawer(alice).get_by_role("alert")).to_have_text(QUESTION)
    keys(alice, "Escape")
    expect(drawer(alice)).to_be_hidden()
    expect(actions(alice)).to_be_focused()


def test_apply_is_grey_until_it_can_be_pressed(alice):
    open_drawer(alice, *CHOICES["add_partner"])
    apply = drawer(alice).get_by_role("button", name="Apply")
    for typed, pressable in [("", False), ("Relecloud", False), (["Tab", *"it@relecloud"], True), ("@", False)]:
        keys(alice, *typed)
        expect(apply).to_be_enabled(enabled=pressable)
    keys(alice, "Control+Enter")
    expect(drawer(alice)).to_be_visible()


def test_slash_leads_to_the_search_except_where_one_types(alice):
    alice.goto(PARTNERS)
    search = alice.get_by_role("searchbox")
    keys(alice, "/")
    expect(search).to_be_focused()
    keys(alice, "/")
    expect(search).to_have_value("/")


def test_question_mark_shows_the_shortcuts(alice):
    alice.goto(PARTNERS)
    sheet = alice.get_by_role("region", name="Keyboard shortcuts")
    keys(alice, "?")
    expect(sheet).to_be_visible()
    keys(alice, "Escape")
    expect(sheet).to_be_hidden()


@pytest.mark.parametrize(("control", "key", "query"), [("#chip-held", "Enter", "chip"), ("#order", "End", "order")])
def test_a_list_that_reloads_keeps_the_focus(alice, control, key, query):
    alice.goto(PARTNERS)
    reach(alice.locator(control))
    keys(alice, key)
    alice.wait_for_url(f"**/?{query}=*")
    settle(alice)
    expect(alice.locator(control)).to_be_focused()


def test_a_row_that_is_drawn_anew_keeps_the_focus(alice):
    """The poll: ten seconds later the rows are asked for again."""
    alice.clock.install()
    alice.goto(PENDING)
    copy = row(alice, "Woodgrove").get_by_role("button", name="Copy activation link")
    reach(copy)
    with alice.expect_response("**/*poll=1*"):
        alice.clock.fast_forward(11_000)
    settle(alice)
    expect(copy).to_be_focused()


def test_event_details_are_opened_and_left_and_the_focus_returns(alice):
    alice.goto("/events/")
    link = alice.get_by_role("link", name="Upgrade held").first
    reach(link)
    keys(alice, "Enter")
    expect(drawer(alice)).to_be_visible()
    settle(alice)
    assert {where_tab_leads(alice) for _press in range(12)} <= {"inside", "nowhere"}
    reach(alice.get_by_role("button", name="Copy for support"))
    keys(alice, "Enter")
    assert "Message: Upgrade held" in alice.evaluate("navigator.clipboard.readText()")
    keys(alice, "Escape")
    expect(drawer(alice)).to_have_count(0)
    expect(link).to_be_focused()


def test_the_log_is_narrowed_by_keys(alice):
    alice.goto("/events/")
    keys(alice, "/", *"lucerne")
    expect(alice.get_by_test_id("row").filter(has_not_text="Lucerne")).to_have_count(0)
    expect(row(alice, "Upgrade held")).to_be_visible()
    reach(alice.get_by_role("link", name="Problems"))
    keys(alice, "Enter")
    expect(alice.get_by_test_id("row")).to_have_count(1)
    assert alice.url.endswith("/events/?q=lucerne&chip=problems")


def test_after_an_action_an_organizations_page_shows_what_became_of_it(alice):
    alice.goto(PARTNERS)
    alice.get_by_role("link", name="Wingtip").click()
    reach(alice.get_by_role("button", name="Convert to production account"))
    keys(alice, "Enter")
    expect(drawer(alice)).to_be_visible()
    settle(alice)
    keys(alice, "ArrowDown", "Control+Enter")
    expect(alice.get_by_role("main").get_by_text("Converted to Production")).to_be_visible()
    expect(alice.locator("#organization .badge")).to_have_text("Production")
    assert alice.evaluate("document.activeElement !== document.body")
