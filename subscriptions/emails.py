"""The mails of the lifecycle: one composer each, named like the message's kind. Rendered when sent, from the facts then."""

from datetime import timedelta
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.translation import gettext as _

from partnerapp import dates
from partnerapp.mail import Pointless, absolute, why
from partnerapp.models import Message, Organization
from subscriptions.calendars import trial_end
from subscriptions.terms import NOTICE_LEAD


def about(message: Message, **more: object) -> dict:
    """What all of them need. `owner` is "you" of the guides."""
    organization = message.organization
    subscription = organization.subscription
    return {
        "subscription": subscription,
        "end": dates.moment(subscription.ends_at),
        "upgrade": dates.moment(subscription.upgrade_at),
        "billing": subscription.billing(message.composed_at),
        "expired": subscription.state(message.about_at) == "expired",
        "owner": organization.owner,
        "when": dates.moment(message.about_at),
        "by": message.context.get("by", ""),
        "reason": message.context.get("reason", ""),
        "extendable": not (subscription.extended_at or subscription.held_at),
        "why": why(message),
        "button": home(message),
        **more,
    }


def home(message: Message) -> dict[str, str] | None:
    """The portal; a customer has no operators, so nobody there could sign in."""
    customers = message.operator is None and message.organization.kind == Organization.Kind.CUSTOMER
    return None if customers else {"label": _("Open Partner App"), "url": absolute("/")}


def drawer(message: Message, action: str, label: str) -> dict[str, str] | None:
    """A button that opens the right drawer for an Admin (it never acts by itself); others get to the start page."""
    if message.operator is None:
        return home(message)
    query = urlencode({"id": message.organization_id})
    return {"label": label, "url": absolute(f"{reverse(action)}?{query}")}


def upgrade_notice(message: Message) -> dict:
    button = drawer(message, "manage_subscription_upgrade", _("Keep or block the upgrade"))
    return countdown(message) | about(message, button=button, attachments=[trial_end(message, message.about_at)])


def trial_will_expire(message: Message) -> dict:
    button = drawer(message, "manage_subscription_upgrade", _("Keep or block the upgrade"))
    return countdown(message) | about(message, button=button)


def countdown(message: Message) -> dict:
    """How long it still is; `short`: the rule will not let the upgrade happen at this instant any more (R20).

    R22: a notice whose instant has passed is not sent. Raises Pointless.
    """
    left = message.about_at - message.composed_at
    if left <= timedelta():
        raise Pointless
    short = left < NOTICE_LEAD and not message.organization.subscription.announced(message.about_at)
    return {"left": dates.left(message.about_at, message.composed_at), "short": short}


def trial_extended(message: Message) -> dict:
    end = message.organization.subscription.ends_at
    return about(message, attachments=[trial_end(message, end)] if end else [])


def trial_expired(message: Message) -> dict:
    return about(message, button=drawer(message, "convert_to_production", _("Convert to production account")))


def upgrade_blocked(message: Message) -> dict:
    return about(message)


def upgrade_held(message: Message) -> dict:
    """R20; R21: while its Partner is not active nobody can say when it will be."""
    waits = message.organization.subscription.waits_for_partner(message.composed_at)
    button = drawer(message, "manage_subscription_upgrade", _("Keep or block the upgrade"))
    return about(message, button=button, waits=waits)


def customer_converted(message: Message) -> dict:
    """To the distributor's Admins, who cannot change it (R29)."""
    return about(message, button={"label": _("Open Partner App"), "url": absolute("/")})


def production_expires(message: Message) -> dict:
    """R26, 30, 7 and 1 days before. Raises Pointless."""
    button = drawer(message, "edit_skus_and_expiration_date", _("Change the expiration date"))
    return countdown(message) | about(message, button=button, last_day=last_day(message))


def production_suspended(message: Message) -> dict:
    """A customer's by its date, a Partner's by staff."""
    if message.organization.kind == Organization.Kind.PARTNER:
        return about(message)
    button = drawer(message, "edit_skus_and_expiration_date", _("Change the expiration date"))
    return about(message, button=button)


def production_reinstated(message: Message) -> dict:
    return about(message, last_day=last_day(message))


def last_day(message: Message) -> str:
    return dates.date_of(message.organization.subscription.expires_on)


upgrade_restored = trial_cancelled = converted = partner_ended = upgrade_blocked
