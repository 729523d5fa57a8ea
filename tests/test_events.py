"""The event log: what is in it, for whom, narrowed how; its details; its export; and its speed where events are many."""

import csv
import io
from datetime import timedelta
from urllib.parse import urlencode

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from onboarding.models import Onboarding
from partnerapp.models import Event, Operator, Organization
from partnerapp.models.event import WORDS
from partnerapp.pages import event_words, events
from partnerapp.pages.event_words import CATEGORIES, GRAVE, LABELS, UNSAID
from subscriptions.models import Subscription
from tests.conftest import body
from tests.factories import DAY, HOUR, NOW, OperatorFactory, customer, partner, pending_partner

URL = "/events/"


@pytest.fixture
def shown(signed_in):
    """The words of the events on a page of the log."""

    def ask(operator, **query):
        rows = signed_in(operator).get(f"{URL}?{urlencode(query)}").context["rows"]
        return [row["words"] for row in rows]

    return ask


def record(organization, kind="added", *, at=NOW, by=None, **more):
    return Event.record(organization, kind, at=at, by=by, **more)


# What is in it ------------------------------------------------------------------------------------------------------


def test_an_event_says_when_how_grave_whom_what_who_and_why(signed_in, alice, fabrikam):
    record(fabrikam, "upgrade_blocked", at=NOW - HOUR, by=alice, reason="Budget in January")
    page = signed_in(alice).get(URL)
    (row,) = page.context["rows"]
    said = {name: row[name] for name in ("words", "actor", "reason", "exact")}
    assert said == {
        "words": "Automatic upgrade blocked", "actor": "Alice Adler", "reason": "Budget in January",
        "exact": "1 Dec 2026, 08:00:00 UTC",
    }  # fmt: skip
    assert row["organization"] == {"name": "Fabrikam", "url": f"/organizations/{fabrikam.pk}/"}
    assert "Nothing here can be changed or deleted" in page.content.decode()


def test_times_are_in_the_operators_zone_with_its_name(signed_in, contoso, fabrikam):
    """R33."""
    record(fabrikam)
    berlin = OperatorFactory(organization=contoso, time_zone="Europe/Berlin")
    page = signed_in(berlin).get(URL).content.decode()
    assert "1 Dec 2026, 10:00 CET" in page
    assert 'title="1 Dec 2026, 10:00:00 CET"' in page


def test_a_line_says_what_changed(signed_in, alice, fabrikam):
    """The verbs' own facts, and the sweep's, which Postgres writes."""
    fabrikam.subscription.extend(by=alice, at=NOW)
    record(fabrikam, "upgrade_held", after={"hold_reason": "refused", "upgrade_at": "2026-12-03T09:00:00+00:00"})
    proseware = pending_partner(alice.acts_for, "Proseware")
    record(proseware, "pre_import_error", after={"error_code": "missing_permission", "error_detail": "User.Read.All"})
    rows = {row["words"]: row for row in signed_in(alice).get(URL).context["rows"]}
    assert {words: (row["severity"]["word"], row["telling"]) for words, row in rows.items()} == {
        "Trial extended": ("Information", "Trial ends: 3 Dec 2026, 09:00 UTC → 10 Dec 2026, 09:00 UTC"),
        "Upgrade held": ("Warning", "Held because: the mail server refused the notice"),
        "Pre-import error": ("Error", "The permission User.Read.All was not granted by the Microsoft 365 tenant."),
    }


def test_every_kind_has_words_and_stands_under_one_chip():
    chips = [kind for name, kinds in CATEGORIES.items() for kind in kinds if name != "problems"]
    assert len(chips) == len(set(chips))
    assert set(WORDS) <= set(chips)
    assert set(CATEGORIES["problems"]) == set(GRAVE) <= set(chips)


def test_every_fact_of_an_event_has_a_name_or_is_left_out(fabrikam):
    fabrikam.onboarding.organization = fabrikam
    facts = {*fabrikam.subscription.facts(), *fabrikam.onboarding.facts()}
    assert facts - {*LABELS, *UNSAID} == set()
    assert set(LABELS) & UNSAID == set()
    assert {Subscription, Onboarding} == {type(fabrikam.subscription), type(fabrikam.onboarding)}


def test_a_kind_and_a_fact_that_nobody_named_are_shown_all_the_same(fabrikam):
    event = record(
        fabrikam, "tenant_moved", before={"where": ["a", "b"]}, after={"where": None, "moved_on": "2026-12-01"}
    )
    assert event_words.words(event) == "Tenant moved"
    assert event_words.changes(event) == [
        {"label": "Where", "before": "a, b", "after": ""},
        {"label": "Moved on", "before": "", "after": "1 Dec 2026"},
    ]


def test_an_operators_role_is_told_in_words(contoso, alice):
    event = record(
        contoso, "operator_role_changed", by=alice, before={"role": "admin"}, after={"name": "Victor", "role": "viewer"}
    )
    assert event_words.telling(event) == "Name: Victor; Role: Admin → Viewer"


# For whom -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def tree(contoso, bob, mallory):
    """One event of each organization, named by its reason."""
    northwind = bob.acts_for
    rows = [contoso, northwind, customer(northwind, "Woodgrove"), partner(contoso, "Tailspin"), mallory.acts_for]
    for row in rows:
        record(row, reason=row.name)
    return rows


def test_one_sees_the_events_of_ones_own_branch(signed_in, alice, bob, mallory, tree):
    def reasons(operator):
        return {row["reason"] for row in signed_in(operator).get(URL).context["rows"]}

    assert reasons(alice) == {"Contoso Distribution", "Northwind", "Woodgrove", "Tailspin"}
    assert reasons(bob) == {"Northwind", "Woodgrove"}
    assert reasons(mallory) == {"Litware"}


def test_details_of_a_foreign_event_do_not_exist(signed_in, mallory, tree):
    client, missing = signed_in(mallory), Event.objects.order_by("pk").last().pk + 1
    answers = [client.get(f"{URL}{pk}/") for pk in (Event.objects.first().pk, missing)]
    assert [answer.status_code for answer in answers] == [404, 404]


def test_what_the_owner_did_is_told_to_its_own_operators_without_name_and_reason(signed_in, alice, charlie, fabrikam):
    event = record(
        fabrikam, "upgrade_blocked", by=alice, reason="They pay late", after={"blocked_reason": "They pay late"}
    )
    for url in (URL, f"{URL}{event.pk}/", f"/organizations/{fabrikam.pk}/", f"{URL}export/"):
        page = body(signed_in(charlie).get(url)).decode()
        assert "Contoso Distribution" in page
        assert not any(word in page for word in ("Alice", "They pay late"))
        assert "They pay late" in body(signed_in(alice).get(url)).decode()


def test_what_staff_did_is_the_vendors_staff(signed_in, alice, charlie, fabrikam):
    """R31. Why is for the owner."""
    stan = Operator.objects.create_superuser("stan", "stan@vendor.example", "a password", name="Stan")
    record(fabrikam, "trial_cancelled", by=stan, reason="Fraud")
    told = {who: signed_in(who).get(URL).context["rows"][0] for who in (alice, charlie)}
    assert {(row["actor"], row["reason"]) for row in told.values()} == {("Vendor staff", "Fraud"), ("Vendor staff", "")}


def test_what_its_own_people_did_has_their_names(signed_in, bob):
    record(bob.acts_for, "operator_joined", by=bob, reason="as invited")
    record(customer(bob.acts_for), "trial_cancelled", by=bob, reason="too small")
    rows = signed_in(bob).get(URL).context["rows"]
    assert [(row["actor"], row["reason"]) for row in rows] == [("Bob Berg", "too small"), ("Bob Berg", "as invited")]


# Narrowed -----------------------------------------------------------------------------------------------------------


def test_chips_show_one_category(shown, alice, fabrikam):
    for hours, kind in enumerate(["operator_joined", "converted", "upgrade_held", "added", "pre_import_error"]):
        record(fabrikam, kind, at=NOW - hours * HOUR)
    assert shown(alice, chip="problems") == ["Upgrade held", "Pre-import error"]
    assert shown(alice, chip="onboarding") == ["Added", "Pre-import error"]
    assert shown(alice, chip="billing") == ["Converted to Production", "Upgrade held"]
    assert shown(alice, chip="operators") == ["Operator joined"]
    assert len(shown(alice, chip="nonsense")) == 5


def test_one_organization_is_a_chip_that_can_be_removed(signed_in, alice, contoso, fabrikam):
    record(fabrikam)
    record(partner(contoso, "Tailspin"))
    page = signed_in(alice).get(f"{URL}?organization={fabrikam.pk}&chip=onboarding")
    assert [row["organization"]["name"] for row in page.context["rows"]] == ["Fabrikam"]
    assert page.context["log"]["organization"] == {"name": "Fabrikam", "url": f"{URL}?chip=onboarding"}


@pytest.mark.parametrize("which", ["foreign", "missing", "huge"])
def test_an_organization_that_one_does_not_see_matches_nothing(signed_in, mallory, fabrikam, which):
    record(fabrikam)
    pk = {"foreign": fabrikam.pk, "missing": fabrikam.pk + 99, "huge": 10**17}[which]
    page = signed_in(mallory).get(f"{URL}?organization={pk}")
    assert page.context["rows"] == []
    assert page.context["log"]["organization"]["name"] == "Unknown organization"
    assert "Nothing matches" in page.content.decode()


def test_days_are_whole_days_of_the_operator(signed_in, contoso, fabrikam):
    berlin = OperatorFactory(organization=contoso, time_zone="Europe/Berlin")
    midnight = NOW.replace(hour=23)  # in Berlin
    for second, at in enumerate([-1, 0, 86399, 86400]):
        record(fabrikam, at=midnight + timedelta(seconds=at), reason=str(second))
    ask = lambda query: [row["reason"] for row in signed_in(berlin).get(f"{URL}?{query}").context["rows"]]  # noqa: E731
    assert ask("from=2026-12-02&to=2026-12-02") == ["2", "1"]
    assert ask("from=2026-12-03") == ["3"]
    assert ask("to=2026-12-01") == ["0"]
    assert ask("from=nonsense&to=0000-00-00") == ["3", "2", "1", "0"]


def test_a_search_finds_partners_customers_and_ones_own(shown, alice, bob, contoso):
    northwind = bob.acts_for
    record(northwind, "converted")
    record(customer(northwind, "North Woodgrove"), "added", at=NOW - HOUR)
    record(contoso, "operator_joined", at=NOW - DAY)
    record(partner(contoso, "Tailspin"), "import_completed")
    assert shown(alice, q="NORTH") == ["Converted to Production", "Added"]
    assert shown(alice, q="cont dist") == ["Operator joined"]
    assert shown(bob, q="north") == ["Converted to Production", "Added"]
    assert shown(bob, q="tail") == shown(bob, q="wood x") == shown(alice, q="!!!") == []
    assert shown(alice, q="north", chip="onboarding") == ["Added"]
    assert shown(alice, q="tail", organization=northwind.pk) == []
    assert shown(alice, q="cont", organization=northwind.pk) == []
    assert (
        shown(alice, organization=contoso.pk) == shown(alice, q="cont", organization=contoso.pk) == ["Operator joined"]
    )


def test_a_search_that_finds_too_many_says_so(signed_in, alice, contoso, monkeypatch):
    monkeypatch.setattr(events, "MOST", 1)
    for name in ("Tailspin", "Tailwind"):
        record(partner(contoso, name))
    page = signed_in(alice).get(f"{URL}?q=tail")
    assert len(page.context["rows"]) == 1
    assert "More than 1,000 organizations match" in page.content.decode()


# Pages --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def many(contoso, fabrikam):
    """Some at one instant, as a sweep writes them; of two organizations and three kinds."""
    other, kinds = partner(contoso, "Tailspin"), ["added", "converted", "upgrade_held"]
    for n in range(23):
        row = [fabrikam, other][n % 2]
        record(row, kinds[n % 3], at=NOW - (n // 5) * HOUR, reason=str(n))
    return [event.reason for event in Event.objects.order_by("-at", "-pk")]


@pytest.mark.parametrize("query", ["", "chip=billing", "q=fab", "q=fab&chip=billing", "to=2026-12-01"])
def test_pages_lead_through_all_there_and_back(signed_in, alice, many, monkeypatch, query):
    monkeypatch.setattr(events, "PAGE", 4)
    client, url, pages = signed_in(alice), f"{URL}?{query}", []
    while url:
        page = client.get(url)
        pages.append([row["reason"] for row in page.context["rows"]])
        last, url = page, page.context["pager"]["next"]
    whole = [reason for part in pages for reason in part]
    found = {
        event.reason for event in Event.objects.all() if "q=" not in query or event.organization.name == "Fabrikam"
    }
    if "billing" in query:
        found &= {event.reason for event in Event.objects.filter(kind__in=CATEGORIES["billing"])}
    assert whole == [reason for reason in many if reason in found]
    assert len(pages) > 1
    back = []
    while url := last.context["pager"]["previous"]:
        last = client.get(url)
        back.insert(0, [row["reason"] for row in last.context["rows"]])
    assert back == pages[:-1]


def test_a_cursor_that_no_page_wrote_begins_at_the_first(shown, alice, many):
    first = shown(alice)
    for cursor in ("x", "~1", "2026-12-01~1", "2000-01-01T00:00:00+00:00~1"):
        assert shown(alice, after=cursor) == first


def test_htmx_gets_the_list_alone_and_the_address_says_what_is_shown(signed_in, alice, many):
    answer = signed_in(alice, htmx=True).get(f"{URL}?chip=billing&nonsense=1")
    assert b"<html" not in answer.content
    assert answer.headers["HX-Push-Url"] == f"{URL}?chip=billing"


@pytest.mark.parametrize("query", ["", "chip=problems", "q=fab", "q=fab&chip=billing&from=2026-01-01"])
def test_the_number_of_queries_is_constant_and_nothing_is_counted(signed_in, alice, many, settings, query):
    """The session and its operator; the organizations; the ids; the events; and whether the automation runs."""
    settings.DEMO = False
    with CaptureQueriesContext(connection) as captured:
        signed_in(alice).get(f"{URL}?{query}")
    asked = [q["sql"] for q in captured.captured_queries if '"event"' in q["sql"] or '"organization"' in q["sql"]]
    assert len(asked) <= 4
    assert not any("COUNT(" in sql.upper() for sql in asked)


# Details and export -------------------------------------------------------------------------------------------------


def test_details_tell_each_fact_before_and_after_in_words(signed_in, alice, fabrikam):
    fabrikam.subscription.extend(by=alice, at=NOW)
    event = Event.objects.get()
    answer = signed_in(alice, htmx=True).get(f"{URL}{event.pk}/")
    assert answer.context["changes"] == [
        {"label": "Trial ends", "before": "3 Dec 2026, 09:00 UTC", "after": "10 Dec 2026, 09:00 UTC"},
        {"label": "Automatic upgrade", "before": "3 Dec 2026, 09:00 UTC", "after": "10 Dec 2026, 09:00 UTC"},
        {"label": "Trial extended", "before": "", "after": "1 Dec 2026, 09:00 UTC"},
    ]
    assert b"<dialog" in answer.content
    assert f"Event: {event.pk}" in answer.context["support"]
    assert "Trial ends: 3 Dec 2026, 09:00 UTC → 10 Dec 2026, 09:00 UTC" in answer.context["support"]


def test_details_are_a_page_without_htmx(signed_in, alice, fabrikam):
    page = signed_in(alice).get(f"{URL}{record(fabrikam).pk}/?next=/events/?chip=onboarding").content.decode()
    assert "<html" in page
    assert 'href="/events/?chip=onboarding"' in page


def test_an_export_has_all_that_the_filter_leaves(signed_in, alice, many, monkeypatch):
    monkeypatch.setattr(events, "MOST", 4)  # so many at a time
    answer = signed_in(alice).get(f"{URL}export/?chip=billing&q=fab")
    lines = list(csv.reader(io.StringIO(body(answer).decode("utf-8-sig"))))
    assert lines[0] == ["Time", "Severity", "Organization", "Message", "What changed", "Actor", "Reason", "Event"]
    wanted = Event.objects.filter(kind__in=CATEGORIES["billing"], organization__name="Fabrikam")
    assert [line[6] for line in lines[1:]] == [event.reason for event in wanted.order_by("-at", "-pk")]
    assert {line[2] for line in lines[1:]} == {"Fabrikam"}


def test_an_export_is_also_a_spreadsheet(signed_in, alice, many):
    answer = signed_in(alice).get(f"{URL}export/?format=xlsx")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="events.xlsx"'
    assert body(answer).startswith(b"PK")


def test_a_file_has_no_formula(signed_in, alice, contoso):
    record(partner(contoso, "=1+1"), reason='=HYPERLINK("http://evil.example")', by="@evil")
    _headings, line = csv.reader(io.StringIO(body(signed_in(alice).get(f"{URL}export/")).decode("utf-8-sig")))
    assert [cell for cell in line if cell.startswith(("=", "@"))] == []
    assert "'=1+1" in line


# With many events ---------------------------------------------------------------------------------------------------


def crowd_of_events(contoso, number):
    made = Organization.objects.filter(distributor=contoso).exclude(kind="distributor")
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO event (organization_id, distributor_id, partner_id, at, actor, actor_kind, kind, before, after, reason)"
            " SELECT o.id, o.distributor_id, o.id, %s - n * interval '1 minute', 'System', 'system', 'added', '{}', '{}', ''"
            " FROM organization o, generate_series(1, %s) n WHERE o.id = ANY (%s)",
            [NOW, number, [row.pk for row in made]],
        )
        cursor.execute("ANALYZE event, organization")


@pytest.mark.parametrize(
    "query",
    ["", "chip=operators", "chip=problems", "from=2020-01-01&to=2020-02-01", "after=2026-01-01T00:00:00%2B00:00~1"],
)
def test_the_log_is_read_in_the_order_of_an_index(signed_in, alice, contoso, fabrikam, query):
    record(contoso, "operator_joined", at=NOW - 900 * DAY)
    crowd_of_events(contoso, 20_000)
    with CaptureQueriesContext(connection) as captured:
        signed_in(alice).get(f"{URL}?{query}")
    for asked in [q["sql"] for q in captured.captured_queries if 'FROM "event"' in q["sql"]]:
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN (ANALYZE, TIMING OFF, SUMMARY OFF, BUFFERS OFF) {asked}")
            plan = "\n".join(line for (line,) in cursor.fetchall())
        assert "Seq Scan on event" not in plan, plan
        assert "Rows Removed by Filter" not in plan, plan
