"""What a page of the staff's site says about an organization, section by section."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from partnerapp import dates
from partnerapp.models import Organization
from partnerapp.models.event import WORDS
from partnerapp.pages.mails import words
from subscriptions.models.period import billed_time

SHOWN = 15


@dataclass
class Section:
    """Facts (label and value, what is empty left out), or a table; `more` leads to all of its rows."""

    title: str
    facts: list[tuple[str, Any]] = field(default_factory=list)
    head: list[str] = field(default_factory=list)
    rows: list[list[Any]] = field(default_factory=list)
    more: str = ""
    none: str = ""


def sections(organization: Organization, at: datetime) -> list[Section]:
    if organization.kind == Organization.Kind.DISTRIBUTOR:
        return [about(organization), operators(organization), events(organization), mails(organization)]
    people = [operators(organization)] if organization.kind == Organization.Kind.PARTNER else []
    return [
        about(organization),
        subscription(organization, at),
        onboarding(organization),
        products(organization),
        periods(organization, at),
        *people,
        events(organization),
        mails(organization),
    ]


def facts(*rows: tuple[str, Any]) -> list[tuple[str, Any]]:
    shown = [(label, dates.moment(value) if isinstance(value, datetime) else value) for label, value in rows]
    return [(label, value) for label, value in shown if value not in {None, ""}]


def about(organization: Organization) -> Section:
    claim = _("connected since the consent") if organization.connected else _("not connected")
    if organization.tid_released_at:
        claim = _("released on {when}").format(when=dates.moment(organization.tid_released_at))
    rows = facts(
        (_("Reference"), organization.reference),
        (_("Kind"), organization.get_kind_display()),
        (_("Source"), organization.get_source_display() if organization.source else ""),
        (_("Notification email"), organization.notification_email),
        (_("Microsoft 365 tenant"), " ".join(filter(None, (organization.default_domain, str(organization.tid or ""))))),
        (_("Claim on the tenant"), claim),
        (_("Country"), organization.country),
        (_("Added"), organization.created_at),
        (_("Added by"), organization.created_by and organization.created_by.name),
    )
    return Section(_("Organization"), rows)


def subscription(organization: Organization, at: datetime) -> Section:
    row = organization.subscription
    access = _("yes") if row.has_access(at) else _("none")
    if not row.has_access(at) and row.partner_inactive(at):
        access = row.partner._why_inactive(at)
    rows = facts(
        (_("State"), row.state(at).label),
        (_("Since"), row.since(at)),
        (_("Subscription level"), row.level),
        (_("Access"), access),
        (_("Trial started"), row.started_at),
        (_("Trial ends"), row.ends_at),
        (_("Extended"), row.extended_at),
        (_("Automatic upgrade"), "" if row.blocked_at or row.converted_at else row.upgrade_at),
        (_("Upgrade blocked"), row.blocked_at),
        (_("Reason of the block"), row.blocked_reason),
        (_("Upgrade held"), row.held_at),
        (_("Reason of the hold"), row.get_hold_reason_display() if row.held_at else ""),
        (_("Cancelled"), row.cancelled_at),
        (_("Reason of the cancellation"), row.cancelled_reason),
        (_("Converted"), row.converted_at),
        (_("Expiration date"), dates.date_of(row.expires_on)),
        (_("Suspended"), row.suspended_at),
        (_("Reason of the suspension"), row.suspended_reason),
        (_("Withdrawn"), row.withdrawn_at),
        (_("Seats"), row.seats),
    )
    return Section(_("Subscription"), rows)


def onboarding(organization: Organization) -> Section:
    row = organization.onboarding
    problem = row.problem
    rows = facts(
        (_("Status"), _("Withdrawn") if row.subscription.withdrawn_at else row.status.words),
        (_("Activation link expires"), None if row.connected else row.link_expires_at),
        (_("Tenant of who signed in"), row.tid),
        (_("Started"), row.started_at),
        (_("Consent granted"), row.consented_at),
        (_("Import completed"), row.subscription.imported_at),
        (_("Pre-import error"), problem and f"{problem.cause} {problem.remedy}"),
        (_("Another trial allowed"), row.repeat_trial_allowed_at),
        (_("Reason of that"), row.repeat_trial_allowed_reason),
    )
    return Section(_("Onboarding"), rows)


def table(title: str, head: list[str], rows: Iterable[list[Any]], *, none: str, more: str = "") -> Section:
    return Section(title, head=head, rows=list(islice(rows, SHOWN)), none=none, more=more)


def products(organization: Organization) -> Section:
    held = organization.subscription.holdings.select_related("product").order_by("-from_at", "product")
    rows = ([h.product.name, dates.moment(h.from_at), dates.moment(h.until_at) or _("now")] for h in held[:SHOWN])
    return table(_("Products"), [_("Product"), _("From"), _("Until")], rows, none=_("It holds no product."))


def periods(organization: Organization, at: datetime) -> Section:
    own = organization.periods.order_by("-starts_at")[:SHOWN]
    billed = billed_time(organization, at)
    rows = [[_("Production"), dates.moment(p.starts_at), dates.moment(p.ends_at) or _("now")] for p in own]
    rows += [[_("Billed (R25)"), dates.moment(start), dates.moment(end)] for start, end in billed[-SHOWN:]]
    head = [_("Time"), _("From"), _("Until")]
    return Section(_("Production and billed time"), head=head, rows=rows, none=_("It was not in production yet."))


def operators(organization: Organization) -> Section:
    people = organization.operators.order_by("-accepted_at", "name")[:SHOWN]
    rows = ([p.name, p.email, p.get_role_display(), standing(p)] for p in people)
    head = [_("Name"), _("Email"), _("Role"), _("Standing")]
    more = f"{reverse('admin:partnerapp_operator_changelist')}?q={organization.reference}"
    return table(_("Operators"), head, rows, none=_("It has no operators."), more=more)


def standing(person: Any) -> str:
    if person.disabled_at:
        return _("disabled since {when}").format(when=dates.moment(person.disabled_at))
    return _("active") if person.accepted_at else _("invited")


def events(organization: Organization) -> Section:
    latest = organization.events.order_by("-pk")[:SHOWN]
    rows = ([dates.moment(e.at), WORDS.get(e.kind, e.kind), e.actor, e.reason] for e in latest)
    more = f"{reverse('admin:partnerapp_event_changelist')}?q={organization.reference}"
    head = [_("When"), _("What"), _("Who"), _("Why")]
    return table(_("Latest events"), head, rows, none=_("Nothing happened yet."), more=more)


def mails(organization: Organization) -> Section:
    latest = organization.messages.order_by("-about_at")[:SHOWN]
    rows = ([words(m), m.recipient, m.get_state_display(), dates.moment(m.about_at), m.last_error] for m in latest)
    more = f"{reverse('admin:partnerapp_message_changelist')}?q={organization.reference}"
    head = [_("Mail"), _("To"), _("State"), _("About"), _("Answer of the mail server")]
    return table(_("Latest mails"), head, rows, none=_("No mail was written."), more=more)
