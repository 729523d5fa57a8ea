"""The Celery app and the whole timetable. Postgres is the queue; each tick asks the database what is due now."""

import os
import sys
from pathlib import Path

from celery import Celery
from django.core.exceptions import ImproperlyConfigured
from kombu.transport import TRANSPORT_ALIASES

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "partnerapp.settings")


def broker() -> dict:
    """Redis, or in a demo without Redis a folder: a lost tick costs latency only, so the weaker one is enough there."""
    from django.conf import settings

    try:
        settings.INSTALLED_APPS  # noqa: B018 - reads the settings
    except ImproperlyConfigured as error:
        sys.exit(str(error))
    if settings.REDIS_URL:
        timeouts = {"visibility_timeout": 600, "socket_timeout": 2, "socket_connect_timeout": 2}
        return {"broker_url": settings.REDIS_URL, "broker_transport_options": timeouts}
    folder = Path(settings.DEMO_DIR) / "broker"
    for name in ("queue", "control"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    options = {
        "data_folder_in": str(folder / "queue"),
        "data_folder_out": str(folder / "queue"),
        "control_folder": str(folder / "control"),
        "store_processed": False,
        "polling_interval": 0.1,
    }
    TRANSPORT_ALIASES["demo"] = "partnerapp.demo.broker:Transport"
    return {"broker_url": "demo://", "broker_transport_options": options}


def every(seconds: int, task: str) -> dict:
    """A tick that is dropped when no worker took it before the next one."""
    return {"task": task, "schedule": seconds, "options": {"expires": seconds}}


app = Celery("partnerapp")
app.add_defaults(
    lambda: {
        **broker(),
        "beat_schedule": {
            "sweep": every(60, "subscriptions.tasks.sweep"),
            "deliver": every(10, "partnerapp.tasks.deliver"),
            "import": every(5, "onboarding.tasks.import_tenants"),
            "refresh": every(300, "onboarding.tasks.refresh_seats"),
            "tidy": every(3600, "partnerapp.tasks.tidy"),
        },
        # The sweep has a queue and a worker of its own: no slow mail server or import can hold it up.
        "task_routes": {"subscriptions.tasks.sweep": {"queue": "lifecycle"}},
        "timezone": "UTC",
        "task_acks_late": True,
        "task_reject_on_worker_lost": True,
        "task_ignore_result": True,
        "task_soft_time_limit": 240,
        "task_time_limit": 300,  # below the visibility timeout: no tick runs twice for being slow
        "task_serializer": "json",
        "accept_content": ["json"],
        "worker_prefetch_multiplier": 1,
        "worker_hijack_root_logger": False,
        "broker_connection_retry_on_startup": True,
    }
)
app.autodiscover_tasks()
