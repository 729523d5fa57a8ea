from datetime import datetime
from typing import Any

from django.forms.models import model_to_dict

from onboarding.models import Onboarding
from partnerapp import clock
from partnerapp.management.json_command import JsonCommand
from partnerapp.models import Event, Message, Organization
from subscriptions.models import Period, Subscription


class Command(JsonCommand):
    help = "Everything about the organizations as JSON, for support and tests."

    def answer(self, **options: Any) -> dict[str, Any]:
        now = clock.now()
        return {
            "now": now,
            "organizations": [organization(row, now) for row in Organization.objects.order_by("pk")],
            "periods": list(Period.objects.order_by("pk").values()),
            "messages": list(Message.objects.order_by("ready_at", "pk").values()),
            "events": list(Event.objects.order_by("pk").values()),
        }


def organization(row: Organization, now: datetime) -> dict[str, Any]:
    facts = model_to_dict(row) | {"id": row.pk}
    if subscription := Subscription.objects.filter(pk=row.pk).first():
        facts |= {
            "state": subscription.state(now),
            "level": subscription.level,
            "access": subscription.has_access(now),
            "subscription": subscription.facts() | {"wake_at": subscription.wake_at, "sort_at": subscription.sort_at},
        }
    if onboarding := Onboarding.objects.filter(pk=row.pk).first():
        facts |= {"status": onboarding.status, "onboarding": onboarding.facts()}
    return facts
