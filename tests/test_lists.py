"""The page of a list: what htmx gets and where it leads the address bar, without JavaScript, and how many queries it costs."""

import re
import uuid
from html import unescape
from urllib.parse import urlencode

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from onboarding.models import ImportRun
from partnerapp.models import Event
from subscriptions.models import Product, SubscriptionProduct
from tests.conftest import body
from tests.factories import DAY, NOW, crowd, partner, pending_partner

URL = "/invoice/partners/"
PENDING_URL = "/invoice/partners/pending/"
BOTH = pytest.mark.parametrize("url", [URL, PENDING_URL])


def asked_from(client, page, url, **headers):
    """What the browser, whose address bar shows `page`, gets with htmx."""
    return client.get(url, headers={"HX-Current-URL": f"http://localhost{page}", **headers})


def address(answer):
    """Where the address bar goes, and how; None when it stays."""
    ways = {way: answer.headers[way] for way in ("HX-Push-Url", "HX-Replace-Url") if way in answer.headers}
    return next(iter(ways.items()), None)


# htmx ---------------------------------------------------------------------------------------------------------------


@BOTH
def test_htmx_gets_the_region_and_the_menu_and_no_page(signed_in, alice, contoso, url):
    partner(contoso)
    pending_partner(contoso)
    page = signed_in(alice, htmx=True).get(url).content.decode()
    assert not re.search("<html|<head|<body|<main", page)
    assert page.lstrip().startswith('<div id="list"')
    assert '<div id="actions-menu" hx-swap-oob="innerHTML">' in page


@BOTH
def test_going_back_in_history_gets_the_whole_page_with_one_menu(signed_in, alice, url):
    answer = asked_from(signed_in(alice, htmx=True), "/", url, **{"HX-History-Restore-Request": "true"})
    page = answer.content.decode()
    assert page.lstrip().startswith("<!doctype html>")
    assert page.count('id="actions-menu"') == 1
    assert address(answer) is None


@pytest.mark.parametrize(
    ("page", "asked", "moved"),
    [
        ("/invoice/partners/", "/invoice/partners/", None),
        (
            "/invoice/partners/",
            "/invoice/partners/?id=5&all=%2F&next=%2F",
            None,
        ),  # what is selected stands in no address
        ("/invoice/partners/?chip=held", "/invoice/partners/?chip=held", None),
        ("/invoice/partners/?q=a+b%C3%A9", "/invoice/partners/?q=a+b%C3%A9&chip=all&size=25&order=ends", None),
        ("/invoice/partners/", "/invoice/partners/?chip=held", "/invoice/partners/?chip=held"),
        ("/invoice/partners/?chip=held", "/invoice/partners/?chip=nonsense", "/invoice/partners/"),
        ("/invoice/partners/?q=a", "/invoice/partners/?q=&chip=held", "/invoice/partners/?chip=held"),
        ("/invoice/partners/pending/", "/invoice/partners/?size=50", "/invoice/partners/?size=50"),
    ],
)
def test_the_address_follows_what_is_shown_and_moves_only_when_it_differs(signed_in, alice, page, asked, moved):
    answer = asked_from(signed_in(alice, htmx=True), page, asked)
    assert address(answer) == (("HX-Push-Url", moved) if moved else None)


def test_typing_a_search_leaves_one_step_to_go_back(signed_in, alice):
    client = signed_in(alice, htmx=True)
    typed = asked_from(client, URL, f"{URL}?q=fab", **{"HX-Trigger": "search"})
    assert address(typed) == ("HX-Replace-Url", f"{URL}?q=fab")
    ordered = asked_from(client, f"{URL}?q=fab", f"{URL}?q=fab&order=name", **{"HX-Trigger": "order"})
    assert address(ordered) == ("HX-Push-Url", f"{URL}?q=fab&order=name")


def test_the_address_of_a_later_page_is_kept_and_shows_it_again(signed_in, alice, contoso):
    crowd(contoso, 30)
    client = signed_in(alice, htmx=True)
    second = client.get(URL).context["pager"]["next"]
    answer = asked_from(client, URL, second)
    assert address(answer) == ("HX-Push-Url", second)
    assert answer.context["listing"]["url"] == second
    assert len(answer.context["rows"]) == 5


def test_a_poll_tells_nothing_of_another_tree(signed_in, mallory, contoso):
    foreign = pending_partner(contoso)
    answer = signed_in(mallory, htmx=True).get(f"{PENDING_URL}?poll=1&shown={foreign.pk}")
    assert answer.context["rows"] == []
    assert b"Adatum" not in answer.content


def test_the_region_asks_for_itself_again_with_what_is_selected(signed_in, alice, contoso):
    page = signed_in(alice).get(f"{URL}?chip=held&size=50").content.decode()
    region = unescape(re.search(r'<div id="list".+?>', page)[0])
    assert 'hx-get="/invoice/partners/?chip=held&size=50"' in region
    assert "hx-include=\"[form='rows']\"" in region
    assert 'hx-trigger="organizations-changed from:body"' in region


# Without JavaScript -------------------------------------------------------------------------------------------------


def test_every_control_of_the_toolbar_is_a_link_or_belongs_to_a_form(signed_in, alice, contoso):
    crowd(contoso, 30)
    page = signed_in(alice).get(f"{URL}?size=50").content.decode()
    assert re.search(r'<form class="search" id="search"[^>]* method="get" action="/invoice/partners/"', page)
    for link in re.findall(r"<a [^>]*hx-get=[^>]*>", page):
        assert re.search(r' href="([^"]*)"', link)[1] == re.search(r'hx-get="([^"]*)"', link)[1]
    for button in re.findall(r"<button [^>]*type=\"submit\"[^>]*>", page):
        assert re.search(r' form="(rows|row-post)"', button) or "formaction" not in button, button
    assert '<noscript><button class="button small" form="rows">Use this selection</button></noscript>' in page


def test_a_chip_has_one_order_and_says_why_no_other_can_be_chosen(signed_in, alice, fabrikam):
    client = signed_in(alice)
    for query, disabled in (("", False), ("?chip=ending", True), ("?chip=ending&q=fab", False)):
        select = re.search(r"<select name=\"order\"[^>]*>", client.get(URL + query).content.decode())[0]
        assert ("disabled" in select) == disabled == ("A filter lists what ends soonest first" in select)


def test_a_list_without_rows_says_what_would_be_here(signed_in, alice):
    client = signed_in(alice)
    assert "No active Partners yet" in client.get(URL).content.decode()
    assert "Nobody is waiting" in client.get(PENDING_URL).content.decode()
    assert "Nothing is in this state at the moment." in client.get(f"{PENDING_URL}?chip=error").content.decode()


def test_the_sizes_are_offered_when_they_matter(signed_in, alice, contoso):
    crowd(contoso, 26)
    client = signed_in(alice)
    assert client.get(f"{URL}?q=0001").context["pager"]["sizes"] == []
    sizes = client.get(f"{URL}?order=name&size=50").context["pager"]["sizes"]
    assert [size["value"] for size in sizes] == ["25", "50", "100", "250"]
    assert [size["current"] for size in sizes] == [False, True, False, False]
    assert sizes[2]["url"] == "/invoice/partners/?order=name&size=100"


# What it costs ------------------------------------------------------------------------------------------------------


def importing(organization):
    run = {"tid": uuid.uuid4(), "ready_at": NOW, "started_at": NOW, "step": "users"}
    ImportRun.objects.create(organization=organization, **run)


@pytest.fixture
def grow(contoso, alice):
    """More Partners and pending ones, with all that a row of a list shows."""

    def more(number):
        rows = crowd(contoso, number, trials=lambda n: {"ends_in": DAY, "blocked_at": NOW, "blocked_by": alice})
        for row in rows[:3]:
            SubscriptionProduct.provision(row.subscription, Product.for_a_partner(), NOW)
        pending = crowd(contoso, number, trials=None)
        for row in pending[:3]:
            importing(row)
            Event.record(row, "pre_import_error", at=NOW, by=None)
        return pending

    return more


def queries(client, url, **headers):
    with CaptureQueriesContext(connection) as found:
        answer = client.get(url, headers=headers)
        body(answer)
    assert answer.status_code == 200
    return len(found)


SELECTED = urlencode({"all": f"{URL}?q=partner"})
ADDRESSES = {
    "Partners": f"{URL}?size=250",
    "Partners, searched, all selected": f"{URL}?q=partner&order=name&{SELECTED}",
    "a chip": f"{URL}?chip=extendable",
    "Pending Partners": f"{PENDING_URL}?size=250",
    "Pending Partners, searched, all selected": f"{PENDING_URL}?q=partner&{SELECTED}",
    "the selection": f"{URL}selection/?{SELECTED}",
    "an export": f"{URL}export/?q=partner",
    "an export of all that match": f"{URL}export/?{SELECTED}",
}


def test_a_list_costs_the_same_queries_at_25_and_at_250_rows(signed_in, alice, grow, settings):
    """At most eight, and the session and its operator."""
    settings.DEMO = False
    client, counts = signed_in(alice), []
    for number in (25, 225):
        pending = grow(number)
        poll = {"poll": 1, "q": "partner", "shown": ",".join(str(row.pk) for row in pending[:60])}
        found = {"a poll": queries(client, f"{PENDING_URL}?{urlencode(poll)}", **{"HX-Request": "true"})}
        counts.append(found | {name: queries(client, url) for name, url in ADDRESSES.items()})
    assert counts[0] == counts[1]
    assert max(counts[0].values()) <= 10, counts[0]
