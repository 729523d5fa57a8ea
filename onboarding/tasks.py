from celery import shared_task

from onboarding import seat_refresh, tenant_import


@shared_task
def import_tenants() -> None:
    tenant_import.import_tenants()


@shared_task
def refresh_seats() -> None:
    seat_refresh.refresh_seats()
