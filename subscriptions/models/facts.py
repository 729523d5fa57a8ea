"""What is stored of a subscription, the state that follows at an instant, and the frame of every verb.

A verb locks the row, asks its rule again, changes the facts, writes one event and the mails, in one transaction, or raises
`Refused` with the rule's sentence.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Self

from django.conf import settings
from django.db import IntegrityError, models, transaction
from django.utils.translation import gettext as _

from partnerapp import dates
from partnerapp.actions import Refused
from partnerapp.models import Event, Message, Operator, Organization
from partnerapp.models.event import Actor, signature
from partnerapp.models.message import owner_and_notification_email
from subscriptions.models.states import INACTIVE, WITH_ACCESS, HoldReason, State
from subscriptions.terms import ANNOUNCEMENTS, EXPIRATION_NOTICES, FAR, NOTICES


@dataclass
class Change:
    """What a verb does: the event's kind, the mail's, and what changed beside the facts ({name: (before, after)})."""

    kind: str
    mail: str
    beside: dict[str, tuple] = field(default_factory=dict)


class Facts(models.Model):
    """One row per Partner or customer. All instants are UTC; `upgrade_at` is when the trial becomes production by itself;
    `expires_on` (customers) is the last day of access, which ends at 24:00 UTC.

    `wake_at` (the next instant at which the sweep must look; NULL: never) and `sort_at` are index hints, set by
    `set_hints` alone; they never decide.
    """

    organization = models.OneToOneField(Organization, models.CASCADE, primary_key=True)
    distributor_id = models.BigIntegerField()
    partner_id = models.BigIntegerField(null=True)
    kind = models.CharField(max_length=12, choices=Organization.Kind)
    seats = models.PositiveIntegerField(null=True)
    seats_on = models.DateField(null=True)
    imported_at = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    ends_at = models.DateTimeField(null=True)
    extended_at = models.DateTimeField(null=True)
    extended_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    blocked_at = models.DateTimeField(null=True)
    blocked_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    blocked_reason = models.TextField(blank=True, default="")
    cancelled_at = models.DateTimeField(null=True)
    cancelled_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    cancelled_reason = models.TextField(blank=True, default="")
    converted_at = models.DateTimeField(null=True)
    converted_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    upgrade_at = models.DateTimeField(null=True)
    held_at = models.DateTimeField(null=True)
    hold_reason = models.CharField(max_length=11, choices=HoldReason, blank=True, default="")
    expired_at = models.DateTimeField(null=True)
    expires_on = models.DateField(null=True)
    suspended_at = models.DateTimeField(null=True)
    suspended_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    suspended_reason = models.TextField(blank=True, default="")
    withdrawn_at = models.DateTimeField(null=True)
    wake_at = models.DateTimeField(null=True)
    sort_at = models.DateTimeField(default=FAR)

    change: Change
    product_names: dict[str, str]  # set where many are told about: the name of each product's code
    told_in_time: bool  # set where many are told about: a notice was accepted a day before the upgrade

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"subscription of {self.organization}"

    # What it is ----------------------------------------------------------------------------------------------------

    @property
    def level(self) -> str:
        """The subscription level: an expired one is still TRIAL."""
        return "PRODUCTION" if self.converted_at else "TRIAL"

    @property
    def deadline(self) -> datetime | None:
        """The instant at which the trial stops being one: its end if blocked, else its upgrade (UTC)."""
        return self.ends_at if self.blocked_at else self.upgrade_at

    @property
    def expiry(self) -> datetime | None:
        """R26: the instant (UTC) at which the access of a customer in production ends; None without a date."""
        return expiry_of(self.expires_on)

    @property
    def partner(self) -> Any:
        """The subscription of a customer's Partner. Lists load it with `select_related("organization__parent__subscription")`."""
        return self.organization.owner.subscription

    def state(self, at: datetime) -> State:
        """The state that follows from the facts at `at` (product.md, States); right without any sweep."""
        if self.withdrawn_at:
            return State.WITHDRAWN
        if self.cancelled_at:  # a trial, or a Partner in production that staff ended (R27)
            return State.CANCELLED
        if self.converted_at:
            over = self.suspended_at or (self.expiry and at >= self.expiry)
            return State.SUSPENDED if over else State.PRODUCTION
        if self.started_at is None or self.ends_at is None:
            return State.PENDING
        if at < self.ends_at:
            return State.TRIAL
        if self.blocked_at:
            return State.EXPIRED
        return State.HELD if self.held_at else State.TRIAL

    def seen(self, at: datetime) -> str:
        """What a drawer showed of it, in short: applied is only what still stands so. The words begin with the state."""
        facts = (self.ends_at, self.blocked_at and self.ends_at, self.expiry)
        return f"{self.state(at)} {' '.join(str(int(fact.timestamp())) for fact in facts if fact)}"

    def has_access(self, at: datetime) -> bool:
        """R28: full access in Trial, Held and Production, for a customer only while its Partner has access too."""
        own = self.state(at) in WITH_ACCESS
        return own and (self.kind != Organization.Kind.CUSTOMER or self.partner.has_access(at))

    def inactive(self, at: datetime) -> bool:
        """R21, R27: expired, cancelled, suspended or withdrawn. What it means for customers: `inactivity`."""
        return self.state(at) in INACTIVE

    def partner_inactive(self, at: datetime) -> bool:
        """R21: a customer whose Partner is not active; its upgrade waits."""
        return self.kind == Organization.Kind.CUSTOMER and self.partner.inactive(at)

    def inactivity(self, at: datetime) -> str:
        """R27: why the operators of this Partner may do little below it, or "" while it is active."""
        if not self.inactive(at):
            return ""
        words = _(
            "{why} Until {name} is active again, its operators can read, withdraw invitations, cancel trials and bring "
            "expiration dates forward, no more."
        )
        if self.withdrawn_at or (self.cancelled_at and self.converted_at):  # for good
            words = _(
                "{why} The operators of {name} can read, withdraw invitations, cancel trials and bring expiration dates "
                "forward, no more."
            )
        return words.format(why=self._why_inactive(at), name=self.organization.name)

    def _why_inactive(self, at: datetime) -> str:
        sentences = {
            State.EXPIRED: _("The trial of {name} expired on {when}."),
            State.CANCELLED: _("The production account of {name} was ended on {when}, for good.")
            if self.converted_at
            else _("The trial of {name} was cancelled on {when}."),
            State.SUSPENDED: _("{name} is suspended since {when}."),
            State.WITHDRAWN: _("The invitation of {name} was withdrawn on {when}."),
        }
        state = self.state(at)
        return sentences[state].format(name=self.organization.name, when=dates.moment(self.since(at)))

    def owner_inactivity(self, at: datetime) -> str:
        """R27 for a customer: its Partner's `inactivity`. A distributor is always active."""
        return self.partner.inactivity(at) if self.kind == Organization.Kind.CUSTOMER else ""

    def billing(self, at: datetime) -> str:
        """R25 in a sentence: what is billed once this becomes production."""
        owner = self.organization.owner.name
        if self.kind != Organization.Kind.CUSTOMER:
            return _("From then on its production tenants are billed to {owner}.").format(owner=owner)
        if self.partner.state(at) == State.PRODUCTION:
            return _("From then on it is billed as a production tenant of {partner}.").format(partner=owner)
        return _("It is billed as a production tenant of {partner} once {partner} itself is in production.").format(
            partner=owner
        )

    def since(self, at: datetime) -> datetime | None:
        """The instant (UTC) at which the state of `at` began; None for Pending."""
        return {
            State.TRIAL: self.started_at,
            State.HELD: self.held_at,
            State.WITHDRAWN: self.withdrawn_at,
            State.PRODUCTION: self.converted_at,
            State.CANCELLED: self.cancelled_at,
            State.EXPIRED: self.ends_at,
            State.SUSPENDED: self.suspended_at or self.expiry,
        }.get(self.state(at))

    def under_trial(self, at: datetime) -> bool:
        """A running or held trial, one whose upgrade is due included."""
        return self.state(at) in {State.TRIAL, State.HELD}

    # The hints ------------------------------------------------------------------------------------------------------

    def boundaries(self, at: datetime) -> list[datetime]:
        """The instants, past ones included, at which the sweep has something to do here, in order."""
        if self.under_trial(at) or (self.state(at) == State.EXPIRED and self.expired_at is None):
            assert self.deadline is not None
            return [*(self.deadline - before for before in NOTICES.values()), self.deadline]
        if self.expiry is None or self.suspended_at or self.cancelled_at:
            return []
        return [*(self.expiry - before for before in EXPIRATION_NOTICES.values()), self.expiry]

    def set_hints(self, at: datetime) -> None:
        """Set `wake_at` to the boundary reached last (it may still have work), else the next one; and `sort_at`."""
        marks = self.boundaries(at)
        reached = [mark for mark in marks if mark <= at]
        self.wake_at = reached[-1] if reached else next(iter(marks), None)
        ends = self.deadline if self.under_trial(at) else self.expiry if self.state(at) == State.PRODUCTION else None
        self.sort_at = ends or FAR

    # Shared by the verbs -------------------------------------------------------------------------------------------

    def _claim_tenant(self, *, released_at: datetime | None) -> None:
        """The claim on the Microsoft 365 tenant, if it is connected, ends at this instant, or (None) holds (again)."""
        organization = self.organization
        if organization.connected and organization.tid_released_at != released_at:
            organization.tid_released_at = released_at
            try:
                with transaction.atomic():
                    organization.save(update_fields=["tid_released_at"])
            except IntegrityError as error:  # somebody connected the tenant since the rule looked
                raise Refused(tenant_taken(organization)) from error

    def _locked(self) -> Self:
        """The row, locked behind its organization (a verb's first lock) and fresh."""
        Organization.objects.hold(self.pk)
        rows = type(self)._default_manager.select_for_update(no_key=True, of=("self",))
        return rows.select_related("organization__parent__subscription").get(pk=self.pk)

    @contextmanager
    def _changing(self, kind: str, *, by: Actor, at: datetime, reason: str = "", mail: str = "") -> Iterator[Self]:
        """The row, locked; on leaving: hints, event, what became pointless obsolete, and the `mail` about `at`.

        A verb says in `row.change` what it found out or changed beside the row's facts.
        """
        with transaction.atomic():
            row = self._locked()
            row.change = Change(kind, mail)
            before = row.facts()
            yield row
            row.set_hints(at)
            row.save()
            changed = {name: (before[name], value) for name, value in row.facts().items() if before[name] != value}
            changed |= row.change.beside
            Event.record(
                row.organization, row.change.kind, at=at, by=by, reason=reason,
                before={name: pair[0] for name, pair in changed.items()},
                after={name: pair[1] for name, pair in changed.items()},
            )  # fmt: skip
            Message.retire(row.organization, ANNOUNCEMENTS)
            if row.change.mail:
                row._tell(row.change.mail, at=at, by=by, reason=reason)

    def _tell(self, kind: str, *, at: datetime, by: Actor, reason: str = "") -> None:
        """Queue this mail about `at` to the owner's Admins and the notification email; some are the Admins' alone.

        Who it was and why is the owner's: outside, the owner itself did it (or Vendor staff).
        """
        organization, kind = self.organization, f"subscriptions.{kind}"
        to: list[Operator | str] = owner_and_notification_email(organization)
        admins = [person for person in to if isinstance(person, Operator)]
        context = {"by": signature(by), "reason": reason}
        Message.queue(kind, organization, about_at=at, to=admins, context=context)
        if not kind.startswith("subscriptions.production_"):
            outside = by if by is None or getattr(by, "is_staff", False) else organization.owner.name
            context = {"by": signature(outside), "reason": ""}
            Message.queue(kind, organization, about_at=at, to=to[len(admins) :], context=context)

    def facts(self) -> dict[str, Any]:
        """The stored facts, without the hints: what events compare."""
        hints = {"organization", "distributor_id", "partner_id", "kind", "wake_at", "sort_at"}
        fields = [field for field in self._meta.concrete_fields if field.name not in hints]
        facts = {field.attname: getattr(self, field.attname) for field in fields}
        return facts | {"tid_released_at": self.organization.tid_released_at}


def expiry_of(expires_on: date | None) -> datetime | None:
    """R26: 24:00 UTC of an expiration date."""
    return datetime.combine(expires_on, time(tzinfo=UTC)) + timedelta(days=1) if expires_on else None


def tenant_taken(organization: Organization) -> str:
    """R13: neutral, since the tenant may be connected in another tree; staff see both by the reference."""
    sentence = _(
        "Its Microsoft 365 tenant was released and cannot be connected here again. "
        "Contact the Vendor's staff and name the reference {reference}."
    )
    return sentence.format(reference=organization.reference)
