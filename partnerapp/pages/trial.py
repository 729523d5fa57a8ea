"""The trial's card: a ring with the days that are left, and a bar with a mark for each instant that matters."""

from datetime import datetime, timedelta
from typing import Any

from partnerapp.pages import rows
from subscriptions import timeline
from subscriptions.models import Subscription


def card(subscription: Subscription, at: datetime) -> dict[str, Any] | None:
    """None where no trial runs or has just ended. Numbers are text, as SVG's attributes take them in every language."""
    shown = rows.trial(subscription, at)
    start, end = subscription.started_at, subscription.ends_at
    if shown is None or start is None or end is None:
        return None
    left = max(end - at, timedelta())
    marks = [mark for mark in sorted(timeline.marks(subscription, at)) if mark[0] <= end]
    return {
        **shown,
        "starts_at": start,
        "days": str(-(-left // timedelta(days=1))),
        "part": percent(left / (end - start)),
        "elapsed_part": percent(1 - left / (end - start)),
        "marks": [mark_row(mark, start, end, at) for mark in marks],
        "extended_at": subscription.extended_at,
    }


def mark_row(mark: timeline.Mark, start: datetime, end: datetime, at: datetime) -> dict[str, Any]:
    when, icon, text = mark
    return {
        "at": when,
        "icon": icon,
        "text": text,
        "place": percent((when - start) / (end - start)),
        "past": when <= at,
    }


def percent(part: float) -> str:
    return f"{min(max(part, 0), 1) * 100:.2f}"
