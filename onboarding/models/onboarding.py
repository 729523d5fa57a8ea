"""Onboarding: from the activation link to the completed import. Facts, the status that follows, and the verbs."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from django.conf import settings
from django.db import models, transaction
from django.utils.translation import gettext as _

from onboarding import links
from onboarding.models import tenancy
from onboarding.models.import_run import ImportRun
from onboarding.models.manager import OnboardingManager
from onboarding.models.status import Status
from onboarding.problems import TENANT_WORDS, Problem, explain
from partnerapp import dates
from partnerapp.actions import Action, Refused
from partnerapp.microsoft365.consent import Profile
from partnerapp.microsoft365.signin import Identity
from partnerapp.models import Event, Message, Operator, Organization
from partnerapp.models.event import Actor
from partnerapp.models.message import owner_and_notification_email
from subscriptions.models import Subscription

LINK_MAILS = ["onboarding.activation_link", "onboarding.reminder"]
REMINDER_PAUSE = timedelta(hours=24)
PAUSES = [15, 30, *[60] * 14]  # seconds between looks for a consent that Microsoft does not show yet: 15 min in all


class Onboarding(models.Model):
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
    waiting_since = models.DateTimeField()

    objects = OnboardingManager()

    class Meta:
        db_table = "onboarding"
        constraints = [
            models.CheckConstraint(
                name="error_has_a_code_and_an_instant",
                condition=models.Q(error_at=None, error_code="")
                | models.Q(error_at__isnull=False) & ~models.Q(error_code=""),
            ),
            models.CheckConstraint(
                name="onboarding_steps_in_order",
                condition=models.Q(configured_at=None)
                | models.Q(
                    consented_at__isnull=False, started_at__isnull=False, configured_at__gte=models.F("consented_at")
                ),
            ),
            models.CheckConstraint(
                name="started_means_bound",
                condition=models.Q(started_at=None, tid=None, started_oid=None)
                | models.Q(started_at__isnull=False, tid__isnull=False, started_oid__isnull=False),
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_try_at"], name="onboarding_to_try", condition=models.Q(next_try_at__isnull=False)
            ),
            models.Index(fields=["organization"], name="onboarding_error", condition=models.Q(error_at__isnull=False)),
        ]

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
        """The import that goes on now. Lists load it with `prefetch_related("organization__import_runs")`."""
        return next((run for run in self.organization.import_runs.all() if run.open), None)

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

    # The rules -----------------------------------------------------------------------------------------------------

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

    def _on_its_way(self) -> str:
        """A second press while the mail of the first one waits would only send twice."""
        queued = self.link_message is not None and self.link_message.state == Message.State.QUEUED
        return _("The email with the activation link is being sent at the moment.") if queued else ""

    def _link_refusal(self, at: datetime) -> str:
        """R12, and R27: a Partner that is not active handles no links."""
        return self._open_refusal() or self.subscription.owner_inactivity(at)

    def copying(self, at: datetime) -> Action:
        return Action("copy_activation_link", self._link_refusal(at))

    def resending(self, at: datetime) -> Action:
        return Action("resend_activation_link", self._link_refusal(at) or self._on_its_way())

    def reminding(self, at: datetime) -> Action:
        """A reminder of a live link, not more than one mail a day."""
        return Action("send_reminder", self._link_refusal(at) or self._on_its_way() or self._too_soon(at))

    def _too_soon(self, at: datetime) -> str:
        if at >= self.link_expires_at:
            return _("The link expired on {when}. Resend it, which renews it.").format(
                when=dates.moment(self.link_expires_at)
            )
        again = self.link_message.about_at + REMINDER_PAUSE if self.link_message else at
        words = _("The last email with the link went out less than a day ago. A reminder can follow from {when}.")
        return words.format(when=dates.moment(again)) if at < again else ""

    def email_change(self, at: datetime) -> Action:
        withdrawn = self.subscription.withdrawn_at is not None
        refusal = self._open_refusal() if withdrawn else self.subscription.owner_inactivity(at)
        return Action("change_notification_email", refusal)

    def resetting(self, at: datetime) -> Action:
        """R9: unbind a wrong tenant and send a new link."""
        fresh = self.started_at is None and self._on_its_way()
        return Action("reset_link", self._link_refusal(at) or fresh or "")

    def withdrawal(self, at: datetime) -> Action:
        """R12: until the import is complete, and not once in production."""
        refusal = self._open_refusal() if not self.connected or self.subscription.imported_at else ""
        if not refusal and self.subscription.converted_at:
            refusal = _("Already in production since {when}.").format(when=dates.moment(self.subscription.converted_at))
        return Action("withdraw", refusal)

    def retrying(self, at: datetime) -> Action:
        """R7, by the owner: after a Pre-import error, and where consent is needed again. The tenant's own people may do so
        whatever the owner's state (R27).
        """
        return Action("try_again", self._no_retry() or self.subscription.owner_inactivity(at))

    def _no_retry(self) -> str:
        if not (self.error_code or self.consent_lost_at) or self.subscription.withdrawn_at:
            return _("There is no error to try again after.")
        if not self.connected and self.consenter_oid is None:
            return _("Nobody has agreed at Microsoft yet; the activation link is still the way.")
        return ""

    # The verbs of the owner ----------------------------------------------------------------------------------------

    def copy_link(self, *, by: Operator, at: datetime) -> "Onboarding":
        """R12: the link to hand on; a live one stays the same, an expired one is renewed. Raises Refused."""
        with self._changing("link_copied", by=by, at=at, moves=False) as row:
            row.copying(at).require()
            row._renew_if_expired(at)
        return row

    def resend(self, *, by: Operator, at: datetime) -> "Onboarding":
        """R12: send the live link once more (its 30 days stay), or a renewed one. Raises Refused."""
        with self._changing("link_resent", by=by, at=at, moves=False) as row:
            row.resending(at).require()
            row._renew_if_expired(at)
            row._send_link(at)
        return row

    def remind(self, *, by: Operator, at: datetime) -> "Onboarding":
        """R12: a friendly reminder with the live link, which stays as it is. Raises Refused."""
        with self._changing("reminder_sent", by=by, at=at, moves=False) as row:
            row.reminding(at).require()
            row._send_link(at, kind="onboarding.reminder")
        return row

    def change_email(self, email: str, *, by: Operator, at: datetime) -> "Onboarding":
        """R6, R12: until consent is proved the old link dies and a new one goes to the new address. Raises Refused."""
        with self._changing("notification_email_changed", by=by, at=at) as row:
            row.email_change(at).require()
            if email.lower() == row.organization.notification_email.lower():
                raise Refused(_("{email} is the notification email already.").format(email=email))
            row.organization.notification_email = email
            row.organization.save(update_fields=["notification_email"])
            if not row.connected:
                row._new_link(at)
        return row

    def reset(self, *, by: Operator, at: datetime) -> "Onboarding":
        """R9: forget the tenant of whoever signed in, kill the link and send a new one. Raises Refused."""
        with self._changing("link_reset", by=by, at=at) as row:
            row.resetting(at).require()
            row.tid = row.started_at = row.started_oid = row.consenter_oid = row.next_try_at = None
            row.consenter_name = row.consenter_email = ""
            row._clear_error()
            row._new_link(at)
        return row

    def withdraw(self, *, by: Operator, at: datetime, reason: str = "") -> "Onboarding":
        """R12: the link is dead and the onboarding over, for good. Raises Refused."""
        with self._changing("invitation_withdrawn", by=by, at=at, reason=reason) as row:
            row.withdrawal(at).require()
            row.next_try_at = row.lease_until = None
            row._clear_error()
            row.organization.import_runs.filter(ImportRun.OPEN).update(failed_at=at)
            Message.retire(row.organization, LINK_MAILS)
            row.organization.subscription = row.subscription.withdraw(at=at)
        return row

    def try_again(self, *, by: Actor, at: datetime, wall: datetime) -> "Onboarding":
        """R7: after a Pre-import error, go on where it stopped; the next pass takes it up. Raises Refused."""
        with self._changing("tried_again", by=by, at=at) as row:
            rule = row.retrying(at) if isinstance(by, Operator) else Action("try_again", row._no_retry())
            rule.require()
            if row.consent_lost_at:
                row._count_again(at, wall)
            else:
                row._clear_error()
                row.attempts, row.next_try_at = 0, wall
        return row

    # What the tenant's people do -----------------------------------------------------------------------------------

    def press(self, *, at: datetime) -> None:
        """R8: somebody pressed the button of the activation page: logged, nothing else changes."""
        Event.record(self.organization, "activation_pressed", at=at, by="Somebody with the link")

    def start(self, person: Identity, *, version: int, at: datetime) -> "Onboarding":
        """R8, R9: this person signed in with Microsoft, so the onboarding is bound to the person's tenant.

        Until consent is proved, anybody of the same tenant may go on. Raises Refused with the sentence for the person.
        """
        first = self.started_at is None
        kind = "onboarding_started" if first else "onboarding_continued"
        with self._changing(kind, by=person.name, at=at, moves=first) as row:
            row._check_link(version, at)
            if row.tid and str(row.tid) != person.tid:
                raise Refused(wrong_tenant())
            if code := tenancy.refusal(row, person.tid):
                raise Refused(str(TENANT_WORDS[code]))
            if row.started_at is None:
                row.tid, row.started_at, row.started_oid = uuid.UUID(person.tid), at, uuid.UUID(person.oid)
                row._clear_error()
        return row

    def _check_link(self, version: int, at: datetime) -> None:
        """The link is the newest, and live, or (after an error) works for the bound tenant's people once more."""
        if version != self.link_version:
            raise Refused(_("This link was replaced by a newer one. Please use the newest email."))
        if self.recovering:
            return
        if refusal := self._open_refusal():
            raise Refused(refusal)
        if not self.link_live(at):
            raise Refused(_("This link expired on {when}.").format(when=dates.moment(self.link_expires_at)))

    def refuse_tenant(self, person: Identity, *, at: datetime) -> None:
        """R13: the person was told why; the owner gets the neutral Pre-import error with the reference, once."""
        known = self.error_code == "tenant_refused" or str(self.tid or person.tid) != person.tid
        if tenancy.refusal(self, person.tid) and not known and self.link_live(at):
            with self._changing("pre_import_error", by=None, at=at) as row:
                row._fail("tenant_refused", row.organization.reference, at)

    def consent_returned(self, person: Identity, *, version: int, at: datetime, wall: datetime) -> "Onboarding":
        """The browser came back from Microsoft's consent page; whether consent was granted is proved by a job."""
        with self._changing("consent_returned", by=person.name, at=at) as row:
            row._check_link(version, at)
            if str(row.tid) != person.tid:
                raise Refused(wrong_tenant())
            if not row.connected:
                row.consenter_oid, row.consenter_name = uuid.UUID(person.oid), person.name[:150]
                row.consenter_email = person.email or (person.username if "@" in person.username else "")
            row._clear_error()
            row.attempts, row.next_try_at = 0, wall
        return row

    # What the job finds out ----------------------------------------------------------------------------------------

    def prove(self, profile: Profile, *, at: datetime) -> "Onboarding":
        """R9, R14: consent is proved for the bound tenant: it is connected, and a Partner has its first Admin."""
        with self._changing("consent_granted", by=None, at=at) as row:
            row._check_wanted(self)
            if row.connected or row.consenter_oid is None or str(row.tid) != profile.tid:
                raise Refused(row._open_refusal() or wrong_tenant())
            if tenancy.refusal(row, profile.tid) or tenancy.connect(row.organization, profile):
                row._fail("tenant_refused", row.organization.reference, at)
            else:
                row.consented_at, row.attempts = at, 0
                tenancy.first_admin(row, at)
        return row

    def configure(self, *, at: datetime, wall: datetime) -> "Onboarding":
        """R10: every permission was used with success; the import may start. Raises Refused if it did already."""
        with self._changing("management_configured", by=None, at=at) as row:
            row._check_wanted(self)
            if row.tid is None or row.subscription.imported_at or row.running_import():
                raise Refused(_("The import runs already."))
            row.configured_at = row.configured_at or at
            row.next_try_at = row.lease_until = None
            ImportRun.objects.create(organization=row.organization, tid=row.tid, ready_at=wall, started_at=at)
        return row

    def fail(self, code: str, *, at: datetime, detail: str = "") -> "Onboarding":
        """R7: Pre-import error, with the mail that tells cause and remedy. Raises Refused if nobody waits any more."""
        with self._changing("pre_import_error", by=None, at=at) as row:
            row._check_wanted(self)
            row._fail(code, detail, at)
        return row

    def _check_wanted(self, asked: "Onboarding") -> None:
        """Withdrawn, reset or bound anew while the job asked Microsoft: what it found out is about nothing now."""
        same = (self.tid, self.consenter_oid) == (asked.tid, asked.consenter_oid)
        if self.subscription.withdrawn_at or not same:
            raise Refused(self._open_refusal() or wrong_tenant())

    def _fail(self, code: str, detail: str, at: datetime) -> None:
        self.error_code, self.error_detail, self.error_at = code, detail[:300], at
        self.next_try_at = self.lease_until = None
        to = owner_and_notification_email(self.organization)
        Message.queue("onboarding.stopped", self.organization, about_at=at, to=to)

    def lose_consent(self, code: str, *, at: datetime, detail: str = "") -> None:
        """A daily count found the consent gone: the last counts, trial, level and billing go on; the owner's Admins are told."""
        if self.consent_lost_at is None:
            with self._changing("consent_lost", by=None, at=at, moves=False) as row:
                row.consent_lost_at = at
                to = Operator.objects.admins_of(row.organization.parent_id)
                context = {"code": code, "detail": detail}
                Message.queue("onboarding.consent_needed", row.organization, about_at=at, to=to, context=context)

    def regain_consent(self, *, at: datetime) -> None:
        """A count succeeded: if consent was needed again, it is there."""
        if self.consent_lost_at is not None:
            with self._changing("consent_regained", by=None, at=at, moves=False) as row:
                row.consent_lost_at = None
                Message.retire(row.organization, ["onboarding.consent_needed"])

    def try_later(self, wall: datetime, seconds: float, *, attempts: int) -> None:
        """Nobody's fault: the next pass after this many seconds takes it up again. `attempts` looks found no consent."""
        later = {"next_try_at": wall + timedelta(seconds=seconds), "lease_until": None, "attempts": attempts}
        Onboarding.objects.filter(pk=self.pk, next_try_at__isnull=False).update(**later)

    # Shared by the verbs -------------------------------------------------------------------------------------------

    def send_first_link(self, at: datetime) -> None:
        """Save a new onboarding and queue its welcome mail."""
        self.link_expires_at = at + link_lifetime()
        self.save()
        self._send_link(at)

    def _new_link(self, at: datetime) -> None:
        self.link_version += 1
        self.link_expires_at = at + link_lifetime()
        self._send_link(at)

    def _renew_if_expired(self, at: datetime) -> None:
        if at >= self.link_expires_at:
            self.link_version += 1
            self.link_expires_at = at + link_lifetime()

    def _send_link(self, at: datetime, kind: str = "onboarding.activation_link") -> None:
        """Queue the mail with the link about this instant; the row shows how it fares."""
        organization, to = self.organization, self.organization.notification_email
        Message.retire(organization, LINK_MAILS)
        Message.queue(kind, organization, about_at=at, to=[to], context={"link_version": self.link_version})
        self.link_message = organization.messages.get(kind=kind, about_at=at, recipient=to)
        self.save(update_fields=["link_message"])

    def _count_again(self, at: datetime, wall: datetime) -> None:
        """Ask Microsoft now whether the consent is back, not only with the next daily count."""
        if self.running_import() is None:
            run = {"tid": self.tid, "refresh": True, "ready_at": wall, "started_at": at}
            ImportRun.objects.create(organization=self.organization, **run)

    def _clear_error(self) -> None:
        self.error_code, self.error_detail, self.error_at = "", "", None
        Message.retire(self.organization, ["onboarding.stopped"])

    @contextmanager
    def _changing(
        self, kind: str, *, by: Actor, at: datetime, reason: str = "", moves: bool = True
    ) -> Iterator["Onboarding"]:
        """The row, locked; on leaving it is saved with one event. `moves`: from now on somebody else is waited for."""
        with transaction.atomic():
            Organization.objects.hold(self.pk)
            rows = Onboarding.objects.select_for_update(no_key=True, of=("self",))
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


def link_lifetime() -> timedelta:
    """R12: `ACTIVATION_LINK_DAYS` days of 24 h."""
    return timedelta(days=settings.ACTIVATION_LINK_DAYS)


def wrong_tenant() -> str:
    return _(
        "This onboarding was started by a person of another Microsoft 365 tenant. Sign in with an account of that tenant, "
        "or ask the sender of the link to reset it."
    )
