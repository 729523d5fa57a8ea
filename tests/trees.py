"""Two trees, everybody who may ask about them, and how they ask. Made once for all tests of a file.

Contoso (Alice; Victor, a Viewer) ─┬─ Northwind (Bob) ── its customers Woodgrove and Coho
                                   ├─ Fabrikam (Charlie) ── its customer Alpine
                                   └─ Adatum
Litware (Mallory) ── Relecloud, Proseware

Dora was disabled and Nina is invited: two more of Contoso's operators.
Adatum, Coho and Proseware stopped before they were connected; the other Partners and customers are in a trial.
"""

import io
import logging
import re
import uuid
import zipfile
import zoneinfo
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import urlencode

import pytest
from django.apps import apps
from django.conf import settings
from django.db import connection, transaction
from django.test import Client
from django.urls import get_resolver

from partnerapp import checks
from partnerapp.models import Event, Operator, Organization
from partnerapp.wsgi import application
from tests import factories
from tests.conftest import body
from tests.factories import DAY, HOUR, NOW, DistributorFactory, OperatorFactory

LABELS = {
    "/" + re.sub("<[^>]+>", "nonsense", url): view.access for url, view in checks.views(get_resolver().url_patterns)
}
ACTIONS = [url for url in LABELS if url.startswith("/organizations/actions/") and "/add_" not in url]
ADD = [url for url, label in LABELS.items() if label == "add_partner"]
ADD_CUSTOMER = ["/organizations/actions/add_customer/"]
TRIAL_ACTIONS = [url for url in ACTIONS if any(word in url for word in ("trial", "subscription", "production", "skus"))]
OF_CUSTOMERS = ["/organizations/actions/edit_skus_and_expiration_date/"]  # what nobody can do with a Partner
PRESSES = [url for url in ACTIONS if url.endswith(("/copy_activation_link/", "/try_again/"))]  # without a drawer
PARTS = [which + what for which in ("", "pending/") for what in ("", "selection/", "export/")]
PARTNER_LISTS = [f"/invoice/partners/{part}" for part in PARTS]
CUSTOMER_LISTS = [f"/manage/customers/{part}" for part in PARTS]
LISTS = [*PARTNER_LISTS, *CUSTOMER_LISTS]
OPERATOR_ACTIONS = [url for url in LABELS if url.startswith("/operators/actions/") and "invite_operator" not in url]
OPERATOR_PAGES = ["/operators/", "/operators/pending/"]
INVITE = ["/operators/actions/invite_operator/"]
ROW_PAGES = ["/organizations/nonsense/", "/events/nonsense/"]  # of a row whose id stands in the path
LOG = ["/events/", "/events/export/"]
HERE = "http://localhost/invoice/partners/pending/?order=name"

PARENTS = {
    "northwind": "contoso",
    "fabrikam": "contoso",
    "adatum": "contoso",
    "woodgrove": "northwind",
    "coho": "northwind",
    "alpine": "fabrikam",
    "relecloud": "litware",
    "proseware": "litware",
}
STOPPED = {"adatum", "coho", "proseware"}
WORKS_FOR = {
    "alice": "contoso",
    "victor": "contoso",
    "mallory": "litware",
    "bob": "northwind",
    "charlie": "fabrikam",
}
STAFF_OF = WORKS_FOR | {"dora": "contoso", "nina": "contoso"}  # whose operators these are
FIT = {  # on whom each action is allowed, if one may: Alice, Mallory, Bob and Charlie are the last Admins (R14)
    "/operators/actions/change_role/": {"victor", "nina"},
    "/operators/actions/disable_operator/": {"victor"},
    "/operators/actions/enable_operator/": {"dora"},
    "/operators/actions/resend_invitation/": {"nina"},
    "/operators/actions/withdraw_invitation/": {"nina"},
}
OUTSIDE = ["nobody", "expired", "dora", "stan"]  # not signed in; no more; disabled meanwhile; of the Vendor's staff

# Whose rows these are, from the drawing alone and not from the code that this is about.
EVERY = {"contoso", "litware", *PARENTS}
OWN = {who: {row for row in PARENTS if PARENTS[row] == home} for who, home in WORKS_FOR.items()}
SEEN = {who: {row for row in PARENTS if home in {row, PARENTS.get(PARENTS[row])}} for who, home in WORKS_FOR.items()}
HIDDEN = {who: EVERY - OWN[who] - SEEN[who] for who in WORKS_FOR} | dict.fromkeys(OUTSIDE, EVERY)
VISIBLE = {who: {home, *OWN[who], *SEEN[who]} for who, home in WORKS_FOR.items()} | {who: set() for who in OUTSIDE}
KNOWN = {who: {home, PARENTS.get(home)} for who, home in WORKS_FOR.items()} | {who: set() for who in OUTSIDE}

# Everything that a form of the portal sends, so that each press would be applied if it were allowed.
FORM = {
    "level": "production",
    "upgrade": "block",
    "name": "Tailspin",
    "email": "new@tailspin.example",
    "sku": "essentials-msp-2025",
    "lines": "Tailspin <new@tailspin.example>",
    "role": "admin",
    "request_key": str(uuid.UUID(int=1)),
    "theme": "dark",
}


class Browser(Client):
    """Asks the application as a server does, and keeps no cookie that it is sent."""

    def __init__(self, operator: Operator | None = None) -> None:
        super().__init__(HTTP_HOST="localhost")
        if operator:
            self.force_login(operator)

    def request(self, **environ: Any) -> Any:
        request = application.request_class(self._base_environ(**environ))
        request._dont_enforce_csrf_checks = True
        return application.get_response(request)

    def ask(self, method: str, url: str, form: dict | str = "", *, htmx: bool = False) -> Any:
        headers = {"HX-Request": "true", "HX-Current-URL": HERE} if htmx else {}
        data = form if isinstance(form, str) else urlencode(form, doseq=True)
        return self.generic(method, url, data, "application/x-www-form-urlencoded", headers=headers)


@contextmanager
def undone() -> Iterator[None]:
    """What happens inside has not happened."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


@dataclass
class Trees:
    rows: dict[str, Organization]
    operators: dict[str, Operator]
    browsers: dict[str, Browser]
    events: dict[str, int]

    def pk(self, row: str, url: str = "") -> int:
        """The id of a row (for the page of an event: of one of its events); of "missing": one that no row has."""
        if url == "/events/nonsense/":
            return self.events.get(row, max(self.events.values()) + 1)
        if row in self.operators:
            return self.operators[row].pk
        return self.rows[row].pk if row in self.rows else self.rows["litware"].pk + 1


@pytest.fixture(name="trees", scope="module")
def two_trees(django_db_setup, django_db_blocker) -> Iterator[Trees]:
    """Each test's own transaction is a savepoint in the one that holds this."""
    with django_db_blocker.unblock(), undone():
        with connection.cursor() as cursor:  # ids that stand nowhere else on a page, and nobody's between them
            cursor.execute("ALTER SEQUENCE organization_id_seq INCREMENT 2 RESTART 700000000")
            cursor.execute("ALTER SEQUENCE operator_id_seq INCREMENT 2 RESTART 800000000")
            cursor.execute("ALTER SEQUENCE event_id_seq INCREMENT 2 RESTART 900000000")
        rows = plant()
        operators = everybody(rows)
        events = {name: Event.record(row, "added", at=NOW, by=None).pk for name, row in rows.items()}
        yield Trees(rows, operators, browsers_of(operators), events)


def address(url: str, pk: object) -> str:
    """The URL that asks about this row."""
    return url.replace("nonsense", str(pk)) if url in ROW_PAGES else f"{url}?id={pk}"


def plant() -> dict[str, Organization]:
    rows = {name: DistributorFactory(name=name.title()) for name in ("litware", "contoso")}
    error = {"error_code": "consent_not_visible", "error_at": NOW - HOUR, "consenter_oid": uuid.UUID(int=1)}
    for name, above in PARENTS.items():
        kind = "customer" if above in PARENTS else "partner"
        make = getattr(factories, f"pending_{kind}" if name in STOPPED else kind)
        rows[name] = make(rows[above], name.title(), **(error if name in STOPPED else {"ends_in": 2 * DAY}))
    return rows


def everybody(rows: dict[str, Organization]) -> dict[str, Operator]:
    people = {who: OperatorFactory(organization=rows[row], name=who.title()) for who, row in STAFF_OF.items()}
    Operator.objects.filter(pk=people["victor"].pk).update(role=Operator.Role.VIEWER)
    Operator.objects.filter(pk=people["nina"].pk).update(tid=None, oid=None, accepted_at=None, role="viewer")
    return people


def browsers_of(operators: dict[str, Operator]) -> dict[str, Browser]:
    """Theirs, and of those who are outside. Dora was disabled after she had signed in."""
    stan = Operator.objects.create_superuser("stan", "stan@vendor.example", "a password", name="Stan")
    browsers = {who: Browser(operator) for who, operator in (operators | {"stan": stan}).items()}
    Operator.objects.filter(pk=operators["dora"].pk).update(disabled_at=NOW)
    browsers |= {"nobody": Browser(), "expired": Browser()}
    browsers["expired"].cookies[settings.SESSION_COOKIE_NAME] = "x" * 32
    return browsers


@pytest.fixture(autouse=True)
def production(db, monkeypatch, settings) -> None:
    """No demo's bar, which names whose trial ends next; no line of log for each refusal; and no page with 600 zones."""
    settings.DEMO = False
    monkeypatch.setattr(logging.getLogger("django.request"), "disabled", True)
    monkeypatch.setattr(zoneinfo, "available_timezones", lambda: {"UTC", "Europe/Berlin"})


# What an answer must and must not be --------------------------------------------------------------------------------


@cache
def hashes() -> str:
    """One statement that makes a hash of each table's rows."""
    tables = sorted(model._meta.db_table for model in apps.get_models(include_auto_created=True))
    each = (f"(SELECT md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {table} t)" for table in tables)
    return f"SELECT ARRAY[{', '.join(each)}]"


def snapshot() -> list[str]:
    """All that is stored."""
    with connection.cursor() as cursor:
        cursor.execute(hashes())
        return cursor.fetchone()[0]


def text_of(answer: Any) -> str:
    """What an answer says; of a spreadsheet, all that is in it but the instant at which it was made."""
    said = body(answer)
    getattr(answer, "file_to_stream", io.BytesIO()).close()
    if not said.startswith(b"PK"):
        return said.decode()
    with zipfile.ZipFile(io.BytesIO(said)) as book:
        return "".join(book.read(name).decode() for name in sorted(book.namelist()) if name.startswith("xl/"))


def plain(answer: Any, *asked: object) -> tuple[int, str, str]:
    """An answer without nonces and without what was asked for, such as an id: status, headers, text."""
    headers = sorted(f"{k}: {v}" for k, v in answer.headers.items() if k not in {"Content-Length", "Expires"})
    left = [str(headers), re.sub('((csrfmiddlewaretoken|request_key)" value=)"[^"]+"', r"\1", text_of(answer))]
    for word in asked:
        left = [text.replace(str(word), "ASKED") for text in left]
    return answer.status_code, *left


def told(who: str, text: str) -> list[str]:
    """The organizations whose names somebody must not read, and does."""
    return [row for row in HIDDEN[who] - KNOWN[who] if row.title() in text]


STRICT = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
}


def lax(answer: Any, *, private: bool = False) -> list[str]:
    """The security headers that an answer lacks; `private`: one to somebody who is signed in."""
    wrong = [name for name, value in STRICT.items() if answer.headers.get(name) != value]
    policy = answer.headers.get("Content-Security-Policy", "")
    if "unsafe" in policy or "default-src 'none'" not in policy:
        wrong.append("Content-Security-Policy")
    if private and "no-store" not in answer.headers.get("Cache-Control", ""):
        wrong.append("Cache-Control")
    return wrong
