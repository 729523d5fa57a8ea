"""Heartbeats: when each recurring job last finished, read by `/health/jobs`, the footer and the banner."""

from datetime import datetime, timedelta
from functools import cache

from django.db import models

from partnerapp.prepared import Prepared

STALE_AFTER = {
    "sweep": timedelta(seconds=180),
    "deliver": timedelta(seconds=60),
    "import": timedelta(seconds=240),
    "refresh": timedelta(seconds=1_200),
}


class Job(models.Model):
    """One recurring job. `last_ok_at` is wall time (UTC); `oldest_overdue_s` seconds that the oldest due work waited."""

    name = models.CharField(primary_key=True, max_length=40)
    last_ok_at = models.DateTimeField()
    counts = models.JSONField(default=dict)
    oldest_overdue_s = models.PositiveIntegerField(default=0)

    class Meta:
        db_table = "job"

    def __str__(self) -> str:
        return self.name

    @classmethod
    def finished(cls, name: str, *, wall: datetime, counts: dict[str, int], oldest_overdue_s: int = 0) -> None:
        """Record that a pass of this job ended well."""
        facts = {"last_ok_at": wall, "counts": counts, "oldest_overdue_s": oldest_overdue_s}
        cls.objects.update_or_create(name=name, defaults=facts)

    @classmethod
    def health(cls, wall: datetime) -> dict[str, dict]:
        """Per watched job: `last_ok_at`, `age_s`, `overdue` and `oldest_overdue_s`; one that never ran is overdue."""
        known = {job.name: job for job in every().ask(list)}
        return {name: report(known.get(name), limit, wall) for name, limit in STALE_AFTER.items()}


@cache
def every() -> Prepared:
    """Each page asks."""
    return Prepared(Job.objects.all())


def report(job: Job | None, limit: timedelta, wall: datetime) -> dict:
    if job is None:
        return {"last_ok_at": None, "age_s": None, "overdue": True, "oldest_overdue_s": None}
    age = wall - job.last_ok_at
    return {
        "last_ok_at": job.last_ok_at,
        "age_s": int(age.total_seconds()),
        "overdue": age > limit,
        "oldest_overdue_s": job.oldest_overdue_s,
    }
