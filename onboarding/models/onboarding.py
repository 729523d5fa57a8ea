"""Onboarding: what the tenant's people do and what the job finds out, from the first press to the import.

What is stored stands in `facts.py`, what the owner does in `invitation.py`.
"""

import uuid
from datetime import datetime, timedelta

from django.db import models
from django.utils.translation import gettext as _

from onboarding.models import tenancy
from onboarding.models.import_run import ImportRun
from onboarding.models.invitation import Invitation
from onboarding.models.manager import OnboardingManager
from onboarding.problems import TENANT_WORDS
from partnerapp import dates
from partnerapp.actions import Refused
from partnerapp.microsoft365.consent import Profile
from partnerapp.microsoft365.signin import Identity
from partnerapp.models import Event, Message, Operator
from partnerapp.models.message import owner_and_notification_email

PAUSES = [15, 30, *[60] * 14]  # seconds between looks for a consent that Microsoft does not show yet: 15 min in all


class Onboarding(Invitation):
    """One per Partner or customer."""

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
                name="another_trial_is_allowed_with_a_reason",
                condition=models.Q(repeat_trial_allowed_at=None, repeat_trial_allowed_by=None)
                | models.Q(repeat_trial_allowed_at__isnull=False) & ~models.Q(repeat_trial_allowed_reason=""),
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
            counts = ImportRun.objects.filter(ImportRun.OPEN, tid=row.tid, refresh=True)
            counts.exclude(organization=row.organization).update(
                failed_at=at
            )  # of whom the tenant belonged to before (R13)
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


def wrong_tenant() -> str:
    return _(
        "This onboarding was started by a person of another Microsoft 365 tenant. Sign in with an account of that tenant, "
        "or ask the sender of the link to reset it."
    )
