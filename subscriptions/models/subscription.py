"""A subscription: the rules of its trial and of its conversion, and the verbs beside them.

Each rule answers with an `Action`; what each verb does around its change is in `facts.py`, what follows in production is in
`production.py`. The SQL forms are in `queries.py`.
"""

from collections.abc import Collection
from datetime import date, datetime

from django.db import models, transaction
from django.utils.translation import gettext as _

from partnerapp import dates
from partnerapp.actions import Action, AlreadySo, Refused
from partnerapp.models import Event, Message, Operator, Organization
from subscriptions.models.constraints import CONSTRAINTS, INDEXES
from subscriptions.models.facts import tenant_taken
from subscriptions.models.period import Period
from subscriptions.models.production import Production
from subscriptions.models.queries import SubscriptionQuerySet
from subscriptions.models.states import HoldReason, State
from subscriptions.terms import (
    EXPIRATION_NOTICES,
    EXTENSION,
    EXTENSION_WINDOW,
    NOTICE_LEAD,
    NOTICES,
    TRIAL,
    UPGRADE_GRACE,
    UPGRADE_NOTICES,
)

__all__ = ["HoldReason", "State", "Subscription"]


class Subscription(Production):
    """One per Partner or customer: both live by the same rules."""

    objects = SubscriptionQuerySet.as_manager()

    class Meta:
        db_table = "subscription"
        constraints = [models.CheckConstraint(name=name, condition=rule) for name, rule in CONSTRAINTS.items()]
        indexes = INDEXES

    # What the sweep asks -------------------------------------------------------------------------------------------

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
        """R20, R21: due, announced in time, and not more than 48 hours late.

        One that waited for its Partner starts anew, whatever was announced before: it is held once more, with a new instant.
        """
        due = self.upgrade_is_due(at) and not self.partner_inactive(at) and self.hold_reason != HoldReason.PARTNER
        return due and self.upgrade_at is not None and at < self.upgrade_at + UPGRADE_GRACE and self.announced(at)

    def notice_due(self, at: datetime) -> int | None:
        """The nearest notice (7, 3 or 1 days) whose instant has come; those before it are skipped (R22).

        None of an upgrade while the customer's Partner is not active (R21).
        """
        if not self.under_trial(at) or self.deadline is None or at >= self.deadline:
            return None
        if not self.blocked_at and self.partner_inactive(at):
            return None
        return min((days for days, before in NOTICES.items() if at >= self.deadline - before), default=None)

    def waits_for_partner(self, at: datetime) -> bool:
        """R21: nothing to do but to look again whether its Partner is active."""
        waiting = self.under_trial(at) and not self.blocked_at and self.partner_inactive(at)
        return waiting and (not self.upgrade_is_due(at) or self.hold_reason == HoldReason.PARTNER)

    def expiration_notice_due(self, at: datetime) -> int | None:
        """R26: the nearest notice (30, 7 or 1 days) of an expiration date whose instant has come."""
        if self.expiry is None or self.state(at) != State.PRODUCTION:
            return None
        reached = (days for days, before in EXPIRATION_NOTICES.items() if at >= self.expiry - before)
        return min(reached, default=None)

    # The rules -----------------------------------------------------------------------------------------------------

    def extension(self, at: datetime) -> Action:
        """R16: once, in the last 72 hours; the drawer opens for any running trial."""
        return Action("extend_trial", self._extension_refusal(at), opens=self.running(at))

    def _extension_refusal(self, at: datetime) -> str:
        if refusal := self._no_running_trial(at):
            return refusal
        assert self.ends_at is not None
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
        return Action("manage_subscription_upgrade", self._no_running_trial(at))

    def cancellation(self, at: datetime) -> Action:
        """R18: a running or held trial can be ended now."""
        return Action("cancel_trial", "" if self.under_trial(at) else self._no_trial(at))

    def conversion(self, at: datetime) -> Action:
        """R23, R24: any time once the tenant is connected, also held, expired or cancelled; a customer's, by its Partner in
        production.
        """
        return Action("convert_to_production", self._conversion_refusal(at))

    def _conversion_refusal(self, at: datetime) -> str:
        if self.converted_at or self.withdrawn_at:
            return self._no_trial(at)
        if refusal := self._partner_refusal(at):
            return refusal
        if not self.organization.connected:
            return _("Its Microsoft 365 tenant is not connected yet. It can be converted from then on.")
        if self.organization.tid_released_at and self.organization.tenant_taken():
            return tenant_taken(self.organization)
        return ""

    def _partner_refusal(self, at: datetime) -> str:
        """R24: a customer is converted by an MSP in production only."""
        if self.kind != Organization.Kind.CUSTOMER or self.partner.state(at) == State.PRODUCTION:
            return ""
        sentence = _(
            "This option is not available for MSPs in trial, but only for those in production. {partner} is not in "
            "production yet."
        ).format(partner=self.organization.owner.name)
        return self.owner_inactivity(at) or sentence

    def _no_running_trial(self, at: datetime) -> str:
        """Why nothing about a running or held trial can be changed: there is none, or its Partner is not active (R27)."""
        return self.owner_inactivity(at) if self.under_trial(at) else self._no_trial(at)

    def _no_trial(self, at: datetime) -> str:
        """Why there is no running or held trial at `at`."""
        sentences = {
            State.PENDING: _("The trial has not started: it starts when the import completes."),
            State.WITHDRAWN: _("The invitation was withdrawn on {when}."),
            State.PRODUCTION: _("Already in production since {when}."),
            State.CANCELLED: _("The trial was cancelled on {when}. You can convert it to a production account."),
            State.EXPIRED: _("The trial expired on {when}. You can convert it to a production account."),
            State.SUSPENDED: _("Suspended since {when}. The Vendor's staff can reinstate it."),
        }
        state = self.state(at)
        sentence = sentences.get(state, _("The trial started on {when}."))
        if state == State.SUSPENDED and self.kind == Organization.Kind.CUSTOMER:
            sentence = _("Suspended since {when}. A later expiration date reinstates it.")
            if self.partner_inactive(at):
                sentence = _("Suspended since {when}.")
        if state == State.CANCELLED and self.converted_at:
            sentence = _("Its production account was ended on {when}, for good.")
        when = self.started_at if self.under_trial(at) else self.since(at)
        return sentence.format(when=dates.moment(when))

    # The verbs -----------------------------------------------------------------------------------------------------

    def begin(self, *, at: datetime, seats: int) -> "Subscription":
        """The import completed: the trial of 336 hours starts (R15), unless it was converted by hand before."""
        with self._changing("import_completed", by=None, at=at) as row:
            if row.withdrawn_at or row.imported_at:
                raise Refused(row._no_trial(at))
            row.imported_at, row.seats, row.seats_on = at, seats, at.date()
            if not row.converted_at:
                row.started_at, row.ends_at, row.upgrade_at = at, at + TRIAL, at + TRIAL
            row.organization.pending = False
            row.organization.save(update_fields=["pending"])
        return row

    def recount(self, *, at: datetime, seats: int) -> "Subscription":
        """The seats of today; an event only where they differ from the last ones."""
        with transaction.atomic():
            row = self._locked()
            before, row.seats, row.seats_on = row.seats, seats, at.date()
            row.save(update_fields=["seats", "seats_on"])
            if before != seats:
                change = {"seats": before}, {"seats": seats}
                Event.record(row.organization, "seats_counted", at=at, by=None, before=change[0], after=change[1])
        return row

    def extend(self, *, by: Operator, at: datetime, reason: str = "") -> "Subscription":
        """R16: 168 hours more, once. A block stays; the notices are re-armed for the new end. Raises Refused."""
        with self._changing("trial_extended", by=by, at=at, reason=reason, mail="trial_extended") as row:
            row.extension(at).require()
            assert row.ends_at is not None
            row.ends_at = row.upgrade_at = row.ends_at + EXTENSION
            row.extended_at, row.extended_by = at, by
        return row

    def block_upgrade(self, *, by: Operator, at: datetime, reason: str = "") -> "Subscription":
        """R17: the trial expires at its end (at once, if it is held) and nothing is billed. Raises Refused."""
        with self._changing("upgrade_blocked", by=by, at=at, reason=reason, mail="upgrade_blocked") as row:
            row.upgrade_control(at).require()
            if row.blocked_at:
                raise AlreadySo(_("The automatic upgrade is already blocked."))
            row.blocked_at, row.blocked_by, row.blocked_reason = at, by, reason
        return row

    def restore_upgrade(self, *, by: Operator, at: datetime, reason: str = "") -> "Subscription":
        """R17: the automatic upgrade at the trial's end is kept after all. Raises Refused."""
        with self._changing("upgrade_restored", by=by, at=at, reason=reason, mail="upgrade_restored") as row:
            row.upgrade_control(at).require()
            if not row.blocked_at:
                raise AlreadySo(_("The automatic upgrade is already set."))
            row.blocked_at, row.blocked_by, row.blocked_reason = None, None, ""
        return row

    def cancel(self, *, by: Operator, at: datetime, reason: str = "") -> "Subscription":
        """R18: the trial ends now and never bills; its Microsoft 365 tenant is free again (R13). Raises Refused."""
        with self._changing("trial_cancelled", by=by, at=at, reason=reason, mail="trial_cancelled") as row:
            row.cancellation(at).require()
            row.cancelled_at, row.cancelled_by, row.cancelled_reason = at, by, reason
            row._claim_tenant(released_at=at)
        return row

    def convert(
        self,
        *,
        by: Operator,
        at: datetime,
        reason: str = "",
        products: Collection[str] | None = None,
        expires_on: date | None = None,
    ) -> "Subscription":
        """R23, R24: PRODUCTION now, by hand; its period starts in the same transaction (R25).

        A customer may get other products (codes; None: as they are) and a last day with it. Raises Refused.
        """
        with self._changing("converted", by=by, at=at, reason=reason, mail="converted") as row:
            row.conversion(at).require()
            row.converted_at, row.converted_by = at, by
            row.cancelled_at, row.cancelled_by, row.cancelled_reason = None, None, ""
            row._claim_tenant(released_at=None)
            Period.objects.create(organization=row.organization, starts_at=at)
            if row.kind == Organization.Kind.CUSTOMER:
                row._set_account(products, expires_on, at)
                row._tell_distributor(at)
        return row

    def _set_account(self, products: Collection[str] | None, expires_on: date | None, at: datetime) -> None:
        products = self.held() if products is None else products
        if refusal := self.edit_refusal(at, products, expires_on):
            raise Refused(refusal)
        self.expires_on = expires_on
        self._assign(products, at)

    def _tell_distributor(self, at: datetime) -> None:
        """A customer of a Partner went to production."""
        admins = Operator.objects.admins_of(self.distributor_id)
        Message.queue("subscriptions.customer_converted", self.organization, about_at=at, to=admins)

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
