"""What is stored of an onboarding, the status that follows (R7), and the frame of every verb."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Self

from django.conf import settings
from django.db import models, transaction
from django.utils.translation import gettext as _

from onboarding import links
from onboarding.models.import_run import ImportRun
from onboarding.models.status import Status
from onboarding.problems import Problem, explain
from partnerapp import dates
from partnerapp.models import Event, Message, Organization
from partnerapp.models.event import Actor
from subscriptions.models import Subscription


class Facts(models.Model):
    """One per Partner or customer. Instants are UTC; `next_try_at` and `lease_until` are wall time.

    `tid` is the tenant of the person who signed in first (the claim); the organization's own `tid` follows from proof.
    `consenter_*` is who came back from Microsoft's consent page: with the proof, a Partner's first Admin (R14).
    """

    organization = models.OneToOneField(Organization, models.CASCADE, primary_key=True)
    link_version = models.PositiveIntegerField(default=1)
    link_expires_at = models.DateTimeField()
    link_message = models.ForeignKey(Message, models.SET_NULL, null=True, related_name="+")
    tid = models.UUIDField(null=True)
    started_at = models.DateTimeField(null=True)
    started_oid = models.UUIDField(null=True)
    consenter_oid = models.UUIDField(null=True)
    consenter_name = models.CharField(max_length=150, blank=True, default="")
    consenter_email = models.EmailField(blank=True, default="")
    consented_at = models.DateTimeField(null=True)
    configured_at = models.DateTimeField(null=True)
    error_code = models.CharField(max_length=40, blank=True, default="")
    error_detail = models.CharField(max_length=300, blank=True, default="")
    error_at = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_try_at = models.DateTimeField(null=True)
    lease_until = models.DateTimeField(null=True)
    consent_lost_at = models.DateTimeField(null=True)
    repeat_trial_allowed_at = models.DateTimeField(null=True)
    repeat_trial_allowed_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    repeat_trial_allowed_reason = models.TextField(blank=True, default="", db_default="")
    waiting_since = models.DateTimeField()

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"onboarding of {self.organization}"

    # What it is ----------------------------------------------------------------------------------------------------

    @property
    def subscription(self) -> Subscription:
        return self.organization.subscription

    @property
    def connected(self) -> bool:
        return self.consented_at is not None

    @property
    def status(self) -> Status:
        """The last step that was reached, or the failure on the way (R7)."""
        if self.subscription.imported_at:
            return Status.COMPLETED
        if self.error_code:
            return Status.FAILED
        if self.configured_at:
            return Status.IMPORTING if self.running_import() else Status.CONFIGURED
        if self.consented_at:
            return Status.CONSENTED
        return Status.STARTED if self.started_at else Status.LINK_SENT

    def running_import(self) -> ImportRun | None:
        """The import that goes on now. Lists load it as `organization.open_runs`: a manager for each row takes longer."""
        loaded = getattr(self.organization, "open_runs", None)
        runs = self.organization.import_runs.all() if loaded is None else loaded
        return next((run for run in runs if run.open), None)

    @property
    def waits_for_us(self) -> bool:
        """Our machinery works (or waits for Microsoft), not the people of the tenant."""
        moving = self.next_try_at is not None or self.status in {Status.CONSENTED, Status.CONFIGURED, Status.IMPORTING}
        return moving and not self.error_code and self.subscription.withdrawn_at is None

    @property
    def problem(self) -> Problem | None:
        return explain(self.error_code, self.error_detail) if self.error_code else None

    @property
    def recovering(self) -> bool:
        """Connected, and not imported yet: people of the bound tenant may come back, and consent again if need be."""
        subscription = self.subscription
        return self.connected and subscription.imported_at is None and subscription.withdrawn_at is None

    def link_live(self, at: datetime) -> bool:
        return at < self.link_expires_at and not self.connected and self.subscription.withdrawn_at is None

    def link(self) -> str:
        return links.url(self.pk, self.link_version)

    def _open_refusal(self) -> str:
        """R12: the link can be handled until consent is proved."""
        subscription = self.subscription
        if subscription.withdrawn_at:
            return _("The invitation was withdrawn on {when}.").format(when=dates.moment(subscription.withdrawn_at))
        if subscription.imported_at:
            return _("The import is complete; the activation link was used.")
        if self.consented_at:
            return _("Consent was granted on {when}; the activation link was used.").format(
                when=dates.moment(self.consented_at)
            )
        return ""

    # Shared by the verbs -------------------------------------------------------------------------------------------

    def _clear_error(self) -> None:
        self.error_code, self.error_detail, self.error_at = "", "", None
        Message.retire(self.organization, ["onboarding.stopped"])

    @contextmanager
    def _changing(self, kind: str, *, by: Actor, at: datetime, reason: str = "", moves: bool = True) -> Iterator[Self]:
        """The row, locked; on leaving it is saved with one event. `moves`: from now on somebody else is waited for."""
        with transaction.atomic():
            Organization.objects.hold(self.pk)
            rows = type(self)._default_manager.select_for_update(no_key=True, of=("self",))
            row = rows.select_related("organization__parent__subscription", "organization__subscription").get(
                pk=self.pk
            )
            before = row.facts()
            yield row
            after = row.facts()
            changed = {name for name in after if after[name] != before[name]}
            row.waiting_since = at if moves else row.waiting_since
            row.save()
            failed = "error_at" in changed and row.error_code
            Event.record(
                row.organization, "pre_import_error" if failed else kind, at=at, by=by, reason=reason,
                before={name: before[name] for name in changed}, after={name: after[name] for name in changed},
            )  # fmt: skip

    def facts(self) -> dict[str, object]:
        """The stored facts without the machinery's columns: what events compare."""
        machinery = {"organization", "attempts", "next_try_at", "lease_until", "waiting_since"}
        fields = [field for field in self._meta.concrete_fields if field.name not in machinery]
        facts = {field.attname: getattr(self, field.attname) for field in fields}
        organization = self.organization
        return facts | {
            "notification_email": organization.notification_email,
            "withdrawn_at": self.subscription.withdrawn_at,
        }
