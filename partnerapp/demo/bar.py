"""The demo's bar: the test clock, the mailbox and the sandbox. Exists in the demo only."""

import subprocess
import sys
from contextlib import suppress
from datetime import datetime, timedelta

import requests
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from partnerapp import clock, dates, drawers, mail
from partnerapp.access import public
from partnerapp.demo import mails
from subscriptions import lifecycle
from subscriptions.models import Subscription

STEPS = {"1d": timedelta(days=1), "3d": timedelta(days=3)}


def bar(request: HttpRequest) -> dict:
    """The context of demo/bar.html."""
    now = clock.now()
    return {
        "now": now,
        "clock_url": reverse("demo_clock"),
        "next": next_event(now),
        "sandbox_url": settings.M365_SANDBOX_URL + "/",
        "mailbox_url": reverse("demo_mailbox"),
        "unread": mails.unread(),
    }


def next_event(now: datetime) -> dict | None:
    """The next instant at which the sweep does something, and what."""
    waiting = Subscription.objects.filter(wake_at__gt=now).order_by("wake_at").select_related("organization")
    row = waiting.first()
    if row is None:
        return None
    name = row.organization.name
    if row.wake_at != row.deadline:
        label = _("notice about {name}").format(name=name)
    elif row.blocked_at:
        label = _("{name} expires").format(name=name)
    else:
        label = _("{name} upgrades").format(name=name)
    return {"label": label, "at": row.wake_at}


@public
@require_POST
def move_clock(request: HttpRequest) -> HttpResponse:
    """Move the clock, run one sweep and one delivery, and say what happened."""
    step = request.POST.get("advance", "")
    back = HttpResponseRedirect(drawers.safe_next(request), status=303)
    if step == "reset":
        return reset(request)
    now = clock.now()
    at = lifecycle.next_due(now) if step == "next" else now + STEPS[step] if step in STEPS else None
    if at is None:
        messages.info(request, _("Nothing is due in the future."))
        return back
    clock.move_to(at)
    swept, sent = lifecycle.sweep(clock.now(), clock.wall()), mail.deliver()
    messages.success(request, receipt(at - now, swept, sent))
    return back


def receipt(moved: timedelta, swept: dict[str, int], sent: dict[str, int]) -> str:
    """`Moved 3 days: 2 mails sent, 1 converted.`"""
    happened = [ngettext("%(n)d mail sent", "%(n)d mails sent", sent["sent"]) % {"n": sent["sent"]}]
    words = {"converted": _("{n} converted"), "held": _("{n} held"), "expired": _("{n} expired")}
    happened += [text.format(n=swept[name]) for name, text in words.items() if swept[name]]
    length = dates.span(moved + timedelta(minutes=1))  # a press takes some seconds: a day is a day, not 23 hours
    return _("Moved {length}: {happened}.").format(length=length, happened=", ".join(happened))


def reset(request: HttpRequest) -> HttpResponse:
    """Reload the demo as the database's owner: the app's own role may not empty tables."""
    command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "clock", "reset"]
    done = subprocess.run(command, capture_output=True, timeout=60, check=False)
    if done.returncode:
        return HttpResponse(_("The reset failed: {why}").format(why=done.stderr.decode()[-300:]), status=500)
    with suppress(requests.RequestException):  # without the sandbox there is nothing to put back there
        requests.post(f"{settings.M365_SANDBOX_URL}/_sandbox/reset", timeout=5)
    messages.success(request, _("The demo was reset: the cast is as on the first day. Please sign in again."))
    return HttpResponseRedirect("/", status=303)
