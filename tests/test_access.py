"""Who may open and change what: every URL of the site map, every method, own rows and foreign ones."""

import re
from collections.abc import Callable
from types import ModuleType

import pytest
from django.db import IntegrityError, connection, transaction
from django.http import HttpResponse
from django.test import Client
from django.urls import get_resolver, path
from django.utils.html import escape

from onboarding.models import Onboarding
from partnerapp import access, checks
from partnerapp.models import Event, Message, Operator, Organization
from subscriptions.models import Subscription
from tests.conftest import body
from tests.factories import DAY, partner

SITE = [
    ("/" + re.sub("<[^>]+>", "nonsense", url), view.access) for url, view in checks.views(get_resolver().url_patterns)
]
GUARDED = [url for url, label in SITE if label not in {"public", "demo"}]
ACTIONS = [url for url in GUARDED if url.startswith("/organizations/actions/") and "add_partner" not in url]
ONLY_POST = {"/organizations/actions/copy_activation_link/", "/organizations/actions/try_again/"}
HERE = "http://localhost/invoice/partners/pending/?order=name"
MISSING = 999_999_999


@pytest.fixture(autouse=True)
def no_demo_bar(settings):
    """The demo's bar is on nobody's page in production, and it names whose trial ends next."""
    settings.DEMO = False


@pytest.fixture
def rows(contoso, mallory, bob) -> dict[str, Organization]:
    with connection.cursor() as cursor:  # ids that stand nowhere else on a page
        cursor.execute("SELECT setval(pg_get_serial_sequence('organization', 'id'), 700000000)")
    return {
        "contoso": partner(contoso, "Tailspin Own", ends_in=2 * DAY),
        "litware": partner(mallory.organization, "Relecloud Foreign", ends_in=2 * DAY),
        "northwind": bob.organization,
    }


@pytest.fixture
def nobody(db) -> Client:
    return Client(HTTP_HOST="localhost")


class People(dict):
    """The cast's browsers by name, each signed in when it is first needed."""

    def __init__(self, sign_in: Callable[[str], Client]) -> None:
        self.sign_in = sign_in

    def __missing__(self, who: str) -> Client:
        self[who] = self.sign_in(who)
        return self[who]


@pytest.fixture
def people(alice, victor, mallory, bob, signed_in) -> People:
    cast = {"alice": alice, "victor": victor, "mallory": mallory, "bob": bob}
    return People(lambda who: signed_in(cast[who]))


def snapshot():
    """Everything that a refused request must leave as it is."""
    tables = (Organization, Subscription, Onboarding, Operator, Event, Message)
    rows = [row for model in tables for row in model.objects.order_by("pk").values()]
    return [{name: value for name, value in row.items() if name != "last_login"} for row in rows]


def ask(client, method, url, *, htmx=False):
    """One request, and its effect undone."""
    headers = {"HX-Request": "true", "HX-Current-URL": HERE} if htmx else {}
    with transaction.atomic():
        response = client.generic(method, url, headers=headers)
        transaction.set_rollback(True)
    return response


# Labels -------------------------------------------------------------------------------------------------------------


def test_every_url_carries_a_label():
    assert len(SITE) > 25
    assert checks.every_url_has_an_access_label() == []


@pytest.mark.parametrize("label", [None, "", "everybody"])
def test_a_url_without_a_known_label_stops_the_start(settings, label):
    def view(request):
        return HttpResponse()

    view.access = label
    settings.ROOT_URLCONF = ModuleType("urls")
    settings.ROOT_URLCONF.urlpatterns = [path("forgotten/", view)]
    (error,) = checks.every_url_has_an_access_label()
    assert (error.id, error.msg) == ("partnerapp.E001", "The URL 'forgotten/' carries no access label.")


def test_every_action_of_the_table_has_a_url_or_is_a_page():
    assert {label for _url, label in SITE} - {"public", "demo"} == set(access.MAY)


# Without signing in -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("url", GUARDED)
def test_nobody_gets_in_without_signing_in(nobody, url):
    """To sign-in, and back: to the page that was asked for, or (htmx) to the page that it was part of."""
    posted = ask(nobody, "POST", url)
    if posted.status_code != 405:
        assert (posted.status_code, posted.url) == (302, "/signin/?next=/")
    got = ask(nobody, "GET", url + "?id=1")
    if url in ONLY_POST:
        assert got.status_code == 405
        return
    assert (got.status_code, got.url) == (302, f"/signin/?next={url}%3Fid%3D1")
    part = ask(nobody, "GET", url, htmx=True)
    assert part.headers["HX-Redirect"] == "/signin/?next=/invoice/partners/pending/%3Forder%3Dname"


@pytest.mark.parametrize(
    "current", ["http://evil.example/x", "javascript:alert(1)", "//evil.example", "\x00", "", "http://["]
)
def test_htmx_comes_back_to_this_portal_only(nobody, current):
    answer = nobody.get("/invoice/partners/", headers={"HX-Request": "true", "HX-Current-URL": current})
    assert answer.headers["HX-Redirect"] == "/signin/?next=/"


# Methods ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS"])
def test_other_methods_are_not_allowed_anywhere(nobody, people, method):
    for url, _label in SITE:
        for somebody in (nobody, people["alice"]):
            assert (url, ask(somebody, method, url).status_code) == (url, 405)


def test_head_answers_as_get_does(nobody, people, rows):
    """But not where Microsoft sends the browser: a HEAD must not use up the one-time state."""
    assert nobody.head("/consent/callback/").status_code == 405
    query = f"?id={rows['contoso'].pk}"
    for url in (url for url, _label in SITE if url != "/consent/callback/"):
        got, head = (ask(people["alice"], method, url + query) for method in ("GET", "HEAD"))
        assert (url, head.status_code, body(head)) == (url, got.status_code, b"")


def test_opening_a_page_changes_nothing(people, rows):
    before = snapshot()
    for url, _label in SITE:
        for somebody in (people["alice"], people["bob"]):
            somebody.get(f"{url}?id={rows['contoso'].pk}")
    assert snapshot() == before


# Rows ---------------------------------------------------------------------------------------------------------------

WAYS = [("GET", False), ("POST", True), ("GET", True), ("POST", False)]
VISIBLE = {
    "alice": {"contoso", "northwind"},
    "victor": {"contoso", "northwind"},
    "mallory": {"litware"},
    "bob": {"northwind"},
}
OWNER = {("alice", "contoso"), ("alice", "northwind"), ("mallory", "litware")}


def expected(url, who, row, method):
    """404 for what is not visible, 403 for what is visible and not allowed, else the drawer, the deed or its refusal."""
    if method == "GET" and url in ONLY_POST:
        return {405}
    if row not in VISIBLE[who]:
        return {404}
    if (who, row) not in OWNER:
        return {403}
    return {200} if method == "GET" else {200, 204, 303, 422}


@pytest.mark.parametrize("url", ACTIONS)
def test_every_person_on_every_row(people, rows, url):
    before, wrong = snapshot(), []
    for who in VISIBLE:
        client = people[who]
        for row, organization in rows.items():
            for method, htmx in WAYS if who == "alice" else WAYS[:2]:
                answer = ask(client, method, f"{url}?id={organization.pk}", htmx=htmx)
                if answer.status_code not in expected(url, who, row, method):
                    wrong.append((who, row, method, htmx, answer.status_code))
    assert not wrong
    assert snapshot() == before


REFUSALS = {
    ("victor", "contoso"): "Your role is Viewer. Ask an Admin of Contoso Distribution to do this.",
    ("bob", "northwind"): "Only Contoso Distribution can do this for Northwind.",
}


@pytest.mark.parametrize("url", ACTIONS)
def test_what_is_visible_and_not_allowed_says_why(people, rows, url):
    """R30; and nothing changes, though nothing is undone here."""
    before = snapshot()
    for (who, row), sentence in REFUSALS.items():
        answer = people[who].post(f"{url}?id={rows[row].pk}", {"level": "production", "upgrade": "block"})
        assert (answer.status_code, escape(sentence) in answer.content.decode()) == (403, True)
    assert snapshot() == before


NO_IDS = [
    "",
    "id=",
    "id=abc",
    "id=-1",
    "id=1.5",
    "id=%00",
    "id=%FF",
    "id=9" + "9" * 18,
    "id=" + "9" * 4_000,
    "id=²",
    "id=1&id=x",
]


@pytest.mark.parametrize("url", ACTIONS)
def test_ids_that_are_none_are_not_found(people, rows, url):
    for query in NO_IDS:
        answer = ask(people["alice"], "POST", f"{url}?{query}")
        assert (query, answer.status_code) == (query, 404)


@pytest.mark.parametrize("url", ACTIONS)
def test_one_foreign_or_missing_id_among_nine_own_ones_and_nothing_applies(people, rows, url):
    before, own = snapshot(), f"{url}?" + f"id={rows['contoso'].pk}&" * 9
    for other in (rows["litware"].pk, MISSING):
        assert people["alice"].post(f"{own}id={other}").status_code == 404
    assert snapshot() == before


@pytest.mark.parametrize("url", ACTIONS)
def test_the_same_id_repeated_is_one_row(people, rows, url):
    own = f"{url}?id={rows['contoso'].pk}"
    once, often = (
        ask(people["alice"], "POST", query, htmx=True) for query in (own, own + f"&id=0{own.split('=')[1]}" * 5)
    )
    assert often.status_code in {once.status_code, 404}


def test_more_rows_than_a_bulk_may_have_are_refused(people, db):
    many = "&".join(f"id={n}" for n in range(1, 1_002))
    answer = ask(people["alice"], "GET", f"{ACTIONS[0]}?{many}")
    assert (answer.status_code, "An action takes at most 1,000 rows" in answer.content.decode()) == (422, True)


# Foreign is non-existent --------------------------------------------------------------------------------------------

LISTS = ["/invoice/partners/", "/invoice/partners/pending/", "/invoice/partners/selection/"]
POLL = "/invoice/partners/pending/?poll=1&shown={id}&gone={id}"


def plain(answer, pk):
    """What is left of an answer without nonces and without the id that was asked for."""
    text = body(answer).decode().replace(str(pk), "ID")
    headers = {name: value for name, value in answer.headers.items() if name not in {"Content-Length", "Expires"}}
    return answer.status_code, headers, re.sub('(csrfmiddlewaretoken" value=)"[^"]+"', r"\1", text)


def foreign_is_missing(client, url, pk, ways=WAYS):
    """The answer about a foreign row is the answer about none, byte for byte apart from nonces and the id."""
    url = url if "{id}" in url else url + "?id={id}"
    for method, htmx in ways:
        foreign, missing = (ask(client, method, url.format(id=n), htmx=htmx) for n in (pk, MISSING))
        assert plain(foreign, pk) == plain(missing, MISSING)


@pytest.mark.parametrize("url", [*ACTIONS, *LISTS, POLL])
def test_a_foreign_row_is_a_row_that_does_not_exist(people, rows, url):
    foreign_is_missing(people["mallory"], url, rows["contoso"].pk)
    foreign_is_missing(people["alice"], url, rows["litware"].pk, WAYS[:2])
    foreign_is_missing(people["bob"], url, rows["contoso"].pk, WAYS[:2])


@pytest.mark.parametrize("url", [ACTIONS[0], *LISTS])
def test_without_visible_to_this_would_fail(people, rows, monkeypatch, url):
    """The proof of the proof: with the filter gone, the test above is red."""
    everything = Organization.objects.all()
    monkeypatch.setattr(access, "visible_to", lambda who, rows=None, through="": everything if rows is None else rows)
    with pytest.raises(AssertionError):
        foreign_is_missing(people["mallory"], url, rows["contoso"].pk)


def test_no_page_ever_names_another_tree(people, rows):
    for url, _label in SITE:
        assert b"Relecloud" not in body(ask(people["alice"], "GET", f"{url}?id={rows['litware'].pk}"))
        assert b"Tailspin" not in body(ask(people["mallory"], "GET", f"{url}?id={rows['contoso'].pk}"))
        assert b"Tailspin" not in body(ask(people["bob"], "GET", url))


# Pages for another kind of organization -----------------------------------------------------------------------------


@pytest.mark.parametrize("url", [*LISTS, "/organizations/actions/add_partner/"])
@pytest.mark.parametrize("htmx", [False, True])
def test_a_partner_reads_that_the_page_is_not_for_it(people, url, htmx):
    answer = ask(people["bob"], "GET", url, htmx=htmx)
    assert answer.status_code == 403
    assert "This page is not for Partner accounts." in answer.content.decode()


def test_what_is_not_offered_is_not_in_the_navigation(people, rows):
    assert 'href="/invoice/partners/"' not in people["bob"].get("/").content.decode()
    assert 'href="/invoice/partners/"' in people["victor"].get("/invoice/partners/").content.decode()


# The database's own guards ------------------------------------------------------------------------------------------


def test_an_event_cannot_be_rewritten(rows, alice):
    """R31, whatever a view might try."""
    event = Event.record(rows["contoso"], "added", at=alice.invited_at, by=alice)
    for sql in ("UPDATE event SET kind = 'x' WHERE id = %s", "DELETE FROM event WHERE id = %s"):
        with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(sql, [event.pk])
    assert Event.objects.get(pk=event.pk).kind == "added"
