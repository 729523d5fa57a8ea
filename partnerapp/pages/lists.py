"""The page of any list: its rows, toolbar, tabs, Actions menu and selection bar; its export; its poll."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe
from django_htmx.http import trigger_client_event

from partnerapp import access, clock, counting, exports, selection, tables, toasts
from partnerapp.access import OperatorRequest, page
from partnerapp.models import Operator, Organization
from partnerapp.pages.menu import menu
from partnerapp.pages.rows import address, whole
from partnerapp.tables import MOST, Asked, Matches, OrganizationTable, Table

FORMATS = {"csv": exports.as_csv, "xlsx": exports.as_xlsx}
MOVING_SECONDS, QUIET_SECONDS = 2, 10  # between two polls
OPTIONAL = dict.fromkeys(["source", "partner", "customers", "expiration", "extended"], "")  # columns of some lists
ROUND = 5  # polls, of which the last asks for all rows and the others for those that move


def view(table: OrganizationTable, tabs: Sequence[OrganizationTable]) -> Any:
    """The view of a list; `tabs` are the lists beside it, itself included."""

    @require_safe
    @page(table.action)
    def listing(request: OperatorRequest) -> HttpResponse:
        asked = Asked.of(table, request.GET)
        polled = table.watched and request.htmx and request.GET.get("poll")
        return poll(request, asked, tabs) if polled else show(request, asked, tabs)

    listing.table = table
    return listing


def show(request: OperatorRequest, asked: Asked, tabs: Sequence[OrganizationTable]) -> HttpResponse:
    at, operator = clock.now(), request.user
    matches = tables.search(asked, operator)
    found = tables.page(asked, operator, at, matches)
    counts = counting.counts(asked, operator, at, matches, tabs)
    chosen = selection.chosen(request, at, asked)
    rows = rows_of(found.rows, asked.table, operator, at, {row.pk for row in chosen})
    here = {row.pk for row in found.rows}
    context = {
        "rows": rows,
        "column": headings(asked.table, operator),
        "poll": next_poll(asked, [row["id"] for row in rows], rows),
        "toolbar": toolbar(asked, counts, matches),
        "pager": pager(asked, found, counts, matches),
        "tabs": tabs_of(asked.table, tabs, counts),
        "elsewhere": [row.pk for row in chosen if row.pk not in here and "all" not in request.GET],
        **around(request, asked, chosen, at),
    }
    fragment = request.htmx and not request.htmx.history_restore_request
    name = f"{asked.table.template}_list" if fragment else asked.table.template
    response = render(request, f"organizations/{name}.html", context)
    return remember(request, response, asked.here) if fragment else response


def remember(request: OperatorRequest, response: HttpResponse, here: str) -> HttpResponse:
    """The address bar says what is shown, without what is selected; typing a search leaves one step to go back."""
    if access.current_page(request) != here:
        response.headers["HX-Replace-Url" if request.htmx.trigger == "search" else "HX-Push-Url"] = here
    return response


def rows_of(
    found: Iterable[Any], table: OrganizationTable, operator: Operator, at: datetime, chosen: set[int]
) -> list[dict]:
    return [{**table.row(table, row, operator, at), "selected": row.pk in chosen} for row in found]


def headings(table: Table, operator: Operator) -> dict[str, str]:
    """Translated once, since each row names them again on a small screen; "" for a column that this operator has not."""
    shown = {name: str(words) for name, words in table.headings.items() if table.shows(words, operator)}
    return OPTIONAL | shown


def around(request: OperatorRequest, asked: Asked, chosen: list[Organization], at: datetime) -> dict[str, Any]:
    """Title, Actions menu and selection bar: what the selected rows allow, from the rules (R30)."""
    table, params = asked.table, asked.params
    add = {
        "label": table.add_label,
        "url": address(table.add),
        "refusal": access.refusal(request.user, table.add) or table.adding(request.user, at),
    }
    listing = {
        "name": table.name,
        "title": table.title,
        "icon": table.icon,
        "empty": {"title": table.empty[0], "text": table.empty[1]},
        "url": asked.here,
        "path": table.url,
        "state": {name: params[name] for name in ("q", "chip", "order", "size") if name in params},
        "kept": {name: params[name] for name in ("chip", "size") if name in params},
        "selection_url": address(f"{table.name}_selection"),
        "export_url": address(f"{table.name}_export"),
        "add": add,
    }
    return {
        "listing": listing,
        "selection": selection_of(request, chosen),
        "menu": menu(request.user, table, chosen, at, add),
        "menu_hint": "" if chosen else str(table.select_first),
    }


def selection_of(request: OperatorRequest, chosen: list[Organization]) -> dict[str, Any]:
    names = ", ".join(sorted(row.name for row in chosen[:100])[:3])
    more = " …" if len(chosen) > 3 else ""
    return {"count": len(chosen), "names": names + more, "all": request.GET.get("all", "") if chosen else ""}


def choosing(table: OrganizationTable) -> Any:
    """The view that draws the selection bar and the Actions menu anew when the selection changes."""

    @require_safe
    @page(table.action)
    def selected(request: OperatorRequest) -> HttpResponse:
        at = clock.now()
        context = around(request, Asked.of(table, request.GET), selection.chosen(request, at), at)
        return render(request, "organizations/selection.html", context)

    return selected


# Above and below the table ------------------------------------------------------------------------------------------


def toolbar(asked: Asked, counts: dict[str, int], matches: Matches) -> dict[str, Any]:
    table = asked.table
    chips = [
        {
            "name": chip.name,
            "label": chip.label,
            "url": asked.url(chip=chip, order=(not asked.q and chip.order) or table.orders[0]),
            "current": chip is asked.chip,
            "count": capped(counts[chip.name]),
            "tone": chip.tone if counts[chip.name] else "",
        }
        for chip in table.chips
    ]
    orders = [{"name": order.name, "label": order.label, "current": order is asked.order} for order in table.orders]
    return {
        "q": asked.q,
        "chips": chips,
        "orders": orders,
        "ordered": asked.ordered,
        "too_many": matches.more,
        "everything": table.url,
        "filtered": bool(asked.q) or asked.chip is not table.chips[0],
    }


def capped(count: int) -> str:
    """`1,000+`: nothing is counted further."""
    return f"{whole(MOST)}+" if count > MOST else whole(count)


def pager(asked: Asked, found: tables.Page, counts: dict[str, int], matches: Matches) -> dict[str, Any]:
    total = counts[asked.chip.name]
    too_many = total > MOST or matches.more
    every = asked.url() if len(found.rows) < total and not too_many else ""
    choose = address(f"{asked.table.name}_selection")
    label = _("{n} rows per page")
    sizes = [
        {"value": str(n), "label": label.format(n=n), "url": asked.url(size=n), "current": n == asked.size}
        for n in tables.SIZES
    ]
    return {
        "shown": str(len(found.rows)),
        "total": capped(total),
        "next": asked.url(after=found.next) if found.next else "",
        "previous": asked.url(before=found.previous) if found.previous else "",
        "sizes": sizes if total > tables.SIZES[0] else [],
        "all": every,
        "select_all": f"{choose}?{urlencode({'all': every})}",
        "too_many": too_many,
    }


def tabs_of(current: Table, tabs: Sequence[Table], counts: dict[str, int]) -> list[dict]:
    return [
        {
            "name": table.name,
            "label": table.title,
            "url": table.url,
            "current": table is current,
            "count": capped(counts[table.name]),
        }
        for table in tabs
    ]


# Export -------------------------------------------------------------------------------------------------------------


def exporting(table: OrganizationTable) -> Any:
    """The view of a list's export: the selected rows, or everything that its filter leaves."""

    @require_safe
    @page(table.action)
    def export(request: OperatorRequest) -> HttpResponseBase:
        at, asked, operator = clock.now(), Asked.of(table, request.GET), request.user
        rows = exported(request, asked, at)
        columns = [column for column in table.columns if table.shows(column[0], operator)]
        cells = (
            [value(row, at) for _heading, value in columns]
            for found in tables.pages(asked, rows, operator)
            for row in found
        )
        write = FORMATS.get(request.GET.get("format", ""), exports.as_csv)
        return write(table.name, [heading for heading, _value in columns], cells)

    return export


def exported(request: OperatorRequest, asked: Asked, at: datetime) -> QuerySet:
    """However many there are: a file has room for more than an action."""
    params, operator = request.GET, request.user
    if "id" in params and "all" not in params:
        return asked.table.rows(operator).filter(pk__in=selection.ids_of(params, "id"))
    chosen = tables.at_url(params["all"]) if "all" in params else asked
    if chosen is None or chosen.table is not asked.table:
        return asked.table.rows(operator).none()
    return tables.matching(chosen, operator, at)


# What moves ---------------------------------------------------------------------------------------------------------


def next_poll(asked: Asked, shown: Iterable[str], rows: list[dict], number: int = 0) -> dict | None:
    """Ask again soon while something moves, later while somebody is waited for, and never when nothing is shown."""
    gone, moving = ([row["id"] for row in rows if row.get(name)] for name in ("moved", "moving"))
    left = [pk for pk in shown if pk not in gone]
    if not asked.table.watched or not (left or gone):
        return None
    ids = {"shown": ",".join(left), "moving": ",".join(moving), "gone": ",".join(gone)}
    query = urlencode({**asked.params, "poll": number + 1, **ids})
    return {"url": f"{asked.table.url}?{query}", "seconds": MOVING_SECONDS if gone or moving else QUIET_SECONDS}


def poll(request: OperatorRequest, asked: Asked, tabs: Sequence[OrganizationTable]) -> HttpResponse:
    """The rows as they are now: those that move, and each fifth time all that are shown.

    One that completed says so once; the next answer takes it away.
    """
    at, operator, table = clock.now(), request.user, asked.table
    assert table.watched is not None
    number = int(request.GET["poll"]) if selection.well_formed(request.GET["poll"]) else 0
    shown, moving, gone = (listed(request.GET.get(name, "")) for name in ("shown", "moving", "gone"))
    due = moving if moving and number % ROUND else shown
    matches = tables.search(asked, operator)
    staying = set(tables.matching(asked, operator, at).filter(pk__in=due).values_list("pk", flat=True))
    found = table.shown(table.watched(operator).filter(pk__in=due)).order_by("pk")
    chosen = selection.ids_of(request.GET, "id")
    known = rows_of(found, table, operator, at, chosen)
    rows = [row for row in known if int(row["id"]) in staying or row["moved"]]
    left = due - {int(row["id"]) for row in rows}
    counts = counting.counts(asked, operator, at, matches, tabs)
    context = {
        "rows": rows,
        "column": headings(table, operator),
        "gone": gone | left,
        "poll": next_poll(asked, [str(pk) for pk in sorted(shown - left)], rows, number),
        "tabs": tabs_of(table, tabs, counts),
        "toolbar": toolbar(asked, counts, matches),
    }
    response = announce(render(request, f"organizations/{table.template}_poll.html", context), table, rows)
    if shown and shown <= left:
        return trigger_client_event(response, "organizations-changed", {})
    return trigger_client_event(response, "selection-changed", {}) if left & chosen else response


def listed(text: str) -> set[int]:
    """The well-formed ids of a list with commas."""
    return {int(pk) for pk in text.split(",")[: tables.SIZES[-1]] if selection.well_formed(pk)}


def announce(response: HttpResponse, table: OrganizationTable, rows: list[dict]) -> HttpResponse:
    """A toast for the rows that completed."""
    moved = [row for row in rows if row["moved"]]
    if not moved or table.moves_to is None:
        return response
    if len(moved) == 1:
        text = _("{name}: import completed. It is in {list} now.")
    else:
        text = _("{count} imports completed. They are in {list} now.")
    words = text.format(name=moved[0]["name"], count=len(moved), list=table.moves_to.title)
    return toasts.add(response, words, href=table.moves_to.url)
