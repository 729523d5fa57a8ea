"""What every list shares: chips, orders, search, pages. A list is a `Table`; what its URL says is an `Asked`.

Pages go on after the last row's values (keyset), so that the last page of a million rows costs what the first one does.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache, cached_property
from operator import attrgetter
from typing import Any, Generic, Protocol, TypeVar

from django.db.models import BooleanField, F, Func, Model, QuerySet, Value
from django.http import QueryDict
from django.urls import Resolver404, resolve, reverse
from django.utils.http import urlencode

from partnerapp.actions import Words
from partnerapp.models import Operator, Organization
from partnerapp.models.organization import found_by
from partnerapp.prepared import ANYBODY, ONCE, STAND_INS, Prepared, actual

FOUND = (ANYBODY,)  # stands for the ids that a search found
MOST = 1_000  # rows of one selection, matches of a search, and what a count says before "+"
SIZES = [25, 50, 100, 250]
LONGEST_QUERY = 200
Cell = str | int | datetime | None  # of an export
Choice = TypeVar("Choice", "Chip", "Order")


@dataclass(frozen=True)
class Chip:
    """One filter of a list. `rows` narrows the list's rows at an instant (UTC); `tone` colours a count above zero."""

    name: str
    label: Words
    rows: Callable[[Any, datetime], QuerySet]
    tone: str = ""
    order: "Order | None" = None  # the one order in which its index has these rows; else the list's first


@dataclass(frozen=True)
class Order:
    """One order of a list: one or two NOT NULL columns behind the list's keys in an index, the last the organization's id."""

    name: str
    label: Words
    columns: tuple[str, ...]
    descending: bool = False
    read: Callable[[str], Any] = str  # the first of two columns from a cursor's text; ValueError if it is none


@dataclass(frozen=True, eq=False, kw_only=True)
class Table:
    """A list: its URL's name, the right to see it, and its rows as an operator may see them.

    `shown` loads what `row` (on the page, under `headings`) and `columns` (of an export) show of each. The first chip is
    everything, the first order the default; a chip goes with one order alone, unless one searches.
    """

    name: str
    title: Words
    action: str
    kind: str
    rows: Callable[[Operator], QuerySet]
    shown: Callable[[QuerySet], QuerySet]
    row: Callable[..., dict[str, Any]]
    headings: Mapping[str, Words]
    columns: Sequence[tuple[Words, Callable[[Any, datetime], Cell]]]
    chips: Sequence[Chip]
    orders: Sequence[Order]
    pending: bool = False  # it has those whose import is still to come
    for_distributors: Sequence[Words] = ()  # headings of columns that say the same in each row of anybody else's

    @cached_property
    def url(self) -> str:
        return reverse(self.name)

    def shows(self, heading: Words, operator: Operator) -> bool:
        """Whether this operator has the column with this heading."""
        return operator.acts_for.kind == Organization.Kind.DISTRIBUTOR or heading not in self.for_distributors


@dataclass(frozen=True, eq=False, kw_only=True)
class OrganizationTable(Table):
    """A list of organizations of a kind, with the page that all of these share (`partnerapp.pages.lists`).

    `add` is the action that adds one and its URL's name, `adding` what stands in its way at an instant (UTC) beside the right
    to it.
    """

    template: str
    icon: str
    empty: tuple[Words, Words]  # what stands in its place without any row: heading and sentence
    add: str
    add_label: Words
    select_first: Words
    adding: Callable[[Operator, datetime], str] = lambda operator, at: ""
    watched: Callable[[Operator], QuerySet] | None = None  # rows that an open page goes on watching after they left
    moves_to: Table | None = None  # the list in which they are then


AnyTable = TypeVar("AnyTable", bound=Table)


@dataclass(frozen=True)
class Asked(Generic[AnyTable]):
    """A list as its URL asks for it. What is unknown or malformed there is as if it were not there."""

    table: AnyTable
    chip: Chip
    order: Order
    q: str = ""
    size: int = SIZES[0]
    after: str = ""
    before: str = ""

    @classmethod
    def of(cls, table: AnyTable, params: QueryDict) -> "Asked[AnyTable]":
        q = words_of(params.get("q", ""))
        chip = named(table.chips, params.get("chip"))
        ordered = bool(q) or chip is table.chips[0]
        order = named(table.orders, params.get("order")) if ordered else chip.order or table.orders[0]
        size = next((size for size in SIZES if str(size) == params.get("size")), SIZES[0])
        return cls(table, chip, order, q, size, params.get("after", ""), params.get("before", ""))

    @property
    def ordered(self) -> bool:
        """Whether another order than the first may be chosen."""
        return bool(self.q) or self.chip is self.table.chips[0]

    def url(self, path: str = "", **changes: Any) -> str:
        """The URL of this list with changes; anything but a move to another page starts at the first one."""
        query = urlencode(replace(self, **({"after": "", "before": ""} | changes)).params)
        return (path or self.table.url) + (f"?{query}" if query else "")

    @property
    def here(self) -> str:
        return self.url(after=self.after, before=self.before)

    def same_rows(self, url: str) -> bool:
        """Whether this URL is the same list with the same filter, in whatever order and on whatever page."""
        other = at_url(url)
        return other is not None and (other.table, other.chip, other.q) == (self.table, self.chip, self.q)

    @property
    def params(self) -> dict[str, Any]:
        """What differs from the defaults."""
        values = {"q": self.q, "chip": self.chip.name, "order": self.order.name, "size": self.size}
        values |= {"after": self.after, "before": self.before}
        table = self.table
        order = table.orders[0] if self.ordered else self.order
        defaults = {"chip": table.chips[0].name, "order": order.name, "size": SIZES[0]}
        return {name: value for name, value in values.items() if value != defaults.get(name, "")}


def named(choices: Sequence[Choice], name: str | None) -> Choice:
    """The one of this name, else the first."""
    return next((choice for choice in choices if choice.name == name), choices[0])


def words_of(text: str) -> str:
    """What a person typed to search for."""
    return " ".join(text[:LONGEST_QUERY].replace("\0", "").split())


# Rows ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Matches:
    """What a search found (`ids` is None without one): at most `MOST`; `more`: there would have been others."""

    ids: Sequence[int] | None = None
    more: bool = False

    def among(self, rows: QuerySet) -> QuerySet:
        return rows if self.ids is None else rows.filter(OneOf("pk", self.ids))


def search(asked: Asked, operator: Operator) -> Matches:
    """The first organizations that the search finds, for a page, which counts them too."""
    if not asked.q:
        return Matches()
    ids = list(found(asked, operator).values_list("pk", flat=True)[: MOST + 1])
    return Matches(ids[:MOST], len(ids) > MOST)


def found(asked: Asked, operator: Operator) -> QuerySet:
    """All rows of the list, or those with words that begin with each word of the search."""
    rows = asked.table.rows(operator)
    if not asked.q:
        return rows
    table, tree = asked.table, operator.acts_for.distributor_id
    return rows.filter(found_by(asked.q, tree, table.kind, pending=table.pending, path="organization__"))


class Placed(Protocol):
    """Where in its order a page begins, and how long it is."""

    @property
    def order(self) -> Order: ...
    @property
    def size(self) -> int: ...
    @property
    def after(self) -> str: ...
    @property
    def before(self) -> str: ...


@dataclass(frozen=True)
class Page:
    rows: list[Any]
    next: str = ""  # cursors; "" where there is no such page
    previous: str = ""


def matching(asked: Asked, operator: Operator, at: datetime, matches: Matches | None = None) -> QuerySet:
    """All rows of the list that its chip and search leave; with `matches`, of those alone."""
    rows = found(asked, operator) if matches is None else matches.among(asked.table.rows(operator))
    return asked.chip.rows(rows, at)


def page(asked: Asked, operator: Operator, at: datetime, matches: Matches) -> Page:
    """The page of a list at the cursor, among `matches`; the first one if there is nothing (any more) behind it."""
    here = page_of(asked, rows_at(asked, operator, at, matches))
    first = replace(asked, after="", before="")
    return here if here.rows or not position(asked) else page(first, operator, at, matches)


def rows_at(asked: Asked, operator: Operator, at: datetime, matches: Matches) -> list[Any]:
    """The rows from the cursor on, up to one more than a page has."""
    values: dict[Any, Any] = {STAND_INS[type(value)]: value for value in position(asked) or []}
    stand_in, back = as_text(values), backwards(asked)
    written = replace(asked, q=asked.q and "found", after="" if back else stand_in, before=stand_in if back else "")
    prepared = paging(written, operator.acts_for.kind)
    return prepared.ask(lambda params: actual(params, operator.acts_for.pk, at, values | {FOUND: matches.ids}))


@cache
def paging(asked: Asked, kind: str) -> Prepared:
    """The statement behind a page, for all operators of this kind, whatever its cursor says and a search found."""
    operator, matches = anybody(kind), Matches(FOUND if asked.q else None)
    return Prepared(shown_from_cursor(asked, matching(asked, operator, ONCE, matches), operator))


def anybody(kind: str) -> Operator:
    """Stands for the operators of organizations of this kind, in a statement that is written once."""
    return Operator(organization=Organization(pk=ANYBODY, kind=kind))


def shown_from_cursor(asked: Asked, rows: QuerySet, operator: Operator) -> QuerySet:
    """What is shown of `rows` from the cursor on. It is loaded of these rows alone: an index has the ids in the order asked
    for, while a sort would carry all that is shown of each row.
    """
    narrow = confirmed(rows, operator) if asked.order.columns[0].startswith("organization__") else rows
    ids = from_cursor(asked, narrow).values("pk")
    return asked.table.shown(rows.model._default_manager.filter(pk__in=ids)).order_by(*direction(asked))


def direction(asked: "Placed") -> list[str]:
    """The columns as `order_by` takes them."""
    descending = asked.order.descending != backwards(asked)
    return [f"-{name}" if descending else name for name in asked.order.columns]


def from_cursor(asked: "Placed", rows: QuerySet) -> QuerySet:
    """Those of `rows` behind the cursor, in its direction: up to one more than a page has."""
    cursor = position(asked)
    descending = asked.order.descending != backwards(asked)
    columns = asked.order.columns
    ordered = rows.order_by(*direction(asked))
    if cursor:
        ordered = ordered.filter(Beyond(columns, cursor, descending=descending))
    return ordered[: asked.size + 1]


def backwards(asked: "Placed") -> bool:
    """Whether the cursor leads to the page before it."""
    return bool(position(asked) and asked.before)


def page_of(asked: "Placed", found: list[Any]) -> Page:
    """The page of what `from_cursor` found."""
    more, here = len(found) > asked.size, found[: asked.size]
    on, back = more, position(asked) is not None
    if backwards(asked):
        here.reverse()
        on, back = True, more
    if not here:
        return Page([])
    return Page(here, cursor_of(asked, here[-1]) if on else "", cursor_of(asked, here[0]) if back else "")


def confirmed(rows: QuerySet, operator: Operator) -> QuerySet:
    """Those whose organizations have the keys that were copied from them: so the organizations' indexes give their orders."""
    keys = ["parent_id"] if operator.acts_for.kind == Organization.Kind.PARTNER else ["distributor_id", "kind"]
    copied = {"parent_id": F("partner_id"), "distributor_id": F("distributor_id"), "kind": F("kind")}
    return rows.filter(**{f"organization__{key}": copied[key] for key in keys})


def pages(asked: Asked, rows: QuerySet, operator: Operator, size: int = MOST) -> Iterator[list[Any]]:
    """All rows, a page at a time, so that an export needs no more memory for a million than for a thousand."""
    asked = replace(asked, size=size, after="", before="")
    while True:
        here = page_of(asked, list(shown_from_cursor(asked, rows, operator)))
        yield here.rows
        if not here.next:
            return
        asked = replace(asked, after=here.next)


def cursor_of(asked: Placed, row: Model) -> str:
    """A row's place in the order, as text."""
    return as_text(attrgetter(name.replace("__", "."))(row) for name in asked.order.columns)


def as_text(values: Iterable[Any]) -> str:
    """A cursor of these values, as `position` reads it."""
    return "~".join(value.isoformat() if isinstance(value, datetime) else str(value) for value in values)


def position(asked: Placed) -> list[Any] | None:
    """The values of a cursor; None for none and for one that no page of this list wrote."""
    first, tilde, last = (asked.before or asked.after).rpartition("~")
    fine = bool(tilde) == (len(asked.order.columns) == 2) and last.isascii() and last.isdigit() and len(last) < 19
    if not fine or not first.isprintable():
        return None
    try:
        return [*([asked.order.read(first)] if tilde else []), int(last)]
    except (ValueError, OverflowError):
        return None


def instant(text: str) -> datetime:
    """An instant (UTC) from a cursor. Raises ValueError, OverflowError."""
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(text)
    return at.astimezone(UTC)


class OneOf(Func):
    """A column that is one of these numbers, however many: one parameter, so that it is one statement."""

    template, output_field = "%(expressions)s::bigint[])", BooleanField()
    arg_joiner = " = ANY("

    def __init__(self, column: str, numbers: Sequence[int]) -> None:
        super().__init__(F(column), Value(numbers))


class Beyond(Func):
    """(a, b) > (x, y), or < when `descending`: a comparison of whole rows, which an index on (a, b) answers."""

    output_field = BooleanField()
    arg_joiner = ", "

    def __init__(self, columns: Sequence[str], values: Sequence[Any], *, descending: bool) -> None:
        half = "(" + ", ".join(["{}"] * len(columns)) + ")"
        self.form = f"{half} {'<' if descending else '>'} {half}"
        super().__init__(*map(F, columns), *map(Value, values))

    def as_sql(self, compiler: Any, connection: Any, **extra: Any) -> tuple[str, tuple]:  # type: ignore[override]
        parts = [compiler.compile(expression) for expression in self.source_expressions]
        return self.form.format(*(sql for sql, _params in parts)), tuple(p for _sql, params in parts for p in params)


# From elsewhere -----------------------------------------------------------------------------------------------------


def at_url(url: str) -> Asked | None:
    """The list that this URL of the portal shows, None if it shows none."""
    path, _mark, query = url.partition("?")
    try:
        table = getattr(resolve(path).func, "table", None)
    except Resolver404:
        return None
    return Asked.of(table, QueryDict(query)) if table else None
