"""Every URL of the site map × method × person × whose row × page or htmx: the status, its sentence, and no leak."""

from contextlib import nullcontext
from typing import NamedTuple
from urllib.parse import quote

import pytest
from django.utils.html import escape

from partnerapp import access
from partnerapp.models import Operator, Organization
from tests.trees import (
    ACTIONS,
    ADD,
    ADD_CUSTOMER,
    FIT,
    FORM,
    HIDDEN,
    INVITE,
    LABELS,
    LISTS,
    LOG,
    OF_CUSTOMERS,
    OPERATOR_ACTIONS,
    OPERATOR_PAGES,
    OUTSIDE,
    OWN,
    PARENTS,
    PARTNER_LISTS,
    ROW_PAGES,
    SEEN,
    STAFF_OF,
    TRIAL_ACTIONS,
    VISIBLE,
    WORKS_FOR,
    Trees,
    address,
    lax,
    plain,
    production,  # noqa: F401 - a fixture
    snapshot,
    told,
    two_trees,  # noqa: F401 - a fixture
    undone,
)

DONE = "204, or 303 without htmx"
SIGN_IN = "to sign-in and back"
ANSWERS = {  # what GET and POST answer to somebody who may; a new URL stands here, or its test fails
    "/": (200, 405),
    "/preferences/": (200, 303),
    **dict.fromkeys([*LISTS, *LOG, *ROW_PAGES], (200, 405)),
    "/organizations/actions/add_partner/": (200, DONE),
    "/organizations/actions/add_partners/": (200, 200),
    **dict.fromkeys([*ADD_CUSTOMER, *OF_CUSTOMERS], (200, DONE)),
    "/organizations/actions/extend_trial/": (200, DONE),
    "/organizations/actions/manage_subscription_upgrade/": (200, DONE),
    "/organizations/actions/convert_to_production/": (200, DONE),
    "/organizations/actions/cancel_trial/": (200, DONE),
    "/organizations/actions/copy_activation_link/": (405, 200),
    "/organizations/actions/resend_activation_link/": (200, DONE),
    "/organizations/actions/send_reminder/": (200, DONE),
    "/organizations/actions/change_notification_email/": (200, DONE),
    "/organizations/actions/reset_link/": (200, DONE),
    "/organizations/actions/withdraw/": (200, DONE),
    "/organizations/actions/try_again/": (405, DONE),
    **dict.fromkeys(OPERATOR_PAGES, (200, 405)),
    **dict.fromkeys([*INVITE, *OPERATOR_ACTIONS], (200, DONE)),
    "/signin/": (200, 503),  # Microsoft does not answer here
    "/signin/callback/": (405, 400),
    "/signout/": (405, 302),
    "/consent/callback/": (400, 405),
    "/invitations/nonsense/": (410, 410),
    "/activate/nonsense/": (404, 404),
    "/activate/nonsense/consent/": (405, 404),
    "/activate/nonsense/again/": (405, 404),
    "/healthz": (200, 405),
    "/readyz": (200, 405),
    "/health/jobs": (503, 405),
    "/demo/clock/": (405, 303),
    "/demo/mailbox/": (200, 405),
    "/demo/mailbox.json": (200, 405),
    "/demo/mailbox/nonsense/": (404, 405),
    "/demo/mailbox/nonsense/html/": (404, 405),
}
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]

TRIALS = ["contoso", "northwind", "fabrikam", "woodgrove", "alpine", "relecloud", "missing"]
PENDING = ["contoso", "northwind", "adatum", "coho", "litware", "proseware", "missing"]
SHOWN = ["contoso", "northwind", "fabrikam", "woodgrove", "alpine", "coho", "litware", "relecloud", "missing"]
PEOPLE = ["victor", "dora", "nina", "mallory", "bob", "missing"]
# On a list, where a row is selected or is not there.
SELECTED = ["fabrikam", "woodgrove", "alpine", "relecloud", "missing"]


class Cell(NamedTuple):
    url: str
    method: str
    who: str
    row: str
    htmx: bool


def rows_for(url: str) -> list[str]:
    if url in ACTIONS:
        return TRIALS if url in TRIAL_ACTIONS else PENDING
    if url in ROW_PAGES:
        return SHOWN
    if url in OPERATOR_ACTIONS:
        return PEOPLE
    return SELECTED if url in LISTS else ["missing"]


def cells(url: str) -> list[Cell]:
    """Whose row it is matters where something is answered: other methods are refused before that. Rows take turns at page
    and htmx, from person to person too; one that is not there is asked for in both ways, so that each has its match.
    """
    answered = [method for method, answer in zip(("GET", "POST"), ANSWERS[url], strict=True) if answer != 405]
    return [
        Cell(url, method, who, row, htmx)
        for person, who in enumerate([*WORKS_FOR, *OUTSIDE])
        for method in METHODS
        for turn, row in enumerate(rows_for(url) if who in WORKS_FOR and method in answered else ["missing"])
        for htmx in ([False, True] if row == "missing" else [(person + turn + (method == "POST")) % 2 == 1])
        if method in answered or not htmx
    ]


def expected(cell: Cell) -> tuple[int | str, str]:
    """The status (or SIGN_IN), and the sentence of a 403."""
    url, method, who, row, _htmx = cell
    get, post = ANSWERS[url]
    answer = {"GET": get, "HEAD": get if url != "/consent/callback/" else 405, "POST": post}.get(method, 405)
    if answer == 405 or LABELS[url] == "public":
        return answer, ""
    if who in OUTSIDE:
        return SIGN_IN, ""
    if url in [*PARTNER_LISTS, *ADD] and who in {"bob", "charlie"}:
        return 403, "This page is not for Partner accounts."
    if url in ADD_CUSTOMER and who in {"alice", "victor", "mallory"}:
        return 403, "Customers are added by their Partner."
    if url in ROW_PAGES and row not in VISIBLE[who]:
        return 404, ""
    if url in ACTIONS and row not in OWN[who]:
        sentence = f"Only {PARENTS.get(row, '').title()} can do this for {row.title()}."
        return (403, sentence) if row in SEEN[who] else (404, "")
    if url in OPERATOR_ACTIONS and STAFF_OF.get(row) != WORKS_FOR[who]:
        return 404, ""
    if url in [*ACTIONS, *ADD, *OPERATOR_ACTIONS, *INVITE] and who == "victor":
        return 403, "Your role is Viewer. Ask an Admin of Contoso to do this."
    return allowed(cell, answer), ""


def allowed(cell: Cell, answer: int | str) -> int:
    """What those who may get: but Northwind is connected, so its link cannot be handled any more; it is in a trial, so it
    converts nobody (R24), as Fabrikam; a Partner has all products; and each action on an operator is for some of them.
    """
    if cell.url == "/":
        return 302
    if cell.url in FIT and cell.method == "POST" and cell.row not in FIT[cell.url]:
        return 422
    late = cell.row == "northwind" and cell.url not in [*TRIAL_ACTIONS, *LISTS] and "email" not in cell.url
    early = "convert" in cell.url and cell.who in {"bob", "charlie"}
    if cell.method == "POST" and (late or early or (cell.url in OF_CUSTOMERS and cell.who in {"alice", "mallory"})):
        return 422
    return {DONE: 204 if cell.htmx else 303}.get(answer, answer)


def status(cell: Cell, answer) -> int | str:
    """The status of an answer, or SIGN_IN if it leads there and back: to the page, or to the one that it is part of."""
    back = "/invoice/partners/pending/?order=name" if cell.htmx else start(cell.url) if cell.method == "GET" else "/"
    code, header = (200, "HX-Redirect") if cell.htmx else (302, "Location")
    leads = answer.headers.get(header, "").startswith(f"/signin/?next={quote(back)}")
    return SIGN_IN if leads and answer.status_code == code else answer.status_code


def start(url: str) -> str:
    """What the address of each row begins with."""
    return address(url, "|").partition("|")[0]


def absent(cell: Cell) -> bool:
    """There is no such row, or not for this person: neither of another tree nor, of operators, of another organization."""
    if cell.url in ROW_PAGES:
        return cell.row not in VISIBLE[cell.who]
    if cell.url in OPERATOR_ACTIONS and cell.row in STAFF_OF:
        return STAFF_OF[cell.row] != WORKS_FOR.get(cell.who)
    return cell.row in {"missing", *HIDDEN[cell.who]}


def run(trees: Trees, cells: list[Cell]) -> list[tuple]:
    """The cells whose answers are not as they must be. Only what is allowed is undone: a refusal changes nothing."""
    found, missing = [], {}
    for cell in cells:
        want, sentence = expected(cell)
        pk, browser = trees.pk(cell.row, cell.url), trees.browsers[cell.who]
        refused = want in {403, 404, 405, SIGN_IN} and LABELS[cell.url] != "public"
        with undone() if cell.method == "POST" and not refused else nullcontext():
            answer = browser.ask(cell.method, address(cell.url, pk), FORM, htmx=cell.htmx)
        left = plain(answer, pk)
        same = True
        if absent(cell):  # byte for byte
            same = missing.setdefault((cell.who, cell.method, cell.htmx), left) == left
        got = status(cell, answer), *told(cell.who, left[-1]), *lax(answer, private=cell.who in WORKS_FOR)
        if got != (want,) or not same or escape(sentence) not in left[-1]:
            found.append((cell, want, got, same))
    return found


@pytest.mark.parametrize("url", LABELS)
def test_the_matrix(trees, record_property, url):
    before, which = snapshot(), cells(url)
    record_property("cells", len(which))
    assert run(trees, which) == []
    assert snapshot() == before


def test_the_matrix_is_whole(record_property):
    """A URL that is not in ANSWERS fails above by itself; one that is gone, here."""
    number = sum(len(cells(url)) for url in LABELS)
    record_property("cells", number)
    assert set(ANSWERS) == set(LABELS)
    assert number > 3_000


# The proof of the proof ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("url", ACTIONS)
def test_without_visible_to_the_matrix_is_red(trees, monkeypatch, url):
    everything = Organization.objects.all()
    monkeypatch.setattr(access, "visible_to", lambda who, rows=None, through="": everything if rows is None else rows)
    which = [c for c in cells(url) if c.method == "POST" and c.who in {"alice", "mallory", "bob"} and c.row in PARENTS]
    red = {(cell.who, cell.row) for cell, *_rest in run(trees, which)}
    assert red == {(who, row) for _url, _method, who, row, _htmx in which if row in HIDDEN[who]} != set()


@pytest.mark.parametrize("url", ROW_PAGES)
def test_without_visible_to_the_pages_are_red(trees, monkeypatch, url):
    everything = Organization.objects.all()
    monkeypatch.setattr(access, "visible_to", lambda who, rows=None: everything if rows is None else rows)
    which = [c for c in cells(url) if c.method == "GET" and c.who in {"alice", "mallory", "bob"} and c.row in PARENTS]
    red = {(cell.who, cell.row) for cell, *_rest in run(trees, which)}
    assert red == {(who, row) for _url, _method, who, row, _htmx in which if row not in VISIBLE[who]}


@pytest.mark.parametrize("url", OPERATOR_ACTIONS)
def test_without_colleagues_of_the_matrix_is_red(trees, monkeypatch, url):
    monkeypatch.setattr(access, "colleagues_of", lambda who: Operator.objects.all())
    which = [c for c in cells(url) if c.method == "POST" and c.who in WORKS_FOR and c.row in STAFF_OF and absent(c)]
    assert {(cell.who, cell.row) for cell, *_rest in run(trees, which)} == {(cell.who, cell.row) for cell in which}
