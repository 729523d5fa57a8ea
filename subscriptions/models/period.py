"""Production periods: what is billed (R25)."""

from datetime import datetime

from django.db import models
from django.utils.translation import gettext as _

from partnerapp.actions import Refused
from partnerapp.models import Organization

Span = tuple[datetime, datetime]  # half-open, UTC


class Period(models.Model):
    """An organization is in production from `starts_at` until `ends_at` (UTC; NULL: open; half-open interval).

    A start is written in the transaction of the conversion (or of the reinstatement) and never changes.
    """

    class Cause(models.TextChoices):
        CONVERTED = "converted"
        REINSTATED = "reinstated"

    organization = models.ForeignKey(Organization, models.PROTECT, related_name="periods")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True, blank=True)
    cause = models.CharField(max_length=10, choices=Cause, default=Cause.CONVERTED)

    class Meta:
        db_table = "period"
        constraints = [
            models.UniqueConstraint(fields=["organization"], condition=models.Q(ends_at=None), name="one_open_period"),
            models.CheckConstraint(
                name="period_ends_after_it_starts",
                condition=models.Q(ends_at=None) | models.Q(ends_at__gt=models.F("starts_at")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.organization_id} from {self.starts_at:%Y-%m-%d}"

    @classmethod
    def close(cls, organization: Organization, ends_at: datetime) -> None:
        """End the open period at this instant (UTC). Raises Refused if it has only just begun."""
        if not cls.objects.filter(organization=organization, ends_at=None, starts_at__lt=ends_at).update(
            ends_at=ends_at
        ):
            raise Refused(_("Its production period began at this very instant. Please try again."))


def billed_time(organization: Organization, at: datetime) -> list[Span]:
    """R25, until `at`: an organization's own production periods; a customer's ∩ its Partner's. Computed, never stored."""
    own = spans(organization, at)
    if organization.kind != Organization.Kind.CUSTOMER:
        return own
    return [(max(a, c), min(b, d)) for a, b in own for c, d in spans(organization.owner, at) if max(a, c) < min(b, d)]


def spans(organization: Organization, at: datetime) -> list[Span]:
    """Its production periods until `at`. One that is over by its date ends there, swept or not (R26)."""
    until = min(filter(None, (organization.subscription.expiry, at)))
    periods = organization.periods.filter(starts_at__lt=at).order_by("starts_at")
    return [(p.starts_at, min(p.ends_at or until, at)) for p in periods]
