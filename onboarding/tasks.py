from celery import shared_task

from onboarding import tenant_import


@shared_task
def import_tenants() -> None:
    tenant_import.import_tenants()
