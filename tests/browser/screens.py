"""Every screen of the portal and the way there: for the tests that look at all of them, and for the pictures."""

from collections.abc import Callable
from dataclasses import dataclass

from playwright.sync_api import Page, expect

from tests.browser import portal
from tests.browser.portal import CUSTOMERS, OPERATORS, PARTNERS, PENDING, PENDING_CUSTOMERS, PENDING_OPERATORS

Step = Callable[[Page], object]
ACTIONS = "/organizations/actions"
STILL = "async () => { do await new Promise(requestAnimationFrame); while (document.getAnimations().length); }"


@dataclass(frozen=True)
class Screen:
    """A page as one person sees it, after some steps."""

    path: str
    steps: tuple[Step, ...] = ()
    person: str = "Alice Adler"

    def show(self, page: Page) -> Page:
        page.goto(self.path)
        settle(page)
        for step in self.steps:
            step(page)
            settle(page)
        return page


def settle(page: Page) -> None:
    """Until the fonts are there, htmx has nothing under way and nothing moves."""
    expect(page.locator(".htmx-request, .htmx-swapping, .htmx-settling")).to_have_count(0)
    page.evaluate("document.fonts.ready.then(() => true)")
    page.evaluate(STILL)


# Steps --------------------------------------------------------------------------------------------------------------


def select(*names: str) -> Step:
    return lambda page: portal.select(page, *names)


def press(name: str) -> Step:
    return lambda page: page.get_by_role("button", name=name, exact=True).first.click()


def follow(name: str) -> Step:
    return lambda page: page.get_by_role("link", name=name).first.click()


def follow_inside(name: str) -> Step:
    """A link of the page itself, not of the navigation."""
    return lambda page: page.get_by_role("main").get_by_role("link", name=name).first.click()


def fill(label: str, text: str) -> Step:
    return lambda page: portal.drawer(page).get_by_label(label).fill(text)


def check(label: str) -> Step:
    return lambda page: portal.drawer(page).get_by_label(label).check()


def apply(page: Page) -> None:
    portal.drawer(page).locator("[data-apply]").click()
    expect(
        portal.drawer(page).locator("[role=alert], [aria-invalid=true], #lines-title").filter(visible=True)
    ).to_have_count(1)


def apply_anyway(page: Page) -> None:
    """Press a grey Apply, as a drawer would that was opened while the rule still allowed it."""
    portal.drawer(page).locator("[data-apply]").evaluate("button => button.removeAttribute('aria-disabled')")
    apply(page)


def press_account(name: str) -> Step:
    return lambda page: page.get_by_role("button", name=name).first.click()


def consent_is_asked(page: Page) -> None:
    expect(page.get_by_role("button", name="Grant consent")).to_be_visible()


def open_activation(name: str) -> Step:
    return lambda page: page.goto(portal.activation_link(page, name))


# Screens ------------------------------------------------------------------------------------------------------------


CHOICES: dict[str, tuple[str, str, list[str]]] = {  # the list, the item of its Actions menu, the rows
    "extend_trial": (PARTNERS, "Extend trial", ["Fabrikam"]),
    "extend_trial_too_early": (PARTNERS, "Extend trial", ["Tailspin"]),
    "extend_trial_one_of_two": (PARTNERS, "Extend trial", ["Fabrikam", "Tailspin"]),
    "manage_subscription_upgrade": (PARTNERS, "Manage subscription upgrade", ["Fabrikam"]),
    "convert_to_production": (PARTNERS, "Convert to production account", ["Lucerne"]),
    "cancel_trial": (PARTNERS, "Cancel trial", ["Tailspin"]),
    "resend_activation_link": (PENDING, "Resend activation link", ["Adatum"]),
    "change_notification_email": (PENDING, "Change notification email", ["Adatum"]),
    "reset_link": (PENDING, "Reset link", ["Woodgrove"]),
    "withdraw": (PENDING, "Withdraw invitation", ["Adatum"]),
    "add_partner": (PARTNERS, "Add Partner", []),
}


def drawer(path: str, action: str, names: list[str]) -> Screen:
    return Screen(path, (lambda page: portal.choose(page, action, *names),))


ROW_CHOICES: dict[str, tuple[str, str, str]] = {  # the page, the item of a row's menu, whose row
    "change_role": (OPERATORS, "Change role", "Victor Vance"),
    "disable_operator": (OPERATORS, "Disable", "Victor Vance"),
    "enable_operator": (OPERATORS, "Enable", "Dirk Dorn"),
    "resend_invitation": (PENDING_OPERATORS, "Resend invitation", "Oskar Ohm"),
    "withdraw_invitation": (PENDING_OPERATORS, "Withdraw invitation", "Oskar Ohm"),
}


def row_drawer(path: str, action: str, name: str) -> Screen:
    return Screen(path, (lambda page: portal.choose_for(page, action, name),))


DRAWERS = {name: drawer(*choice) for name, choice in CHOICES.items()}
DRAWERS |= {name: row_drawer(*choice) for name, choice in ROW_CHOICES.items()}
DRAWERS["invite_operator"] = Screen(OPERATORS, (press("Invite operator"),))
BOB = "Bob Berg"
ADD_CUSTOMER = (lambda page: portal.choose(page, "Add customer"),)
TAILWIND = (
    *ADD_CUSTOMER, fill("Organization name", "Tailwind Traders"), fill("Notification email", "it@tailwind.example"),
)  # fmt: skip
DRAWERS["add_customer"] = Screen(CUSTOMERS, ADD_CUSTOMER, BOB)
ADD = DRAWERS["add_partner"].steps
SEVERAL = (*ADD, follow("Add several at once"), follow("Add one"), follow("Add several at once"))
LINES = "Fourth Coffee <it@fourthcoffee.example>\nRelecloud, it@relecloud\nFabrikam\tit@fabrikam.example"
FILLED = (*ADD, fill("Organization name", "Fourth Coffee"))
ANSWERS = {
    "add_several": Screen(PARTNERS, SEVERAL),
    "add_several_checked": Screen(PARTNERS, (*SEVERAL, fill("Partners", LINES), apply)),
    "mail_preview": Screen(PARTNERS, (*FILLED, lambda page: page.get_by_text("Preview of the email").click())),
    "form_error": Screen(PARTNERS, (*FILLED, fill("Notification email", "it@fourthcoffee"), apply)),
    "add_customer_filled": Screen(CUSTOMERS, (*TAILWIND, check("Professional MSP 2025"), check("Audit 2025")), BOB),
    "add_customer_error": Screen(
        CUSTOMERS,
        (*TAILWIND, fill("Notification email", "it@tailwind"), check("Essentials MSP 2025"), apply),
        BOB,
    ),
    "invited_already": Screen(
        OPERATORS, (*DRAWERS["invite_operator"].steps, fill("Email", "victor@contoso.example"), apply)
    ),
    "refusal": Screen(PARTNERS, (*DRAWERS["extend_trial_too_early"].steps, apply_anyway)),
}
LISTS = {
    "partners": Screen(PARTNERS),
    "pending": Screen(PENDING),
    "actions_menu": Screen(PARTNERS, (select("Fabrikam"), press("Actions"))),
    "export_menu": Screen(PARTNERS, (press("Export"),)),
    "selection": Screen(PARTNERS, (select("Fabrikam", "Tailspin", "Lucerne"),)),
    "search": Screen(f"{PARTNERS}?q=ta"),
    "nothing_matches": Screen(f"{PARTNERS}?q=zzz"),
    "nothing_in_this_state": Screen(f"{PENDING}?chip=withdrawn"),
    "none_yet": Screen(PARTNERS, person="Mallory Moss"),
    "none_pending": Screen(PENDING, person="Mallory Moss"),
    "customers": Screen(CUSTOMERS, person=BOB),
    "customers_of_all_partners": Screen(CUSTOMERS),
    "pending_customers": Screen(PENDING_CUSTOMERS, person=BOB),
    "pending_customers_of_all_partners": Screen(PENDING_CUSTOMERS),
    "customer_of_a_partner": Screen(CUSTOMERS, (select("VanArsdel"), press("Actions"))),
    "customers_suspended": Screen(f"{CUSTOMERS}?chip=suspended", person=BOB),
    "no_customers": Screen(CUSTOMERS, person="Mallory Moss"),
    "no_pending_customers": Screen(PENDING_CUSTOMERS, person="Mallory Moss"),
    "operators": Screen(OPERATORS),
    "pending_operators": Screen(PENDING_OPERATORS),
    "operator_menu": Screen(OPERATORS, (press("Actions for Beate Brandt"),)),
    "operator_menu_of_the_last_admin": Screen(OPERATORS, (press("Actions for Bob Berg"),), person="Bob Berg"),
    "operator_menu_of_a_viewer": Screen(OPERATORS, (press("Actions for Alice Adler"),), person="Victor Vance"),
    "no_pending_operators": Screen(PENDING_OPERATORS, person="Mallory Moss"),
    "viewer": Screen(PARTNERS, (select("Fabrikam"), press("Actions")), person="Victor Vance"),
}
EVENTS = "/events/"
LOG = {
    "events": Screen(EVENTS),
    "events_of_one": Screen(PARTNERS, (follow("Lucerne"), follow_inside("Event log"), press("Export"))),
    "events_nothing": Screen(f"{EVENTS}?q=zzz&from=2030-01-01"),
    "event_details": Screen(EVENTS, (follow("Upgrade held"),)),
    "event_page": Screen(
        EVENTS, (lambda page: page.goto(page.get_by_role("link", name="Added").first.get_attribute("href")),)
    ),
}
ORGANIZATIONS = {
    "organization": Screen(PARTNERS, (follow("Fabrikam"),)),
    "organization_actions": Screen(PARTNERS, (follow("Tailspin"), press("Actions"))),
    "organization_held": Screen(PARTNERS, (follow("Lucerne"),)),
    "organization_production": Screen(PARTNERS, (follow("Northwind"),)),
    "organization_pending": Screen(PENDING, (follow("Adatum"),)),
    "organization_stopped": Screen(PENDING, (follow("Proseware"),), person="Victor Vance"),
    "own_organization": Screen(EVENTS, (follow("Your subscription"),), person="Charlie Cole"),
    "own_distributor": Screen(PARTNERS, (follow("Fabrikam"), follow("Contoso Distribution"))),
}
PAGES = {
    "sign_in": Screen("/signin/", person=""),
    "activation": Screen("/signin/", (open_activation("Adatum"),), person=""),
    "activation_consent": Screen(
        "/signin/",
        (open_activation("Woodgrove"), press("Connect Microsoft 365"), press_account("Wanda Wolf"), consent_is_asked),
        person="",
    ),
    "account_picker": Screen("/signin/", (press("Sign in with Microsoft"),), person=""),
    "preferences": Screen("/preferences/"),
    "profile_menu": Screen(PARTNERS, (lambda page: page.locator("[popovertarget=profile-menu]").click(),)),
    "shortcuts": Screen(PARTNERS, (press("Keyboard shortcuts"),)),
    "reset_question": Screen(PARTNERS, (press("Reset"),)),
    "invite_operator_page": Screen("/operators/actions/invite_operator/"),
    "add_partner_page": Screen(f"{ACTIONS}/add_partner/"),
    "mailbox": Screen("/demo/mailbox/"),
    "mail": Screen("/demo/mailbox/", (follow("invited you"),)),
    "mail_text": Screen("/demo/mailbox/", (follow("invited you"), follow("Text"))),
}
REFUSED = {
    "403": Screen(f"{ACTIONS}/add_partner/", person="Victor Vance"),
    "404": Screen("/nothing/"),
}
