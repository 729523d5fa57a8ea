"""The pictures of docs/screenshots: `./run test tests/browser/test_screenshots.py --screenshots docs/screenshots`.

They show the first day of the demo, which is always the same; without the option they are made and thrown away.
"""

from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.browser.screens import ANSWERS, DRAWERS, LISTS, LOG, ORGANIZATIONS, Screen, settle

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("demo"), pytest.mark.usefixtures("first_day")]
# The times of day that go on while the pictures are made stand still.
AT_NINE = r"""() => {
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
        const text = texts.currentNode;
        text.data = text.data.replace(/(2 Dec 2030, 09):\d\d/, "$1:00").replace(/last ran .*/, "last ran 2 Dec, 09:00 CET");
    }
}"""


@dataclass(frozen=True)
class Picture:
    screen: Screen
    width: int = 1280
    height: int = 800
    theme: str = "light"
    media: str = "screen"

    def show(self, signed_in) -> Page:
        page = signed_in(self.screen.person)
        page.set_viewport_size({"width": self.width, "height": self.height})
        page.emulate_media(color_scheme=self.theme)
        self.screen.show(page)
        page.mouse.move(0, 0)
        page.emulate_media(media=self.media)
        page.evaluate(AT_NINE)
        settle(page)
        return page


def narrow(screen: Screen, theme: str = "light") -> Picture:
    return Picture(screen, width=390, height=844, theme=theme)


SHOWN = [
    "pending", "actions_menu", "selection", "search", "nothing_matches", "none_yet", "customers",
    "customers_of_all_partners", "pending_customers", "customer_of_a_partner", "operators", "pending_operators",
]  # fmt: skip
PICTURES = {
    "partners": Picture(LISTS["partners"]),
    "partners_dark": Picture(LISTS["partners"], theme="dark"),
    "partners_narrow": narrow(LISTS["partners"]),
    "partners_print": Picture(LISTS["partners"], media="print"),
    "pending_narrow_dark": narrow(LISTS["pending"], theme="dark"),
    "customers_dark": Picture(LISTS["customers"], theme="dark"),
    "customers_narrow": narrow(LISTS["customers"]),
    **{name: Picture(LISTS[name]) for name in SHOWN},
    "events": Picture(LOG["events"]),
    "event_details": Picture(LOG["event_details"]),
    "organization": Picture(ORGANIZATIONS["organization"], height=1180),
    "organization_dark": Picture(ORGANIZATIONS["organization_held"], height=1180, theme="dark"),
    "organization_narrow": narrow(ORGANIZATIONS["organization"]),
    "organization_pending": Picture(ORGANIZATIONS["organization_pending"], height=1180),
    "own_organization": Picture(ORGANIZATIONS["own_organization"], height=1180),
    **{name: Picture(screen) for name, screen in (DRAWERS | ANSWERS).items()},
}


@pytest.fixture
def folder(pytestconfig, tmp_path) -> Path:
    path = Path(pytestconfig.getoption("--screenshots") or tmp_path)
    path.mkdir(parents=True, exist_ok=True)
    return path


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture(signed_in, folder, name):
    page = PICTURES[name].show(signed_in)
    (folder / f"{name}.png").write_bytes(still(page))


def still(page: Page) -> bytes:
    """The page when nothing moves any more; Chromium may draw a hairline of a sticky head anew."""
    before = page.screenshot()
    for _attempt in range(5):
        picture = page.screenshot()
        if picture == before:
            return picture
        before = picture
    raise AssertionError("the page does not come to rest")
