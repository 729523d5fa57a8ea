"""Calendar entries for a trial's end: one per organization, which moves when the end does."""

from datetime import datetime
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.translation import gettext as _
from icalendar import Calendar, Event

from partnerapp.models import Message


def trial_end(message: Message, end: datetime) -> tuple[str, str]:
    """(file name, text) of the calendar entry for the trial's end at this instant (UTC)."""
    entry = Event()
    entry.add("uid", f"trial-{message.organization_id}@{urlsplit(settings.BASE_URL).hostname}")
    entry.add("sequence", int(end.timestamp() // 60))  # grows as the end moves, so the entry moves along
    entry.add("dtstamp", message.about_at)
    entry.add("dtstart", end)
    entry.add(
        "summary", _("{product} trial of {name} ends").format(product=settings.PRODUCT_NAME, name=message.organization)
    )
    calendar = Calendar()
    calendar.add("prodid", "-//Partner App//EN")
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    calendar.add_component(entry)
    return "trial-end.ics", calendar.to_ical().decode()
