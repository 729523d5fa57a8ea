"""The mails about an organization and how they fared, as its page lists them."""

from typing import Any

from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from partnerapp.models import Message, Operator, Organization
from subscriptions.timeline import of_days

NEWEST = 20
WORDS = {  # by composer: what the mail is about; a notice with its "7 days"
    "partnerapp.operator_invitation": _("Invitation to work in Partner App"),
    "onboarding.activation_link": _("Welcome, with the activation link"),
    "onboarding.reminder": _("Reminder of the activation link"),
    "onboarding.stopped": _("Onboarding stopped: cause and remedy"),
    "onboarding.import_completed": _("Import completed, the trial has started"),
    "onboarding.consent_needed": _("Consent is needed again"),
    "subscriptions.upgrade_notice": _("Upgrade notice, {days} before"),
    "subscriptions.trial_will_expire": _("Notice that the trial expires, {days} before"),
    "subscriptions.upgrade_held": _("The upgrade is held"),
    "subscriptions.trial_extended": _("The trial was extended"),
    "subscriptions.upgrade_blocked": _("The automatic upgrade was blocked"),
    "subscriptions.upgrade_restored": _("The automatic upgrade was restored"),
    "subscriptions.trial_cancelled": _("The trial was cancelled"),
    "subscriptions.trial_expired": _("The trial expired"),
    "subscriptions.converted": _("In Production"),
    "subscriptions.customer_converted": _("A customer went to Production"),
    "subscriptions.production_expires": _("Notice of the expiration date, {days} before"),
    "subscriptions.production_suspended": _("Suspended"),
    "subscriptions.production_reinstated": _("Reinstated"),
    "subscriptions.partner_ended": _("The production account was ended"),
}
SHOWN = {  # tone, icon
    Message.State.QUEUED: ("info", "send"),
    Message.State.SENT: ("good", "circle-check"),
    Message.State.REFUSED: ("bad", "mail-x"),
    Message.State.AMBIGUOUS: ("warn", "alert-triangle"),
    Message.State.OBSOLETE: ("", "circle-minus"),
}


def mails_of(organization: Organization, operator: Operator) -> list[dict[str, Any]]:
    """The newest, as far as this reader may know of them."""
    newest = visible(organization, operator).order_by("-about_at", "kind", "recipient")[:NEWEST]
    return [mail_row(message) for message in newest]


def visible(organization: Organization, operator: Operator) -> QuerySet[Message]:
    """All mails about an organization. A Partner's people see none to the people of its distributor, and of the mails about
    itself only those to itself.
    """
    messages, own = Message.objects.filter(organization=organization), operator.acts_for
    if own.parent_id is None:
        return messages
    to_others = Q(operator=None)
    if own.pk == organization.pk:
        to_others &= Q(recipient__iexact=organization.notification_email)
    return messages.filter(to_others | Q(operator__organization=own.pk))


def mail_row(message: Message) -> dict[str, Any]:
    state = Message.State(message.state)
    tone, icon = SHOWN[state]
    failed = state in {Message.State.REFUSED, Message.State.AMBIGUOUS}
    waits = state == Message.State.QUEUED and message.attempts > 0
    return {
        "words": words(message),
        "recipient": message.recipient,
        "about_at": message.about_at,
        "accepted_at": message.accepted_at,
        "state": {"word": state.label, "tone": tone, "icon": icon},
        "reason": message.last_error if failed or waits else "",
    }


def words(message: Message) -> str:
    app, function, days = message.composer
    named = WORDS.get(f"{app}.{function}") or function.replace("_", " ").capitalize()
    return str(named).format(days=of_days(int(days or 0)))
