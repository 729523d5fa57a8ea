"""P3: what a page weighs on its way to the browser, whether it moves while it loads, and what Lighthouse says of it."""

import json
import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from statistics import median

import brotli
from playwright.sync_api import Page as BrowserPage
from playwright.sync_api import sync_playwright

from bench.report import Goal, table
from bench.serve import HOME, Server
from tests.browser.conftest import CHROMIUM, FLAGS

LISTS = ["/invoice/partners/", "/invoice/partners/pending/"]
QUALITY = 5  # of the HTML, as a proxy compresses on the way; static files were compressed when they were collected
SCREENS = {"wide": (1440, 900), "narrow": (390, 844)}  # CSS px
BEHIND_TLS = {"X-Forwarded-Proto": "https"}
LIGHTHOUSE = "lighthouse@12.8.2"
SCORES = {"performance": 98, "accessibility": 100, "best-practices": 100}
WATCH = """window.shift = 0; new PerformanceObserver(list => list.getEntries().forEach(entry => {
  if (!entry.hadRecentInput) window.shift += entry.value })).observe({type: "layout-shift", buffered: true})"""


def measure(portal: Server, headers: Mapping[str, str]) -> list[Goal]:
    goals = weighed(portal, headers)
    if not Path(CHROMIUM).exists():
        print("Layout shift and Lighthouse are left out: there is no Chromium here.")
        return goals
    return [*goals, Goal("layout shift", shift(portal, headers["Cookie"]), 0), *lighthouse(portal, headers["Cookie"])]


def weighed(portal: Server, headers: Mapping[str, str]) -> list[Goal]:
    """First load and a later page, in kB after brotli."""
    page = portal.get(LISTS[0], headers).body
    fragment = portal.get(LISTS[0], {**headers, "HX-Request": "true"}).body
    urls = sorted(set(re.findall(r'(?:href|src)="(/static/[^"#]+)', page.decode())))
    files = {url: len(portal.get(url, {**headers, "Accept-Encoding": "br"}).body) / 1000 for url in urls}
    assert all(files.values()), f"empty: {[url for url, kb in files.items() if not kb]}"
    html, part = (len(brotli.compress(body, quality=QUALITY)) / 1000 for body in (page, fragment))
    first = html + sum(files.values())
    rows = [["the page", html], *([url.rpartition("/")[2], kb] for url, kb in files.items())]
    table(
        "P3  kB after brotli, 25 rows",
        ["", "kB"],
        [*rows, ["first load", first], ["another chip or page, by htmx", part]],
    )
    css, own = (sum(kb for url, kb in files.items() if kind in url) for kind in ("/css/", "/portal."))
    return [
        Goal("first load", first, 40, " kB"),
        Goal("CSS", css, 10, " kB"),
        Goal("own JavaScript", own, 3, " kB"),
        Goal("a later page", max(html, part), 12, " kB"),
    ]


def shift(portal: Server, cookie: str) -> float:
    """The largest layout shift of the lists until they have settled, on each screen.

    Of three loads the least: what is drawn before all of the page has arrived is chance, a shift of its own is in each.
    """
    name, _equals, value = cookie.partition("=")
    least: dict[tuple[str, str], float] = {}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS.split())
        for screen, (width, height) in SCREENS.items():
            context = browser.new_context(viewport={"width": width, "height": height}, extra_http_headers=BEHIND_TLS)
            context.add_cookies([{"name": name, "value": value, "domain": "localhost", "path": "/", "secure": True}])
            context.add_init_script(WATCH)
            for path in LISTS:
                url = f"http://localhost:{portal.port}{path}"
                least[path, screen] = min(shift_of(context.new_page(), url) for _ in range(3))
        browser.close()
    table(
        "P3  Layout shift, the least of three loads",
        ["page", "screen", "shift"],
        [[*key, value] for key, value in least.items()],
    )
    return max(least.values())


def shift_of(page: BrowserPage, url: str) -> float:
    page.goto(url, wait_until="networkidle")
    page.wait_for_timeout(500)
    assert page.get_by_test_id("row").count() == 25, f"{url} has other rows in the browser"
    return float(page.evaluate("window.shift"))


def lighthouse(portal: Server, cookie: str) -> list[Goal]:
    """Its scores, medians of three runs as on a slow phone; none, with a line that says why, where it cannot run."""
    home = HOME / "lighthouse"
    command = [
        str(home / "node_modules/.bin/lighthouse"), f"http://localhost:{portal.port}{LISTS[0]}", "--quiet",
        "--output=json", "--no-enable-error-reporting", f"--only-categories={','.join(SCORES)}",
        f"--chrome-flags=--headless=new {FLAGS}", f"--extra-headers={json.dumps(BEHIND_TLS | {'Cookie': cookie})}",
    ]  # fmt: skip
    environment = os.environ | {"CHROME_PATH": CHROMIUM}
    try:
        subprocess.run(["npm", "install", "--silent", "--no-audit", f"--prefix={home}", LIGHTHOUSE], check=True)
        runs = [subprocess.run(command, env=environment, check=True, capture_output=True).stdout for _ in range(3)]
    except OSError as error:
        print(f"Lighthouse is left out: {error}.")
        return []
    except subprocess.CalledProcessError as error:
        print(f"Lighthouse is left out: {Path(error.cmd[0]).name} failed. {(error.stderr or b'').decode()[-300:]}")
        return []
    categories = [json.loads(run)["categories"] for run in runs]
    scores = {name: median(100 * run[name]["score"] for run in categories) for name in SCORES}
    return [Goal(f"Lighthouse, {name}", scores[name], limit, at_least=True) for name, limit in SCORES.items()]
