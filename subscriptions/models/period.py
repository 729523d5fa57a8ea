"""Production periods: what is billed (R25)."""

from django.db import models

from partnerapp.models import Organization


class Period(models.Model):
    """An organization is in production from `starts_at` until `ends_at` (UTC; NULL: open; half-open interval).

    A start is written in the conversion's transaction and never changes. Billed time of a customer is its own periods
    ∩ its Partner's: computed, never stored.
    """

    class Cause(models.TextChoices):
        CONVERTED = "converted"

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
