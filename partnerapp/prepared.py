"""Statements that are written once in a process, planned once in a session, and asked with other values from then on.

Django takes longer to write a statement of the lists than Postgres to answer it, and so does Postgres to read and plan it.
What is written holds stand-ins where the next request has something else.
"""

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from datetime import UTC, date, datetime
from typing import Any, cast

import psycopg
from django.db import NotSupportedError, connection
from django.db.models import QuerySet
from psycopg.abc import Buffer
from psycopg.adapt import Loader
from psycopg.pq import Format

ANYBODY = -1  # stands for the operator's organization
ONCE = datetime(2000, 1, 1, 0, 0, 0, 7, tzinfo=UTC)  # stands for the instant; a span may be added to it
STAND_INS: Mapping[type, Any] = {  # for the values of a cursor
    int: 10**17,
    str: "a name",
    date: date(2000, 1, 1),
    datetime: datetime(2000, 1, 1, 0, 0, 0, 8, tzinfo=UTC),
}


def actual(params: list[Any], organization_id: int, at: datetime, more: Mapping[Any, Any] | None = None) -> list[Any]:
    """The parameters of a statement for this organization and instant, and with the values that `more` stand for."""
    values = {ANYBODY: organization_id, **(more or {})}

    def value_of(stand_in: Any) -> Any:
        if isinstance(stand_in, datetime) and stand_in.microsecond == ONCE.microsecond:
            return at + (stand_in - ONCE)
        return values.get(stand_in, stand_in)

    return list(map(value_of, params))


def ask(sql: str, params: Sequence[Any]) -> list[tuple]:
    """The rows of a statement that the database plans once in a session, whatever the values (see `database` in the settings).

    It must be one whose plan is right for everybody: read in the order of an index, and limited.
    """
    try:
        return answer(sql, params)
    except NotSupportedError:  # a column has another type since: this session's plans answer no more, a new one's do
        begun = connection.in_atomic_block
        connection.close()
        if begun:
            raise
        return answer(sql, params)


def answer(sql: str, params: Sequence[Any]) -> list[tuple]:
    connection.close_if_health_check_failed()
    connection.ensure_connection()
    session = connection.connection
    bound_there: Any = psycopg.Cursor(session)
    bound_there.format = Format.BINARY  # Django's reads each instant from text, which takes 5 % of a list's CPU
    bound_there.adapters.register_loader("jsonb", JsonAsText)
    session.prepare_threshold = 0  # for this alone: psycopg would remember what Django's own cursors ask, too
    try:
        # Django's own cursor writes the values into the statement, as who reads a log of statements wants to see them.
        with connection.cursor() if connection.queries_logged else connection.make_cursor(bound_there) as cursor:
            cursor.execute(sql, params)
            return cursor.fetchall()
    finally:
        session.prepare_threshold = None


class JsonAsText(Loader):
    """As Django's fields expect it; the first byte is the version of the binary form."""

    format = Format.BINARY

    def load(self, data: Buffer) -> str:
        return bytes(data)[1:].decode()


class Prepared:
    """A queryset as it was written once: its statement, and where the columns of an answer go.

    A page of a list takes 6 ms of this process without it and 3 with it.
    """

    def __init__(self, rows: QuerySet) -> None:
        self.rows = rows
        self.compiler = rows.query.get_compiler(rows.db)
        self.sql, params = self.compiler.as_sql()
        self.params = list(params)
        self.converters = self.compiler.get_converters([column[0] for column in self.compiler.select])

    def ask(self, values: Callable[[list[Any]], list[Any]]) -> list[Any]:
        """The rows, with what `values` makes of the statement's parameters."""
        compiler, query, rows = copy(self.compiler), copy(self.rows.query), self.rows.all()
        compiler.connection = connection  # this thread's
        compiler.get_converters = lambda expressions: self.converters
        compiler.execute_sql = lambda *args, **kwargs: [ask(self.sql, values(self.params))]
        query.get_compiler = lambda *args, **kwargs: compiler  # type: ignore[method-assign]
        rows.query = cast(Any, query)
        return list(rows)
