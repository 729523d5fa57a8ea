"""Whatever is sent to whichever address: never a 5xx, always the same headers, and pages that a person can read."""

import csv
import io
import json
import re
from html import unescape
from pathlib import Path
from urllib.parse import quote, urlsplit

import psycopg.errors
import pytest
from django.conf import settings as django_settings
from django.core.handlers.wsgi import WSGIHandler
from django.db import OperationalError
from django.template.loader import get_template
from django.test import Client
from django.urls import path
from django.views.defaults import server_error

from partnerapp import limits
from partnerapp.models import Event, Organization
from partnerapp.pages import rows
from partnerapp.urls import urlpatterns
from tests.factories import DAY, NOW, crowd
from tests.trees import (
    ACTIONS,
    ADD,
    ADD_CUSTOMER,
    FIT,
    FORM,
    LABELS,
    LISTS,
    LOG,
    OPERATOR_ACTIONS,
    OPERATOR_PAGES,
    ROW_PAGES,
    TRIAL_ACTIONS,
    Browser,
    Trees,
    address,
    lax,
    production,  # noqa: F401 - a fixture
    snapshot,
    text_of,
    two_trees,  # noqa: F401 - a fixture
    undone,
)

SITE = [url for url in LABELS if not url.startswith("/demo/")]
PUBLIC = [url for url in SITE if LABELS[url] == "public"]
QUERIED = [url for url in SITE if url not in {"/healthz", "/readyz", "/health/jobs"}]
NO_FORMS = {"/", "/consent/callback/", *LISTS, *LOG, *ROW_PAGES, *OPERATOR_PAGES}
POSTED = [url for url in QUERIED if url not in NO_FORMS]
ROW_ACTIONS = [*ACTIONS, *OPERATOR_ACTIONS]
VALUES = ["%00", "x%00y", "%FF%FE", "%C0%AF", "%ED%A0%80", "%"] + [
    quote(value)
    for value in (
        "", " ", "x" * 10_000, "<script>alert(1)</script>", '" hx-get="/signout/" x="', "{{1234567*3}}{% debug %}",
        '=HYPERLINK("http://evil.example")', "x\r\nSet-Cookie: a=b", "\u202egnp.exe", "\x1b[2J\x08\x7f", "\u200b\ufeff",
        "-1", "0", "1e9", "9" * 30, "1,,x,-1", "' OR 1=1; DROP TABLE organization --", "//evil.example", "javascript:alert(1)",
        "/invoice/partners/selection/?all=/invoice/partners/",
    )
]  # fmt: skip
MARKUP = ["<script>alert", 'hx-get="/signout/"', "3703701"]
FIELDS = [
    "q", "chip", "order", "organization", "from", "to", "size", "after", "before", "poll", "shown", "moving", "gone",
    "format", "next", "page", "name", "email", "lines", "seen", "checked", "request_key", "level", "upgrade", "reason", "role",
    "theme", "time_zone", "state", "code", "error", "error_description", "tenant", "admin_consent", "view", "advance", "sku",
    "add_ons", "expires_on",
]  # fmt: skip
TEXTS = ["name", "email", "lines", "reason", "next"]


def spread(names: list[str], turn: int) -> dict[str, str]:
    """A value for each name; over all turns each name has had each value."""
    return {name: VALUES[(turn + place) % len(VALUES)] for place, name in enumerate(names)}


def encoded(fields: dict[str, str]) -> str:
    return "&".join(f"{name}={value}" for name, value in fields.items())


def harmful(url: str, answer) -> list[object]:
    """What is wrong with an answer to nonsense."""
    text, target = text_of(answer), answer.headers.get("Location") or answer.headers.get("HX-Redirect") or "/"
    away = not re.match("/(?![/\\\\])", target) and not target.startswith(django_settings.M365_LOGIN_ORIGIN)
    broken = answer.status_code >= 500 and (url, answer.status_code) not in {("/health/jobs", 503), ("/signin/", 503)}
    kind = "customers" if "customers" in url else "partners"
    name = f"pending_{kind}" if "pending" in url else kind
    name = "events" if url in LOG else name
    disposed = answer.headers.get("Content-Disposition", "")
    injected = disposed and not re.fullmatch(f'attachment; filename="{name}[.](csv|xlsx)"', disposed)
    wrong = {"broken": broken, "away": away, "injected": injected, "cookie": "a" in answer.cookies}
    return [name for name in wrong if wrong[name]] + [m for m in MARKUP if m in text] + lax(answer)


def own_row(trees: Trees, url: str) -> int:
    if url in FIT:
        return trees.pk(min(FIT[url]))
    return trees.pk("fabrikam" if url in TRIAL_ACTIONS or url in LISTS else "adatum")


def browser_for(trees: Trees, url: str) -> Browser:
    return trees.browsers["nobody" if url in PUBLIC else "bob" if url in ADD_CUSTOMER else "alice"]


# Parameters ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("url", QUERIED)
def test_whatever_a_query_says(trees, record_property, url):
    record_property("requests", len(VALUES))
    before, wrong, browser = snapshot(), [], browser_for(trees, url)
    names = [*FIELDS, "id", "all"] if url in LISTS else FIELDS
    for turn in range(len(VALUES)):
        first = f"id={own_row(trees, url)}&" if url in ROW_ACTIONS else ""
        path = address(url, trees.pk("fabrikam", url)) if url in ROW_PAGES else url
        answer = browser.ask("GET", f"{path}?{first}{encoded(spread(names, turn))}", htmx=turn % 2 == 1)
        wrong += [(turn, what) for what in harmful(url, answer)]
    assert (wrong, snapshot()) == ([], before)


@pytest.mark.parametrize("url", POSTED)
def test_whatever_a_form_says(trees, record_property, url):
    """What people type is nonsense in every turn; what they choose in every other one."""
    record_property("requests", len(VALUES))
    wrong, browser = [], browser_for(trees, url)
    for turn in range(len(VALUES)):
        form = spread(FIELDS, turn) if turn % 2 else FORM | spread(TEXTS, turn)
        with undone():
            answer = browser.ask("POST", f"{url}?id={own_row(trees, url)}", encoded(form), htmx=turn % 4 > 1)
        wrong += [(turn, what) for what in harmful(url, answer)]
    assert wrong == []


@pytest.mark.parametrize("url", ROW_ACTIONS)
def test_whatever_names_rows(trees, record_property, url):
    """In turns, and in other turns for the next URL."""
    record_property("requests", len(VALUES))
    for turn, value in enumerate(VALUES, start=ROW_ACTIONS.index(url)):
        asked = ("GET", f"{url}?all={value}") if turn % 2 else ("POST", f"{url}?id={value}", f"id={value}")
        assert (value, trees.browsers["alice"].ask(*asked).status_code in {404, 405}) == (value, True)


CURSORS = [
    "~", "~1", "x~1", "1~", "1~x", "~~~1", "x~-1", "nan~1", "2026-12-03~1", "2026-12-03T09:00:00~1", "²~٣", "٣",
    "9999-12-31T00:00:00+00:00~1", "9999-12-31T23:59:59-14:00~1", "0001-01-01T00:00:00+14:00~9", "x~" + "9" * 18,
]  # fmt: skip


LISTED = ["?", "?order=name", "?order=newest", "pending/?", "pending/?order=name"]


@pytest.mark.parametrize("end", LISTED)
def test_whatever_a_cursor_says(trees, record_property, end):
    """It begins at the first page, or at some page of this list."""
    record_property("requests", len(CURSORS))
    for turn, cursor in enumerate(CURSORS):
        way = "after" if turn % 2 else "before"
        answer = trees.browsers["mallory"].ask("GET", f"/invoice/partners/{end}&{way}={quote(cursor)}", htmx=True)
        assert (cursor, harmful("", answer), answer.status_code) == (cursor, [], 200)
        assert re.search("Relecloud|Proseware", text_of(answer))


@pytest.mark.parametrize("url", OPERATOR_PAGES)
def test_whatever_a_cursor_of_operators_says(trees, record_property, url):
    record_property("requests", len(CURSORS))
    for turn, cursor in enumerate(CURSORS):
        way = "after" if turn % 2 else "before"
        answer = trees.browsers["alice"].ask("GET", f"{url}?{way}={quote(cursor)}", htmx=True)
        assert (cursor, harmful("", answer), answer.status_code) == (cursor, [], 200)
        assert re.search("Victor|Nina", text_of(answer))


TOKENS = [url for url in SITE if "nonsense" in url]


@pytest.mark.parametrize("url", TOKENS)
def test_whatever_stands_in_a_path(trees, record_property, url):
    record_property("requests", len(VALUES))
    for value in VALUES:
        answer = browser_for(trees, url).ask("GET", url.replace("nonsense", value or "%20"), htmx=True)
        assert (value, harmful(url, answer), answer.status_code < 500) == (value, [], True)


def test_that_is_a_lot(record_property):
    number = len(VALUES) * len([*QUERIED, *POSTED, *ROW_ACTIONS, *TOKENS]) + len(LISTED) * len(CURSORS)
    record_property("requests", number)
    assert number > 1_500


# Headers, bodies, hosts ---------------------------------------------------------------------------------------------


HEADERS = [
    {"HX-Request": "true", "HX-Current-URL": "http://[", "HX-Target": "\x00"},
    {"HX-Request": "true", "HX-Current-URL": "javascript:alert(1)", "HX-Target": '"><script>alert(1)</script>'},
    {"HX-Request": "true", "HX-Current-URL": "//evil.example", "HX-Current-URL-URI-AutoEncoded": "true"},
    {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https", "X-Forwarded-For": "nonsense,,"},
    {"Cookie": "__Host-session=\x00; __Host-m365-flow=\xff; __Host-activation=x:y:z"},
    {"Accept": "\x00", "Accept-Language": "xx-" + "y" * 600, "Content-Type": "multipart/form-data"},
    {"Referer": "http://evil.example/", "Origin": "null", "User-Agent": ""},
]


@pytest.mark.parametrize("headers", HEADERS, ids=range(len(HEADERS)))
def test_whatever_a_header_says(trees, record_property, headers):
    record_property("requests", len(SITE))
    for url in SITE:
        answer = browser_for(trees, url).get(url, headers=headers)
        assert (url, harmful(url, answer), "evil.example" in f"{answer.headers}{text_of(answer)}") == (url, [], False)


BODIES = [
    ("application/x-www-form-urlencoded", b"\xff\xfe\x00" * 100),
    ("application/x-www-form-urlencoded", b"&".join(b"a%d=1" % n for n in range(2_001))),
    ("application/json", b'{"id": [1, {"a": null}]'),
    ("multipart/form-data; boundary=x", b"--x\r\nnonsense"),
    ("multipart/form-data", b""),
    ("text/plain; charset=nonsense", b"id=1"),
]


@pytest.mark.parametrize(("kind", "sent"), BODIES, ids=range(len(BODIES)))
def test_whatever_a_body_is(trees, record_property, kind, sent):
    record_property("requests", len(POSTED))
    for url in POSTED:
        with undone():
            assert (url, harmful(url, browser_for(trees, url).generic("POST", url, sent, kind))) == (url, [])


@pytest.mark.parametrize("charset", ["hex", "undefined", "punycode", "utf-16", "utf-7", "unicode_escape", "nonsense"])
def test_the_charset_is_ours(trees, charset):
    """Django's own request would fail while it is made."""
    part = b'--x\r\nContent-Disposition: form-data; name="name"\r\n\r\n\xff\\ud800\r\n--x--\r\n'
    kinds = {"GET": "text/plain", "POST": "multipart/form-data; boundary=x"}
    for url in ("/invoice/partners/", "/preferences/", "/organizations/actions/add_partner/"):
        for method, kind in kinds.items():
            query = "?q=\\ud800+2AA-&next=/%FF"
            answer = trees.browsers["alice"].generic(method, url + query, part, f"{kind}; charset={charset}")
            assert (url, method, harmful(url, answer)) == (url, method, [])


def test_an_over_large_body_is_refused(trees):
    """413 or 400, not memory."""
    answer = trees.browsers["alice"].ask("POST", ADD[0], {"name": "x" * 2_000_000})
    assert (answer.status_code in {400, 413}, lax(answer)) == (True, [])
    assert "This request cannot be read" in text_of(answer)


@pytest.mark.parametrize("host", ["localhost.evil.example", "localhost:80@evil.example", "", "[::1", "\x00"])
def test_an_evil_host_is_refused(trees, host):
    answer = trees.browsers["nobody"].get("/signin/", headers={"Host": host})
    assert (answer.status_code, lax(answer), "evil" in text_of(answer)) == (400, [], False)


def test_an_evil_host_is_refused_on_every_page(trees):
    for url in SITE:
        answer = browser_for(trees, url).get(url, headers={"Host": "evil.example"})
        assert (url, answer.status_code, "evil" in text_of(answer)) == (url, 400, False)


def test_a_mails_link_never_comes_from_the_request(trees, settings):
    settings.ALLOWED_HOSTS = ["*"]
    url = f"/organizations/actions/copy_activation_link/?id={trees.pk('adatum')}"
    answer = trees.browsers["alice"].post(url, headers={"Host": "evil.example", "Accept": "application/json"})
    assert json.loads(answer.content)["text"].startswith(django_settings.BASE_URL)


@pytest.mark.parametrize("url", ["/nonsense/", "/invoice/partners/%00", "/%FF%FE/", "/../../etc/passwd"])
def test_an_unknown_address_is_a_page_of_the_portal(trees, url):
    answer = trees.browsers["nobody"].get(url)
    assert (answer.status_code, harmful(url, answer)) == (404, [])
    assert "There is nothing at this address" in text_of(answer)


# What people were named, wherever it is shown ------------------------------------------------------------------------

FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")  # and the full-width forms
NAMES = [f"{first}1+1" for first in (*FORMULA, "\t", "\r")] + [
    " =1+1", "\u00a0=1+1", "\n=1+1", '=HYPERLINK("http://evil.example")', "https://evil.example", "x\r\n=1,y;z",
    "<script>alert(1)</script>", '" hx-get="/signout/" x="', "{{1234567*3}}{% debug %}", "{0.__class__} %s %(n)d",
]  # fmt: skip


@pytest.fixture
def named(trees) -> list[Organization]:
    """Contoso's, in a trial and pending, as no form would let them through."""
    facts = [{"name": name, "notification_email": "=1+1@evil.example"} for name in NAMES]
    crowd(trees.rows["contoso"], len(NAMES), facts.__getitem__, None)
    return crowd(trees.rows["contoso"], len(NAMES), facts.__getitem__, lambda n: {"ends_in": 2 * DAY})


@pytest.mark.parametrize("end", ["", "?format=xlsx"])
@pytest.mark.parametrize("which", ["partners", "partners/pending"])
def test_a_file_has_no_formula_and_no_link(trees, named, which, end):
    """And the same headers, though it is sent while it is made."""
    answer = trees.browsers["alice"].ask("GET", f"/invoice/{which}/export/{end}")
    assert (answer.streaming, lax(answer, private=True)) == (True, [])
    said = text_of(answer)
    lines = csv.reader(io.StringIO(said, newline=""))
    cells = re.findall("<t(?: [^>]*)?>(.*?)</t>", said, re.DOTALL) if end else [cell for line in lines for cell in line]
    assert "'=1+1@evil.example" in cells
    assert [cell for cell in cells if unescape(cell).strip().startswith(FORMULA)] == []
    assert re.findall("<f[ >]|hyperlink|externalLink", said) == []


def test_a_name_is_shown_as_it_is(trees, named):
    alice, ids = trees.browsers["alice"], "&".join(f"id={row.pk}" for row in named)
    drawers = [f"{url}?{ids}" for url in TRIAL_ACTIONS] + [f"{TRIAL_ACTIONS[0]}?id={row.pk}" for row in named]
    events = [Event.record(row, "converted", at=NOW, by=row.name, reason=row.name) for row in named]
    pages = [*(f"/events/{event.pk}/" for event in events), *(f"/organizations/{row.pk}/" for row in named), "/events/"]
    for url in [
        "/invoice/partners/",
        f"/invoice/partners/selection/?{ids}",
        "/invoice/partners/pending/",
        *drawers,
        *pages,
    ]:
        assert (url, harmful(url, alice.ask("GET", url))) == (url, [])


def test_a_toast_is_one_header(trees, named):
    for row in named:
        with undone():
            answer = trees.browsers["alice"].ask("POST", f"{TRIAL_ACTIONS[0]}?id={row.pk}", htmx=True)
        assert answer.status_code == 204
        assert row.name in json.loads(answer.headers["HX-Trigger"])["toast"]["text"]


# Headers ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def crashes(settings) -> None:
    """A site with two views more: one that crashes and one that waits for somebody else's row."""

    def crash(request):
        raise RuntimeError("a secret")

    def wait(request):
        raise OperationalError("canceling statement due to lock timeout") from psycopg.errors.LockNotAvailable()

    patterns = [path("crash/", crash), path("wait/", wait), *urlpatterns]
    settings.ROOT_URLCONF = type("urls", (), {"urlpatterns": patterns})


@pytest.fixture
def answers(trees, crashes, monkeypatch) -> dict:
    """One answer of each status."""
    alice, nobody, url = (
        trees.browsers["alice"],
        trees.browsers["nobody"],
        f"{TRIAL_ACTIONS[0]}?id={trees.pk('fabrikam')}",
    )
    made = [
        alice.ask("GET", "/invoice/partners/"),
        alice.ask("POST", url, htmx=True),
        nobody.ask("GET", "/"),
        alice.ask("POST", "/preferences/", {"theme": "dark"}),
        nobody.get("/", headers={"Host": "evil.example"}),
        trees.browsers["bob"].ask("GET", "/invoice/partners/"),
        nobody.ask("GET", "/nonsense/"),
        alice.ask("POST", "/invoice/partners/"),
        nobody.ask("GET", "/invitations/nonsense/"),
        alice.ask("POST", ADD[0]),
        alice.ask("GET", "/crash/"),
        alice.ask("GET", "/wait/"),
    ]
    monkeypatch.setattr(limits, "PER_ADDRESS", 0)
    return {answer.status_code: answer for answer in [*made, nobody.ask("POST", "/signin/")]}


def test_every_status_has_the_security_headers(answers):
    """Those of exports that are sent while they are made: above."""
    assert set(answers) == {200, 204, 302, 303, 400, 403, 404, 405, 410, 422, 429, 500, 503}
    assert {status: lax(answer) for status, answer in answers.items()} == {status: [] for status in answers}
    assert not any("Server" in answer.headers for answer in answers.values())


def test_the_content_security_policy_is_strict(answers):
    policy = answers[500].headers["Content-Security-Policy"]
    assert "script-src 'self'" in policy.split("; ")
    assert "frame-ancestors 'none'" in policy
    assert f"form-action 'self' {django_settings.M365_LOGIN_ORIGIN}" in policy


def test_what_a_signed_in_person_sees_is_stored_nowhere(trees, answers):
    for status in (200, 204, 303, 403, 405, 422, 500, 503):
        assert (status, lax(answers[status], private=True)) == (status, [])
    for url in SITE:
        assert (url, lax(trees.browsers["alice"].ask("GET", url), private=True)) == (url, [])
    assert "Cache-Control" not in answers[404].headers


def test_an_activation_link_does_not_leave_with_the_browser(trees):
    """`same-origin`, not `no-referrer`: with that Chromium would send `Origin: null`, and the page's own form be refused."""
    answer = trees.browsers["nobody"].ask("GET", urlsplit(trees.rows["adatum"].onboarding.link()).path)
    assert (answer.status_code, answer.headers["Referrer-Policy"]) == (200, "same-origin")


# Error pages --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("url", ["/signin/", "/signout/", "/preferences/", "/organizations/actions/add_partner/"])
def test_a_post_without_its_token_changes_nothing_and_says_what_to_do(trees, url):
    strict, before = Client(HTTP_HOST="localhost", enforce_csrf_checks=True), snapshot()
    strict.cookies = trees.browsers["alice"].cookies
    answer = strict.post(url, FORM)
    assert (answer.status_code, lax(answer)) == (403, [])
    assert "This page was open for too long" in text_of(answer)
    assert snapshot() == before


@pytest.mark.parametrize("code", ["400", "403", "403_csrf", "404", "422", "429", "500", "503"])
def test_error_pages_need_no_context(code):
    page = get_template(f"{code}.html").render()
    assert f'<p class="error-code" aria-hidden="true">{code[:3]}</p>' in page
    assert re.search(r"<h1>\S.+</h1>", page)


def test_a_crash_is_a_page_without_its_details(answers, rf):
    assert answers[500].content == server_error(rf.get("/")).content
    assert "Something went wrong on our side" in text_of(answers[500])
    assert "secret" not in text_of(answers[500])


def test_a_row_that_somebody_else_is_changing_is_not_a_crash(answers):
    assert "Somebody else is changing this at the moment." in text_of(answers[503])


def test_no_template_switches_escaping_off():
    templates = Path(django_settings.BASE_DIR, "templates")
    off = r"\|\s*safe\b|autoescape (off|false)|\|\s*safeseq|Markup"
    for template in [*templates.rglob("*.html"), *templates.rglob("*.jinja")]:
        assert not re.search(off, template.read_text()), template.name


@pytest.mark.parametrize("value", ['"\\000aaaaaaaaaaaaaa"', "x" * 5_000, '"\\377\\376"', "a b", "\xff\xfe"])
@pytest.mark.parametrize("url", ["/", "/signin/", "/readyz", "/admin/"])
def test_a_session_cookie_may_hold_anything(db, url, value):
    answer = Client(HTTP_HOST="localhost", HTTP_COOKIE=f"{django_settings.SESSION_COOKIE_NAME}={value}").get(url)
    assert answer.status_code < 500


def test_no_request_says_where_the_portal_stands(db, rf):
    """Addresses are looked up once for all requests."""
    rows.address.cache_clear()
    request = rf.get("/signin/", SCRIPT_NAME="/evil", HTTP_HOST="localhost")
    page = b"".join(WSGIHandler()(request.environ, lambda *args: None))
    assert b'action="/signin/"' in page
    assert b"evil" not in page
