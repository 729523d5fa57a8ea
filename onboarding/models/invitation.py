"""What the owner does with an invitation: its link (R12), the address it goes to, withdrawal, and another try."""

from datetime import datetime, timedelta
from typing import Self

from django.conf import settings
from django.utils.translation import gettext as _

from onboarding.models.facts import Facts
from onboarding.models.import_run import ImportRun
from partnerapp import dates
from partnerapp.actions import Action, Refused
from partnerapp.models import Message, Operator
from partnerapp.models.event import Actor
from subscriptions.models.production import said

LINK_MAILS = ["onboarding.activation_link", "onboarding.reminder"]
REMINDER_PAUSE = timedelta(hours=24)


class Invitation(Facts):
    class Meta:
        abstract = True

    # The rules -----------------------------------------------------------------------------------------------------

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

    def repetition(self, at: datetime) -> Action:
        """R13, for staff: a tenant that had a trial already may be connected here."""
        refusal = self._open_refusal()
        if not refusal and self.repeat_trial_allowed_at:
            refusal = _("Another trial was allowed on {when}.").format(when=dates.moment(self.repeat_trial_allowed_at))
        return Action("allow_another_trial", refusal)

    # The verbs ----------------------------------------------------------------------------------------

    def copy_link(self, *, by: Operator, at: datetime) -> Self:
        """R12: the link to hand on; a live one stays the same, an expired one is renewed. Raises Refused."""
        with self._changing("link_copied", by=by, at=at, moves=False) as row:
            row.copying(at).require()
            row._renew_if_expired(at)
        return row

    def resend(self, *, by: Operator, at: datetime, reason: str = "") -> Self:
        """R12: send the live link once more (its 30 days stay), or a renewed one. Raises Refused."""
        with self._changing("link_resent", by=by, at=at, reason=reason, moves=False) as row:
            row.resending(at).require()
            row._renew_if_expired(at)
            row._send_link(at)
        return row

    def remind(self, *, by: Operator, at: datetime, reason: str = "") -> Self:
        """R12: a friendly reminder with the live link, which stays as it is. Raises Refused."""
        with self._changing("reminder_sent", by=by, at=at, reason=reason, moves=False) as row:
            row.reminding(at).require()
            row._send_link(at, kind="onboarding.reminder")
        return row

    def change_email(self, email: str, *, by: Operator, at: datetime, reason: str = "") -> Self:
        """R6, R12: until consent is proved the old link dies and a new one goes to the new address. Raises Refused."""
        with self._changing("notification_email_changed", by=by, at=at, reason=reason) as row:
            row.email_change(at).require()
            if email.lower() == row.organization.notification_email.lower():
                raise Refused(_("{email} is the notification email already.").format(email=email))
            row.organization.notification_email = email
            row.organization.save(update_fields=["notification_email"])
            if not row.connected:
                row._new_link(at)
        return row

    def reset(self, *, by: Operator, at: datetime, reason: str = "") -> Self:
        """R9: forget the tenant of whoever signed in, kill the link and send a new one. Raises Refused."""
        with self._changing("link_reset", by=by, at=at, reason=reason) as row:
            row.resetting(at).require()
            row.tid = row.started_at = row.started_oid = row.consenter_oid = row.next_try_at = None
            row.consenter_name = row.consenter_email = ""
            row._clear_error()
            row._new_link(at)
        return row

    def withdraw(self, *, by: Operator, at: datetime, reason: str = "") -> Self:
        """R12: the link is dead and the onboarding over, for good. Raises Refused."""
        with self._changing("invitation_withdrawn", by=by, at=at, reason=reason) as row:
            row.withdrawal(at).require()
            row.next_try_at = row.lease_until = None
            row._clear_error()
            row.organization.import_runs.filter(ImportRun.OPEN).update(failed_at=at)
            Message.retire(row.organization, LINK_MAILS)
            row.organization.subscription = row.subscription.withdraw(at=at)
        return row

    def try_again(self, *, by: Actor, at: datetime, wall: datetime, reason: str = "") -> Self:
        """R7: after a Pre-import error, go on where it stopped; the next pass takes it up. Raises Refused."""
        with self._changing("tried_again", by=by, at=at, reason=reason) as row:
            rule = row.retrying(at) if isinstance(by, Operator) else Action("try_again", row._no_retry())
            rule.require()
            if row.consent_lost_at:
                row._count_again(at, wall)
            else:
                row._clear_error()
                row.attempts, row.next_try_at = 0, wall
        return row

    def allow_another_trial(self, *, by: Operator, at: datetime, reason: str) -> Self:
        """R13, by staff: a tenant that had a trial may start another one here, if it is free. Raises Refused."""
        with self._changing("repeat_trial_allowed", by=by, at=at, reason=said(reason), moves=False) as row:
            row.repetition(at).require()
            row.repeat_trial_allowed_at, row.repeat_trial_allowed_by = at, by
            row.repeat_trial_allowed_reason = reason
        return row

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
            ImportRun.objects.bulk_create([ImportRun(organization=self.organization, **run)], ignore_conflicts=True)


def link_lifetime() -> timedelta:
    """R12: `ACTIVATION_LINK_DAYS` days of 24 h."""
    return timedelta(days=settings.ACTIVATION_LINK_DAYS)
