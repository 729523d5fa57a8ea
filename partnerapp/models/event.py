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


class Event(models.Model):
    """One change: who, what, before, after, when (UTC), why. A trigger and the app role's grants refuse UPDATE and
    DELETE.
    """

    class ActorKind(models.TextChoices):
        SYSTEM = "system", _("System")
        OPERATOR = "operator", _("Operator")
        STAFF = "staff", _("Vendor staff")
        VISITOR = "visitor", _("Visitor")

    id = models.BigAutoField(primary_key=True)
    organization = models.ForeignKey(Organization, models.DO_NOTHING, related_name="events")
    distributor_id = models.BigIntegerField()
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
            models.Index(fields=["distributor_id", "id"], name="event_of_distributor"),
            models.Index(fields=["partner_id", "id"], name="event_of_partner"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.at:%Y-%m-%d %H:%M}"

    @classmethod
    def record(
        cls,
        organization: Organization,
        kind: str,
        *,
        at: datetime,
        by: Actor,
        before: Mapping[str, Any] | None = None,
        after: Mapping[str, Any] | None = None,
        reason: str = "",
    ) -> "Event":
        """Write one event. `by`: an operator, a visitor's name (onboarding), or None for the System."""
        name, actor_kind = who(by)
        return cls.objects.create(
            organization=organization,
            **organization.branch,
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
