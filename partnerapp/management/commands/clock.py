import re
from datetime import datetime, timedelta
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils.dateparse import parse_datetime

from partnerapp import clock
from partnerapp.demo import cast
from partnerapp.management.json_command import JsonCommand
from subscriptions import lifecycle

UNITS = {"m": "minutes", "h": "hours", "d": "days"}


class Command(JsonCommand):
    help = "The test clock: show, set ISO, advance 3d (also 5h, 30m), next, reset. It only moves time, forward."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("verb", nargs="?", default="show", choices=["show", "set", "advance", "next", "reset"])
        parser.add_argument("value", nargs="?", default="")

    def answer(self, **options: Any) -> dict[str, Any]:
        try:
            clock.require_test_clock()
            self.turn(options["verb"], options["value"])
        except (ValueError, OverflowError) as error:
            raise CommandError(str(error)) from error
        now = clock.now()
        return {"now": now, "next": lifecycle.next_due(now)}

    def turn(self, verb: str, value: str) -> None:
        targets = {"set": instant, "advance": later, "next": following}
        if verb == "reset":
            cast.reload()
        elif verb != "show":
            clock.move_to(targets[verb](value))


def instant(text: str) -> datetime:
    at = parse_datetime(text)
    if at is None or at.tzinfo is None:
        raise CommandError(f"{text!r} is no instant: write it like 2026-12-01T09:00:00Z.")
    return at


def later(text: str) -> datetime:
    match = re.fullmatch(r"(\d{1,4})([mhd])", text)
    if match is None:
        raise CommandError(f"{text!r} is no length of time: write it like 3d, 5h or 30m.")
    return clock.now() + timedelta(**{UNITS[match[2]]: int(match[1])})


def following(_value: str) -> datetime:
    at = lifecycle.next_due(clock.now())
    if at is None:
        raise CommandError("Nothing is due in the future.")
    return at
