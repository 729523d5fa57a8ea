from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from partnerapp import clock
from partnerapp.demo import cast
from partnerapp.management.json_command import JsonCommand
from partnerapp.models import Organization


class Command(JsonCommand):
    help = "Load the demo cast into an empty database; --scale N adds N trials that are due over the next days."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--scale", type=int, default=0, metavar="N")

    def answer(self, **options: Any) -> dict[str, Any]:
        if not settings.DEMO:
            raise CommandError("The cast is loaded only in a demo (DEMO=1).")
        if options["scale"] < 0:
            raise CommandError("--scale takes a number of trials, 0 or more.")
        if not Organization.objects.exists():
            cast.load(clock.now())
        if options["scale"]:
            cast.add_trials(options["scale"], clock.now())
        return cast.who_is_who()

    def lines(self, answer: dict[str, Any]) -> str:
        return cast.sign_in_help()
