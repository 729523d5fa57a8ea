"""The mails of the lifecycle: one composer each, named like the message's kind. Rendered when sent, from the facts then."""

from urllib.parse import urlencode

from django.urls import reverse
from django.utils.translation import gettext as _

from partnerapp import dates
from partnerapp.mail import absolute
from partnerapp.models import Message
from subscriptions.calendars import trial_end


def about(message: Message, **more: object) -> dict:
    """What all of them need. `owner` is "you" of the guides."""
    organization = message.organization
    subscription = organization.subscription
    return {
        "subscription": subscription,
        "end": dates.moment(subscription.ends_at),
        "upgrade": dates.moment(subscription.upgrade_at),
        "owner": organization.owner,
        "when": dates.moment(message.about_at),
        "by": message.context.get("by", ""),
        "reason": message.context.get("reason", ""),
        "why": _("You get this because you look after {name} in Partner App.").format(name=organization.name),
        "button": {"label": _("Open Partner App"), "url": absolute(reverse("partners"))},
        **more,
    }


def drawer(message: Message, action: str, label: str) -> dict[str, str]:
    """A button that opens the right drawer; it never acts by itself."""
    query = urlencode({"id": message.organization_id})
    return {"label": label, "url": absolute(f"{reverse(action)}?{query}")}


def upgrade_notice(message: Message) -> dict:
    button = drawer(message, "manage_subscription_upgrade", _("Keep or block the upgrade"))
    return about(message, button=button, attachments=[trial_end(message, message.about_at)])


def trial_will_expire(message: Message) -> dict:
    return about(message, button=drawer(message, "manage_subscription_upgrade", _("Keep or block the upgrade")))


def upgrade_held(message: Message) -> dict:
    return about(message, button=drawer(message, "manage_subscription_upgrade", _("Keep or block the upgrade")))


def trial_extended(message: Message) -> dict:
    end = message.organization.subscription.ends_at
    return about(message, attachments=[trial_end(message, end)] if end else [])


def trial_expired(message: Message) -> dict:
    return about(message, button=drawer(message, "convert_to_production", _("Convert to production account")))


def upgrade_blocked(message: Message) -> dict:
    return about(message)


upgrade_restored = trial_cancelled = converted = upgrade_blocked
