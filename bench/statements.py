"""P2: how many statements a page asks of Postgres, and how long they take there: with 10,000 rows and with 1,000,000."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from statistics import median
from typing import Any

import psycopg
from django.db import connection
from django.http import QueryDict
from django.test import Client
from django.test.utils import CaptureQueriesContext

from bench.report import Goal, table
from partnerapp import clock, counting, tables
from partnerapp.models import Operator
from partnerapp.pages import customers, partners
from partnerapp.pages.customers import CUSTOMERS, PENDING_CUSTOMERS
from partnerapp.pages.partners import PARTNERS, PENDING_PARTNERS
from partnerapp.tables import Asked, Table

TIMES = 5
MANY = 10_000  # rows that no page may read one after the other
LAST_PAGE = "before=9999-12-31T00:00:00%2B00:00~999999999"
SEARCHES = ["q=oakfield", "q=oak+ltd", "q=i", "q=nowhere"]
ASKED = ["", "order=name", "order=newest", LAST_PAGE, *(f"chip={chip.name}" for chip in PARTNERS.chips[1:])]
ASKED += [*SEARCHES, "q=oakfield&order=name", "q=o&chip=production"]
PENDING_ASKED = ["", "order=oldest", "order=name", "chip=error", "chip=withdrawn", *SEARCHES]


TABS = {"partner": partners.TABS, "customer": customers.TABS}
LISTS: dict[str, list[tuple[str, Table, list[str]]]] = {  # by the kind of who looks at them
    "distributor": [
        ("Partners", PARTNERS, ASKED),
        ("Customers", CUSTOMERS, ASKED),
        ("Pending Partners", PENDING_PARTNERS, PENDING_ASKED),
        ("Pending customers", PENDING_CUSTOMERS, PENDING_ASKED),
    ],
    "partner": [
        ("Customers of an MSP", CUSTOMERS, ASKED),
        ("Pending customers of an MSP", PENDING_CUSTOMERS, PENDING_ASKED),
    ],
}


@dataclass(frozen=True)
class Statement:
    """As it was asked; `prepared`: the session planned it when it was asked first."""

    sql: str
    params: Sequence[Any]
    prepared: bool

    def carried_out(self, cursor: Any) -> str:
        """What to EXPLAIN: a prepared one is prepared here, too, and carried out once, so that it is planned already."""
        if not self.prepared:
            return cursor.mogrify(self.sql, self.params)
        values = [cursor.mogrify("%s", [value]) for value in self.params]
        types = ["timestamptz" if isinstance(value, datetime) else "unknown" for value in self.params]
        numbers = tuple(f"${number}" for number, _value in enumerate(values, 1))
        cursor.execute(f"PREPARE measured ({', '.join(types)}) AS {self.sql % numbers}")
        executed = f"EXECUTE measured ({', '.join(values)})"
        cursor.execute(executed)
        return executed


@dataclass(frozen=True)
class Work:
    """What Postgres does for a part of a page: statements, ms, and the tables of which it reads many rows in a row."""

    statements: int
    ms: float
    scanned: frozenset[str]


@dataclass(frozen=True)
class Done:
    """A list as it was asked for, and the work for each part of its page."""

    query: str
    search: Work
    rows: Work
    chips: Work

    @property
    def scanned(self) -> frozenset[str]:
        return self.search.scanned | self.rows.scanned | self.chips.scanned

    def line(self) -> list[object]:
        parts = [self.search, self.rows, self.chips]
        statements = sum(part.statements for part in parts)
        return [f"?{self.query}", statements, *(float(part.ms) for part in parts), ", ".join(sorted(self.scanned))]


def measure(client: Client, operator: Operator) -> list[Goal]:
    """The lists of an operator, who has signed in with this client."""
    goals, kind = [], operator.acts_for.kind
    goals += counted(client, LISTS[kind])
    for name, a_list, asked in LISTS[kind]:
        done = [ask(a_list, query, operator) for query in asked]
        head = [name, "statements", "search ms", "rows ms", "chips ms", "read from end to end"]
        table(f"P2  Time in Postgres, {name}, 25 rows", head, [one.line() for one in done])
        goals += limits(name, done)
    return goals


def counted(client: Client, lists: list[tuple[str, Table, list[str]]]) -> list[Goal]:
    """How many statements whole pages ask, the session and its operator included."""
    counts = {name: [statements_of(client, a_list.url, size) for size in (25, 250)] for name, a_list, _asked in lists}
    table("P2  Statements of a page", ["page", "25 rows", "250 rows"], [[name, *both] for name, both in counts.items()])
    names = ", ".join(counts)
    most, more = max(few for few, _many in counts.values()), max(many - few for few, many in counts.values())
    return [
        Goal(f"statements of a page, session and operator included ({names})", most, 8 + 2),
        Goal(f"statements more for 250 rows than for 25 ({names})", more, 0),
    ]


def statements_of(client: Client, url: str, size: int) -> int:
    with CaptureQueriesContext(connection) as captured:
        answer = client.get(url, {"size": size}, secure=True)
    assert answer.status_code == 200, f"{url} answers {answer.status_code}"
    return len(captured)


def limits(name: str, done: list[Done]) -> list[Goal]:
    """What the slowest way to ask for this list may take."""
    rows = {one.query: one.rows.ms for one in done if "q=" not in one.query}
    found = {one.query: one.search.ms + one.rows.ms for one in done if "q=" in one.query}
    return [
        slowest(f"{name}, SQL of the rows", rows, 5),
        slowest(f"{name}, SQL of all chips' counts", {one.query: one.chips.ms for one in done}, 5),
        slowest(f"{name}, SQL of a search and its rows", found, 25),
        Goal(f"{name}, ways to ask that read a table from end to end", sum(bool(one.scanned) for one in done), 0),
    ]


def slowest(what: str, times: dict[str, float], limit: float) -> Goal:
    query = max(times, key=times.__getitem__)
    return Goal(f"{what}, at most (?{query})", times[query], limit, " ms")


def ask(a_list: Table, query: str, operator: Operator) -> Done:
    """Ask for a list as its page does, then Postgres how it answered."""
    at, asked = clock.now(), Asked.of(a_list, QueryDict(query))
    with heard() as search:
        matches = tables.search(asked, operator)
    with heard() as rows:
        tables.page(asked, operator, at, matches)
    with heard() as chips:
        counting.counts(asked, operator, at, matches, TABS[a_list.kind])
    return Done(query, work(search), work(rows), work(chips))


@contextmanager
def heard() -> Iterator[list[Statement]]:
    """The statements that are asked meanwhile."""
    statements: list[Statement] = []

    def hear(execute: Any, sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
        prepared = type(context["cursor"].cursor) is psycopg.Cursor
        statements.append(Statement(sql, params, prepared))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(hear):
        yield statements


def work(statements: list[Statement]) -> Work:
    plans = [plans_of(statement) for statement in statements]
    ms = sum(median(map(ms_of, of_one)) for of_one in plans)
    return Work(len(plans), ms, frozenset(name for of_one in plans for name in scanned(of_one[0]["Plan"])))


def ms_of(plan: dict[str, Any]) -> float:
    return plan["Planning Time"] + plan["Execution Time"]


def plans_of(statement: Statement) -> list[dict[str, Any]]:
    """Five plans of the statement as it was carried out, or fewer when they take more than a second."""
    plans: list[dict[str, Any]] = []
    with connection.cursor() as cursor:
        sql = statement.carried_out(cursor)
        while len(plans) < TIMES and sum(map(ms_of, plans)) < 1000:
            cursor.execute(f"EXPLAIN (ANALYZE, TIMING OFF, BUFFERS OFF, FORMAT JSON) {sql}")
            (plan,) = cursor.fetchone()
            plans.append((json.loads(plan) if isinstance(plan, str) else plan)[0])
        if statement.prepared:
            cursor.execute("DEALLOCATE measured")
    return plans


def scanned(node: dict[str, Any]) -> Iterator[str]:
    """The tables of which a plan read many rows one after the other."""
    read = (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"]
    if node["Node Type"] == "Seq Scan" and read >= MANY:
        yield node["Relation Name"]
    for child in node.get("Plans", []):
        yield from scanned(child)
