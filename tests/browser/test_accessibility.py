"""axe finds nothing on any screen, light or dark, wide or narrow, and nothing has to be scrolled sideways.

Nor does the browser complain about the content security policy, which axe passes as a debugger does.
"""

from itertools import product

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page

from tests.browser.screens import ANSWERS, DRAWERS, LISTS, LOG, ORGANIZATIONS, PAGES, REFUSED, settle

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("demo"), pytest.mark.usefixtures("first_day")]
SCREENS = LISTS | DRAWERS | ANSWERS | LOG | ORGANIZATIONS | PAGES | REFUSED
OPTIONS = {"resultTypes": ["violations"], "iframes": False, "rules": {"target-size": {"enabled": True}}}
# A drawer or a menu is looked at alone: the page behind it is looked at without it.
FINDINGS = """options => axe.run(document.querySelector("dialog, :popover-open") ?? document, options).then(({violations}) =>
    violations.flatMap(({id, nodes}) => nodes.map(({target, failureSummary}) => `${id}: ${target}: ${failureSummary}`)))"""
TOO_WIDE = """() => [document.scrollingElement, ...document.querySelectorAll("dialog, :popover-open")]
    .filter(element => element.scrollWidth > element.clientWidth).map(element => `too wide: ${element.outerHTML.slice(0, 80)}`)"""
COLOUR = "button => getComputedStyle(button).backgroundColor"


def findings(page: Page) -> dict[str, list[str]]:
    """What axe finds in each theme and width, and what is too wide there."""
    page.evaluate(AXE_SCRIPT)
    found = {}
    for theme, width in product(("light", "dark"), (1280, 320)):
        page.emulate_media(color_scheme=theme)
        page.set_viewport_size({"width": width, "height": 800})
        settle(page)
        found[f"{theme} {width}"] = page.evaluate(FINDINGS, OPTIONS) + page.evaluate(TOO_WIDE)
    return {where: what for where, what in found.items() if what}


@pytest.mark.parametrize("name", SCREENS)
def test_nothing_is_found(signed_in, complaints, name):
    screen = SCREENS[name]
    page = screen.show(signed_in(screen.person))
    if name in REFUSED:  # the browser says so, too
        assert [name in complaint for complaint in complaints] == [True]
        complaints.clear()
    assert findings(page) == {}


def test_a_grey_button_stays_grey_under_the_pointer(alice):
    page = DRAWERS["extend_trial_too_early"].show(alice)
    apply = page.locator("[data-apply]")
    colour = apply.evaluate(COLOUR)
    apply.hover(force=True)
    settle(page)
    assert apply.evaluate(COLOUR) == colour
