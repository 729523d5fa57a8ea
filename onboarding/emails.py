"""The mails of the onboarding: one composer each, named like the message's kind."""

from datetime import datetime

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext as _

from onboarding import links
from onboarding.problems import explain
from partnerapp import dates
from partnerapp.mail import absolute, why
from partnerapp.models import Message, Organization
from subscriptions.calendars import trial_end


def activation_link(message: Message) -> dict:
    """The welcome mail, with the link of its own time: one that was replaced meanwhile is dead."""
    organization = message.organization
    onboarding = organization.onboarding
    included = [holding.product.name for holding in organization.subscription.holdings.select_related("product")]
    url = links.url(onboarding.pk, message.context["link_version"])
    return invitation(organization, included, expires_at=onboarding.link_expires_at, url=url)


def reminder(message: Message) -> dict:
    """The same link once more; R12: nobody else is told."""
    return activation_link(message)


def invitation(organization: Organization, included: list[str], *, expires_at: datetime, url: str) -> dict:
    """What the welcome mail says, also in the preview of one that nobody has got yet. `expires_at` is a UTC instant."""
    owner = organization.owner
    return {
        "organization": organization,
        "owner": owner,
        "expires": dates.moment(expires_at),
        "included": included,
        "button": {"label": _("Start the trial"), "url": url},
        "why": _("You get this because {owner} named this address as the notification email of {name}.").format(
            owner=owner.name, name=organization.name
        ),
    }


def stopped(message: Message) -> dict:
    """Pre-import error: cause and remedy. The owner goes to the row, the tenant's people back to their link."""
    onboarding = message.organization.onboarding
    if message.organization.kind == Organization.Kind.CUSTOMER:
        button = {"label": _("Open Pending customers"), "url": absolute(reverse("pending_customers"))}
    else:
        button = {"label": _("Open Pending Partners"), "url": absolute(reverse("pending_partners"))}
    if message.operator is None:
        button = {"label": _("Go on with the onboarding"), "url": onboarding.link()}
    return {"problem": onboarding.problem, "owner": message.organization.parent, "button": button, "why": why(message)}


def import_completed(message: Message) -> dict:
    organization = message.organization
    subscription = organization.subscription
    ends = subscription.ends_at
    portal = {"label": _("Open Partner App"), "url": settings.BASE_URL + "/"}
    outside = (
        message.operator is None and organization.kind == Organization.Kind.CUSTOMER
    )  # nobody there can sign in (R14)
    return {
        "subscription": subscription,
        "owner": organization.owner,
        "ends": dates.moment(ends),
        "billing": subscription.billing(message.composed_at),
        "button": None if outside else portal,
        "attachments": [trial_end(message, ends)] if ends else [],
        "why": why(message),
    }


def consent_needed(message: Message) -> dict:
    """A connected tenant does not let us in any more: why, and what its administrator does."""
    context = message.context
    return {
        "problem": explain(context["code"], context["detail"]),
        "when": dates.moment(message.about_at),
        "button": {"label": _("Open Partner App"), "url": absolute("/")},
        "why": why(message),
    }
