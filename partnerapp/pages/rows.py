"""How a subscription looks in a list's cells and on the start page: words, tones and icons of facts at an instant."""

from datetime import datetime

from django.utils.translation import gettext as _

from partnerapp import dates
from subscriptions.models import Subscription
from subscriptions.models.subscription import State

SHOWN_STATES = {  # where the state says more than the level: tone, icon
    State.HELD: ("warn", "player-pause"),
    State.EXPIRED: ("over", "clock"),
    State.CANCELLED: ("over", "circle-minus"),
}


def subscription_cells(subscription: Subscription, at: datetime) -> dict:
    """Level, state and trial of a row."""
    state = subscription.state(at)
    tone, icon = SHOWN_STATES.get(state, ("", ""))
    shown = {"word": state.label, "tone": tone, "icon": icon} if state in SHOWN_STATES else None
    return {"level": subscription.level, "state": shown, "trial": trial(subscription, at)}


def trial(subscription: Subscription, at: datetime) -> dict | None:
    """The bar of a trial, while it runs or just ended without being something else."""
    start, end = subscription.started_at, subscription.ends_at
    if start is None or end is None or subscription.converted_at or subscription.cancelled_at:
        return None
    hours = (end - at).total_seconds() / 3600
    tone = "over" if hours <= 0 else "bad" if hours <= 24 else "warn" if hours <= 72 else "info"
    return {
        "elapsed": int(min(max((at - start).total_seconds(), 0), (end - start).total_seconds()) // 3600),
        "total": int((end - start).total_seconds() // 3600),
        "left": dates.left(end, at),
        "ends_at": end,
        "tone": tone,
    }


def after_trial(subscription: Subscription, at: datetime) -> dict | None:
    """What happens if nobody does anything."""
    state = subscription.state(at)
    if state == State.HELD:
        text = _("Held — {reason}").format(reason=subscription.get_hold_reason_display())
        detail = _("Upgrades after a new notice, not before {when}").format(when=dates.moment(subscription.upgrade_at))
        return {"text": text, "detail": detail, "icon": "player-pause", "tone": "warn"}
    if state != State.TRIAL:
        return None
    if subscription.blocked_at:
        return {"text": _("Blocked — will expire"), "icon": "ban", "tone": "warn"}
    if subscription.upgrade_at and at >= subscription.upgrade_at:
        return {"text": _("Upgrade due"), "icon": "circle-arrow-up", "tone": "info"}
    return {"text": _("Upgrades to Production"), "icon": "circle-arrow-up", "tone": "info"}
