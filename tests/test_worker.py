"""By itself: a real worker and beat on a real Redis, with the app's own database role, against real SMTP."""

import asyncio
import os
import signal
import sys
from collections import Counter
from contextlib import contextmanager
from datetime import timedelta
from email import message_from_bytes
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import redis
from django.db import connection

from partnerapp import clock
from partnerapp.demo import mailbox, process
from partnerapp.demo.directory import free_port
from partnerapp.models import Job, Message
from subscriptions import invariants
from subscriptions.models import Period
from tests.factories import DAY, HOUR, NOW, fresh, notice, partner

ROOT = Path(__file__).resolve().parents[1]
MAILS = 40
WORKER = ["--queues=celery,lifecycle", "--concurrency", "2", "--without-gossip", "--without-mingle"]
pytestmark = pytest.mark.django_db(transaction=True)


class SlowMailbox(mailbox.Mailbox):
    async def handle_DATA(self, server, session, envelope):  # noqa: N802
        await asyncio.sleep(0.03)
        return await super().handle_DATA(server, session, envelope)


@pytest.fixture
def inbox(tmp_path, settings):
    """The folder of the mails that arrived."""
    settings.EMAIL_PORT, folder = free_port(), tmp_path / "mails"
    with mailbox.running(folder, settings.EMAIL_PORT) as server:
        server.handler = SlowMailbox(folder)
        yield folder


@pytest.fixture
def celery(tmp_path, inbox, settings, redis_server):
    """Start `celery …` as in production, but for the database of this test and a timetable of half seconds."""
    redis.Redis.from_url(redis_server).flushall()
    app_url = urlsplit(os.environ["DATABASE_APP_URL"])._replace(path=f"/{connection.settings_dict['NAME']}")
    environment = os.environ | {
        "DATABASE_URL": app_url.geturl(),
        "DATABASE_AS_OWNER": "0",
        "REDIS_URL": redis_server,
        "EMAIL_URL": f"smtp://127.0.0.1:{settings.EMAIL_PORT}",
    }

    @contextmanager
    def start(*arguments):
        command = [sys.executable, "-m", "celery", "-A", "tests.timetable", *arguments]
        child = process.Child(command, log=tmp_path / f"{arguments[0]}.log", environment=environment, cwd=ROOT)
        try:
            yield child
        finally:
            child.stop()

    return start


def due_partner(contoso, alice, name, due_in):
    """A trial that ends so soon by the machine's clock, announced in time."""
    row = partner(contoso, name, ends_in=clock.wall() + due_in - NOW)
    notice(row, alice, accepted_at=row.subscription.upgrade_at - DAY - HOUR)
    return row


def arrived(inbox):
    """How often each Message-ID arrived."""
    return Counter(message_from_bytes(file.read_bytes())["Message-ID"] for file in inbox.glob("*.eml"))


def eventually(what, seconds=10):
    assert process.wait_until(what, seconds)


def test_a_due_trial_converts_and_its_mail_arrives_by_themselves_whatever_is_killed(contoso, alice, celery, inbox):
    first = due_partner(contoso, alice, "Fabrikam", timedelta(seconds=1))
    with celery("beat", "--schedule", str(inbox / "schedule")):
        with celery("worker", *WORKER) as worker:
            eventually(lambda: fresh(first).subscription.converted_at)
            assert fresh(first).subscription.converted_at >= first.subscription.upgrade_at
            eventually(lambda: len(arrived(inbox)) == 2)
            second = queue_many(contoso, alice)
            eventually(lambda: len(arrived(inbox)) >= 7)
            os.killpg(worker.pid, signal.SIGKILL)
        assert len(arrived(inbox)) < MAILS  # killed in the middle of it
        five_minutes_pass()
        with celery("worker", *WORKER):
            eventually(lambda: fresh(second).subscription.converted_at)
            eventually(lambda: not Message.objects.filter(state="queued").exists())
    assert_nothing_is_lost(inbox, [first, second])


def queue_many(contoso, alice):
    """Mails enough to kill a worker in the middle of them, and another due trial."""
    crowd = partner(contoso, "Crowd")
    Message.queue("subscriptions.upgrade_restored", crowd, about_at=NOW, to=[f"{n}@example.com" for n in range(MAILS)])
    return due_partner(contoso, alice, "Tailspin", timedelta(seconds=2))


def five_minutes_pass():
    """The dead worker's leases run out."""
    Message.objects.filter(lease_until__isnull=False).update(lease_until=clock.wall())


def assert_nothing_is_lost(inbox, converted):
    sent = Message.objects.filter(state="sent", attempts__gt=0)
    assert sent.count() == MAILS + 2 * len(converted)
    copies = arrived(inbox)
    assert set(copies) == {f"<{pk}@localhost>" for pk in sent.values_list("pk", flat=True)}
    assert copies.total() <= sent.count() + 2  # each of two senders may have died between sending and writing it down
    assert Period.objects.filter(organization__in=converted).count() == len(converted)
    assert invariants.broken(clock.wall()) == []
    assert set(Job.objects.values_list("name", flat=True)) == {"sweep", "deliver", "import", "refresh"}
