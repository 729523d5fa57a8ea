"""What is selected: row by row, across pages, or all that match; and that exactly what a drawer told is applied (R32)."""

import json
import re
from collections import defaultdict
from html import unescape
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from partnerapp import clock, selection, tables
from partnerapp.demo.supervisor import servers
from partnerapp.models import Message
from partnerapp.pages import lists
from subscriptions.models import Subscription
from tests.factories import DAY, HOUR, NOW, crowd, fresh, partner, pending_partner

URL = "/invoice/partners/"
PENDING_URL = "/invoice/partners/pending/"
EXTEND, CANCEL, BLOCK = (reverse(name) for name in ("extend_trial", "cancel_trial", "manage_subscription_upgrade"))
TOO_MANY = "An action takes at most 1,000 rows: narrow the list to select all of it."


def picked(*rows):
    return urlencode({"id": [row.pk for row in rows]}, doseq=True)


def every(url=URL):
    return urlencode({"all": url})


def hidden(page, form="rows"):
    """The ids that a page carries along, beside its checkboxes."""
    return {int(pk) for pk in re.findall(rf'<input type="hidden" name="id" value="(\d+)" form="{form}"', page)}


def pinned(drawer):
    """What Apply would send: the ids that the drawer is about."""
    return [int(pk) for pk in re.findall(r'<input type="hidden" name="id" value="(\d+)">', drawer.content.decode())]


def words(page):
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page.content.decode())).split())


def item(answer, name):
    return next(item for item in answer.context["menu"] if item["name"] == name)


def extended():
    return set(Subscription.objects.filter(extended_at__isnull=False).values_list("pk", flat=True))


@pytest.fixture
def at_most_five(monkeypatch):
    for module in (tables, selection, lists):
        monkeypatch.setattr(module, "MOST", 5)


@pytest.fixture
def five(contoso):
    """In one order of time and name; the first three are in their last three days."""
    return crowd(contoso, 5, trials=lambda n: {"ends_in": (n + 1) * DAY})


# Across pages -------------------------------------------------------------------------------------------------------


def test_what_is_selected_on_other_pages_goes_along(signed_in, alice, contoso):
    rows = crowd(contoso, 30)
    client = signed_in(alice, htmx=True)
    second = client.get(URL).context["pager"]["next"]
    answer = client.get(f"{second}&{picked(rows[0], rows[29])}")
    assert hidden(answer.content.decode()) == {rows[0].pk}
    assert [row["id"] for row in answer.context["rows"] if row["selected"]] == [str(rows[29].pk)]
    assert answer.context["selection"]["count"] == 2


def test_a_chip_that_hides_a_selected_row_keeps_it_selected(signed_in, alice, five):
    answer = signed_in(alice, htmx=True).get(f"{URL}?chip=production&{picked(five[1])}")
    assert hidden(answer.content.decode()) == {five[1].pk}
    assert "1 selected Partner 0001" in words(answer)


def test_a_selected_row_that_nobody_may_see_any_more_is_forgotten(signed_in, alice, mallory, five):
    foreign = partner(mallory.organization, "Elsewhere")
    answer = signed_in(alice, htmx=True).get(f"{URL}?{picked(foreign)}&id=999999999&id=x&id=%00")
    assert (answer.status_code, answer.context["selection"]["count"]) == (200, 0)
    assert hidden(answer.content.decode()) == set()


def test_the_web_server_takes_the_address_of_a_thousand_rows():
    """gunicorn's own limits end at the second page (414); 0 is none."""
    assert "--limit-request-line=0" in servers(Path(), defaultdict(int))["web"]
    assert '"--limit-request-line=0"' in (Path(__file__).parents[1] / "Dockerfile").read_text()


def test_without_javascript_the_form_carries_the_state_and_what_is_selected_elsewhere(signed_in, alice, contoso):
    rows = crowd(contoso, 30, lambda n: {"name": f"Alpine {n:02}"})
    page = signed_in(alice).get(f"{URL}?q=alpine&order=newest&size=25&{picked(rows[0])}").content.decode()
    form = re.search(r'<form id="rows".+?</form>', page, re.DOTALL)[0]
    assert 'method="get"' in form
    assert dict(re.findall(r'name="(\w+)" value="([^"]*)"', form)) == {
        "q": "alpine", "order": "newest", "next": "/invoice/partners/?q=alpine&amp;order=newest",
    }  # fmt: skip
    assert hidden(page) == {rows[0].pk}


# All that match -----------------------------------------------------------------------------------------------------


def test_all_that_match_is_offered_when_there_is_more_than_the_page_shows(signed_in, alice, contoso):
    crowd(contoso, 26)
    client = signed_in(alice)
    answer = client.get(f"{URL}?q=partner")
    assert "Select all 26 that match" in words(answer)
    chosen = client.get(answer.context["pager"]["select_all"])
    assert "All 26 that match are selected" in words(chosen)
    assert 'name="all" value="/invoice/partners/?q=partner" form="rows"' in chosen.content.decode()
    assert "Select all" not in words(client.get(f"{URL}?size=50")).replace("Select all on this page", "")


def test_all_that_match_from_a_later_page_is_all(signed_in, alice, contoso):
    crowd(contoso, 26)
    client = signed_in(alice)
    second = client.get(client.get(URL).context["pager"]["next"])
    assert second.context["pager"]["all"] == URL


def test_all_that_match_stays_selected_on_every_page(signed_in, alice, contoso):
    crowd(contoso, 26)
    answer = signed_in(alice, htmx=True).get(f"{URL}?{every()}")
    assert all(row["selected"] for row in answer.context["rows"])
    assert hidden(answer.content.decode()) == set()  # the list's address says it
    assert f'name="all" value="{URL}"' in answer.content.decode()


@pytest.mark.parametrize(
    "url", ["", "/", "/nonsense/", "https://evil.example/invoice/partners/", "?q=x", "\x00", "//["]
)
def test_what_is_no_list_selects_nothing(signed_in, alice, five, url):
    client = signed_in(alice)
    assert client.get(f"{URL}selection/?{every(url)}").context["selection"]["count"] == 0
    assert client.get(f"{EXTEND}?{every(url)}").status_code == 404


def test_all_of_somebody_elses_list_is_all_of_ones_own(signed_in, mallory, bob, five):
    assert signed_in(mallory).get(f"{URL}selection/?{every()}").context["selection"]["count"] == 0
    assert signed_in(bob).get(f"{EXTEND}?{every()}").status_code == 404


# More than a thousand -----------------------------------------------------------------------------------------------


def test_more_than_a_thousand_are_not_offered(signed_in, alice, contoso, at_most_five):
    crowd(contoso, 6)
    answer = signed_in(alice).get(URL)
    assert (answer.context["pager"]["all"], TOO_MANY in words(answer)) == ("", True)


def test_a_search_that_finds_more_than_a_thousand_is_not_offered_either(signed_in, alice, contoso, at_most_five):
    """Five of the six are shown; all that match would be a sixth that nobody saw."""
    crowd(contoso, 6)
    answer = signed_in(alice).get(f"{URL}?q=partner")
    assert (answer.context["pager"]["all"], TOO_MANY in words(answer)) == ("", True)


@pytest.mark.parametrize("query", ["", "?q=partner"])
def test_a_list_that_grew_beyond_a_thousand_meanwhile_is_refused_with_the_reason(
    signed_in, alice, contoso, at_most_five, query
):
    crowd(contoso, 6)
    answer = signed_in(alice).get(f"{CANCEL}?{every(URL + query)}")
    assert (answer.status_code, TOO_MANY in words(answer)) == (422, True)
    assert signed_in(alice).get(f"{URL}selection/?{every(URL + query)}").context["selection"]["count"] == 0


def test_with_htmx_the_refusal_is_a_toast_and_the_page_stays(signed_in, alice, contoso, at_most_five):
    rows = crowd(contoso, 6)
    for query in (every(), picked(*rows)):
        answer = signed_in(alice, htmx=True).get(f"{CANCEL}?{query}")
        toast = json.loads(answer.headers["HX-Trigger"])["toast"]
        assert (answer.status_code, toast["text"], toast["level"]) == (422, TOO_MANY, "error")
        assert answer.headers["HX-Reswap"] == "none"


def test_more_than_a_thousand_ids_change_nothing(signed_in, alice, contoso, at_most_five):
    rows = crowd(contoso, 6)
    answer = signed_in(alice).post(CANCEL, {"id": [row.pk for row in rows], "reason": ""})
    assert (answer.status_code, TOO_MANY in words(answer)) == (422, True)
    assert not Subscription.objects.filter(cancelled_at__isnull=False).exists()


# What the drawer told is what is applied ----------------------------------------------------------------------------


def test_the_drawer_of_all_names_those_that_qualify_and_why_the_others_do_not(signed_in, alice, five):
    """R32: "Extend trial (3 of 5)"."""
    client = signed_in(alice, htmx=True)
    assert item(client.get(f"{URL}selection/?{every()}"), "extend_trial")["label"] == "Extend trial (3 of 5)"
    drawer = client.get(f"{EXTEND}?{every()}")
    assert "3 of 5 selected: Partner 0000, Partner 0001, Partner 0002" in words(drawer)
    assert "2 are left out" in words(drawer)
    assert "Partner 0003 You can extend this trial from 2 Dec 2026, 09:00 UTC" in words(drawer)
    assert pinned(drawer) == [row.pk for row in five[:3]]


def test_exactly_what_was_told_is_applied(signed_in, alice, five):
    client = signed_in(alice, htmx=True)
    drawer = client.get(f"{EXTEND}?{every()}")
    answer = client.post(EXTEND, {"id": pinned(drawer)})
    assert json.loads(answer.headers["HX-Trigger"])["organizations-changed"] == {"count": 3}
    assert extended() == {row.pk for row in five[:3]}


def test_a_row_that_only_matches_later_is_not_applied(signed_in, alice, contoso, five):
    client = signed_in(alice, htmx=True)
    drawer = client.get(f"{EXTEND}?{every(URL + '?chip=extendable')}")
    partner(contoso, "Latecomer", ends_in=DAY)
    client.post(EXTEND, {"id": pinned(drawer)})
    assert extended() == {row.pk for row in five[:3]}


def test_a_row_that_was_left_out_is_not_applied_even_if_it_qualifies_by_then(signed_in, alice, five, monkeypatch):
    client = signed_in(alice, htmx=True)
    drawer = client.get(f"{EXTEND}?{every()}")
    monkeypatch.setattr(clock, "now", lambda: NOW + DAY)
    assert fresh(five[3]).subscription.extension(clock.now()).allowed
    client.post(EXTEND, {"id": pinned(drawer)})
    assert extended() == {row.pk for row in five[1:3]}  # the first one's trial is over


def test_a_row_that_no_longer_qualifies_is_left_out(signed_in, alice, five):
    client = signed_in(alice, htmx=True)
    drawer = client.get(f"{EXTEND}?{every()}")
    fresh(five[0]).subscription.cancel(by=alice, at=NOW)
    answer = client.post(EXTEND, {"id": pinned(drawer)})
    assert "2 trials were extended by 7 days." in answer.headers["HX-Trigger"]
    assert extended() == {row.pk for row in five[1:3]}


@pytest.mark.parametrize("url", [f"{CANCEL}?{every()}", CANCEL])
def test_a_press_that_names_no_row_applies_nothing(signed_in, alice, five, url):
    """Only a drawer can turn a filter into rows."""
    answer = signed_in(alice).post(url, {"all": URL, "reason": ""})
    assert answer.status_code == 404
    assert not Subscription.objects.filter(cancelled_at__isnull=False).exists()


def test_the_ids_of_the_form_win_over_the_address(signed_in, alice, five):
    signed_in(alice).post(f"{CANCEL}?{every()}&{picked(five[0])}", {"id": five[1].pk, "reason": ""})
    assert [bool(fresh(row).subscription.cancelled_at) for row in five[:3]] == [False, True, False]


def test_a_drawer_shows_twenty_and_counts_the_rest(signed_in, alice, contoso):
    crowd(contoso, 50, trials=lambda n: {"ends_in": DAY} if n < 25 else {"converted_at": NOW})
    drawer = signed_in(alice).get(f"{EXTEND}?{every()}")
    subject = drawer.context["subject"]
    assert (len(subject["names"]), subject["more"], subject["count"], subject["total"]) == (20, 5, 25, 50)
    assert (len(subject["skipped"]), subject["skipped_count"]) == (20, 25)
    assert "And so on, by the same rules, for 5 more." in words(drawer)
    assert len(pinned(drawer)) == 25


def test_pending_rows_are_selected_in_the_same_way(signed_in, alice, contoso):
    for number in range(2):
        pending_partner(contoso, f"Adatum {number}")
    gone = pending_partner(contoso, "Gone", subscription__withdrawn_at=NOW)
    client = signed_in(alice, htmx=True)
    drawer = client.get(f"{reverse('withdraw')}?{every(PENDING_URL)}&{picked(gone)}")
    assert len(pinned(drawer)) == 2
    assert client.post(reverse("withdraw"), {"id": pinned(drawer), "reason": ""}).status_code == 204
    assert client.get(PENDING_URL).context["rows"] == []


# What it costs ------------------------------------------------------------------------------------------------------

ACTIONS = [
    "extend_trial", "manage_subscription_upgrade", "convert_to_production", "cancel_trial", "resend_activation_link",
    "change_notification_email", "reset_link", "withdraw",
]  # fmt: skip


def cost(client, url):
    with CaptureQueriesContext(connection) as queries:
        assert client.get(url).status_code == 200
    return len(queries)


@pytest.mark.parametrize("url", [f"{URL}selection/", *map(reverse, ACTIONS)])
def test_a_selection_costs_the_same_queries_however_many_it_holds(signed_in, alice, contoso, settings, url):
    settings.DEMO = False
    client, counts = signed_in(alice, htmx=True), []
    for number in (3, 40):
        crowd(contoso, number, trials=lambda n: {"ends_in": 20 * HOUR, "cancelled_at": NOW if n % 2 else None})
        counts.append(cost(client, f"{url}?{every(URL + '?q=partner')}"))
    assert counts[0] == counts[1] <= 10


def test_a_thousand_rows_are_one_press(signed_in, alice, contoso):
    rows = crowd(contoso, 1_000, trials=lambda n: {"ends_in": DAY, "blocked_at": NOW})
    client = signed_in(alice, htmx=True)
    assert item(client.get(f"{URL}selection/?{every()}"), "extend_trial")["label"] == "Extend trial (1000 of 1000)"
    drawer = client.get(f"{BLOCK}?{every()}")
    assert len(pinned(drawer)) == 1_000
    answer = client.post(BLOCK, {"id": [row.pk for row in rows], "upgrade": "block", "reason": ""})
    assert (answer.status_code, Message.objects.count()) == (204, 0)  # all of them were blocked already


def test_without_a_selection_and_without_javascript_the_page_says_what_is_missing(signed_in, alice):
    answer = signed_in(alice).get("/organizations/actions/extend_trial/?next=/invoice/partners/")
    assert answer.status_code == 404
    assert "Nothing is selected. Go back and select a row first." in answer.content.decode()


def test_all_that_match_ends_with_another_filter(signed_in, alice, contoso):
    crowd(contoso, 6)
    every = quote(f"{URL}?order=name")
    client = signed_in(alice, htmx=True)
    assert client.get(f"{URL}?order=newest&all={every}").context["selection"]["count"] == 6
    assert client.get(f"{URL}?chip=ending&all={every}").context["selection"]["count"] == 0
