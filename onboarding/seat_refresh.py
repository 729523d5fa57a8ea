"""Each day the seats of every connected tenant with access are counted anew, spread over the day by id.

A count is an import run of its own; `tenant_import` reads it page by page like the first one, which goes first.
"""

from datetime import datetime
from time import monotonic

from django.db.models import Exists, F, OuterRef, Q, QuerySet

from onboarding.models import ImportRun
from partnerapp import clock
from partnerapp.models import Job
from subscriptions.models import Subscription

BATCH = 1_000  # runs that one pass begins


def refresh_seats() -> dict[str, int]:
    """Begin the counts whose hour (UTC) has come. Returns the counts and `ms`."""
    began, at, wall = monotonic(), clock.now(), clock.wall()
    rows = due(at).values("organization_id", tid=F("organization__tid"))[:BATCH]
    runs = [ImportRun(**row, refresh=True, ready_at=wall, started_at=at) for row in rows]
    earlier = ImportRun.objects.filter(refresh=True, organization__in=[run.organization_id for run in runs])
    earlier.exclude(ImportRun.OPEN).delete()  # what they found is in the subscription and its events
    ImportRun.objects.bulk_create(runs, ignore_conflicts=True)  # one that runs already counts as well
    counts = {"begun": len(runs)}
    Job.finished("refresh", wall=wall, counts=counts)
    return counts | {"ms": round((monotonic() - began) * 1000)}


def due(at: datetime) -> QuerySet:
    """Not counted today (UTC), neither with success nor without, no count under way, and its hour has come."""
    midnight = at.replace(hour=0, minute=0, second=0, microsecond=0)
    tried = ImportRun.objects.filter(ImportRun.OPEN | Q(started_at__gte=midnight), organization=OuterRef("pk"))
    counted = Subscription.objects.with_own_access(at).filter(seats_on__lt=at.date())
    ours = counted.filter(organization__tid__isnull=False, organization__tid_released_at=None)
    return ours.alias(hour=F("pk") % 24).filter(~Exists(tried), hour__lte=at.hour).order_by("pk")
