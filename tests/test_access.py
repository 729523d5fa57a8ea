"""Who may open and change what: labels, sign-in, and every way to name rows. The matrix is in test_access_matrix.py."""

import re
from types import ModuleType
from urllib.parse import quote

import pytest
from django.db import IntegrityError, connection, transaction
from django.http import HttpResponse
from django.urls import path

from onboarding.models import Onboarding
from partnerapp import access, checks, counting, tables
from partnerapp.models import Event, Operator, Organization
from subscriptions.models.queries import SubscriptionQuerySet
from tests.factories import DAY, NOW, crowd
from tests.trees import (
    ACTIONS,
    ADD,
    ADD_CUSTOMER,
    CUSTOMER_LISTS,
    FIT,
    FORM,
    INVITE,
    LABELS,
    LISTS,
    OF_CUSTOMERS,
    OPERATOR_ACTIONS,
    PRESSES,
    TRIAL_ACTIONS,
    Browser,
    Trees,
    plain,
    production,  # noqa: F401 - a fixture
    snapshot,
    text_of,
    told,
    two_trees,  # noqa: F401 - a fixture
)

# Labels -------------------------------------------------------------------------------------------------------------


def test_every_url_carries_a_label():
    assert len(LABELS) > 25
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
    assert set(LABELS.values()) - {"public", "demo"} == set(access.MAY)


# Signing in ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "current",
    [
        "http://evil.example/x",
        "javascript:alert(1)",
        "//evil.example",
        "http://localhost//evil.example/x",
        "http://localhost/\\evil.example",
        "http://localhost@evil.example/x",
        "http://localhost.evil.example/x",
        "\x00",
        "",
        "http://[",
    ],
)
def test_htmx_comes_back_to_this_portal_only(current):
    answer = Browser().get("/invoice/partners/", headers={"HX-Request": "true", "HX-Current-URL": current})
    assert answer.headers["HX-Redirect"] == "/signin/?next=/"


def test_what_is_not_offered_is_not_in_the_navigation(trees):
    assert 'href="/invoice/partners/"' not in text_of(trees.browsers["bob"].get("/"))
    assert 'href="/invoice/partners/"' in text_of(trees.browsers["victor"].get("/invoice/partners/"))


# Other ways to name rows --------------------------------------------------------------------------------------------

# {pk} and {name} are a foreign row's or nobody's; {key} is the row's in both, since it alone says where a page begins.
LISTED = [
    "?q={name}",
    "?q={name}&id={pk}&all={list}%3Fq%3D{name}",
    "?all={list}pending/%3Fq%3D{name}",
    "?format=xlsx&q={name}",
    "?format=xlsx&id={pk}",
    "?poll=5&shown={pk}&gone={pk}&id={pk}",
    "?poll=1&shown={pk}&moving={pk}",
    "?order=name&after={key}~{pk}",
    "?order=name&before={key}~{pk}",
    "?after=2026-12-03T09:00:00%2B00:00~{pk}",
    "?before=2026-12-03T09:00:00%2B00:00~{pk}",
    "?after={pk}",
    "?before={pk}",
]
SELECTED = [f"?all={base}%3Fq%3D{{name}}" for base in ("/invoice/partners/", "/manage/customers/")]
SELECTED += ["?all=/invoice/partners/pending/%3Fq%3D{name}", "?all=/manage/customers/pending/%3Fq%3D{name}", "?id={pk}"]


def foreign_row(url: str) -> str:
    """One of Contoso's that the list shows, or that the action would change."""
    pending = (url in ACTIONS and url not in TRIAL_ACTIONS) or "pending" in url
    if url in CUSTOMER_LISTS:
        return "coho" if pending else "woodgrove"
    return "adatum" if pending else "fabrikam"


WAYS = [
    *((url, LISTED, "mallory", foreign_row(url)) for url in LISTS),
    *((url, LISTED, "charlie", foreign_row(url)) for url in CUSTOMER_LISTS),
    *((url, SELECTED, who, foreign_row(url)) for url in ACTIONS for who in ("mallory", "bob")),
    *((url, SELECTED, "charlie", "woodgrove" if url in TRIAL_ACTIONS else "coho") for url in ACTIONS),
    *(("/manage/customers/pending/", ["?poll=1&moving={pk}"], who, "woodgrove") for who in ("mallory", "charlie")),
    (ADD_CUSTOMER[0], ["?name={name}"], "charlie", "woodgrove"),
    (
        "/invoice/partners/pending/",
        ["?poll=5&shown={pk}&id={pk}", "?poll=1&moving={pk}"],
        "mallory",
        "fabrikam",
    ),  # moved
    (ADD[0], ["?name={name}"], "mallory", "fabrikam"),
]


def leaks(trees: Trees, who: str, url: str, row: str) -> list:
    """What tells this person about a foreign row: a name, or a difference from the answer about none."""
    method, left = "POST" if url.partition("?")[0] in PRESSES else "GET", []
    for name, pk in ((row.title(), trees.pk(row)), ("Stranger", trees.pk(row) + 1)):
        base = "/manage/customers/" if url.startswith("/manage") else "/invoice/partners/"
        answer = trees.browsers[who].ask(method, url.format(name=name, pk=pk, key=row, list=base), FORM, htmx=True)
        assert answer.status_code < 500
        left.append(plain(answer, pk, name))
    return told(who, left[0][-1]) + ([] if left[0] == left[1] else left)


@pytest.mark.parametrize(("url", "ways", "who", "row"), WAYS)
def test_however_a_foreign_row_is_named_it_is_not_there(trees, url, ways, who, row):
    assert [way for way in ways if leaks(trees, who, url + way, row)] == []


COUNTED = {
    "/invoice/partners/pending/": {"alice": ["2", "1"], "mallory": ["1", "1"]},
    "/manage/customers/pending/": {
        "alice": ["2", "1"], "bob": ["1", "1"], "charlie": ["1", "0"], "victor": ["2", "1"], "mallory": ["0", "0"],
    },
}  # fmt: skip


@pytest.mark.parametrize("url", COUNTED)
def test_counts_are_of_ones_own_rows(trees, url):
    """Their statement is written once for everybody of a kind."""
    for who in [*COUNTED[url], *COUNTED[url]]:
        page = text_of(trees.browsers[who].ask("GET", url))
        assert (who, re.findall(r'id="count-\w+">(\d+)', page)) == (who, COUNTED[url][who])


ALL = {  # what `all` may name, and what an action on a trial then answers to Alice, Victor, Mallory and Bob
    "/invoice/partners/": (200, 403, 200, 404),
    "/invoice/partners/?q=north": (200, 403, 404, 404),
    "/invoice/partners/?order=name&after=~1&size=25&id=1&all=/": (200, 403, 200, 404),
    "/invoice/partners/?q=nobody": (404,) * 4,
    "/invoice/partners/?chip=cancelled": (404,) * 4,
    "/manage/customers/": (403, 403, 404, 200),
    "/manage/customers/?q=alpine": (403, 403, 404, 404),
    "/invoice/partners/export/": (404,) * 4,
    "/invoice/partners/selection/": (404,) * 4,
    "/organizations/actions/extend_trial/": (404,) * 4,
    "/operators/": (404,) * 4,
    "/": (404,) * 4,
    "": (404,) * 4,
    "nonsense\x00": (404,) * 4,
    "//localhost/invoice/partners/": (404,) * 4,
    "http://localhost/invoice/partners/": (404,) * 4,
}


@pytest.mark.parametrize("listed", ALL)
def test_all_is_all_of_an_own_list(trees, listed):
    query = f"/organizations/actions/manage_subscription_upgrade/?all={quote(listed)}"
    people = [trees.browsers[who] for who in ("alice", "victor", "mallory", "bob")]
    assert tuple(browser.ask("GET", query).status_code for browser in people) == ALL[listed]
    assert {browser.ask("POST", query, {"upgrade": "block"}).status_code for browser in people} == {404}


def own_and_foreign(url: str) -> tuple[str, str, str]:
    """Who may do this to which row, and a row that is not there for this person."""
    if url in OF_CUSTOMERS:
        return "bob", "woodgrove", "alpine"
    return ("mallory", "relecloud", "fabrikam") if url in TRIAL_ACTIONS else ("mallory", "proseware", "adatum")


@pytest.mark.parametrize("url", ACTIONS)
def test_what_the_form_names_counts_and_not_its_url(trees, url):
    """What is applied is what the drawer named."""
    who, own, foreign = own_and_foreign(url)
    before, browser = snapshot(), trees.browsers[who]
    for form in (foreign, "missing"):
        assert browser.ask("POST", f"{url}?id={trees.pk(own)}", FORM | {"id": trees.pk(form)}).status_code == 404
    assert snapshot() == before
    assert browser.ask("POST", f"{url}?id={trees.pk(foreign)}", FORM | {"id": trees.pk(own)}).status_code in {200, 303}


@pytest.fixture
def nine(trees) -> dict[str, list[int]]:
    """The ids of nine more Partners of Contoso's in a trial, and of nine more that stopped like Adatum, and of nine more
    customers of Northwind.
    """
    contoso, like_adatum = trees.rows["contoso"], Onboarding.objects.filter(pk=trees.pk("adatum"))
    customers = crowd(trees.rows["northwind"], 9)
    trials, stopped = crowd(contoso, 9, trials=lambda n: {"ends_in": 2 * DAY}), crowd(contoso, 9, trials=None)
    error = like_adatum.values("error_code", "error_at", "consenter_oid").get()
    Onboarding.objects.filter(organization__in=stopped).update(**error)
    kinds = {"trials": trials, "stopped": stopped, "customers": customers}
    return {kind: [row.pk for row in rows] for kind, rows in kinds.items()}


@pytest.mark.parametrize("url", ACTIONS)
def test_one_foreign_row_among_nine_own_ones_and_nothing_applies(trees, nine, url):
    kind = "customers" if url in OF_CUSTOMERS else "trials" if url in TRIAL_ACTIONS else "stopped"
    before, own, browser = snapshot(), nine[kind], trees.browsers["bob" if url in OF_CUSTOMERS else "alice"]
    for other in ("relecloud", "proseware", "litware", "missing"):
        ids = [*own, trees.pk(other)]
        assert browser.ask("POST", url, FORM | {"id": ids}).status_code == 404
        assert browser.ask("POST", f"{url}?id=" + "&id=".join(map(str, ids)), FORM, htmx=True).status_code == 404
    assert snapshot() == before
    assert browser.ask("POST", url, FORM | {"id": own[0] if "email" in url else own}).status_code in {200, 303}


@pytest.mark.parametrize("url", [url for url in ACTIONS if url not in OF_CUSTOMERS])
def test_a_partners_customer_among_own_rows_stays_as_it_is(trees, url):
    """R29, R32."""
    own, customer = ("fabrikam", "woodgrove") if url in TRIAL_ACTIONS else ("adatum", "coho")
    answer = trees.browsers["alice"].ask("POST", url, FORM | {"id": [trees.pk(own), trees.pk(customer)]})
    assert answer.status_code in ({422} if "email" in url else {200, 303})  # which is asked for each row by itself
    changed = set(Event.objects.exclude(pk__in=trees.events.values()).values_list("organization", flat=True))
    assert changed == (set() if "email" in url else {trees.pk(own)})


@pytest.mark.parametrize("url", [*ACTIONS, *ADD, *OPERATOR_ACTIONS, *INVITE])
def test_demotion_and_disabling_count_from_the_next_request(trees, url):
    """Alice has signed in long ago."""
    row = min(FIT[url]) if url in FIT else "fabrikam" if url in TRIAL_ACTIONS else "adatum"
    before, alice = snapshot(), Operator.objects.filter(name="Alice")
    for change, status in (({"role": "viewer"}, 403), ({"disabled_at": NOW}, 302)):
        alice.update(**change)
        assert trees.browsers["alice"].ask("POST", f"{url}?id={trees.pk(row)}", FORM).status_code == status
        alice.update(role="admin", disabled_at=None)
    assert snapshot() == before


NO_IDS = ["", "id=", "id=abc", "id=-1", "id=1.5", "id=%00", "id=%FF", "id=9" + "9" * 18, "id=" + "9" * 4_000, "id=²"]


@pytest.mark.parametrize("url", [*ACTIONS, *OPERATOR_ACTIONS])
def test_ids_that_are_none_are_not_found(trees, url):
    own = trees.pk("mallory" if url in FIT else "relecloud")
    for query in [*NO_IDS, f"id={own}&id=x"]:
        assert (query, trees.browsers["mallory"].ask("POST", f"{url}?{query}", FORM).status_code) == (query, 404)


def test_more_rows_than_a_bulk_may_have_are_refused_whosever_they_are(trees):
    first = trees.pk("litware")
    for url in ACTIONS:
        answer = trees.browsers["mallory"].ask("POST", url, {"id": range(first, first + 1_001)})
        assert answer.status_code == 422
        assert "An action takes at most 1,000 rows" in text_of(answer)


@pytest.mark.parametrize("url", ACTIONS)
def test_the_same_id_repeated_is_one_row(trees, url):
    who, own, _foreign = own_and_foreign(url)
    own = trees.pk(own)
    answer = trees.browsers[who].ask("POST", url, FORM | {"id": [own, own, f"0{own}"]}, htmx=True)
    assert answer.status_code in {200, 204}
    assert Event.objects.filter(organization=own).exclude(pk__in=trees.events.values()).count() == 1


@pytest.mark.parametrize("url", OPERATOR_ACTIONS)
def test_an_operator_is_acted_on_alone(trees, url):
    """Several at once are refused; with a foreign one among them none is there."""
    own, foreign = trees.pk(min(FIT[url])), trees.pk("mallory")
    before, alice = snapshot(), trees.browsers["alice"]
    answer = alice.ask("POST", url, FORM | {"id": [own, trees.pk("alice")]})
    assert (answer.status_code, "Select one row only" in text_of(answer)) == (422, True)
    assert alice.ask("POST", url, FORM | {"id": [own, foreign]}).status_code == 404
    assert alice.ask("POST", f"{url}?id={own}", FORM | {"id": foreign}).status_code == 404
    assert snapshot() == before


# The proof of the proof ---------------------------------------------------------------------------------------------


class Unguarded(SubscriptionQuerySet):
    """Subscriptions that do not let themselves be narrowed to a distributor's or a Partner's."""

    def filter(self, *conditions, distributor_id=None, partner_id=None, **facts):
        return super().filter(*conditions, **facts)


@pytest.fixture
def without(monkeypatch):
    """`without("selection")`: `visible_to` lets everything through where organizations are loaded; ("lists"): where a
    list begins; ("lists", Unguarded): and the list's second filter is gone, too.
    """
    real = access.visible_to

    def remove(place: str, rows_class: type = SubscriptionQuerySet) -> None:
        def visible_to(operator, rows=None):
            if (rows is None) != (place == "selection"):
                return real(operator, rows)
            return Organization.objects.all() if rows is None else rows_class(rows.model)

        forget()
        monkeypatch.setattr(access, "visible_to", visible_to)

    def forget() -> None:
        """The statements that were written with the filters, or without."""
        counting.statement.cache_clear()
        tables.paging.cache_clear()

    yield remove
    forget()


SELECTIONS = [url for url in LISTS if "export" not in url]
BEGINNINGS = ["", "export/", "export/?format=xlsx", "?poll=5&shown={pk}"]


@pytest.mark.parametrize("url", SELECTIONS)
def test_a_selection_without_visible_to_is_red(trees, without, url):
    without("selection")
    for who in ("mallory", *(["charlie"] if url in CUSTOMER_LISTS else [])):
        assert leaks(trees, who, url + "?id={pk}", foreign_row(url))


LISTS_OF = [(url, "mallory") for url in LISTS if url.endswith(("partners/", "customers/", "pending/"))]
LISTS_OF += [(url, "charlie") for url, _who in LISTS_OF if url in CUSTOMER_LISTS]


@pytest.mark.parametrize("end", BEGINNINGS)
@pytest.mark.parametrize(("url", "who"), LISTS_OF)
def test_a_list_without_its_filters_is_red(trees, without, url, who, end):
    """A list has two, `visible_to` and the key of its index, each of which is enough: they are the same for a distributor."""
    assert not leaks(trees, who, url + end, foreign_row(url))
    without("lists")
    assert not leaks(trees, who, url + end, foreign_row(url))
    without("lists", Unguarded)
    assert leaks(trees, who, url + end, foreign_row(url))


# The database's own guards ------------------------------------------------------------------------------------------


def test_an_event_cannot_be_rewritten(trees):
    """R31, whatever a view might try."""
    event = Event.record(trees.rows["northwind"], "added", at=NOW, by=None)
    for sql in ("UPDATE event SET kind = 'x' WHERE id = %s", "DELETE FROM event WHERE id = %s"):
        with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(sql, [event.pk])
    assert Event.objects.get(pk=event.pk).kind == "added"
