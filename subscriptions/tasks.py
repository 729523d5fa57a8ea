from celery import shared_task

from partnerapp import clock
from subscriptions import lifecycle


@shared_task
def sweep() -> None:
    lifecycle.sweep(clock.now(), clock.wall())
