"""What will happen: the sentences of the drawers, from the same facts and numbers that the verbs use."""

from datetime import datetime
from typing import Any

from django.db.models import OuterRef
from django.utils.text import get_text_list
from django.utils.translation import gettext as _

from partnerapp import dates
from partnerapp.drawers import Consequence
from partnerapp.models import Organization
from subscriptions.forms import wanted
from subscriptions.models import Product, Subscription
from subscriptions.models.production import KEPT
from subscriptions.models.queries import announced
from subscriptions.models.states import State
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
        words = _("Then it upgrades to Production automatically. {billing}")
        lines.append(("circle-arrow-up", words.format(billing=subscription.billing(at))))
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
    keep = keeping(organization, at)
    over = at >= subscription.ends_at
    block = _("Block: the trial expires at once. Nothing is billed, and access ends.") if over else _(
        "Block: the trial expires on {end}. Nothing is billed, and access ends."
    ).format(end=dates.moment(subscription.ends_at))  # fmt: skip
    until = _("You can change this until the trial ends.")
    if over:
        until = _("Blocking cannot be undone now; you can still convert the account to Production.")
    return [("circle-arrow-up", keep), ("ban", block), ("clock", until)]


def keeping(organization: Organization, at: datetime) -> str:
    """When the automatic upgrade will really happen, and what follows."""
    subscription: Subscription = organization.subscription
    assert subscription.upgrade_at is not None
    if subscription.partner_inactive(at):  # R21
        words = _("Upgrade automatically: once {partner} is active again, after a new notice by mail.")
        return words.format(partner=organization.owner.name)
    words = _("Upgrade automatically: {name} becomes Production on {when}. {billing}")
    if subscription.upgrade_at - NOTICE_LEAD < at and not subscription.told_in_time:
        words = _(
            "Upgrade automatically: {name} becomes Production, not before {when} and 24 hours after an Admin has got a "
            "notice by mail. {billing}"
        )
    when = dates.moment(subscription.upgrade_at)
    return words.format(name=organization.name, when=when, billing=subscription.billing(at))


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
    words = _("{name} becomes Production now, {when}. There is no way back to a trial.")
    lines = [
        ("circle-check", words.format(name=organization.name, when=dates.moment(at))),
        ("receipt", subscription.billing(at)),
    ]
    if subscription.kind == Organization.Kind.PARTNER:
        lines.append(("receipt", _("Its own tenant is billed at 0.00.")))
    if subscription.imported_at is None:
        words = _("The import of {name} is not complete: billing starts all the same, and no trial starts any more.")
        lines.append(("hourglass", words.format(name=organization.name)))
    return [*lines, ("mail", told_of_conversion(organization))]


def told_of_conversion(organization: Organization) -> str:
    words = _("The Admins of {owner} and {email} are told by mail.")
    if organization.kind == Organization.Kind.CUSTOMER:
        words = _("The Admins of {owner}, those of its distributor and {email} are told by mail.")
    return words.format(owner=organization.owner.name, email=organization.notification_email)


def of_editing(organization: Organization, at: datetime) -> Lines:
    """R26."""
    subscription: Subscription = organization.subscription
    lines: Lines = [("receipt", _("The SKU and add-ons at the end of a day (UTC) count for that day."))]
    if subscription.converted_at is None:
        lines.append(("calendar-event", _("An expiration date can be set once it is in production.")))
    elif subscription.state(at) == State.SUSPENDED:
        lines.append(("restore", _("A later date, or none, reinstates it at once. The days between are not billed.")))
    else:
        words = _(
            "Access and billing end at 24:00 UTC of the expiration date, if there is one. The Admins of {owner} are told by "
            "mail before."
        )
        lines.append(("calendar-event", words.format(owner=organization.owner.name)))
    if inactivity := subscription.owner_inactivity(at):
        lines.insert(0, ("alert-triangle", inactivity))
    return lines


def of_change(organization: Organization, data: dict[str, Any]) -> Lines:
    """Before → after of what is filled in."""
    subscription: Subscription = organization.subscription
    expires_on = wanted(subscription, data)["expires_on"]
    lines = of_other_products(organization, data)
    if expires_on not in {KEPT, subscription.expires_on}:
        words = _("Expiration date of {name}: {before} → {after}.")
        before, after = (dates.date_of(day) or _("none") for day in (subscription.expires_on, expires_on))
        lines.append(("calendar-event", words.format(name=organization.name, before=before, after=after)))
    return lines


def of_converting(organization: Organization, data: dict[str, Any]) -> Lines:
    """R24: what a customer gets with its conversion."""
    lines = of_other_products(organization, data)
    if last_day := data.get("expires_on"):
        words = _(
            "Access and billing of {name} end at 24:00 UTC of {day}. The Admins of {owner} are told by mail before."
        )
        told = words.format(name=organization.name, day=dates.date_of(last_day), owner=organization.owner.name)
        lines.append(("calendar-event", told))
    return lines


def of_other_products(organization: Organization, data: dict[str, Any]) -> Lines:
    """Before → after of SKU and add-ons. A Partner's panel has none of them."""
    subscription: Subscription = organization.subscription
    if "sku" not in data:
        return []
    products, held = wanted(subscription, data)["products"], subscription.held()
    if products is None or products == held:
        return []
    words = _("SKU and add-ons of {name}: {before} → {after}.")
    return [
        (
            "edit",
            words.format(name=organization.name, before=named(subscription, held), after=named(subscription, products)),
        )
    ]


# For staff ----------------------------------------------------------------------------------------------------------


def of_suspension(organization: Organization, at: datetime) -> Lines:
    """R27."""
    words = _("Access of {name} and of all its customers ends now, and so does what is billed for them.")
    told = _("The Admins of {owner} are told by mail.")
    return [
        ("player-pause", words.format(name=organization.name)),
        ("clock", _("Its customers' automatic upgrades wait until it is reinstated, and then for a new notice.")),
        ("restore", _("You can reinstate it at any time. The time between is not billed.")),
        ("mail", told.format(owner=organization.owner.name)),
    ]


def of_reinstatement(organization: Organization, at: datetime) -> Lines:
    words = _("Access of {name} and of its customers is back now, and billing goes on from {when}.")
    told = _("The Admins of {owner} are told by mail.")
    return [
        ("restore", words.format(name=organization.name, when=dates.moment(at))),
        ("receipt", _("The time of the suspension is not billed.")),
        ("mail", told.format(owner=organization.owner.name)),
    ]


def of_ending(organization: Organization, at: datetime) -> Lines:
    words = _("The production account of {name} ends now, for good: it cannot be converted or reinstated again.")
    told = _("The Admins of {owner} and {email} are told by mail.")
    return [
        ("circle-x", words.format(name=organization.name)),
        ("users", _("Its customers lose their access, and nothing is billed for them any more.")),
        ("refresh", _("Its Microsoft 365 tenant is free: another organization may connect it.")),
        ("mail", told.format(owner=organization.owner.name, email=organization.notification_email)),
    ]


def of_release(organization: Organization, at: datetime) -> Lines:
    """R13."""
    words = _("The Microsoft 365 tenant {tenant} is free: another organization may connect it.")
    claims = _("To become active again, {name} must claim it; that is refused while another organization has it.")
    return [
        ("link-off", words.format(tenant=organization.default_domain or organization.tid)),
        ("restore", claims.format(name=organization.name)),
        ("info-circle", _("A tenant that had a trial gets another one only where you allow it.")),
        ("mail", _("Nobody is told by mail.")),
    ]


def of_resale(organization: Organization, at: datetime) -> Lines:
    """R2, R3."""
    words = _("From now on {name} can give its customers these products only.")
    return [
        ("list-details", words.format(name=organization.name)),
        ("users", _("What its customers hold already stays as it is.")),
        ("mail", _("Nobody is told by mail.")),
    ]


def of_other_resale(organization: Organization, data: dict[str, Any]) -> Lines:
    """Before → after."""
    held, products = organization.subscription.held(), set(data["products"])
    words = _("Products of {name}: {before} → {after}.")
    subscription: Subscription = organization.subscription
    line = words.format(name=organization.name, before=named(subscription, held), after=named(subscription, products))
    return [("edit", line)] if products != held else []


def named(subscription: Subscription, codes: set[str]) -> str:
    """The names of products, the SKU first."""
    names = getattr(subscription, "product_names", None) or Product.names()
    return ", ".join(name for code, name in names.items() if code in codes)
