"""Project package and foundation: who exists, who may, what happened, what is mailed."""

from partnerapp.celery import app as celery_app

__all__ = ["celery_app"]
