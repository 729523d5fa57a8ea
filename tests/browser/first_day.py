"""The demo's cast on its first day, at an instant that is always the same. Runs with the demo's settings, not the tests'.

It adds a Partner that stopped after its sign-in, the only one whose link can be reset.
"""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from unittest import mock

import requests
from django.conf import settings
from django.test import Client

from partnerapp import clock, mail
from partnerapp.demo import cast
from partnerapp.microsoft365.sandbox import directory
from partnerapp.models import Operator

AT = datetime(2030, 12, 2, 8, tzinfo=UTC)  # a Monday, 09:00 in Berlin; the test clock only runs ahead of the wall's


def begin(scale: int = 0) -> None:
    """Put everything back, add `scale` trials, send the mails that wait, and print a session of each person as JSON."""
    with mock.patch.object(cast, "load", at_nine(cast.load)):
        cast.reload()
    cast.add_trials(scale, AT)
    mail.deliver()
    requests.post(f"{settings.M365_SANDBOX_URL}/_sandbox/reset", timeout=5).raise_for_status()
    print(json.dumps({operator.name: session(operator) for operator in Operator.objects.all()}))


def at_nine(load: Callable[[datetime], None]) -> Callable[[datetime], None]:
    def load_at_nine(now: datetime) -> None:
        clock.move_to(AT)
        load(AT)
        cast.add(Operator.objects.get(name="Alice Adler"), "Woodgrove", "it@woodgrove.example", AT - timedelta(hours=4))
        cast.start(cast.of("Woodgrove"), directory.WANDA, AT - timedelta(hours=2))

    return load_at_nine


def session(operator: Operator) -> str:
    """The session cookie of somebody who has signed in."""
    client = Client()
    client.force_login(operator)
    return client.cookies[settings.SESSION_COOKIE_NAME].value
