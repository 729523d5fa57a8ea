"""From the invitation's mail to the first sign-in, and out again: two people in two browsers."""

import pytest
from playwright.sync_api import expect

from tests.browser.portal import OPERATORS, choose_for, drawer, mails, row

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("demo"), pytest.mark.usefixtures("first_day")]


def test_an_invited_operator_signs_in_sees_and_is_disabled(alice, signed_in):
    nina = signed_in("")
    (link,) = {mail["links"][0] for mail in mails(alice) if "You are invited to Contoso" in mail["subject"]}
    nina.goto(link)
    expect(nina.get_by_text("Alice Adler invited you as Viewer.")).to_be_visible()
    nina.get_by_role("button", name="Accept and sign in with Microsoft").click()
    nina.get_by_role("button", name="Nina Novak").first.click()
    nina.wait_for_url("**/invoice/partners/")
    nina.goto(OPERATORS)
    expect(row(nina, "Nina Novak")).to_contain_text("You")
    expect(nina.get_by_role("button", name="Invite operator")).to_be_disabled()

    alice.goto(OPERATORS)
    choose_for(alice, "Disable", "Nina Novak")
    drawer(alice).get_by_role("button", name="Disable").click()
    expect(row(alice, "Nina Novak")).to_contain_text("Disabled")
    nina.get_by_role("link", name="Partners").click()
    expect(nina.get_by_role("button", name="Sign in with Microsoft")).to_be_visible()
