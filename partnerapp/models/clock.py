from datetime import timedelta

from django.db import models


class ClockOffset(models.Model):
    """How far the test clock is ahead of wall time; one row, shared by all processes. See `partnerapp.clock`."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    offset = models.DurationField(default=timedelta)

    class Meta:
        db_table = "clock"
        constraints = [
            models.CheckConstraint(name="one_clock", condition=models.Q(id=1)),
            models.CheckConstraint(name="clock_runs_forward", condition=models.Q(offset__gte=timedelta())),
        ]

    def __str__(self) -> str:
        return f"+{self.offset}"
