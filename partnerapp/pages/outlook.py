"""What happens next to a subscription, and whether its organization has access (R28), each in a sentence."""

from datetime import datetime

from django.utils.translation import gettext as _

from partnerapp import dates
from partnerapp.models import Organization
from subscriptions.models.subscription import State


def what_next(organization: Organization, at: datetime, *, own: bool) -> str:
    """What happens if nobody does anything; `own`: said to the organization's own operators."""
    subscription = organization.subscription
    state = subscription.state(at)
    if state == State.PENDING:
        return pending(organization, own=own)
    if state in {State.TRIAL, State.HELD}:
        return own_trial(organization) if own else trial(organization, at)
    if own and state == State.PRODUCTION:
        return _("You are in Production. Questions about it? Ask {owner}.").format(owner=organization.owner.name)
    if own:
        words = _("Your trial is over and so is your access. {owner} can convert it to a production account.")
        return words.format(owner=organization.owner.name)
    sentences = {
        State.WITHDRAWN: _("The invitation was withdrawn on {when}. This is final."),
        State.PRODUCTION: _("In Production since {when}."),
        State.EXPIRED: _("The trial expired on {when}. It can be converted to a production account at any time."),
        State.CANCELLED: _("The trial was cancelled on {when}. It can be converted to a production account."),
    }
    instants = {
        State.WITHDRAWN: subscription.withdrawn_at,
        State.PRODUCTION: subscription.converted_at,
        State.EXPIRED: subscription.ends_at,
        State.CANCELLED: subscription.cancelled_at,
    }
    return sentences[state].format(when=dates.moment(instants[state]))


def pending(organization: Organization, *, own: bool) -> str:
    if own:
        return _("Your trial starts when the import of your Microsoft 365 tenant is complete.")
    return _("The trial starts when its Microsoft 365 tenant is connected and the import is complete.")


def own_trial(organization: Organization) -> str:
    subscription = organization.subscription
    ends = _("Your trial ends on {when}. {owner} has blocked the automatic upgrade.")
    goes_on = _("Your trial upgrades to Production on {when}. {owner} can extend, block or cancel it until then.")
    words = ends if subscription.blocked_at else goes_on
    return words.format(when=dates.moment(subscription.deadline), owner=organization.owner.name)


def trial(organization: Organization, at: datetime) -> str:
    subscription = organization.subscription
    when = dates.moment(subscription.deadline)
    if subscription.blocked_at:
        return _("The trial expires on {when}: the automatic upgrade is blocked, and nothing is billed.").format(
            when=when
        )
    if subscription.upgrade_is_due(at):
        return _("The upgrade to Production is due; it happens in the next minutes, or is held.")
    if subscription.state(at) == State.HELD:
        words = _("The upgrade is held: {reason}. It happens after a new notice, not before {when}.")
        return words.format(reason=subscription.get_hold_reason_display(), when=when)
    return _("It upgrades to Production on {when}, and billing starts then.").format(when=when)


def access_why(organization: Organization, at: datetime) -> str:
    """Why an organization has access or none (R28)."""
    subscription = organization.subscription
    return {
        State.PENDING: _("It begins when the import is complete."),
        State.WITHDRAWN: _("The invitation was withdrawn."),
        State.TRIAL: _("The trial runs."),
        State.HELD: _("A held trial stays fully usable."),
        State.EXPIRED: _("The trial expired."),
        State.CANCELLED: _("The trial was cancelled."),
        State.PRODUCTION: _("It is in Production."),
    }[subscription.state(at)]
