"""The onboarding as people see it: the six steps that everybody passes (R7), and whom it waits for."""

from datetime import datetime
from functools import cache
from typing import Any

from django.conf import settings
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from onboarding.models import Onboarding
from onboarding.models.status import Status
from partnerapp import dates
from partnerapp.models import Message

STEPS = [Status.LINK_SENT, Status.STARTED, Status.CONSENTED, Status.CONFIGURED, Status.IMPORTING, Status.COMPLETED]


def reached(onboarding: Onboarding) -> Status:
    """The last step that was reached, also behind a Pre-import error (which is a failure on the way, not a step)."""
    status = onboarding.status
    if status != Status.FAILED:
        return status
    if onboarding.configured_at:
        return Status.CONFIGURED
    if onboarding.consented_at:
        return Status.CONSENTED
    return Status.STARTED if onboarding.started_at else Status.LINK_SENT


@cache
def step_words(language: str | None) -> list[str]:
    """The words of all steps, translated once instead of six times for each row of a list."""
    return [step.words for step in STEPS]


def steps(onboarding: Onboarding) -> list[dict[str, Any]]:
    """The step bar of a list row: the step reached last is the current one."""
    last = reached(onboarding)
    at = STEPS.index(last)
    states = ["done"] * at + ["current"] + ["todo"] * (len(STEPS) - at - 1)
    words = [*step_words(get_language())]
    if last == Status.COMPLETED:
        states[at] = "complete"
    if onboarding.error_code:
        states[at], words[at] = "error", Status.FAILED.words
    elif last == Status.LINK_SENT:
        words[at] = link_words(onboarding)
    return [
        {"word": word, "state": state, "current": n == at}
        for n, (word, state) in enumerate(zip(words, states, strict=True))
    ]


def link_words(onboarding: Onboarding) -> str:
    """R7: the first step says "sending…" until the mail server accepted the link, and "not delivered" if it refused."""
    message = onboarding.link_message
    if message is None or message.state in {Message.State.SENT, Message.State.OBSOLETE}:
        return Status.LINK_SENT.words
    words = _("{product} Activation link: {state}")
    return words.format(product=settings.PRODUCT_NAME, state=message.get_state_display())


def journey(onboarding: Onboarding) -> list[dict[str, str]]:
    """The steps of the activation page: what is done, what comes next, what went wrong."""
    rows = [{"word": step.words, "detail": "", "state": "todo"} for step in STEPS]
    last = STEPS.index(reached(onboarding))
    for row in rows[: last + 1]:
        row["state"] = "done"
    if onboarding.status == Status.IMPORTING:
        rows[last]["state"] = "current"
    elif last + 1 < len(rows):
        rows[last + 1]["state"] = "current"
    if onboarding.waits_for_us and not onboarding.connected:
        rows[last + 1]["detail"] = _("Accepted. We wait until Microsoft shows it, which usually takes a minute or two.")
    if onboarding.error_code:
        rows[min(last + 1, len(rows) - 1)].update(state="error", detail=Status.FAILED.words)
    return rows


def progress(onboarding: Onboarding) -> dict | None:
    """How many of the tenant's users the running import has read; None when nothing is counted."""
    run = onboarding.running_import()
    if run is None or not run.total:
        return None
    return {"label": _("Users"), "done": min(run.done, run.total), "total": run.total}


def waiting(onboarding: Onboarding, at: datetime) -> dict[str, str]:
    """Whom a pending row waits for, and since when."""
    since = dates.span(at - onboarding.waiting_since)
    if onboarding.subscription.withdrawn_at:
        return {"text": _("Nobody: withdrawn"), "since": ""}
    return {"text": waited_for(onboarding, at), "since": since}


def waited_for(onboarding: Onboarding, at: datetime) -> str:
    message = onboarding.link_message
    if onboarding.waits_for_us:
        return _("Us")
    if message is not None and message.state == Message.State.REFUSED and onboarding.started_at is None:
        return _("You: correct the notification email")
    if not onboarding.connected and at >= onboarding.link_expires_at:
        return _("You: send a new link")
    return _("The Partner") if onboarding.organization.kind == "partner" else _("The customer")
