"""Mail: a message composed from its templates, and the sender that empties the outbox.

A mail goes to one recipient, with a Message-ID made from the message's id, so that the rare second copy is recognizable.
"""

import contextlib
import logging
import smtplib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from importlib import import_module
from time import monotonic
from urllib.parse import urljoin, urlsplit

import css_inline
from celery.exceptions import SoftTimeLimitExceeded
from django.conf import settings
from django.core.mail.backends.smtp import EmailBackend
from django.core.mail.message import sanitize_address
from django.db import transaction
from django.db.models import F, Q, Value
from django.db.models.functions import Coalesce
from django.template.loader import render_to_string
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from partnerapp import clock
from partnerapp.models import Job, Message

logger = logging.getLogger(__name__)
BATCH = 50
PASS = 120  # seconds after which a pass takes up no more; the next tick goes on
LEASE = timedelta(minutes=5)  # longer than one mail with all its timeouts; then another sender takes the message up
FIRST_PAUSE, LONGEST_PAUSE = timedelta(minutes=1), timedelta(hours=6)
AMBIGUOUS_TRIES = 3  # the first one and at most two more
inliner = css_inline.CSSInliner(load_remote_stylesheets=False, keep_style_tags=True)


class Pointless(Exception):
    """The mail has nothing to say any more: what it announces has come."""


class Deferred(Exception):
    """Try again later: the server is away or said so (4xx)."""


class RefusedByServer(Exception):
    """The server refused this mail for good (5xx)."""


class Ambiguous(Exception):
    """The server may or may not have taken the mail: it fell silent after the text was sent."""


def absolute(path: str) -> str:
    """A link for mails: from `BASE_URL`, never from a request."""
    return urljoin(settings.BASE_URL + "/", path.lstrip("/"))


def why(message: Message) -> str:
    """The last line of a mail: why its reader gets it."""
    if message.operator is None:
        words = _("You get this because this is the notification email of {name} in Partner App.")
    else:
        words = _("You get this because you look after {name} in Partner App.")
    return words.format(name=message.organization.name)


def compose(message: Message) -> EmailMessage:
    """The mail of a message: `templates/emails/<app>/<function>.subject.txt` and `.txt`, filled by the app's composer."""
    app, function, days = message.composer
    zone = message.operator.zone if message.operator else timezone.get_default_timezone()
    with timezone.override(zone), translation.override("en"):
        composer: Callable = getattr(import_module(f"{app}.emails"), function)
        context = {"message": message, "organization": message.organization, "product": settings.PRODUCT_NAME}
        message.composed_at = clock.now()
        context |= {"days": days, "attachments": []} | composer(message)
        return assemble(message, f"emails/{app}/{function}", context)


def words(name: str, context: dict) -> tuple[str, list[str]]:
    """Subject and paragraphs of a mail. They stand once: text and HTML are the same paragraphs in two frames."""
    subject = render_to_string(f"{name}.subject.txt", context, using="text")
    text = render_to_string(f"{name}.txt", context, using="text")
    return " ".join(subject.split()), [p.strip() for p in text.split("\n\n") if p.strip()]


def assemble(message: Message, name: str, context: dict) -> EmailMessage:
    email = EmailMessage()
    email["Subject"], paragraphs = words(name, context)
    email["From"], email["To"] = settings.EMAIL_FROM, sanitize_address(message.recipient, "utf-8")
    email["Message-ID"] = f"<{message.pk}@{urlsplit(settings.BASE_URL).hostname}>"
    email["Date"] = format_datetime(clock.now())
    email["Auto-Submitted"] = "auto-generated"
    framed = context | {"subject": email["Subject"], "paragraphs": paragraphs}
    email.set_content(render_to_string("emails/layout.txt", framed, using="text"))
    email.add_alternative(
        inliner.inline(render_to_string("emails/layout.html", framed, using="django")), subtype="html"
    )
    for filename, calendar in context["attachments"]:
        email.add_attachment(calendar, subtype="calendar", filename=filename)
    return email


@dataclass
class Counts:
    sent: int = 0
    deferred: int = 0
    refused: int = 0
    ambiguous: int = 0
    started: float = field(default_factory=monotonic)

    def as_dict(self) -> dict[str, int]:
        numbers = {name: getattr(self, name) for name in ("sent", "deferred", "refused", "ambiguous")}
        return numbers | {"ms": round((monotonic() - self.started) * 1000)}


def deliver() -> dict[str, int]:
    """One pass of the outbox: everything that is ready now. Returns the counts and `ms`."""
    counts = Counts()
    while monotonic() - counts.started < PASS and (batch := claim(clock.wall())):
        send_batch(batch, counts)
    waiting = Message.objects.filter(state=Message.State.QUEUED, ready_at__lte=clock.wall()).order_by("ready_at")
    oldest = waiting.values_list("ready_at", flat=True).first()
    overdue = int((clock.wall() - oldest).total_seconds()) if oldest else 0
    Job.finished("deliver", wall=clock.wall(), counts=counts.as_dict(), oldest_overdue_s=overdue)
    return counts.as_dict()


def claim(wall: datetime) -> list[Message]:
    """Lease the next ready messages to this sender; a lease that ran out (a dead sender's) is free again."""
    free = Q(lease_until=None) | Q(lease_until__lt=wall)
    ready = Message.objects.filter(free, state=Message.State.QUEUED, ready_at__lte=wall).order_by("ready_at")
    with transaction.atomic():
        ids = list(ready.select_for_update(skip_locked=True).values_list("pk", flat=True)[:BATCH])
        Message.objects.filter(pk__in=ids).update(lease_until=wall + LEASE)
    leased = Message.objects.filter(pk__in=ids, state=Message.State.QUEUED)
    return list(leased.select_related("organization__parent", "operator").order_by("ready_at"))


def send_batch(batch: list[Message], counts: Counts) -> None:
    """Send leased messages over one connection; a bad one never stops the others."""
    line = Line()
    for message in filter(still_mine, batch):
        try:
            line.transmit(compose(message))
        except Ambiguous as error:
            again(message, error, counts, Message.State.AMBIGUOUS if message.attempts + 1 >= AMBIGUOUS_TRIES else None)
        except RefusedByServer as error:
            again(message, error, counts, Message.State.REFUSED)
        except Deferred as error:
            again(message, error, counts)
        except Pointless:
            Message.objects.filter(pk=message.pk).update(state=Message.State.OBSOLETE, lease_until=None)
        except SoftTimeLimitExceeded:
            line.close()
            raise
        except Exception as error:  # a mail that cannot be composed is the mail's fault, not the outbox's
            logger.exception("message %s cannot be composed", message.pk)
            again(message, error, counts)
        else:
            accepted(message, counts)
    line.close()


def still_mine(message: Message) -> bool:
    """Prolong the lease; False if it ran out and another sender took the message up, or if it became obsolete."""
    mine = Message.objects.filter(pk=message.pk, state=Message.State.QUEUED, lease_until=message.lease_until)
    return bool(mine.update(lease_until=clock.wall() + LEASE))


def accepted(message: Message, counts: Counts) -> None:
    """The mail server took it. Also when a verb has made it obsolete meanwhile: it did go out."""
    facts = {"state": Message.State.SENT, "lease_until": None, "last_error": ""}
    first = Coalesce("accepted_at", Value(clock.now()))  # the rare second copy does not make the first one later
    Message.objects.filter(pk=message.pk).update(**facts, accepted_at=first, attempts=F("attempts") + 1)
    counts.sent += 1


def again(message: Message, error: Exception, counts: Counts, final: str | None = None) -> None:
    """Not accepted: try later (1 min … 6 h), or leave it in this final state."""
    pause = min(FIRST_PAUSE * 2 ** min(message.attempts, 9), LONGEST_PAUSE)  # 2**attempts would overflow after a week
    facts = {"last_error": str(error)[:500], "lease_until": None, "ready_at": clock.wall() + pause}
    mine = Message.objects.filter(pk=message.pk, state=Message.State.QUEUED)
    mine.update(**facts, attempts=F("attempts") + 1, state=final or Message.State.QUEUED)
    name = {Message.State.REFUSED: "refused", Message.State.AMBIGUOUS: "ambiguous"}.get(final, "deferred")  # type: ignore[call-overload]
    setattr(counts, name, getattr(counts, name) + 1)


class Line:
    """One SMTP connection, opened when needed and again after it broke. Its steps tell refused, later and unknown apart,
    which `smtplib.sendmail` does not.
    """

    def __init__(self) -> None:
        self.backend = EmailBackend()
        self.away = ""

    def transmit(self, email: EmailMessage) -> None:
        """Hand one mail to the server. Raises Deferred, RefusedByServer or Ambiguous."""
        smtp = self.open()
        try:
            smtp.ehlo_or_helo_if_needed()
            for step, argument in ((smtp.mail, parseaddr(settings.EMAIL_FROM)[1]), (smtp.rcpt, email["To"])):
                judge(smtp, *step(argument))
        except (OSError, smtplib.SMTPException) as error:
            self.close()
            raise Deferred(f"The mail server broke off: {error}") from error
        except UnicodeError:
            self.close()  # half a mail has been said: the next one needs a line of its own
            raise
        try:
            reply: tuple[int, bytes | str] = smtp.data(email.as_bytes(policy=email.policy.clone(linesep="\r\n")))
        except smtplib.SMTPDataError as error:
            reply = error.smtp_code, error.smtp_error  # refused at DATA already: nothing was sent
        except (OSError, smtplib.SMTPException) as error:
            self.close()
            raise Ambiguous(f"The mail server fell silent after the mail was sent: {error}") from error
        judge(smtp, *reply)

    def open(self) -> smtplib.SMTP:
        """The connection. A server that could not be reached is not waited for again, or a batch would take minutes."""
        if self.away:
            raise Deferred(self.away)
        try:
            self.backend.open()
        except (OSError, smtplib.SMTPException) as error:
            self.backend.connection = None
            self.away = f"The mail server cannot be reached: {error}"
            raise Deferred(self.away) from error
        assert self.backend.connection is not None
        return self.backend.connection

    def close(self) -> None:
        try:
            self.backend.close()
        except (OSError, smtplib.SMTPException):
            self.backend.connection = None


def judge(smtp: smtplib.SMTP, code: int, answer: bytes | str) -> None:
    """Sort a reply: 2xx goes on, 5xx refuses, anything else defers; the connection stays usable for the next mail."""
    if 200 <= code < 300:
        return
    text = f"{code} {answer.decode(errors='replace') if isinstance(answer, bytes) else answer}"
    with contextlib.suppress(OSError, smtplib.SMTPException):  # it may have hung up after a 421
        smtp.rset()
    raise RefusedByServer(text) if code >= 500 else Deferred(text)
