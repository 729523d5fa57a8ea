"""Manage › Operators: who works for the own organization, and who is invited."""

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any

from django.db.models import QuerySet
from django.db.models.functions import Lower
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from partnerapp import access, clock, counting, tables
from partnerapp.access import OperatorRequest, page
from partnerapp.models import Message, Operator
from partnerapp.models.team import INVITATION
from partnerapp.pages import lists, rows
from partnerapp.pages.operator_actions import DRAWERS, inactivity, known_to
from partnerapp.tables import Asked, Chip, Matches, Order, Table

SIZE = 100  # rows of a page
ROLES = {Operator.Role.ADMIN: "shield-check", Operator.Role.VIEWER: "eye"}
CHANGES = {  # what the event log says of an operator, in short
    "operator_invited": gettext_lazy("Invited"),
    "operator_invitation_resent": gettext_lazy("Invited again"),
    "operator_joined": gettext_lazy("Signed in for the first time"),
    "operator_role_changed": gettext_lazy("Role changed"),
    "operator_disabled": gettext_lazy("Disabled"),
    "operator_enabled": gettext_lazy("Enabled"),
}
HEADINGS = {
    "role": gettext_lazy("Role"),
    "status": gettext_lazy("Status"),
    "changed": gettext_lazy("Last change"),
    "since": gettext_lazy("since {}"),
    "you": gettext_lazy("You"),
}


def by_name(found: QuerySet) -> QuerySet:
    return found.annotate(key=Lower("name"))


def with_last_event(found: QuerySet) -> QuerySet:
    return by_name(found).select_related("last_event", "invited_by")


def row_of(operator: Operator, me: Operator, at: datetime) -> dict[str, Any]:
    """One operator, known to `me` as `known_to` leaves it; in its menu each action, grey with its reason if refused (R30)."""
    return {
        "id": str(operator.pk),
        "name": operator.name,
        "email": "" if operator.email == operator.name else operator.email,
        "is_me": operator.is_me,
        "role": {"word": operator.get_role_display(), "icon": ROLES[Operator.Role(operator.role)]},
        "disabled_at": operator.disabled_at,
        "invited": invited(operator),
        "changed": last_change(operator),
        "menu": [
            item | {"refusal": drawer.refusal(me, operator, at, among=1)}
            for drawer, item in zip(DRAWERS, items(get_language()), strict=True)
        ],
    }


def invited(operator: Operator) -> dict[str, Any] | None:
    """Who invited a pending one, when."""
    if operator.accepted_at or operator.invited_at is None:
        return None
    return {"by": operator.invited_by.name if operator.invited_by else "", "at": operator.invited_at}


def last_change(operator: Operator) -> dict[str, Any] | None:
    """What happened to an operator last, who did it and when; the first Admin's beginning is no event of its own."""
    event = operator.last_event
    if event is None:
        joined = operator.accepted_at or operator.invited_at
        return {"words": CHANGES["operator_joined"], "by": "", "at": joined} if joined else None
    by = "" if event.actor == operator.name else event.actor
    return {"words": CHANGES[event.kind], "by": by, "at": event.at}


@cache
def items(language: str) -> list[dict[str, Any]]:
    """What the menus of all rows say of each action, in this language."""
    return [
        {"name": d.name, "label": str(d.label), "url": reverse(d.name), "icon": d.icon, "danger": d.danger}
        for d in DRAWERS
    ]


def table(name: str, title: Any, standing: Any) -> Table:
    """A list of the colleagues in this standing, by name."""
    return Table(
        name=name,
        title=title,
        action="see_operators",
        kind="",
        rows=lambda me: by_name(standing(access.colleagues_of(me))),
        shown=with_last_event,
        row=row_of,
        headings=HEADINGS,
        columns=[],
        chips=[Chip("all", gettext_lazy("All"), lambda found, at: found)],
        orders=[Order("name", gettext_lazy("Name"), ("key", "id"))],
    )


OPERATORS = table("operators", gettext_lazy("Operators"), lambda colleagues: colleagues.joined())
PENDING = table("pending_operators", gettext_lazy("Pending operators"), lambda colleagues: colleagues.pending())
TABS = [OPERATORS, PENDING]


def view(listed: Table) -> Any:
    """The page of one of the tabs."""

    @require_safe
    @page(listed.action)
    def listing(request: OperatorRequest) -> HttpResponse:
        cursor = {name: request.GET.get(name, "") for name in ("after", "before")}
        asked = Asked(listed, listed.chips[0], listed.orders[0], size=SIZE, **cursor)
        return show(request, asked)

    return listing


def show(request: OperatorRequest, asked: Asked) -> HttpResponse:
    at, me = clock.now(), request.user
    found = tables.page(asked, me, at, Matches())
    counts = counting.counts(asked, me, at, Matches(), TABS)
    here = url(asked, after=asked.after, before=asked.before)
    shown = [asked.table.row(operator, me, at) for operator in known_to(me, found.rows)]
    context = {
        "listing": {"title": asked.table.title, "url": here, "path": asked.table.url, "add": add(me, at)},
        "rows": shown,
        "column": lists.headings(asked.table, me),
        "poll": add_mails(shown, found.rows) if asked.table is PENDING else None,
        "menu_hint": access.refusal(me, "change_role") or inactivity(me.acts_for, at),
        "tabs": lists.tabs_of(asked.table, TABS, counts),
        "pager": pager(asked, found, counts),
    }
    fragment = request.htmx and not request.htmx.history_restore_request
    response = render(request, f"operators/{'region' if fragment else 'page'}.html", context)
    if fragment and access.current_page(request) != here:
        response.headers["HX-Push-Url"] = here
    return response


def add_mails(shown: list[dict], found: Sequence[Operator]) -> dict | None:
    """How each one's invitation fares, asked once for all of them; and the poll while one is on its way."""
    about: dict[str, Any] = {"organization_id__in": {row.organization_id for row in found}, "kind": INVITATION}
    about |= {"about_at__in": {row.invited_at for row in found}, "recipient__in": [row.email for row in found]}
    mails = {(mail.recipient, mail.about_at): mail for mail in Message.objects.filter(**about)}
    for row, operator in zip(shown, found, strict=True):
        row["mail"] = rows.mail(mails.get((operator.email, operator.invited_at)))  # type: ignore[arg-type]
    moving = any(map(rows.being_sent, mails.values()))  # at the first try; the next ones are minutes and hours later
    sending = [row["id"] for row in shown if row["mail"] and row["mail"]["state"] == "sending"]
    seconds = lists.MOVING_SECONDS if moving else lists.QUIET_SECONDS
    return {"seconds": seconds, "ids": sending} if sending else None


def add(me: Operator, at: datetime) -> dict[str, Any]:
    refusal = access.refusal(me, "invite_operator") or inactivity(me.acts_for, at)
    return {"label": _("Invite operator"), "url": reverse("invite_operator"), "refusal": refusal}


def url(asked: Asked, **place: str) -> str:
    query = urlencode({name: cursor for name, cursor in place.items() if cursor})
    return asked.table.url + (f"?{query}" if query else "")


def pager(asked: Asked, found: tables.Page, counts: dict[str, int]) -> dict[str, Any]:
    return {
        "shown": str(len(found.rows)),
        "total": lists.capped(counts[asked.table.name]),
        "next": url(asked, after=found.next) if found.next else "",
        "previous": url(asked, before=found.previous) if found.previous else "",
    }


operators = view(OPERATORS)
pending_operators = view(PENDING)
