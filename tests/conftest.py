"""The cast of every test: Contoso (Alice; Victor; Nina, who is invited) and its Partners; Litware (Mallory); Northwind (Bob);
Fabrikam (Charlie).
"""

import gc
from datetime import datetime

import pytest
from django.test import Client

from partnerapp import clock
from partnerapp.models import Operator, Organization
from tests.factories import DAY, NOW, DistributorFactory, OperatorFactory, partner

gc.freeze()  # what is imported stays: looking through it again and again costs a tenth of the suite's time
gc.set_threshold(100_000, 50, 50)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--screenshots", metavar="DIR", help="where tests/browser/test_screenshots.py leaves its pictures")


def body(answer) -> bytes:
    """What an answer says, also one that is sent while it is made."""
    return b"".join(answer.streaming_content) if answer.streaming else answer.content


@pytest.fixture
def contoso(db) -> Organization:
    return DistributorFactory(name="Contoso Distribution")


@pytest.fixture
def alice(contoso) -> Operator:
    return OperatorFactory(organization=contoso, name="Alice Adler")


@pytest.fixture
def victor(contoso) -> Operator:
    return OperatorFactory(organization=contoso, name="Victor Vance", role=Operator.Role.VIEWER)


@pytest.fixture
def nina(contoso, alice) -> Operator:
    """Invited yesterday, not yet signed in."""
    unknown = {"tid": None, "oid": None, "accepted_at": None}
    about = {"invited_at": NOW - DAY, "invited_by": alice, "role": Operator.Role.VIEWER}
    return OperatorFactory(organization=contoso, name="Nina New", **about, **unknown)


@pytest.fixture
def mallory(db) -> Operator:
    return OperatorFactory(organization=DistributorFactory(name="Litware"), name="Mallory Moss")


@pytest.fixture
def fabrikam(contoso) -> Organization:
    """In trial, inside its last 3 days."""
    return partner(contoso, "Fabrikam", ends_in=2 * DAY)


@pytest.fixture
def bob(contoso) -> Operator:
    northwind = partner(contoso, "Northwind", converted_at=NOW)
    return OperatorFactory(organization=northwind, name="Bob Berg")


@pytest.fixture
def charlie(fabrikam) -> Operator:
    return OperatorFactory(organization=fabrikam, name="Charlie Cole")


@pytest.fixture(autouse=True)
def at(monkeypatch) -> datetime:
    """The business instant of every test: what views, tasks and commands get from the clock. `wall` stays real."""
    monkeypatch.setattr(clock, "now", lambda: NOW)
    return NOW


@pytest.fixture
def signed_in():
    """A client that is signed in as somebody: `signed_in(alice)`, or as htmx asks: `signed_in(alice, htmx=True)`."""

    def client(operator: Operator, *, htmx: bool = False) -> Client:
        browser = Client(HTTP_HOST="localhost", headers={"HX-Request": "true"} if htmx else {})
        browser.force_login(operator)
        return browser

    return client
