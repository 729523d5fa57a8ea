from typing import Any

from django.core.management.base import CommandError

from partnerapp import clock
from partnerapp.management.json_command import JsonCommand
from subscriptions.invariants import broken


class Command(JsonCommand):
    help = "Check what must always hold, whatever happened. Exit 0, or 1 and what is broken."

    def answer(self, **options: Any) -> dict[str, Any]:
        found = broken(clock.now())
        if found:
            raise CommandError("\n".join(found))
        return {"broken": []}
