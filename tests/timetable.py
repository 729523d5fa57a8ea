"""The portal's Celery app with a timetable of half seconds: `celery -A tests.timetable`. Everything else is as it is."""

from partnerapp.celery import app

SOON = {"schedule": 0.5, "options": {"expires": 5}}
app.conf.beat_schedule = {name: entry | SOON for name, entry in app.conf.beat_schedule.items()}
