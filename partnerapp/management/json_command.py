"""The shape of the portal's commands: `--json` prints the answer as JSON, else as lines for people."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.serializers.json import DjangoJSONEncoder

from partnerapp.actions import NotADemo, Refused


class JsonCommand(BaseCommand):
    """Subclasses return their answer from `answer`; raise CommandError (exit 1, one line) to refuse."""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            answer = self.answer(**options)
        except (NotADemo, Refused) as refused:
            raise CommandError(str(refused)) from refused
        if options["json"]:
            self.stdout.write(json.dumps(answer, cls=DjangoJSONEncoder, indent=2))
        else:
            self.stdout.write(self.lines(answer))

    def answer(self, **options: Any) -> dict[str, Any]:
        raise NotImplementedError

    def lines(self, answer: dict[str, Any]) -> str:
        return "\n".join(f"{name}: {value}" for name, value in answer.items())
