"""One import of a tenant's counts, with the checkpoint from which it goes on."""

from datetime import datetime

from django.db import models

from partnerapp.models import Organization


class ImportRun(models.Model):
    """Kept are counts only (R11). `ready_at` and `lease_until` are wall time, the other instants business time (UTC).

    `step` is what is read next; `next_link` where in it; `done` of `total` users were read. `refresh`: the tenant was
    imported before, and its seats are counted anew.
    """

    class Step(models.TextChoices):
        ORGANIZATION = "organization"
        LICENCES = "licences"
        USERS = "users"
        DONE = "done"

    OPEN = models.Q(finished_at=None, failed_at=None)

    organization = models.ForeignKey(Organization, models.CASCADE, related_name="import_runs")
    tid = models.UUIDField()
    refresh = models.BooleanField(default=False)
    step = models.CharField(max_length=12, choices=Step, default=Step.ORGANIZATION)
    next_link = models.TextField(blank=True, default="")
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(null=True)
    seats = models.PositiveIntegerField(default=0)
    licences = models.JSONField(default=dict)
    ready_at = models.DateTimeField()
    lease_until = models.DateTimeField(null=True)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    failed_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "import_run"
        constraints = [
            models.UniqueConstraint(
                fields=["tid"],
                condition=models.Q(finished_at=None, failed_at=None),
                name="one_running_import_per_tenant",
            ),
            models.CheckConstraint(
                name="import_ends_once", condition=models.Q(finished_at=None) | models.Q(failed_at=None)
            ),
        ]
        indexes = [
            models.Index(
                fields=["refresh", "ready_at"],
                name="import_to_continue",
                condition=models.Q(finished_at=None, failed_at=None),
            ),
        ]

    def __str__(self) -> str:
        return f"import of {self.tid}: {self.step} {self.done}"

    @property
    def open(self) -> bool:
        return self.finished_at is None and self.failed_at is None

    def checkpoint(self, *, lease: datetime | None, until: datetime) -> bool:
        """Save the progress and prolong the lease, if this worker still holds it (else another one has taken over)."""
        mine = ImportRun.objects.filter(self.OPEN, pk=self.pk, lease_until=lease)
        progress = ("step", "next_link", "done", "total", "seats", "licences")
        kept = mine.update(lease_until=until, **{name: getattr(self, name) for name in progress})
        self.lease_until = until
        return bool(kept)
