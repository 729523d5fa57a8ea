"""What happened: append-only, in the transaction of the change itself (R31)."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.utils.translation import gettext_lazy as _

from partnerapp.models.operator import Operator
from partnerapp.models.organization import Organization

Actor = Operator | str | None
VENDORS_OWN = None  # in the place of an organization: the catalogue, the staff's accounts
WORDS = {  # what people read in a list; `kind` is for code
    "distributor_added": _("Distributor added"),
    "operator_invited": _("Operator invited"),
    "operator_invitation_resent": _("Invitation of an operator sent again"),
    "operator_invitation_withdrawn": _("Invitation of an operator withdrawn"),
    "operator_joined": _("Operator joined"),
    "operator_role_changed": _("Operator's role changed"),
    "operator_disabled": _("Operator disabled"),
    "operator_enabled": _("Operator enabled"),
    "operator_left": _("Operator left"),
    "added": _("Added"),
    "activation_pressed": _("Activation link opened"),
    "link_copied": _("Activation link copied"),
    "link_resent": _("Activation link sent again"),
    "reminder_sent": _("Reminder sent"),
    "link_reset": _("Activation link reset"),
    "notification_email_changed": _("Notification email changed"),
    "invitation_withdrawn": _("Invitation withdrawn"),
    "onboarding_started": _("Onboarding started"),
    "onboarding_continued": _("Another person signed in"),
    "consent_returned": _("Back from Microsoft's consent page"),
    "consent_declined": _("Consent declined"),
    "consent_of_another_tenant": _("Consent of another tenant refused"),
    "consent_granted": _("Consent granted"),
    "management_configured": _("Permissions checked"),
    "pre_import_error": _("Pre-import error"),
    "tried_again": _("Tried again"),
    "import_completed": _("Import completed"),
    "seats_counted": _("Seats counted"),
    "consent_lost": _("Consent needed again"),
    "consent_regained": _("Consent is back"),
    "trial_extended": _("Trial extended"),
    "upgrade_blocked": _("Automatic upgrade blocked"),
    "upgrade_restored": _("Automatic upgrade restored"),
    "upgrade_held": _("Upgrade held"),
    "trial_cancelled": _("Trial cancelled"),
    "trial_expired": _("Trial expired"),
    "converted": _("Converted to Production"),
    "edited": _("SKUs or expiration date edited"),
    "suspended": _("Suspended"),
    "reinstated": _("Reinstated"),
    "ended": _("Production account ended"),
    "products_changed": _("Products to resell changed"),
    "tenant_released": _("Microsoft 365 tenant released"),
    "repeat_trial_allowed": _("Another trial allowed"),
}
VENDORS_WORDS = {  # without an organization: staff alone read of it
    "product_added": _("Product added"),
    "product_changed": _("Product changed"),
    "staff_added": _("Staff account added"),
    "staff_changed": _("Staff account changed"),
}


class Event(models.Model):
    """One change: who, what, before, after, when (UTC), why. A trigger and the app role's grants refuse UPDATE and
    DELETE. Without an organization it is about what is the Vendor's own: the catalogue, the staff's accounts.
    """

    class ActorKind(models.TextChoices):
        SYSTEM = "system", _("System")
        OPERATOR = "operator", _("Operator")
        STAFF = "staff", _("Vendor staff")
        VISITOR = "visitor", _("Visitor")

    id = models.BigAutoField(primary_key=True)
    organization = models.ForeignKey(Organization, models.DO_NOTHING, null=True, related_name="events", db_index=False)
    distributor_id = models.BigIntegerField(null=True)
    partner_id = models.BigIntegerField(null=True)
    at = models.DateTimeField()
    actor = models.CharField(max_length=200)
    actor_kind = models.CharField(max_length=8, choices=ActorKind)
    kind = models.CharField(max_length=60)
    before = models.JSONField(default=dict, encoder=DjangoJSONEncoder)
    after = models.JSONField(default=dict, encoder=DjangoJSONEncoder)
    reason = models.TextField(blank=True, default="")

    class Meta:
        db_table = "event"
        indexes = [
            models.Index(fields=["organization", "id"], name="event_of_organization"),
            models.Index(fields=["distributor_id", "at", "id"], name="event_of_distributor"),
            models.Index(fields=["partner_id", "at", "id"], name="event_of_partner"),
            models.Index(fields=["distributor_id", "kind", "at", "id"], name="event_of_distributor_by_kind"),
            models.Index(fields=["partner_id", "kind", "at", "id"], name="event_of_partner_by_kind"),
            models.Index(fields=["kind", "id"], name="event_of_kind"),
        ]
        constraints = [
            models.CheckConstraint(
                name="event_stands_in_a_tree_or_is_the_vendors",
                condition=models.Q(organization__isnull=False, distributor_id__isnull=False)
                | models.Q(organization=None, distributor_id=None, partner_id=None, actor_kind="staff"),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.at:%Y-%m-%d %H:%M}"

    @classmethod
    def record(
        cls,
        organization: Organization | None,
        kind: str,
        *,
        at: datetime,
        by: Actor,
        before: Mapping[str, Any] | None = None,
        after: Mapping[str, Any] | None = None,
        reason: str = "",
    ) -> "Event":
        """Write one event. `by`: an operator, a visitor's name (onboarding), or None for the System.

        `organization` None: a change that staff made to what is the Vendor's own.
        """
        name, actor_kind = who(by)
        return cls.objects.create(
            organization=organization,
            **(organization.branch if organization else {}),
            at=at,
            actor=name,
            actor_kind=actor_kind,
            kind=kind,
            before=before or {},
            after=after or {},
            reason=reason,
        )


def who(by: Actor) -> tuple[str, str]:
    """An actor's name and kind as events keep them."""
    if by is None:
        return "System", Event.ActorKind.SYSTEM
    if isinstance(by, str):
        return by[:200], Event.ActorKind.VISITOR
    return by.name, Event.ActorKind.STAFF if by.is_staff else Event.ActorKind.OPERATOR


def signature(by: Actor) -> str:
    """Whom a mail or a page names: an operator by name, Vendor staff as such."""
    if not isinstance(by, Operator):
        return by or ""
    return str(_("Vendor staff")) if by.is_staff else by.name
