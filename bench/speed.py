"""P1: how fast the lists are, beside the least that Django can do and beside what else people build lists with."""

import contextlib
import re
from collections.abc import Mapping
from html import unescape
from pathlib import Path

from bench.report import Goal, table
from bench.serve import Page, Server, gunicorn, peers, race
from subscriptions.models import Subscription

FLOOR_MS = 2.95  # what the floor took on the machine for which the goals in ms were set
LIST, CUSTOMERS, SIZE = "/invoice/partners/", "/manage/customers/", 25
AT_PAR = f"where the floor takes {FLOOR_MS} ms"
PEERS_SITE = "django.core.wsgi:get_wsgi_application()"


def measure(portal: Server, headers: Mapping[str, str], msp: str, logs: Path, postgres: int) -> list[Goal]:
    """`headers` are the distributor's, `msp` is the cookie of its largest Partner's Admin."""
    with contextlib.ExitStack() as servers:
        floor = servers.enter_context(gunicorn("bench.floor:application", logs / "floor.log"))
        settings = {"DJANGO_SETTINGS_MODULE": "bench.peers.settings"}
        site = servers.enter_context(gunicorn(PEERS_SITE, logs / "peers.log", peers(), **settings))
        sides = [
            Page("Partners", portal, LIST),
            Page("floor: session, 3 statements, f-strings", floor, LIST),
            Page("django-tables2 and django-filter", site, "/partners/"),
            Page("Django admin", site, "/admin/peers/organization/"),
            Page("django-tables2, on the portal's index", site, "/indexed/"),
            Page("Django admin, on the portal's index", site, "/admin/peers/indexedorganization/"),
        ]
        others = [
            Page("floor: Customers", floor, CUSTOMERS),
            Page("Customers", portal, CUSTOMERS),
            Page("Customers of an MSP", portal, CUSTOMERS, {"Cookie": msp}),
            Page("Customers, a search", portal, f"{CUSTOMERS}?q=oakfield"),
            Page("Pending customers", portal, f"{CUSTOMERS}pending/"),
            Page("Partners, a chip", portal, f"{LIST}?chip=production"),
            Page("Partners, a search", portal, f"{LIST}?q=oakfield"),
            Page("Partners, page 2", portal, next_page(portal, headers)),
            Page("Pending Partners", portal, f"{LIST}pending/"),
        ]
        check(sides, headers)
        race([*sides, *others], headers, postgres)
    own, least, tables2, admin, *_indexed = (side["p50"] for side in sides)
    floor_below, below, of_an_msp, *_others = (page["p50"] for page in others)
    show([*sides, *others], floor=sides[1])
    return [
        Goal("Partners, beside the floor", own / least, 4, " ×"),
        Goal(f"Partners, p50 {AT_PAR}", own / least * FLOOR_MS, 15, " ms"),
        Goal("Customers, beside the floor", below / floor_below, 4, " ×"),
        Goal(f"Customers, p50 {AT_PAR}", below / floor_below * FLOOR_MS, 15, " ms"),
        Goal("Customers of an MSP, beside the floor", of_an_msp / floor_below, 4, " ×"),
        Goal(f"Customers of an MSP, p50 {AT_PAR}", of_an_msp / floor_below * FLOOR_MS, 15, " ms"),
        Goal("faster than Django admin", admin / own, 10, " ×", at_least=True),
        Goal("faster than django-tables2 and django-filter", tables2 / own, 3, " ×", at_least=True),
    ]


def next_page(portal: Server, headers: Mapping[str, str]) -> str:
    """The URL of page 2, as page 1 links to it."""
    return unescape(re.findall(r'href="([^"]*\bafter=[^"]*)"', portal.get(LIST, headers).body.decode())[0])


def check(sides: list[Page], headers: Mapping[str, str]) -> None:
    """Every side shows the same 25 Partners. Raises AssertionError."""
    listed = Subscription.objects.filter(kind="partner", imported_at__isnull=False).order_by("sort_at", "pk")
    names = list(listed.values_list("organization__name", flat=True)[:SIZE])
    for side in sides:
        answer = side.server.get(side.path, headers)
        rows = answer.body.decode().partition("<tbody")[2].partition("</tbody")[0]
        assert answer.status == 200, f"{side.name} answers {answer.status}"
        assert rows.count("<tr") == SIZE, f"{side.name} has {rows.count('<tr')} rows"
        assert all(name in rows for name in names), f"{side.name} shows other Partners"


def show(pages: list[Page], floor: Page) -> None:
    """CPU beside the time: it is what others on the machine change least."""
    head = ["page of 25 rows", "p50 ms", "p95 ms", "× floor", "web CPU ms", "database CPU ms", "CPU × floor", "kB"]
    rows = []
    for page in pages:
        cpu = (page["web"] + page["database"]) / (floor["web"] + floor["database"])
        times = [page["p50"], page["p95"], page["p50"] / floor["p50"], page["web"], page["database"], cpu]
        rows.append([page.name, *times, page.bytes / 1000])
    table("P1  One worker, one thread, one client: medians of rounds in turn", head, rows)
