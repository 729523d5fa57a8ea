"""The rows of the lists, on the page and in an export: words, tones and icons of facts at an instant (UTC)."""

from collections.abc import Callable
from datetime import datetime
from functools import cache, lru_cache
from typing import Any

from django.urls import reverse
from django.utils.formats import number_format
from django.utils.http import urlencode
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

from onboarding.steps import link_words, progress, steps, waiting
from partnerapp import access, dates
from partnerapp.actions import Action
from partnerapp.models import Message, Operator, Organization
from partnerapp.models.event import WORDS
from partnerapp.tables import MOST, OrganizationTable
from subscriptions.models import Subscription
from subscriptions.models.states import WITH_ACCESS, State

SHOWN_STATES = {  # where the state says more than the level: tone, icon
    State.HELD: ("warn", "player-pause"),
    State.EXPIRED: ("over", "clock"),
    State.CANCELLED: ("over", "circle-minus"),
    State.SUSPENDED: ("over", "player-pause"),
}


SOURCES = {"": "", **dict(Organization.Source.choices)}
SOURCE, PARTNER = gettext_lazy("Source"), gettext_lazy("Partner")
HEADINGS = {  # of a list of those whose import is complete; `since` and `add_ons` are words inside a column
    "level": gettext_lazy("Subscription level"),
    "trial": gettext_lazy("Trial"),
    "after": gettext_lazy("After trial"),
    "seats": gettext_lazy("Seats"),
    "since": gettext_lazy("since {}"),
    "add_ons": gettext_lazy("add-ons"),
}
PARTNER_HEADINGS = {
    "name": gettext_lazy("Organization"),
    "skus": gettext_lazy("SKUs"),
    "customers": gettext_lazy("Customers"),
    "extended": gettext_lazy("Extended"),
    **HEADINGS,
}
CUSTOMER_HEADINGS = {
    "name": gettext_lazy("Customer"),
    "source": SOURCE,
    "partner": PARTNER,
    "skus": gettext_lazy("SKU and add-ons"),
    "expiration": gettext_lazy("Expiration date"),
    "ends": gettext_lazy("Access ends at 24:00 UTC of this day"),
    **HEADINGS,
}


def imported_cells(subscription: Any, at: datetime) -> dict[str, Any]:
    """What the lists show of a Partner as of a customer whose import is complete."""
    return {
        **organization_cells(subscription.organization),
        **subscription_cells(subscription, at),
        "after": after_trial(subscription, at),
        "skus": subscription.skus,
        "add_ons": subscription.add_ons,
        "seats": whole(subscription.seats),
    }


def partner_row(table: OrganizationTable, subscription: Any, operator: Operator, at: datetime) -> dict[str, Any]:
    extended_at, customers = subscription.extended_at, whole(subscription.customers)
    return {**imported_cells(subscription, at), "customers": customers, "extended_at": extended_at}


def customer_row(table: OrganizationTable, subscription: Any, operator: Operator, at: datetime) -> dict[str, Any]:
    origin_and_end = {**origin(subscription.organization), "expires_on": subscription.expires_on}
    return {**imported_cells(subscription, at), **origin_and_end}


def origin(organization: Organization) -> dict[str, str]:
    """Who created a customer, and below which Partner."""
    return {"source": str(SOURCES[organization.source]), "partner": organization.owner.name}


def organization_cells(organization: Organization) -> dict[str, Any]:
    pk = organization.pk
    return {
        "id": str(pk),
        "name": organization.name,
        "email": organization.notification_email,
        "url": organization_url(pk),
    }


def organization_url(pk: int) -> str:
    """An organization's page."""
    return page_url("organization", pk)


def page_url(name: str, pk: int) -> str:
    """The page of this name about this row."""
    return address(name, 0).replace("0", str(pk))


@cache
def address(name: str, *args: int) -> str:
    """The address of this name, looked up once: that takes longer than the rest of a row."""
    return reverse(name, args=args)


def whole(number: int | None) -> str:
    """`1,234`; empty while it is not known. Numbers are text before they reach a template, which would take its time."""
    return "" if number is None else grouped(number, get_language())


@lru_cache(maxsize=10_000)
def grouped(number: int, language: str | None) -> str:
    return number_format(number, force_grouping=True)


def subscription_cells(subscription: Subscription, at: datetime) -> dict:
    """Level, state and trial of a row; `since` is the day on which a state without a trial began."""
    state = subscription.state(at)
    tone, icon = SHOWN_STATES.get(state, ("", ""))
    shown = {"word": state.label, "tone": tone, "icon": icon} if state in SHOWN_STATES else None
    since = subscription.since(at) if state in {State.PRODUCTION, State.CANCELLED, State.SUSPENDED} else None
    if state in WITH_ACCESS and not subscription.has_access(at):  # R28: what its Partner lacks, since another day
        words = _("No access: {partner} is not active").format(partner=subscription.organization.owner.name)
        shown, since = {"word": words, "tone": "warn", "icon": "ban"}, None
    return {"level": subscription.level, "state": shown, "since": since, "trial": trial(subscription, at)}


def trial(subscription: Subscription, at: datetime) -> dict | None:
    """The bar of a trial, while it runs or just ended without being something else."""
    start, end = subscription.started_at, subscription.ends_at
    if start is None or end is None or subscription.converted_at or subscription.cancelled_at:
        return None
    hours = (end - at).total_seconds() / 3600
    tone = "over" if hours <= 0 else "bad" if hours <= 24 else "warn" if hours <= 72 else "info"
    return {
        "elapsed": str(int(min(max((at - start).total_seconds(), 0), (end - start).total_seconds()) // 3600)),
        "total": str(int((end - start).total_seconds() // 3600)),
        "left": dates.left(end, at),
        "ends_at": end,
        "tone": tone,
    }


def after_trial(subscription: Any, at: datetime) -> dict | None:
    """What happens if nobody does anything."""
    state = subscription.state(at)
    if state in {State.TRIAL, State.HELD} and not subscription.blocked_at and subscription.partner_inactive(at):
        return {
            "text": _("Waits for {partner}").format(partner=subscription.organization.owner.name),
            "detail": _("Upgrades after it is active again and a new notice"),
            "icon": "player-pause",
            "tone": "warn",
        }
    if state == State.HELD:
        text = _("Held — {reason}").format(reason=subscription.get_hold_reason_display())
        detail = _("Upgrades after a new notice, not before {when}").format(when=dates.moment(subscription.upgrade_at))
        return {"text": text, "detail": detail, "icon": "player-pause", "tone": "warn"}
    if state != State.TRIAL:
        return None
    if subscription.blocked_at:
        return {"text": _("Blocked — will expire"), "detail": blocked_by(subscription), "icon": "ban", "tone": "warn"}
    if subscription.upgrade_at and at >= subscription.upgrade_at:
        return {"text": _("Upgrade due"), "detail": "", "icon": "circle-arrow-up", "tone": "info"}
    return {"text": _("Upgrades to Production"), "detail": "", "icon": "circle-arrow-up", "tone": "info"}


def blocked_by(subscription: Any) -> str:
    """Who blocked the upgrade and, if it was said, why."""
    return ": ".join(part for part in (subscription.blocker, subscription.blocked_reason) if part)


# Pending ------------------------------------------------------------------------------------------------------------


PENDING_PARTNER_HEADINGS = {  # from `copy` on words inside a column
    "name": gettext_lazy("Organization"),
    "email": gettext_lazy("Email"),
    "onboarding": gettext_lazy("Onboarding"),
    "waiting": gettext_lazy("Waiting for"),
    "errors": gettext_lazy("Import errors"),
    "log": gettext_lazy("Event log messages"),
    "expires": gettext_lazy("Link expires"),
    "copy": gettext_lazy("Copy activation link"),
    "copy_of": gettext_lazy("Copy activation link of {name}"),
    "sending": gettext_lazy("sending…"),
    "refused": gettext_lazy("not delivered: {reason}"),
    "withdrawn": gettext_lazy("Withdrawn"),
    "counted": gettext_lazy("{label} {done} of {total}"),
    "retry": gettext_lazy("Try again"),
    "messages": gettext_lazy("{n} messages in the event log of {name}"),
    "expired": gettext_lazy("Expired on {}"),
}
PENDING_CUSTOMER_HEADINGS = {
    **PENDING_PARTNER_HEADINGS,
    "name": gettext_lazy("Customer"),
    "source": SOURCE,
    "partner": PARTNER,
}


def pending_row(table: OrganizationTable, subscription: Any, operator: Operator, at: datetime) -> dict[str, Any]:
    """One on its way; `moved` says that its import completed while the page was open."""
    organization = subscription.organization
    onboarding = organization.onboarding
    organization.subscription, onboarding.organization = subscription, organization
    complete, withdrawn = subscription.imported_at is not None, subscription.withdrawn_at is not None
    message = onboarding.link_message
    return {
        **organization_cells(organization),
        **origin(organization),
        "copy": button(operator, onboarding.copying(at), organization, table.url),
        "mail": mail(message),
        "withdrawn_at": subscription.withdrawn_at,
        "steps": steps(onboarding),
        "progress": progress(onboarding),
        "error": problem_of(organization, operator, at, table.url),
        "waiting": {"text": "", "since": ""} if complete else waiting(onboarding, at),
        "moving": not complete and not withdrawn and (onboarding.waits_for_us or being_sent(message)),
        "import_errors": subscription.import_errors,
        "log_url": log_of(organization),
        "log": whole(subscription.log_count) if subscription.log_count <= MOST else f"{whole(MOST)}+",
        "log_message": WORDS.get(subscription.log_kind, ""),
        "log_at": subscription.log_at,
        "expires_at": link_expires_at(onboarding),
        "expired": at >= onboarding.link_expires_at,
        "moved": moved(table) if complete else None,
    }


def log_of(organization: Organization) -> str:
    """The address of an organization's part of the event log."""
    return f"{address('events')}?organization={organization.pk}"


def moved(table: OrganizationTable) -> dict[str, Any]:
    """Where a row that completed went (R5)."""
    assert table.moves_to is not None
    text = _("Import completed: moved to {list}").format(list=table.moves_to.title)
    return {"text": text, "url": table.moves_to.url}


def link_expires_at(onboarding: Any) -> datetime | None:
    """None where the link is used or dead."""
    return None if onboarding.connected or onboarding.subscription.withdrawn_at else onboarding.link_expires_at


def button(operator: Operator, rule: Action, organization: Organization, here: str) -> dict[str, str]:
    """A row's own button: never hidden, but grey with the reason (R30)."""
    refusal = access.refusal(operator, rule.name, organization) or rule.refusal
    return {"url": f"{address(rule.name)}?id={organization.pk}&{back_to(here)}", "refusal": refusal}


@lru_cache(maxsize=1_000)
def back_to(here: str) -> str:
    """The part of an address that leads back here after a press without htmx."""
    return urlencode({"next": here})


def problem_of(organization: Organization, operator: Operator, at: datetime, here: str) -> dict | None:
    onboarding = organization.onboarding
    problem = onboarding.problem
    if problem is None:
        return None
    retry = button(operator, onboarding.retrying(at), organization, here)
    return {
        "cause": problem.cause,
        "remedy": problem.remedy,
        "retry_url": retry["url"],
        "retry_refusal": retry["refusal"],
    }


def being_sent(message: Message | None) -> bool:
    return message is not None and message.state == Message.State.QUEUED and message.attempts == 0


def mail(message: Message | None) -> dict | None:
    if message is None:
        return None
    failed = message.state in {Message.State.REFUSED, Message.State.AMBIGUOUS}
    states = {Message.State.SENT: "sent", Message.State.QUEUED: "sending"}
    return {
        "state": "refused" if failed else states.get(Message.State(message.state), ""),
        "reason": message.last_error,
    }


# Exports ------------------------------------------------------------------------------------------------------------

Columns = list[tuple[Any, Callable[[Any, datetime], Any]]]
NAMED: Columns = [
    (gettext_lazy("Organization name"), lambda row, at: row.organization.name),
    (gettext_lazy("Notification email"), lambda row, at: row.organization.notification_email),
]
OF_A_PARTNER: Columns = [
    (SOURCE, lambda row, at: row.organization.get_source_display()),
    (PARTNER, lambda row, at: row.organization.owner.name),
]
IMPORTED: Columns = [
    (gettext_lazy("Subscription level"), lambda row, at: row.level),
    (gettext_lazy("State"), lambda row, at: str(row.state(at).label)),
    (gettext_lazy("Trial started"), lambda row, at: row.started_at),
    (gettext_lazy("Trial ends"), lambda row, at: row.ends_at),
    (gettext_lazy("After trial"), lambda row, at: (after_trial(row, at) or {"text": ""})["text"]),
    (gettext_lazy("Extended"), lambda row, at: row.extended_at),
    (gettext_lazy("In production since"), lambda row, at: row.converted_at),
    (gettext_lazy("SKUs"), lambda row, at: ", ".join(row.skus)),
    (gettext_lazy("Add-ons"), lambda row, at: ", ".join(row.add_ons)),
]
SEATS: Columns = [(gettext_lazy("Seats"), lambda row, at: row.seats)]
PARTNER_COLUMNS: Columns = [*NAMED, *IMPORTED, (gettext_lazy("Customers"), lambda row, at: row.customers), *SEATS]
EXPIRATION: Columns = [
    (gettext_lazy("Expiration date"), lambda row, at: row.expires_on and f"{row.expires_on:%Y-%m-%d}")
]
CUSTOMER_COLUMNS: Columns = [*NAMED, *OF_A_PARTNER, *IMPORTED, *EXPIRATION, *SEATS]


def of_onboarding(value: Callable[[Any, datetime], Any]) -> Callable[[Any, datetime], Any]:
    """A value of the row's onboarding, which then knows its subscription without asking for it again."""

    def of_row(row: Any, at: datetime) -> Any:
        onboarding = row.organization.onboarding
        row.organization.subscription, onboarding.organization = row, row.organization
        return value(onboarding, at)

    return of_row


def status_words(onboarding: Any, at: datetime) -> str:
    if onboarding.subscription.withdrawn_at:
        return str(State.WITHDRAWN.label)
    first = onboarding.started_at is None and not onboarding.error_code
    return link_words(onboarding) if first else onboarding.status.words


PENDING: Columns = [
    (gettext_lazy("Onboarding"), of_onboarding(status_words)),
    (gettext_lazy("Waiting for"), of_onboarding(lambda onboarding, at: waiting(onboarding, at)["text"])),
    (gettext_lazy("Waiting since"), of_onboarding(lambda onboarding, at: onboarding.waiting_since)),
    (gettext_lazy("Import errors"), lambda row, at: row.import_errors),
    (gettext_lazy("Event log messages"), lambda row, at: row.log_count),
    (gettext_lazy("Latest message"), lambda row, at: str(WORDS.get(row.log_kind, ""))),
    (gettext_lazy("Latest message at"), lambda row, at: row.log_at),
    (gettext_lazy("Link expires"), of_onboarding(lambda onboarding, at: link_expires_at(onboarding))),
]
PENDING_PARTNER_COLUMNS: Columns = [*NAMED, *PENDING]
PENDING_CUSTOMER_COLUMNS: Columns = [*NAMED, *OF_A_PARTNER, *PENDING]
