"""What lies ahead of a subscription, from the facts and numbers that the rules and the sweep use themselves."""

from datetime import datetime

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from partnerapp.actions import Words
from subscriptions.models import Subscription
from subscriptions.models.states import State
from subscriptions.terms import EXPIRATION_NOTICES, EXTENSION_WINDOW, NOTICES

Mark = tuple[datetime, str, Words]  # instant (UTC), icon, sentence


def future(subscription: Subscription, at: datetime) -> list[Mark]:
    """What will happen after `at` if nobody does anything, in order of time."""
    return sorted(mark for mark in marks(subscription, at) if mark[0] > at)


def marks(subscription: Subscription, at: datetime) -> list[Mark]:
    """All instants of a trial (its window, its notices, its end) or of an expiration date, past ones too.

    R21: an upgrade that waits for the Partner has none.
    """
    if subscription.state(at) == State.PRODUCTION:
        return expiration(subscription)
    waits = subscription.partner_inactive(at) and not subscription.blocked_at
    if waits or not subscription.under_trial(at):
        return []
    return [*window(subscription, at), *notices(subscription), end(subscription)]


def expiration(subscription: Subscription) -> list[Mark]:
    """R26: the notices before the expiration date, and what happens then."""
    expiry = subscription.expiry
    if expiry is None:
        return []
    words = _("Notice, {days} before the expiration date")
    told = [(expiry - before, "mail", words.format(days=of_days(days))) for days, before in EXPIRATION_NOTICES.items()]
    return [*told, (expiry, "player-pause", _("Suspended: access and the production period end"))]


def window(subscription: Subscription, at: datetime) -> list[Mark]:
    """R16: from when the trial can be extended."""
    never = subscription.extended_at or subscription.owner_inactivity(at) or not subscription.running(at)
    if never or subscription.ends_at is None:
        return []
    return [(subscription.ends_at - EXTENSION_WINDOW, "calendar-plus", _("Extension window opens"))]


def notices(subscription: Subscription) -> list[Mark]:
    """R20: the notices before the deadline; of one that a hold moved, those since the hold."""
    deadline, since = subscription.deadline, subscription.held_at
    assert deadline is not None
    blocked = subscription.blocked_at is not None
    words = _("Notice, {days} before the trial expires") if blocked else _("Notice, {days} before the upgrade")
    told = [(deadline - before, "mail", words.format(days=of_days(days))) for days, before in NOTICES.items()]
    return [mark for mark in told if since is None or mark[0] >= since]


def of_days(days: int) -> str:
    return ngettext("%(n)d day", "%(n)d days", days) % {"n": days}


def end(subscription: Subscription) -> Mark:
    """R17, R19: the deadline itself."""
    assert subscription.deadline is not None
    if subscription.blocked_at:
        return subscription.deadline, "ban", _("The trial expires, and access ends")
    words = _("Upgrade to Production, if a notice was delivered 24 hours before")
    return subscription.deadline, "circle-arrow-up", words if subscription.held_at else _("Upgrade to Production")
