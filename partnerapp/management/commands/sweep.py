from typing import Any

from partnerapp import clock
from partnerapp.management.json_command import JsonCommand
from subscriptions import lifecycle


class Command(JsonCommand):
    help = "One pass of the lifecycle: notices, conversions, holds, expiries. Safe to repeat; needs no Redis."

    def answer(self, **options: Any) -> dict[str, Any]:
        return lifecycle.sweep(clock.now(), clock.wall())
