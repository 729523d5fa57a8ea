"""What happens next to a subscription, and whether its organization has access (R28), each in a sentence."""

from datetime import datetime

from django.utils.translation import gettext as _

from partnerapp import dates
from partnerapp.models import Organization
from subscriptions.models.states import WITH_ACCESS, State


def what_next(organization: Organization, at: datetime, *, own: bool) -> str:
    """What happens if nobody does anything; `own`: said to the organization's own operators."""
    subscription = organization.subscription
    state = subscription.state(at)
    if state == State.PENDING:
        return pending(organization, own=own)
    if state in {State.TRIAL, State.HELD}:
        return own_trial(organization, at) if own else trial(organization, at)
    if own:
        return own_account(organization, at)
    return account(organization, at)


def own_account(organization: Organization, at: datetime) -> str:
    state, owner = organization.subscription.state(at), organization.owner.name
    if state == State.PRODUCTION:
        return _("You are in Production. Questions about it? Ask {owner}.").format(owner=owner)
    if organization.subscription.converted_at:
        return _("Your production account is not active and you have no access. Ask {owner}.").format(owner=owner)
    words = _("Your trial is over and so is your access. {owner} can convert it to a production account.")
    return words.format(owner=owner)


def account(organization: Organization, at: datetime) -> str:
    """A production account, or what is over."""
    subscription = organization.subscription
    state = subscription.state(at)
    sentences = {
        State.WITHDRAWN: _("The invitation was withdrawn on {when}. This is final."),
        State.PRODUCTION: _("In Production since {when}."),
        State.EXPIRED: _("The trial expired on {when}. It can be converted to a production account at any time."),
        State.CANCELLED: _("The trial was cancelled on {when}. It can be converted to a production account."),
        State.SUSPENDED: _("Suspended since {when}. The Vendor's staff can reinstate it."),
    }
    sentence = sentences[state]
    if state == State.PRODUCTION and subscription.expiry:
        sentence = _("In Production since {when}. It is suspended on {expiry}.")
    if state == State.SUSPENDED and organization.kind == Organization.Kind.CUSTOMER:
        sentence = _("Suspended since {when}. A later expiration date reinstates it.")
        if subscription.partner_inactive(at):  # R27
            sentence = _("Suspended since {when}. It stays so while its Partner is not active.")
    if state == State.CANCELLED and subscription.converted_at:
        sentence = _("The production account was ended on {when}, for good.")
    return sentence.format(when=dates.moment(subscription.since(at)), expiry=dates.moment(subscription.expiry))


def pending(organization: Organization, *, own: bool) -> str:
    if own:
        return _("Your trial starts when the import of your Microsoft 365 tenant is complete.")
    return _("The trial starts when its Microsoft 365 tenant is connected and the import is complete.")


def own_trial(organization: Organization, at: datetime) -> str:
    subscription = organization.subscription
    held = subscription.state(at) == State.HELD or subscription.upgrade_is_due(at)
    if held and not subscription.blocked_at:
        words = _(
            "Your trial has ended and stays usable until it upgrades to Production. {owner} can still block or cancel it."
        )
        return words.format(owner=organization.owner.name)
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
    if subscription.partner_inactive(at):
        words = _("The upgrade waits until {partner} is active again, and is announced anew then.")
        return words.format(partner=organization.owner.name)
    if subscription.upgrade_is_due(at):
        return _("The upgrade to Production is due; it happens in the next minutes, or is held.")
    if subscription.state(at) == State.HELD:
        words = _("The upgrade is held: {reason}. It happens after a new notice, not before {when}.")
        return words.format(reason=subscription.get_hold_reason_display(), when=when)
    return _("It upgrades to Production on {when}. {billing}").format(when=when, billing=subscription.billing(at))


def access_why(organization: Organization, at: datetime) -> str:
    """Why an organization has access or none (R28)."""
    subscription = organization.subscription
    state = subscription.state(at)
    if state in WITH_ACCESS and not subscription.has_access(at):
        return _("Its Partner, {partner}, has no access.").format(partner=organization.owner.name)
    return {
        State.PENDING: _("It begins when the import is complete."),
        State.WITHDRAWN: _("The invitation was withdrawn."),
        State.TRIAL: _("The trial runs."),
        State.HELD: _("A held trial stays fully usable."),
        State.EXPIRED: _("The trial expired."),
        State.CANCELLED: _("The account was ended.") if subscription.converted_at else _("The trial was cancelled."),
        State.PRODUCTION: _("It is in Production."),
        State.SUSPENDED: _("It is suspended."),
    }[state]
