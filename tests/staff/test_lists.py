"""Lists of the staff: found by an index among many, counted no further than a thousand, and only in their own order."""

import re
import uuid
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from partnerapp.models import Event, Message
from partnerapp.staff.lists import MOST
from tests.factories import NOW, CustomerFactory, crowd, partner

ORGANIZATIONS, EVENTS, MESSAGES = (f"/admin/partnerapp/{model}/" for model in ("organization", "event", "message"))
MANY = 6_000


@pytest.fixture
def many(contoso):
    """Partners with names from a to z, each with an event and a mail."""
    rows = crowd(contoso, MANY, each=lambda n: {"name": f"{chr(97 + n % 26)}{n:05} Group"})
    facts = {"distributor_id": contoso.pk, "at": NOW, "actor": "System", "actor_kind": "system"}
    Event.objects.bulk_create(Event(organization=o, partner_id=o.pk, kind="added", **facts) for o in rows)
    mail = {"distributor_id": contoso.pk, "kind": "subscriptions.converted", "recipient": "it@x.example"}
    Message.objects.bulk_create(Message(organization=o, about_at=NOW, ready_at=NOW, **mail) for o in rows)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE event, message")
    return rows


def plans(staff, url):
    """How Postgres finds what this list shows: the plans of all of its statements about the big tables."""
    with CaptureQueriesContext(connection) as asked:
        answer = staff.get(url)
    assert answer.status_code == 200
    statements = [
        q["sql"] for q in asked.captured_queries if re.search('FROM "(organization|event|message)"', q["sql"])
    ]
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(f"EXPLAIN {statement}")
            yield "\n".join(line for (line,) in cursor.fetchall())


@pytest.mark.parametrize(
    "query",
    [
        "",
        "?p=9",
        "?q=a",
        "?q=a00026",
        "?q=nobody",
        "?q=O-{pk}",
        "?q={pk}",
        "?q={email}",
        "?q={tid}",
        "?kind=partner",
        "?kind=distributor",
        "?kind=partner&q=b",
        "?kind=customer&q=b",
        "?parent={parent}",
        "?parent={pk}",
        "?o=2",
        "?o=-3.1",
    ],
)
def test_organizations_are_found_by_an_index(staff, many, query):
    row = many[77]
    url = query.format(pk=row.pk, email=row.notification_email, tid=row.tid, parent=row.parent_id)
    found = list(plans(staff, ORGANIZATIONS + url))
    assert len(found) >= 2
    assert [plan for plan in found if "Seq Scan on organization" in plan or ("Sort" in plan and "=" not in url)] == []


@pytest.mark.parametrize("query", ["", "?q=O-{pk}", "?kind=added", "?kind=ended", "?kind=ended&q={pk}", "?p=9"])
def test_events_are_found_by_an_index(staff, many, query):
    found = list(plans(staff, EVENTS + query.format(pk=many[77].pk)))
    assert [plan for plan in found if "Seq Scan on event" in plan] == []


@pytest.mark.parametrize("query", ["", "?q=O-{pk}", "?q={id}"])
def test_mails_are_found_by_an_index(staff, many, query):
    found = list(plans(staff, MESSAGES + query.format(pk=many[77].pk, id=uuid.uuid4())))
    assert [plan for plan in found if "Seq Scan on message" in plan] == []


def test_a_count_ends_at_a_thousand(staff, many):
    with CaptureQueriesContext(connection) as asked:
        page = staff.get(ORGANIZATIONS).content.decode()
    assert "1,000+ organizations" in page
    counts = [q["sql"] for q in asked.captured_queries if "COUNT(" in q["sql"] and "organization" in q["sql"]]
    assert len(counts) == 1
    assert f"LIMIT {MOST + 1}" in counts[0]


@pytest.fixture
def some(contoso):
    made = partner(contoso, "Zürich & Söhne")
    made.default_domain, made.notification_email = "zuerich.example", "Info@Zuerich.example"
    made.save()
    CustomerFactory(parent=made, name="Zurich Customer", notification_email="other@x.example")
    return made


@pytest.mark.parametrize(
    ("term", "found"),
    [
        ("zuri", True),
        ("ZÜRICH s", True),
        ("zurich sohne", True),
        ("sohne", False),  # the beginning of the name, not of any word
        ("O-{pk}", True),
        ("o-{pk} ", True),
        ("{pk}", True),
        ("O-1", False),
        ("info@zuerich.EXAMPLE", True),
        ("info@", False),
        ("{tid}", True),
        ("00000000-0000-0000-0000-000000000001", False),
        ("%", False),
        ("&", False),
    ],
)
def test_what_a_search_finds(staff, some, term, found):
    answer = staff.get(ORGANIZATIONS, {"q": term.format(pk=some.pk, tid=some.tid)})
    assert (f"/{some.pk}/change/" in answer.content.decode()) is found


def test_the_mails_that_were_not_delivered_come_first(staff, some, contoso):
    facts = {"organization": some, **some.branch, "kind": "subscriptions.converted", "about_at": NOW}
    for n, state in enumerate(["queued", "refused", "ambiguous", "obsolete"]):
        ready = NOW + timedelta(hours=n)
        Message.objects.create(recipient=f"{state}@x.example", state=state, ready_at=ready, **facts)
    shown = re.findall(r"(\w+)@x[.]example", staff.get(MESSAGES).content.decode())
    assert shown == ["ambiguous", "refused"]
    assert staff.get(f"{MESSAGES}?q={some.reference}").content.decode().count("@x.example") == 4


HOSTILE = [
    "%00", "x%00y", "%FF%FE", "%ED%A0%80", "%", "-1", "0", "1e9", "9" * 30, "1,,x", "' OR 1=1 --", "x" * 5_000, "O-" + "9" * 40,
    "%3Cscript%3Ealert(1)%3C/script%3E", "{{7*7}}", "O-%D9%A3", "%C2%B2", "__class__", "../../etc/passwd", "%E2%80%AE",
]  # fmt: skip
PARAMETERS = ["p", "o", "all", "kind", "parent", "is_staff", "e", "_popup", "_to_field", "_facets", "name__regex"]
LISTS = [f"/admin/{model}/" for model in (
    "partnerapp/organization", "partnerapp/event", "partnerapp/message", "partnerapp/operator", "partnerapp/job",
    "subscriptions/product",
)]  # fmt: skip


@pytest.mark.parametrize("url", LISTS)
def test_nonsense_is_answered(staff, some, url):
    """No 5xx, whatever a parameter or a path says; and nothing that was sent comes back as markup."""
    wrong = []
    for turn, value in enumerate(HOSTILE, start=LISTS.index(url)):
        asked = [f"{url}?{name}={value}" for name in ("q", *PARAMETERS[turn % 4 :: 4])]
        end = ("change", "delete", "history", "password")[turn % 4]
        asked.append(f"{url}{value.replace('/', '')}/{end}/")
        for address in [*asked, f"{ORGANIZATIONS}{value}/do/suspend/", f"{ORGANIZATIONS}{some.pk}/do/{value}/"]:
            answer = staff.get(address)
            if answer.status_code >= 500 or b"<script>alert" in answer.content:
                wrong.append((address, answer.status_code))
    assert wrong == []


@pytest.mark.parametrize("value", HOSTILE)
def test_nonsense_in_forms_is_answered(staff, some, value):
    body = dict.fromkeys(
        ("reason", "seen", "name", "email", "admin_email", "request_key", "products", "upgrade"), value
    )
    form = "&".join(f"{name}={text}" for name, text in body.items())
    for url in (
        f"{ORGANIZATIONS}add/",
        f"{ORGANIZATIONS}{some.pk}/do/cancel_trial/",
        f"{ORGANIZATIONS}{some.pk}/do/change_products/",
        f"{ORGANIZATIONS}{some.pk}/do/manage_subscription_upgrade/",
        "/admin/partnerapp/operator/add/",
        "/admin/subscriptions/product/add/",
        "/admin/login/",
    ):
        answer = staff.post(url, form, content_type="application/x-www-form-urlencoded")
        assert (url, answer.status_code < 500) == (url, True)
