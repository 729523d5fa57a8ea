"""How instants and spans are written for people: in the active time zone, with the zone named (R33)."""

from datetime import date, datetime, timedelta

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext


def moment(at: datetime | None) -> str:
    """`1 Dec 2026, 14:03 CET`; empty for an instant that has not come about."""
    if at is None:
        return ""
    local = timezone.localtime(at)
    return f"{local.day} {local:%b %Y, %H:%M %Z}"


def second(at: datetime) -> str:
    """`1 Dec 2026, 14:03:07 CET`: for a log."""
    local = timezone.localtime(at)
    return f"{local.day} {local:%b %Y, %H:%M:%S %Z}"


def minute(at: datetime) -> str:
    """`1 Dec, 14:03 CET`: for what is recent."""
    local = timezone.localtime(at)
    return f"{local.day} {local:%b, %H:%M %Z}"


def day(at: datetime) -> str:
    """`1 Dec 2026`."""
    local = timezone.localtime(at)
    return f"{local.day} {local:%b %Y}"


def date_of(day: date | None) -> str:
    """`1 Dec 2026`; empty for none. A date has no time zone."""
    return f"{day.day} {day:%b %Y}" if day else ""


def span(length: timedelta) -> str:
    """`4 days`, `5 hours`, `1 minute`: the largest unit that fits, rounded down."""
    seconds = max(int(length.total_seconds()), 0)
    if seconds >= 86400:
        return ngettext("%(n)d day", "%(n)d days", seconds // 86400) % {"n": seconds // 86400}
    if seconds >= 3600:
        return ngettext("%(n)d hour", "%(n)d hours", seconds // 3600) % {"n": seconds // 3600}
    if seconds >= 60:
        return ngettext("%(n)d minute", "%(n)d minutes", seconds // 60) % {"n": seconds // 60}
    return _("less than a minute")


def left(until: datetime, at: datetime) -> str:
    """`3 days left`, for people counting down; a day that has begun counts (2 days and an hour: `3 days left`)."""
    length = until - at
    if length <= timedelta():
        return _("ended")
    days = -(-length // timedelta(days=1))
    return _("last day") if days == 1 else _("{n} days left").format(n=days)
