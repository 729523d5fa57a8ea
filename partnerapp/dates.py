"""How instants and spans are written for people: in the active time zone, with the zone named (R33)."""

from datetime import date, datetime, timedelta

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

DAY, MINUTE, CLOCK = "{0.day} {0:%b %Y}", "{0.day} {0:%b, %H:%M %Z}", "{0:%H:%M %Z}"  # of a local instant
MOMENT, SECOND = f"{DAY}, {CLOCK}", "{0.day} {0:%b %Y, %H:%M:%S %Z}"


def moment(at: datetime | None) -> str:
    """`1 Dec 2026, 14:03 CET`; empty for an instant that has not come about."""
    return "" if at is None else MOMENT.format(timezone.localtime(at))


def second(at: datetime) -> str:
    """`1 Dec 2026, 14:03:07 CET`: for a log."""
    return SECOND.format(timezone.localtime(at))


def day(at: datetime) -> str:
    """`1 Dec 2026`."""
    return DAY.format(timezone.localtime(at))


def date_of(day: date | None) -> str:
    """`1 Dec 2026`; empty for none. A date has no time zone."""
    return DAY.format(day) if day else ""


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
