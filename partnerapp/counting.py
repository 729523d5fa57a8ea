"""How many rows a list's chips have, and the lists beside it. Nothing is counted beyond a thousand."""

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any

from django.core.exceptions import FullResultSet
from django.db.models import QuerySet

from partnerapp.models import Operator
from partnerapp.prepared import ONCE, actual, ask
from partnerapp.tables import MOST, Asked, Matches, Order, Table, anybody


def counts(asked: Asked, operator: Operator, at: datetime, matches: Matches, others: Sequence[Table]) -> dict[str, int]:
    """How many rows each chip has, by its name, and each of `others` (lists) by its: one statement, each up to MOST + 1."""
    places, sql, params = statement(asked.table, tuple(others), operator.acts_for.kind, matches.ids is not None)
    values = actual(params, operator.acts_for.pk, at) + ([] if matches.ids is None else [matches.ids])
    (numbers,) = ask(sql, values)
    return {name: numbers[place] for name, place in places.items()}


@cache
def statement(
    table: Table, others: tuple[Table, ...], kind: str, searched: bool
) -> tuple[dict[str, int], str, list[Any]]:
    """The statement behind `counts`: written once for all operators of this kind, as writing it takes longer than asking.

    What a search found (the statement's last parameter) is read once for all chips; without one each reads its index.
    """
    operator = anybody(kind)
    rows, default = table.rows(operator), table.orders[0]
    everything = rows.model._default_manager.all()
    counted: dict[str, tuple[str, tuple]] = {}
    for chip in table.chips:
        if searched:
            counted[chip.name] = count_among(chip.rows(everything, ONCE))
        else:
            counted[chip.name] = count_first(chip.rows(rows, ONCE), chip.order or default)
    for other in others:
        counted[other.name] = count_first(other.chips[0].rows(other.rows(operator), ONCE), other.orders[0])
    columns = list(dict.fromkeys(counted.values()))  # a list's own number is its first chip's
    places = {name: columns.index(column) for name, column in counted.items()}
    source = those_found(rows) if searched else ("", ())
    sql = f"SELECT {', '.join(sql for sql, _params in columns)}{source[0]}"
    return places, sql, [value for _sql, params in (*columns, source) for value in params]


def count_first(rows: QuerySet, order: Order) -> tuple[str, tuple]:
    """How many rows there are, up to MOST + 1, read in their order: the index that has it is right for few as for many."""
    sql, params = rows.order_by(*order.columns).values("pk")[: MOST + 1].query.sql_with_params()
    return f"(SELECT count(*) FROM ({sql}) AS counted)", params  # noqa: S608 - compiled


def count_among(rows: QuerySet) -> tuple[str, tuple]:
    """How many of the rows that a statement reads are among `rows`."""
    sql, params = condition(rows)
    return f"count(*) FILTER (WHERE {sql})", params


def those_found(rows: QuerySet) -> tuple[str, tuple]:
    """Those of `rows` that a search found."""
    meta, (sql, params) = rows.model._meta, condition(rows)
    return f" FROM {meta.db_table} WHERE {sql} AND {meta.pk.column} = ANY (%s::bigint[])", params


def condition(rows: QuerySet) -> tuple[str, tuple]:
    """What `rows`, of one table, are narrowed by."""
    try:
        sql, params = rows.query.get_compiler(rows.db).compile(rows.query.where)
    except FullResultSet:
        return "true", ()
    return sql, tuple(params)
