"""What a page does when the session has expired meanwhile: sign in, and go on where one was."""

import pytest
from playwright.sync_api import expect

from tests.browser.portal import PARTNERS, actions, box, choose, drawer, item, sign_in
from tests.browser.stage import SESSION

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("demo")]
HERE = f"{PARTNERS}?q=t"
PRESSES = {
    "chip": lambda page: page.locator("#chip-held").click(),
    "search": lambda page: page.get_by_role("searchbox").press_sequentially("a"),
    "row": lambda page: box(page, "Tailspin").check(),
    "drawer": lambda page: (actions(page).click(), item(page, "Add Partner").click()),
    "reload": lambda page: page.reload(),
    "apply": lambda page: drawer(page).get_by_role("button", name="Cancel trial").click(),
}


@pytest.mark.parametrize("press", PRESSES)
def test_sign_in_leads_back_to_the_list(alice, press):
    alice.goto(HERE)
    if press == "apply":
        choose(alice, "Cancel trial", "Tailspin")
    alice.context.clear_cookies(name=SESSION)
    PRESSES[press](alice)
    expect(alice).to_have_title("Sign in · Partner App")
    sign_in(alice, "Alice Adler")
    expect(alice).to_have_url(HERE)
    expect(box(alice, "Tailspin")).to_be_visible()
