"""For monitoring: the process, its database, and whether the recurring jobs run."""

from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe

from partnerapp import clock
from partnerapp.access import public
from partnerapp.models import Job


@public
@require_safe
def process(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"ok": True})


@public
@require_safe
def ready(request: HttpRequest) -> JsonResponse:
    """200 when the database answers and every migration is applied, else 503 with the reason."""
    try:
        executor = MigrationExecutor(connection)
        waiting = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except Error:
        return JsonResponse({"ok": False, "reason": "the database does not answer"}, status=503)
    if waiting:
        return JsonResponse({"ok": False, "reason": "migrations are waiting"}, status=503)
    return JsonResponse({"ok": True})


@public
@require_safe
def jobs(request: HttpRequest) -> JsonResponse:
    """Per job its heartbeat; 503 when one is stale."""
    health = Job.health(clock.wall())
    stale = any(report["overdue"] for report in health.values())
    return JsonResponse({"jobs": health}, status=503 if stale else 200)
