"""What will happen: the sentences of the drawers, from the same facts and numbers that the verbs use."""

from datetime import datetime

from django.db.models import OuterRef
from django.utils.text import get_text_list
from django.utils.translation import gettext as _

from partnerapp import dates
from partnerapp.drawers import Consequence
from partnerapp.models import Organization
from subscriptions.models import Subscription
from subscriptions.models.queries import announced
from subscriptions.terms import EXTENSION, NOTICE_LEAD, NOTICES

Lines = list[Consequence]


def of_extension(organization: Organization, at: datetime) -> Lines:
    subscription: Subscription = organization.subscription
    assert subscription.ends_at is not None
    end = subscription.ends_at + EXTENSION
    lines: Lines = [
        ("calendar-plus", _("The trial of {name} ends on {end}.").format(name=organization.name, end=dates.moment(end)))
    ]
    if subscription.blocked_at:
        lines.append(("ban", _("The automatic upgrade stays blocked: the trial then expires and nothing is billed.")))
    else:
        lines.append(("circle-arrow-up", _("Then it upgrades to Production automatically, and billing starts.")))
    return [*lines, ("mail", mails_before(end, at))]


def mails_before(deadline: datetime, at: datetime) -> str:
    """Which notices are still to come before a deadline."""
    days = [str(number) for number, before in NOTICES.items() if deadline - before > at]
    words = _("The Admins and the notification email are told by mail {days} days before.")
    return words.format(days=get_text_list(days, _("and")))


def look_up_notices(organizations: list[Organization]) -> None:
    """`Subscription.announced` at the upgrade's instant, of all these at once."""
    in_time = announced(OuterRef("upgrade_at"))
    rows = Subscription.objects.filter(in_time, pk__in=[organization.pk for organization in organizations])
    told = set(rows.values_list("pk", flat=True))
    for organization in organizations:
        organization.subscription.told_in_time = organization.pk in told


def of_blocking(organization: Organization, at: datetime) -> Lines:
    """Both choices of Manage subscription upgrade, so that nothing has to be pressed to read them."""
    subscription: Subscription = organization.subscription
    assert subscription.ends_at is not None
    assert subscription.upgrade_at is not None
    keep = _("Upgrade automatically: {name} becomes Production on {when}, and billing to {owner} starts.").format(
        name=organization.name, when=dates.moment(subscription.upgrade_at), owner=organization.owner.name
    )
    if subscription.upgrade_at - NOTICE_LEAD < at and not subscription.told_in_time:
        keep += " " + _("It will be some hours later: an Admin must have had the notice for 24 hours first.")
    over = at >= subscription.ends_at
    block = _("Block: the trial expires at once. Nothing is billed, and access ends.") if over else _(
        "Block: the trial expires on {end}. Nothing is billed, and access ends."
    ).format(end=dates.moment(subscription.ends_at))  # fmt: skip
    until = _("You can change this until the trial ends.")
    if over:
        until = _("Blocking cannot be undone now; you can still convert the account to Production.")
    return [("circle-arrow-up", keep), ("ban", block), ("clock", until)]


def of_cancellation(organization: Organization, at: datetime) -> Lines:
    return [
        ("circle-minus", _("The trial of {name} ends now, and so does its access.").format(name=organization.name)),
        ("receipt", _("Nothing is billed for it.")),
        ("mail", _("The Admins and {email} are told by mail.").format(email=organization.notification_email)),
        (
            "refresh",
            _("Its Microsoft 365 tenant is free again; you can still convert the account while it stays free."),
        ),
    ]


def of_conversion(organization: Organization, at: datetime) -> Lines:
    subscription: Subscription = organization.subscription
    owner = organization.owner.name
    lines = [
        (
            "circle-check",
            _("{name} becomes Production now. There is no way back to a trial.").format(name=organization.name),
        ),
        (
            "receipt",
            _(
                "Billing of its production tenants to {owner} starts now, {when}. Its own tenant is billed at 0.00."
            ).format(owner=owner, when=dates.moment(at)),
        ),
    ]
    if subscription.imported_at is None:
        words = _("The import of {name} is not complete: billing starts all the same, and no trial starts any more.")
        lines.append(("hourglass", words.format(name=organization.name)))
    return [
        *lines,
        (
            "mail",
            _("The Admins of {owner} and {email} are told by mail.").format(
                owner=owner, email=organization.notification_email
            ),
        ),
    ]
