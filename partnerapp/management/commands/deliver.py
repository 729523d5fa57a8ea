from typing import Any

from partnerapp import mail
from partnerapp.management.json_command import JsonCommand


class Command(JsonCommand):
    help = "One pass of the outbox: send what is ready. Safe to repeat; needs no Redis."

    def answer(self, **options: Any) -> dict[str, Any]:
        return mail.deliver()
