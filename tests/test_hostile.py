"""Whatever is sent to whichever address: never a 5xx, always the same headers, and pages that a person can read."""

import re
from pathlib import Path

import psycopg.errors
import pytest
from django.conf import settings as django_settings
from django.db import OperationalError
from django.http import HttpResponse
from django.template.loader import get_template
from django.test import Client
from django.urls import get_resolver, path
from django.views.defaults import server_error

from partnerapp import checks
from partnerapp.pages import partners
from partnerapp.urls import urlpatterns
from tests.conftest import body
from tests.factories import DAY, partner, pending_partner
from tests.microsoft365.conftest import one_sandbox, sandbox  # noqa: F401 - fixtures

URLS = [
    ("/" + re.sub("<[^>]+>", "nonsense", url), view.access) for url, view in checks.views(get_resolver().url_patterns)
]
SITE = [url for url, _label in URLS if not url.startswith("/demo/")]
PUBLIC = [url for url, label in URLS if label == "public" and url in SITE]
LISTS = ["/invoice/partners/", "/invoice/partners/pending/", "/invoice/partners/selection/"]


@pytest.fixture(autouse=True)
def no_demo_bar(settings):
    """Production's pages."""
    settings.DEMO = False


@pytest.fixture
def alices(alice, contoso, signed_in) -> Client:
    partner(contoso, "Fabrikam", ends_in=2 * DAY)
    pending_partner(contoso)
    return signed_in(alice)


@pytest.fixture
def nobody(db) -> Client:
    return Client(HTTP_HOST="localhost")


QUERIES = [
    "q=%00&order=drop+table&page=-1&next=//evil.example&state=%00&error=%00&poll=1&shown=%00&gone=abc&shown=-1",
    "q=%FF%FE&%00=%00&page=1e9&next=%00&poll=1&shown=" + "9" * 18 + "&gone=" + "9" * 30,
    "q=%C0%AF&page=abc&state=%FF&token=%00&tenant=%00&admin_consent=%00" + "&" * 50,
    "q=" + "x" * 4_000 + "&page=0&next=" + "/x" * 2_000,
    "q=%E2%80%AE&id=1&next=/%0D%0ASet-Cookie:a=b",
    "q='%22%3E%3Cscript%3Ealert(1)%3C/script%3E&next=/%22%3E%3Cscript%3Ealert(1)%3C/script%3E",
    "id=%00", "id=%FF", "id=" + "9" * 30,
]  # fmt: skip
HEADERS = [
    {"HX-Request": "true", "HX-Current-URL": "http://[", "HX-Target": "\x00"},
    {"HX-Request": "true", "HX-Current-URL": "javascript:alert(1)", "HX-Target": '"><script>alert(1)</script>'},
    {"HX-Request": "true", "HX-Current-URL": "//evil.example", "HX-Current-URL-URI-AutoEncoded": "true"},
    {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https", "X-Forwarded-For": "nonsense,,"},
    {"Cookie": "__Host-session=\x00; __Host-m365-flow=\xff; __Host-activation=x:y:z"},
    {"Accept": "\x00", "Accept-Language": "xx-" + "y" * 600, "Content-Type": "multipart/form-data"},
    {"Referer": "http://evil.example/", "Origin": "null", "User-Agent": ""},
]


@pytest.mark.parametrize("query", QUERIES, ids=range(len(QUERIES)))
def test_hostile_query_strings(alices, nobody, query):
    for somebody, urls in ((alices, SITE), (nobody, PUBLIC)):
        for url in urls:
            answer = somebody.get(f"{url}?{query}")
            assert (url, answer.status_code < 500 or url == "/health/jobs") == (url, True)
            assert b"<script>alert" not in body(answer)


@pytest.mark.parametrize("headers", HEADERS, ids=range(len(HEADERS)))
def test_hostile_headers(alices, nobody, headers):
    for somebody, urls in ((alices, SITE), (nobody, PUBLIC)):
        for url in urls:
            answer = somebody.get(url, headers=headers)
            assert (url, answer.status_code < 500 or url == "/health/jobs") == (url, True)
            assert "evil.example" not in f"{answer.headers}{body(answer)}"
            assert b"<script>alert" not in body(answer)


BODIES = [
    (
        "application/x-www-form-urlencoded",
        b"id=%00&name=%FF&email=%00&level=%00&upgrade=%00&reason=%00&request_key=%00",
    ),
    ("application/x-www-form-urlencoded", b"\xff\xfe\x00" * 100),
    (
        "application/x-www-form-urlencoded",
        b"theme=%00&time_zone=../../etc/passwd&next=//evil.example&state=%00&error=%00",
    ),
    ("application/x-www-form-urlencoded", b"&".join(b"a%d=1" % n for n in range(2_001))),
    ("application/json", b'{"id": [1, {"a": null}]'),
    ("multipart/form-data; boundary=x", b"--x\r\nnonsense"),
    ("multipart/form-data", b""),
    ("text/plain; charset=nonsense", b"id=1"),
]


@pytest.mark.parametrize("body", BODIES, ids=range(len(BODIES)))
def test_hostile_bodies(alices, nobody, sandbox, body):  # noqa: F811
    for somebody, urls in ((alices, SITE), (nobody, PUBLIC)):
        for url in urls:
            answer = somebody.generic("POST", url, body[1], content_type=body[0])
            assert (url, answer.status_code < 500) == (url, True)
            assert "evil.example" not in f"{answer.headers}"


def test_an_over_large_body_is_refused(alices):
    """413 or 400, not memory."""
    answer = alices.post("/organizations/actions/add_partner/", {"name": "x" * 2_000_000})
    assert answer.status_code in {400, 413}
    assert "This request cannot be read" in answer.content.decode()


@pytest.mark.parametrize("host", ["localhost.evil.example", "localhost:80@evil.example", "", "[::1", "\x00"])
def test_an_evil_host_is_refused(nobody, host):
    answer = nobody.get("/signin/", headers={"Host": host})
    assert (answer.status_code, b"evil" in answer.content) == (400, False)


def test_an_evil_host_is_refused_on_every_page(nobody):
    for url in SITE:
        answer = nobody.get(url, headers={"Host": "evil.example"})
        assert (url, answer.status_code, b"evil" in answer.content) == (url, 400, False)


def test_a_mails_link_never_comes_from_the_request(alices, settings):
    settings.ALLOWED_HOSTS = ["*"]
    pending = partners.partners_of(alices_operator(alices)).get(organization__name="Adatum")
    url = f"/organizations/actions/copy_activation_link/?id={pending.pk}"
    answer = alices.post(url, headers={"Host": "evil.example", "Accept": "application/json"})
    assert answer.json()["text"].startswith(django_settings.BASE_URL)


def alices_operator(client):
    return client.get("/invoice/partners/").wsgi_request.user


@pytest.mark.parametrize(
    "url", ["/nonsense/", "/invoice/partners/%00", "/%FF%FE/", "/../../etc/passwd", "/activate/%00/"]
)
def test_an_unknown_address_is_a_page_of_the_portal(nobody, url):
    answer = nobody.get(url)
    assert answer.status_code == 404
    assert "There is nothing at this address" in answer.content.decode()
    assert b"evil" not in answer.content


# Headers ------------------------------------------------------------------------------------------------------------


def answers(alices, nobody):
    """One answer of each status."""
    strict = Client(HTTP_HOST="localhost", enforce_csrf_checks=True)
    made = {
        200: alices.get("/invoice/partners/"),
        302: nobody.get("/"),
        400: nobody.get("/", headers={"Host": "evil.example"}),
        403: strict.post("/signin/"),
        404: nobody.get("/nonsense/"),
        405: alices.post("/invoice/partners/"),
        422: alices.post("/organizations/actions/add_partner/"),
    }
    assert {status: answer.status_code for status, answer in made.items()} == {status: status for status in made}
    return made


def test_every_status_has_the_security_headers(alices, nobody):
    for status, answer in answers(alices, nobody).items():
        headers = answer.headers
        assert (status, headers["X-Content-Type-Options"], headers["X-Frame-Options"]) == (status, "nosniff", "DENY")
        assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert headers["Referrer-Policy"] == "same-origin"
        assert "Server" not in headers


def test_the_content_security_policy_is_strict(alices, nobody):
    for answer in answers(alices, nobody).values():
        policy = answer.headers["Content-Security-Policy"]
        assert "unsafe" not in policy
        assert "default-src 'none'" in policy
        assert "script-src 'self'" in policy.split("; ")
        assert "frame-ancestors 'none'" in policy
        assert f"form-action 'self' {django_settings.M365_LOGIN_ORIGIN}" in policy


def test_what_a_signed_in_person_sees_is_stored_nowhere(alices, nobody):
    for url in ["/invoice/partners/", "/nonsense/", "/organizations/actions/add_partner/", "/healthz"]:
        assert "no-store" in alices.get(url).headers["Cache-Control"]
    assert "Cache-Control" not in nobody.get("/nonsense/").headers


def test_an_activation_link_does_not_leave_with_the_browser(nobody, contoso):
    """`same-origin`, not `no-referrer`: with that Chromium would send `Origin: null`, and the page's own form be refused."""
    answer = nobody.get(pending_partner(contoso).onboarding.link().removeprefix("http://localhost:8000"))
    assert (answer.status_code, answer.headers["Referrer-Policy"]) == (200, "same-origin")


# Error pages --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("url", ["/signin/", "/signout/", "/preferences/", "/organizations/actions/add_partner/"])
def test_a_post_without_its_token_changes_nothing_and_says_what_to_do(alice, url):
    strict = Client(HTTP_HOST="localhost", enforce_csrf_checks=True)
    strict.force_login(alice)
    answer = strict.post(url, {"theme": "dark"})
    assert answer.status_code == 403
    assert "This page was open for too long" in answer.content.decode()
    alice.refresh_from_db()
    assert alice.theme == "system"


@pytest.mark.parametrize("code", ["400", "403", "403_csrf", "404", "422", "429", "500", "503"])
def test_error_pages_need_no_context(code):
    page = get_template(f"{code}.html").render()
    assert f'<p class="error-code" aria-hidden="true">{code[:3]}</p>' in page
    assert re.search(r"<h1>\S.+</h1>", page)


def test_a_crash_is_a_page_without_its_details(settings, nobody, rf):
    def crash(request):
        raise RuntimeError("a secret")

    crash.access = "public"
    nobody.raise_request_exception = False
    settings.ROOT_URLCONF = type("urls", (), {"urlpatterns": [path("crash/", crash)]})
    answer = nobody.get("/crash/")
    assert answer.status_code == 500
    assert answer.content == server_error(rf.get("/")).content
    assert "Something went wrong on our side" in answer.content.decode()
    assert b"secret" not in answer.content


def test_a_row_that_somebody_else_is_changing_is_not_a_crash(settings, nobody):
    def wait(request) -> HttpResponse:
        raise OperationalError("canceling statement due to lock timeout") from psycopg.errors.LockNotAvailable()

    settings.ROOT_URLCONF = type("urls", (), {"urlpatterns": [path("wait/", wait), *urlpatterns]})
    answer = nobody.get("/wait/")
    assert answer.status_code == 503
    assert "Somebody else is changing this at the moment." in answer.content.decode()


def test_no_template_switches_escaping_off():
    for template in Path(django_settings.BASE_DIR, "templates").rglob("*.html"):
        assert not re.search(r"\|\s*safe\b|autoescape off|\|\s*safeseq", template.read_text()), template.name
