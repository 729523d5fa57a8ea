from celery import shared_task
from django.contrib.sessions.models import Session

from partnerapp import clock, mail
from partnerapp.models import Attempt, SigninFlow
from partnerapp.models.attempt import WINDOW


@shared_task
def deliver() -> None:
    mail.deliver()


@shared_task
def tidy() -> None:
    """Remove sign-ins that were never finished, sessions that ended, and old counts of tries."""
    Attempt.objects.filter(since__lt=clock.wall() - WINDOW).delete()
    SigninFlow.objects.filter(expires_at__lt=clock.wall()).delete()
    Session.objects.filter(expire_date__lt=clock.wall()).delete()
