"""Manage › Event log: what happened to the organizations that one sees, newest first; each event's details; the export.

A log of millions is read in the order of an index only. What narrows it (a chip's kinds, the organizations that a search
found) is read key by key, each no further than a page: however rare something is, nothing else is read to find it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from functools import reduce
from operator import or_
from typing import Any, ClassVar

from django.db import connection
from django.db.models import QuerySet
from django.db.models.expressions import RawSQL
from django.http import Http404, HttpResponse, QueryDict
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from partnerapp import access, dates, drawers, exports, selection, tables
from partnerapp.access import OperatorRequest, page
from partnerapp.models import Event, Operator, Organization
from partnerapp.models.organization import fold, found_by
from partnerapp.pages import event_words
from partnerapp.pages.event_words import CATEGORIES
from partnerapp.pages.lists import FORMATS, remember
from partnerapp.pages.rows import organization_url, page_url
from partnerapp.tables import MOST, Order, Page, instant, words_of


def visible_events(operator: Operator) -> QuerySet[Event]:
    return access.visible_to(operator, Event.objects.all())


def with_organization(found: QuerySet) -> QuerySet:
    """Each with its organization, but without the words that only a search reads."""
    return found.select_related("organization").defer("organization__search")


def event_row(event: Event, operator: Operator) -> dict[str, Any]:
    """One line of the log, also of an organization's timeline."""
    severity = event_words.severity(event)
    actor, reason = event_words.actor_and_reason(event, operator)
    return {
        "id": str(event.pk),
        "url": page_url("event", event.pk),
        "at": event.at,
        "iso": event.at.isoformat(),
        "moment": dates.moment(event.at),
        "exact": dates.second(event.at),
        "severity": {"word": severity.word, "icon": severity.icon, "tone": severity.tone},
        "icon": event_words.icon(event),
        "words": event_words.words(event),
        "telling": event_words.telling(event),
        "actor": actor,
        "reason": reason,
    }


def log_row(event: Event, operator: Operator) -> dict[str, Any]:
    about = event.organization
    assert about is not None, "the Vendor's own events stand in no operator's log"
    organization = {"name": about.name, "url": organization_url(about.pk)}
    return {**event_row(event, operator), "organization": organization}


HEADINGS = {
    "at": gettext_lazy("Time"),
    "severity": gettext_lazy("Severity"),
    "organization": gettext_lazy("Organization"),
    "words": gettext_lazy("Message"),
    "telling": gettext_lazy("What changed"),
    "actor": gettext_lazy("Actor"),
    "reason": gettext_lazy("Reason"),
    "id": gettext_lazy("Event"),
}
CHIPS = {
    "": gettext_lazy("All"),
    "problems": gettext_lazy("Problems"),
    "onboarding": gettext_lazy("Onboarding"),
    "billing": gettext_lazy("Trial and billing"),
    "operators": gettext_lazy("Operators"),
}
PAGE = 50  # events
NEWEST = Order("newest", gettext_lazy("Newest"), ("at", "pk"), descending=True, read=instant)


@dataclass(frozen=True)
class Asked:
    """The log as its URL asks for it; what is malformed there is as if it were not there. Days are the operator's.

    `organization`: the id of one that may not exist; `kinds`: those of the chip, None for all.
    """

    chip: str = ""
    q: str = ""
    organization: str = ""
    since: date | None = None
    until: date | None = None
    size: int = PAGE
    after: str = ""
    before: str = ""
    order: ClassVar[Order] = NEWEST

    @classmethod
    def of(cls, params: QueryDict) -> "Asked":
        chip, organization = params.get("chip", ""), params.get("organization", "")
        return cls(
            chip=chip if chip in CHIPS else "",
            q=words_of(params.get("q", "")),
            organization=organization if selection.well_formed(organization) else "",
            since=day_of(params.get("from", "")),
            until=day_of(params.get("to", "")),
            size=PAGE,
            after=params.get("after", ""),
            before=params.get("before", ""),
        )

    @property
    def kinds(self) -> list[str] | None:
        return CATEGORIES.get(self.chip)

    @property
    def filters(self) -> dict[str, str]:
        values = {
            "q": self.q,
            "chip": self.chip,
            "organization": self.organization,
            "from": self.since,
            "to": self.until,
        }
        return {name: str(value) for name, value in values.items() if value}

    def url(self, name: str = "events", **changes: Any) -> str:
        """The URL of this log with changes; anything but a move to another page starts at the first one."""
        changed = replace(self, **({"after": "", "before": ""} | changes))
        pages = {key: value for key, value in (("after", changed.after), ("before", changed.before)) if value}
        query = urlencode(changed.filters | pages)
        return reverse(name) + (f"?{query}" if query else "")

    @property
    def here(self) -> str:
        return self.url(after=self.after, before=self.before)

    def between(self, rows: QuerySet) -> QuerySet:
        """Those from the beginning of the first day to the end of the last one, in the operator's time zone."""
        if self.since:
            rows = rows.filter(at__gte=beginning(self.since))
        return rows.filter(at__lt=beginning(self.until + timedelta(days=1))) if self.until else rows


def day_of(text: str) -> date | None:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if 1970 <= day.year < 9000 else None


def beginning(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time()))


# What is found ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Found:
    """The organizations that the filter leaves (None: all), and whether there would have been more."""

    ids: list[int] | None = None
    more: bool = False
    named: str = ""  # the name of the one that was asked for


def organizations(asked: Asked, operator: Operator) -> Found:
    """Those that the URL names and the search finds, as far as they are visible."""
    if not asked.q and not asked.organization:
        return Found()
    visible: QuerySet[Organization] = access.visible_to(operator)
    if asked.organization:
        visible = visible.filter(pk=asked.organization)
    own = operator.acts_for
    names = dict(searched(asked.q, own, visible).values_list("pk", "name")[: MOST + 1])
    if asked.organization in {"", str(own.pk)} and finds(asked.q, own):
        names = {own.pk: own.name, **names}
    named = names.get(int(asked.organization or 0), "")
    return Found(list(names)[:MOST], len(names) > MOST, named)


def searched(q: str, own: Organization, visible: QuerySet) -> QuerySet:
    """The Partners and customers with words that begin with each word of the search; all, if there is none."""
    if not q:
        return visible
    kinds = [Organization.Kind.PARTNER, Organization.Kind.CUSTOMER]
    lists = [found_by(q, own.distributor_id, kind, pending=pending) for kind in kinds for pending in (False, True)]
    return visible.filter(reduce(or_, lists))


def finds(q: str, own: Organization) -> bool:
    """Whether the search finds one's own organization, which stands in no list."""
    parts, words = fold(q).split(), own.name_key.split()
    return bool(parts) and all(any(word.startswith(part) for word in words) for part in parts)


def found_page(asked: Asked, operator: Operator, found: Found) -> Page:
    """The page of the log at the cursor; the first one if there is nothing (any more) behind it."""
    here = behind(asked, operator, found)
    if here.rows or not tables.position(asked):
        return here
    return behind(replace(asked, after="", before=""), operator, found)


def behind(asked: Asked, operator: Operator, found: Found) -> Page:
    rows = asked.between(visible_events(operator))
    if found.ids is not None:
        of_kinds = rows.filter(kind__in=asked.kinds) if asked.kinds else rows
        rows = rows.filter(pk__in=newest(asked, of_kinds, "organization_id", found.ids))
    elif asked.kinds:
        rows = rows.filter(pk__in=newest(asked, rows, "kind", asked.kinds))
    return tables.page_of(asked, list(tables.from_cursor(asked, with_organization(rows))))


def newest(asked: Asked, rows: QuerySet, column: str, keys: list[Any]) -> list[int]:
    """The ids of a page's events among those with one of the keys: a page of each key, and of all these a page."""
    kind = "bigint[]" if column == "organization_id" else "text[]"
    of_one = tables.from_cursor(asked, rows.filter(**{column: RawSQL("wanted.key", [])}))
    sql, params = of_one.values("pk", "at").query.sql_with_params()
    way = "ASC" if tables.backwards(asked) else "DESC"
    statement = f"""
    SELECT found.id FROM unnest(%s::{kind}) AS wanted (key) CROSS JOIN LATERAL ({sql}) AS found (id, at)
    ORDER BY found.at {way}, found.id {way} LIMIT %s"""  # noqa: S608 - compiled, and constants of this file
    with connection.cursor() as cursor:
        cursor.execute(statement, [keys, *params, asked.size + 1])
        return [pk for (pk,) in cursor.fetchall()]


def every_page(asked: Asked, operator: Operator, found: Found) -> Iterator[list[Event]]:
    asked = replace(asked, size=MOST, after="", before="")
    while True:
        here = behind(asked, operator, found)
        yield here.rows
        if not here.next:
            return
        asked = replace(asked, after=here.next)


# The pages ----------------------------------------------------------------------------------------------------------


@require_safe
@page("see_events")
def events(request: OperatorRequest) -> HttpResponse:
    asked, operator = Asked.of(request.GET), request.user
    found = organizations(asked, operator)
    here = found_page(asked, operator, found)
    context = {
        "rows": [log_row(event, operator) for event in here.rows],
        "column": {name: str(label) for name, label in HEADINGS.items()},
        "log": log(asked, found),
        "pager": {
            "next": asked.url(after=here.next) if here.next else "",
            "previous": asked.url(before=here.previous) if here.previous else "",
        },
    }
    fragment = request.htmx and not request.htmx.history_restore_request
    response = render(request, f"events/{'list' if fragment else 'page'}.html", context)
    return remember(request, response, asked.here) if fragment else response


def log(asked: Asked, found: Found) -> dict[str, Any]:
    """What stands above the table."""
    chips = [
        {"name": name or "all", "label": label, "url": asked.url(chip=name), "current": name == asked.chip}
        for name, label in CHIPS.items()
    ]
    export = asked.url("events_export")
    return {
        "path": reverse("events"),
        "filters": asked.filters,
        "from": asked.filters.get("from", ""),
        "to": asked.filters.get("to", ""),
        "kept": {name: value for name, value in asked.filters.items() if name in {"chip", "organization"}},
        "chips": chips,
        "organization": one_organization(asked, found),
        "too_many": found.more,
        "exports": [{"kind": kind, "url": f"{export}{'&' if asked.filters else '?'}format={kind}"} for kind in FORMATS],
    }


def one_organization(asked: Asked, found: Found) -> dict[str, str] | None:
    """The chip that takes the filter on one organization away again."""
    if not asked.organization:
        return None
    return {"name": found.named or _("Unknown organization"), "url": asked.url(organization="")}


@require_safe
@page("see_events")
def events_export(request: OperatorRequest) -> HttpResponseBase:
    """Everything that the filter leaves."""
    asked, operator = Asked.of(request.GET), request.user
    found = organizations(asked, operator)
    cells = (cells_of(event, operator) for events in every_page(asked, operator, found) for event in events)
    write = FORMATS.get(request.GET.get("format", ""), exports.as_csv)
    return write("events", list(HEADINGS.values()), cells)


def cells_of(event: Event, operator: Operator) -> list[tables.Cell]:
    row = log_row(event, operator)
    told = [row["words"], row["telling"], row["actor"], row["reason"], event.pk]
    return [event.at, str(row["severity"]["word"]), row["organization"]["name"], *told]


@require_safe
@page("see_events")
def event(request: OperatorRequest, pk: int) -> HttpResponse:
    """Event details."""
    found = with_organization(visible_events(request.user)).filter(pk=pk).first()
    if found is None:
        raise Http404
    row = log_row(found, request.user)
    changes = event_words.changes(found)
    context = {"event": row, "changes": changes, "next": drawers.safe_next(request), "support": support(row, changes)}
    return render(request, "events/event.html", context)


def support(row: dict[str, Any], changes: list[dict[str, str]]) -> str:
    """What people paste into a message to support."""
    lines = [
        f"{_('Event')}: {row['id']}",
        f"{_('Time')}: {row['exact']}",
        f"{_('Organization')}: {row['organization']['name']}",
        f"{_('Message')}: {row['words']}",
        f"{_('Actor')}: {row['actor']}",
        *(f"{change['label']}: {change['before'] or '–'} → {change['after'] or '–'}" for change in changes),
        *([f"{_('Reason')}: {row['reason']}"] if row["reason"] else []),
    ]
    return "\n".join(lines)
