"""A subscription: facts, the rules that follow from them at an instant, and the verbs that change them.

Each rule answers with an `Action`; each verb locks the row, asks the same rule again, changes the facts, writes one event
and the mails, in one transaction, or raises `Refused` with the same sentence. The SQL forms are in `queries.py`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from django.conf import settings
from django.db import IntegrityError, models, transaction
from django.db.models.lookups import Exact
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from partnerapp import dates
from partnerapp.actions import Action, AlreadySo, Refused
from partnerapp.models import Event, Message, Organization
from partnerapp.models.event import Actor
from partnerapp.models.message import owner_and_notification_email
from partnerapp.models.operator import Operator
from subscriptions.models.period import Period
from subscriptions.models.queries import SubscriptionQuerySet
from subscriptions.terms import (
    EXTENDED_TRIAL,
    EXTENSION,
    EXTENSION_WINDOW,
    FAR,
    NOTICE_LEAD,
    NOTICES,
    TRIAL,
    TRIAL_MAILS,
    UPGRADE_GRACE,
    UPGRADE_NOTICES,
)

# A difference counts hours; `started_at + 14 days` would count days of the session's time zone, in a restore for one.
LENGTH = models.F("ends_at") - models.F("started_at")

# What ends soonest, in all of a list and under each of its chips: the facts that do not depend on the instant.
NEITHER = {"converted_at": None, "cancelled_at": None}
LISTED = {
    "listed": models.Q(imported_at__isnull=False),
    "listed_blocked": models.Q(blocked_at__isnull=False, **NEITHER),
    "listed_held": models.Q(held_at__isnull=False, **NEITHER),
    "listed_cancelled": models.Q(cancelled_at__isnull=False, converted_at=None),
    "listed_production": models.Q(converted_at__isnull=False),
}


class State(models.TextChoices):
    PENDING = "pending", gettext_lazy("Pending")
    WITHDRAWN = "withdrawn", gettext_lazy("Withdrawn")
    TRIAL = "trial", gettext_lazy("Trial")
    HELD = "held", gettext_lazy("Trial — held")
    EXPIRED = "expired", gettext_lazy("Expired")
    CANCELLED = "cancelled", gettext_lazy("Cancelled")
    PRODUCTION = "production", gettext_lazy("Production")


class HoldReason(models.TextChoices):
    """Why an automatic upgrade did not happen at its instant (R20); the words stand behind "Held — "."""

    UNDELIVERED = "undelivered", gettext_lazy("no notice was delivered to an Admin")
    REFUSED = "refused", gettext_lazy("the mail server refused the notice")
    TOO_LATE = "too_late", gettext_lazy("the notice came less than 24 hours before")
    AWAY = "away", gettext_lazy("automatic upgrades were away for 48 hours")


class Subscription(models.Model):
    """One per Partner or customer. All instants are UTC; `upgrade_at` is when the trial becomes production by itself.

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
    withdrawn_at = models.DateTimeField(null=True)
    wake_at = models.DateTimeField(null=True)
    sort_at = models.DateTimeField(default=FAR)

    told_in_time: bool  # set where many are told about: a notice was accepted a day before the upgrade

    objects = SubscriptionQuerySet.as_manager()

    class Meta:
        db_table = "subscription"
        constraints = [
            models.CheckConstraint(
                name="trial_lasts_336_or_504_hours",
                condition=models.Q(started_at=None, ends_at=None, extended_at=None)
                | models.Q(
                    started_at__isnull=False, ends_at__isnull=False
                )  # a comparison with NULL would be let through
                & (
                    models.Q(Exact(LENGTH, models.Value(TRIAL)), extended_at=None)
                    | models.Q(Exact(LENGTH, models.Value(EXTENDED_TRIAL)), extended_at__isnull=False)
                ),
            ),
            models.CheckConstraint(
                name="trial_and_upgrade_start_together",
                condition=models.Q(started_at=None, upgrade_at=None)
                | models.Q(started_at__isnull=False, upgrade_at__isnull=False, upgrade_at__gte=models.F("ends_at")),
            ),
            models.CheckConstraint(
                name="held_with_a_reason",
                condition=models.Q(held_at=None, hold_reason="")
                | models.Q(held_at__isnull=False) & ~models.Q(hold_reason=""),
            ),
            models.CheckConstraint(
                name="who_needs_when",
                condition=(models.Q(extended_by=None) | models.Q(extended_at__isnull=False))
                & (models.Q(blocked_by=None) | models.Q(blocked_at__isnull=False))
                & (models.Q(cancelled_by=None) | models.Q(cancelled_at__isnull=False))
                & (models.Q(converted_by=None) | models.Q(converted_at__isnull=False)),
            ),
            models.CheckConstraint(
                name="trial_needs_an_import",
                condition=models.Q(started_at=None) | models.Q(imported_at__isnull=False),
            ),
        ]
        indexes = [
            *[
                models.Index(
                    fields=["distributor_id", "kind", "sort_at", "organization"],
                    name=f"subscription_{name}",
                    condition=condition,
                )
                for name, condition in LISTED.items()
            ],
            models.Index(fields=["wake_at"], name="subscription_to_wake", condition=models.Q(wake_at__isnull=False)),
            models.Index(
                fields=["distributor_id", "kind", "organization"],
                name="subscription_pending",
                condition=models.Q(imported_at=None),
            ),
        ]

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

    def state(self, at: datetime) -> State:
        """The state that follows from the facts at `at` (product.md, States); right without any sweep."""
        if self.withdrawn_at:
            return State.WITHDRAWN
        if self.converted_at:
            return State.PRODUCTION
        if self.cancelled_at:
            return State.CANCELLED
        if self.started_at is None or self.ends_at is None:
            return State.PENDING
        if at < self.ends_at:
            return State.TRIAL
        if self.blocked_at:
            return State.EXPIRED
        return State.HELD if self.held_at else State.TRIAL

    def seen(self, at: datetime) -> str:
        """What a drawer showed of it, in short: applied is only what still stands so. The words begin with the state."""
        facts = (self.ends_at, self.blocked_at and self.ends_at)
        return f"{self.state(at)} {' '.join(str(int(fact.timestamp())) for fact in facts if fact)}"

    def has_access(self, at: datetime) -> bool:
        """R28 for a Partner: full access in Trial, Held and Production, none otherwise."""
        return self.state(at) in {State.TRIAL, State.HELD, State.PRODUCTION}

    def under_trial(self, at: datetime) -> bool:
        """A running or held trial, one whose upgrade is due included."""
        return self.state(at) in {State.TRIAL, State.HELD}

    def announced(self, at: datetime) -> bool:
        """R20: a notice of this very `upgrade_at` was accepted for an owner Admin at least 24 hours before `at`."""
        to_admins = Message.objects.filter(organization_id=self.pk, kind__in=UPGRADE_NOTICES, operator__isnull=False)
        naming_it = to_admins.filter(about_at=self.upgrade_at) if self.upgrade_at else to_admins.none()
        return naming_it.filter(accepted_at__lte=at - NOTICE_LEAD).exists()

    def running(self, at: datetime) -> bool:
        """A trial before its end, blocked or not."""
        return self.state(at) == State.TRIAL and self.ends_at is not None and at < self.ends_at

    def upgrade_is_due(self, at: datetime) -> bool:
        """The upgrade's instant has come: the sweep converts it, or else holds it."""
        return self.under_trial(at) and not self.blocked_at and self.upgrade_at is not None and self.upgrade_at <= at

    def convertible(self, at: datetime) -> bool:
        """R20: due, announced in time, and not more than 48 hours late."""
        due = self.upgrade_is_due(at)
        return due and self.upgrade_at is not None and at < self.upgrade_at + UPGRADE_GRACE and self.announced(at)

    def notice_due(self, at: datetime) -> int | None:
        """The nearest notice (7, 3 or 1 days) whose instant has come; those before it are skipped (R22)."""
        if not self.under_trial(at) or self.deadline is None or at >= self.deadline:
            return None
        return min((days for days, before in NOTICES.items() if at >= self.deadline - before), default=None)

    def boundaries(self, at: datetime) -> list[datetime]:
        """The instants, past ones included, at which the sweep has something to do here, in order."""
        if not self.under_trial(at) and not (self.state(at) == State.EXPIRED and self.expired_at is None):
            return []
        assert self.deadline is not None
        return [*(self.deadline - before for before in NOTICES.values()), self.deadline]

    def set_hints(self, at: datetime) -> None:
        """Set `wake_at` to the boundary reached last (it may still have work), else the next one; and `sort_at`."""
        marks = self.boundaries(at)
        reached = [mark for mark in marks if mark <= at]
        self.wake_at = reached[-1] if reached else next(iter(marks), None)
        self.sort_at = (self.deadline or FAR) if self.under_trial(at) else FAR

    # The rules -----------------------------------------------------------------------------------------------------

    def extension(self, at: datetime) -> Action:
        """R16: once, in the last 72 hours; the drawer opens for any running trial."""
        return Action("extend_trial", self._extension_refusal(at), opens=self.running(at))

    def _extension_refusal(self, at: datetime) -> str:
        if not self.under_trial(at) or self.ends_at is None:
            return self._no_trial(at)
        if at >= self.ends_at:
            return _("The trial ended on {end}; only a running trial can be extended.").format(
                end=dates.moment(self.ends_at)
            )
        if self.extended_at:
            return _("Already extended on {day}. Each trial can be extended once.").format(
                day=dates.moment(self.extended_at)
            )
        opens = self.ends_at - EXTENSION_WINDOW
        if at < opens:
            return _("You can extend this trial from {opens} (3 days before it ends).").format(
                opens=dates.moment(opens)
            )
        return ""

    def upgrade_control(self, at: datetime) -> Action:
        """R17: keep or block the automatic upgrade of a running or held trial."""
        refusal = "" if self.under_trial(at) else self._no_trial(at)
        return Action("manage_subscription_upgrade", refusal)

    def cancellation(self, at: datetime) -> Action:
        """R18: a running or held trial can be ended now."""
        return Action("cancel_trial", "" if self.under_trial(at) else self._no_trial(at))

    def conversion(self, at: datetime) -> Action:
        """R23: any time once the tenant is connected, also held, expired or cancelled."""
        return Action("convert_to_production", self._conversion_refusal(at))

    def _conversion_refusal(self, at: datetime) -> str:
        state = self.state(at)
        if state in {State.PRODUCTION, State.WITHDRAWN}:
            return self._no_trial(at)
        if not self.organization.connected:
            return _("Its Microsoft 365 tenant is not connected yet. It can be converted from then on.")
        if state == State.CANCELLED and self.organization.tenant_taken():
            return tenant_taken(self.organization)
        return ""

    def _no_trial(self, at: datetime) -> str:
        """Why there is no running or held trial at `at`."""
        sentences = {
            State.PENDING: _("The trial has not started: it starts when the import completes."),
            State.WITHDRAWN: _("The invitation was withdrawn on {when}."),
            State.PRODUCTION: _("Already in production since {when}."),
            State.CANCELLED: _("The trial was cancelled on {when}. You can convert it to a production account."),
            State.EXPIRED: _("The trial expired on {when}. You can convert it to a production account."),
            State.TRIAL: _("The trial started on {when}."),
            State.HELD: _("The trial started on {when}."),
        }
        instants = {
            State.TRIAL: self.started_at,
            State.HELD: self.started_at,
            State.WITHDRAWN: self.withdrawn_at,
            State.PRODUCTION: self.converted_at,
            State.CANCELLED: self.cancelled_at,
            State.EXPIRED: self.ends_at,
        }
        state = self.state(at)
        when = instants.get(state)
        return sentences[state].format(when=dates.moment(when))

    # The verbs -----------------------------------------------------------------------------------------------------

    def begin(self, *, at: datetime, seats: int) -> "Subscription":
        """The import completed: the trial of 336 hours starts (R15), unless it was converted by hand before."""
        with self._changing("import_completed", by=None, at=at) as row:
            if row.withdrawn_at or row.imported_at:
                raise Refused(row._no_trial(at))
            row.imported_at, row.seats, row.seats_on = at, seats, at.date()
            if not row.converted_at:
                row.started_at, row.ends_at, row.upgrade_at = at, at + TRIAL, at + TRIAL
        return row

    def extend(self, *, by: Operator, at: datetime) -> "Subscription":
        """R16: 168 hours more, once. A block stays; the notices are re-armed for the new end. Raises Refused."""
        with self._changing("trial_extended", by=by, at=at, mail=True) as row:
            row.extension(at).require()
            assert row.ends_at is not None
            row.ends_at = row.upgrade_at = row.ends_at + EXTENSION
            row.extended_at, row.extended_by = at, by
        return row

    def block_upgrade(self, *, by: Operator, at: datetime, reason: str = "") -> "Subscription":
        """R17: the trial expires at its end (at once, if it is held) and nothing is billed. Raises Refused."""
        with self._changing("upgrade_blocked", by=by, at=at, reason=reason, mail=True) as row:
            row.upgrade_control(at).require()
            if row.blocked_at:
                raise AlreadySo(_("The automatic upgrade is already blocked."))
            row.blocked_at, row.blocked_by, row.blocked_reason = at, by, reason
        return row

    def restore_upgrade(self, *, by: Operator, at: datetime, reason: str = "") -> "Subscription":
        """R17: the automatic upgrade at the trial's end is kept after all. Raises Refused."""
        with self._changing("upgrade_restored", by=by, at=at, reason=reason, mail=True) as row:
            row.upgrade_control(at).require()
            if not row.blocked_at:
                raise AlreadySo(_("The automatic upgrade is already set."))
            row.blocked_at, row.blocked_by, row.blocked_reason = None, None, ""
        return row

    def cancel(self, *, by: Operator, at: datetime, reason: str = "") -> "Subscription":
        """R18: the trial ends now and never bills; its Microsoft 365 tenant is free again (R13). Raises Refused."""
        with self._changing("trial_cancelled", by=by, at=at, reason=reason, mail=True) as row:
            row.cancellation(at).require()
            row.cancelled_at, row.cancelled_by, row.cancelled_reason = at, by, reason
            row._claim_tenant(released_at=at)
        return row

    def convert(self, *, by: Operator, at: datetime) -> "Subscription":
        """R23: PRODUCTION now, by hand; its period starts in the same transaction (R25). Raises Refused."""
        with self._changing("converted", by=by, at=at, mail=True) as row:
            row.conversion(at).require()
            row.converted_at, row.converted_by = at, by
            row.cancelled_at, row.cancelled_by, row.cancelled_reason = None, None, ""
            row._claim_tenant(released_at=None)
            Period.objects.create(organization=row.organization, starts_at=at)
        return row

    def withdraw(self, *, at: datetime) -> "Subscription":
        """R12: the invitation ends for good. Called by the onboarding's verb, which knows the rule and writes the event."""
        with transaction.atomic():
            row = self._locked()
            if row.converted_at or row.imported_at:
                raise Refused(row._no_trial(at))
            row.withdrawn_at = at
            row.set_hints(at)
            row.save()
            row._claim_tenant(released_at=at)
        return row

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

    def _locked(self) -> "Subscription":
        """The row, locked behind its organization (a verb's first lock) and fresh."""
        Organization.objects.hold(self.pk)
        rows = Subscription.objects.select_for_update(no_key=True, of=("self",))
        return rows.select_related("organization__parent").get(pk=self.pk)

    @contextmanager
    def _changing(
        self, kind: str, *, by: Actor, at: datetime, reason: str = "", mail: bool = False
    ) -> Iterator["Subscription"]:
        """The row, locked; on leaving: hints, event, what became pointless obsolete, and the mail about `at`."""
        with transaction.atomic():
            row = self._locked()
            before = row.facts()
            yield row
            row.set_hints(at)
            row.save()
            after = row.facts()
            changed = {name for name in after if after[name] != before[name]}
            Event.record(
                row.organization, kind, at=at, by=by, reason=reason,
                before={name: before[name] for name in changed}, after={name: after[name] for name in changed},
            )  # fmt: skip
            Message.retire(row.organization, TRIAL_MAILS)
            if mail:
                to = owner_and_notification_email(row.organization)
                context = {"by": getattr(by, "name", ""), "reason": reason}
                Message.queue(f"subscriptions.{kind}", row.organization, about_at=at, to=to, context=context)

    def facts(self) -> dict[str, object]:
        """The stored facts, without the hints: what events compare."""
        hints = {"organization", "distributor_id", "partner_id", "kind", "wake_at", "sort_at"}
        fields = [field for field in self._meta.concrete_fields if field.name not in hints]
        facts = {field.attname: getattr(self, field.attname) for field in fields}
        return facts | {"tid_released_at": self.organization.tid_released_at}


def tenant_taken(organization: Organization) -> str:
    """R13: neutral, since the tenant may be connected in another tree; staff see both by the reference."""
    sentence = _(
        "The trial was cancelled, and its Microsoft 365 tenant cannot be connected here again. "
        "Contact the Vendor's staff and name the reference {reference}."
    )
    return sentence.format(reference=organization.reference)
