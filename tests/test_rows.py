"""The rows of the lists, drawn by Jinja2: whatever stands in a row comes out as text, and what is missing is an error."""

from datetime import date
from html.parser import HTMLParser

import pytest
from django.template import Context, Template
from jinja2 import UndefinedError

from partnerapp.jinja2 import Environment
from partnerapp.models import Operator, Organization
from partnerapp.pages import lists
from partnerapp.pages.customers import CUSTOMERS, PENDING_CUSTOMERS
from partnerapp.pages.partners import PARTNERS, PENDING_PARTNERS
from tests.factories import NOW


def hostile(name: str) -> str:
    return f'<script>alert(1)</script>&amp;" hx-get="/signout/" x=\'{name}'


def cells(*names: str) -> dict[str, str]:
    return {name.rpartition(".")[2]: hostile(name) for name in names}


SHARED = {**cells("id", "name", "email", "url", "source", "partner"), "selected": True}
IMPORTED = {
    **SHARED,
    **cells("level", "customers", "seats"),
    "state": cells("state.word", "state.icon", "state.tone"),
    "since": NOW,
    "trial": {**cells("trial.elapsed", "trial.total", "trial.left", "trial.tone"), "ends_at": NOW},
    "after": cells("after.text", "after.detail", "after.icon", "after.tone"),
    "skus": [hostile("sku"), hostile("another sku")],
    "add_ons": [hostile("add-on"), hostile("another add-on")],
    "expires_on": date(2026, 12, 1),
    "extended_at": NOW,
}
PENDING = {
    **SHARED,
    **cells("import_errors", "log", "log_url", "log_message"),
    "copy": cells("copy.url", "copy.refusal"),
    "mail": {"state": "refused", "reason": hostile("mail.reason")},
    "withdrawn_at": None,
    "steps": [cells("step.word", "step.state") | {"current": now} for now in (True, False)],
    "progress": {"label": hostile("progress.label"), "done": 1_000, "total": 2_000},
    "error": cells("error.cause", "error.remedy", "error.retry_url", "error.retry_refusal"),
    "waiting": cells("waiting.text", "waiting.since"),
    "log_at": NOW,
    "expires_at": NOW,
    "expired": True,
    "moved": cells("moved.text", "moved.url"),
}
BRANCHES = {"withdrawn_at": NOW, "expired": False, "mail": {"state": "sending", "reason": ""}, "selected": False}
OF_LISTS = [
    (PARTNERS, IMPORTED, {"source", "partner"}),
    (CUSTOMERS, IMPORTED, {"customers"}),
    (PENDING_PARTNERS, PENDING, {"source", "partner"}),
    (PENDING_CUSTOMERS, PENDING, set()),
]


class Reader(HTMLParser):
    """What a browser makes of a page: its elements and attributes, and what these and the text between them say."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.markup: set[str] = set()
        self.said: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.markup |= {tag, *(name for name, _value in attrs)}
        self.said += [value for _name, value in attrs if value]

    def handle_data(self, data):
        self.said.append(data)


def drawn(table, *rows: dict) -> Reader:
    sees_all = Operator(organization=Organization(kind=Organization.Kind.DISTRIBUTOR))
    page = Template(f'{{% rows "organizations/{table.template}_rows.jinja" %}}')
    return Reader(page.render(Context({"rows": rows, "column": lists.headings(table, sees_all)})))


def strings(value: object) -> set[str]:
    """Every text in a row, however deep."""
    if isinstance(value, dict | list):
        inside = value.values() if isinstance(value, dict) else value
        return {text for each in inside for text in strings(each)}
    return {value} if isinstance(value, str) and value not in {"refused", "sending"} else set()


@pytest.mark.parametrize(("table", "row", "elsewhere"), OF_LISTS, ids=lambda value: getattr(value, "name", ""))
def test_whatever_stands_in_a_row_comes_out_as_text(table, row, elsewhere):
    page = drawn(table, row, row | BRANCHES)
    said = "\n".join(page.said)
    shown = {name: value for name, value in row.items() if name not in elsewhere}
    assert {text for text in strings(shown) if text not in said} == set()
    assert page.markup & {"script", "hx-get", "x"} == set()


def test_what_a_row_lacks_is_an_error():
    with pytest.raises(KeyError, match="name"):
        drawn(PARTNERS, {"id": "1"})
    with pytest.raises(UndefinedError):
        Environment().from_string("{{ nothing }}").render()
