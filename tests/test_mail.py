"""The outbox over real SMTP: what is composed, and what becomes of it whatever the mail server does."""

import email
import re
from collections import Counter
from datetime import timedelta
from email import policy
from html import unescape
from threading import Barrier, Thread
from uuid import uuid4

import pytest
from django.core.mail.backends.smtp import EmailBackend
from django.db import connection

from onboarding.models import Onboarding
from partnerapp import clock, mail
from partnerapp.demo import mailbox
from partnerapp.demo.directory import free_port
from partnerapp.models import Job, Message, Operator
from subscriptions.terms import EXPIRY_NOTICES, PRODUCTION_MAILS, UPGRADE_NOTICES
from tests.factories import DAY, NOW, fresh, notice, partner

AWKWARD = "Smith & Sons <b>'Ltd' {{7*7}}"
KINDS = [
    "onboarding.activation_link", "onboarding.import_completed", "onboarding.stopped",
    "onboarding.consent_needed", "onboarding.reminder",
    "partnerapp.operator_invitation", *UPGRADE_NOTICES, *EXPIRY_NOTICES,
    *(f"subscriptions.{name}" for name in (
        "upgrade_held", "trial_extended", "upgrade_blocked", "upgrade_restored", "trial_cancelled", "trial_expired",
        "converted", "customer_converted", "production_suspended", "production_reinstated", "partner_ended",
    )), *PRODUCTION_MAILS,
]  # fmt: skip


WORDS = {"link_version": 1, "code": "consent_revoked", "detail": ""}  # what some kinds are told by what queues them


class Inbox:
    """What the mail server took, in order of arrival."""

    def __init__(self, folder) -> None:
        self.folder = folder

    def mails(self):
        files = sorted(self.folder.glob("*.eml"))
        return [email.message_from_bytes(file.read_bytes(), policy=policy.default) for file in files]

    def to(self):
        return [mail["To"] for mail in self.mails()]


@pytest.fixture
def inbox(tmp_path, settings):
    """The demo's mail server, and the settings that lead to it."""
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", free_port()
    with mailbox.running(tmp_path, settings.EMAIL_PORT):
        yield Inbox(tmp_path)


@pytest.fixture
def no_server(settings):
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", free_port()


def queue(organization, *recipients, kind="subscriptions.converted"):
    Message.queue(kind, organization, about_at=NOW, to=recipients)
    return Message.objects.get(
        organization=organization, kind=kind, recipient=getattr(recipients[-1], "email", recipients[-1])
    )


def deliver():
    """What a pass did: its counts that are not 0."""
    return {name: count for name, count in mail.deliver().items() if count and name != "ms"}


def again(message):
    """Its pause is over."""
    Message.objects.filter(pk=message.pk).update(ready_at=clock.wall())


def pause(message):
    message.refresh_from_db()
    return message.ready_at - clock.wall()


def near(length, expected):
    return abs(length - expected) < timedelta(seconds=30)


# Composed ---------------------------------------------------------------------------------------------------------------


def test_a_mail_is_sent_as_text_and_html_and_remembered(inbox, fabrikam):
    message = queue(fabrikam, "it@fabrikam.example")
    assert deliver() == {"sent": 1}
    [sent] = inbox.mails()
    assert [part.get_content_type() for part in sent.walk()] == ["multipart/alternative", "text/plain", "text/html"]
    assert (sent["Message-ID"], sent["From"]) == (f"<{message.pk}@localhost>", mail.settings.EMAIL_FROM)
    message.refresh_from_db()
    assert (message.state, message.accepted_at, message.attempts) == ("sent", NOW, 1)
    assert deliver() == {}


@pytest.fixture
def awkward(alice, contoso):
    """A Partner and a distributor with names that must stay as they are written, in a stopped onboarding."""
    type(contoso).objects.filter(pk=contoso.pk).update(name="Contoso <i> & Co")
    row = partner(fresh_distributor(contoso), AWKWARD, held_at=NOW, hold_reason="refused")
    error = {"error_code": "missing_permission", "error_detail": "User.Read.All", "error_at": NOW}
    Onboarding.objects.filter(pk=row.pk).update(**error)
    return fresh(row)


def fresh_distributor(contoso):
    return type(contoso).objects.get(pk=contoso.pk)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("by_hand", [{}, {"by": "Zoë O'Neil", "reason": "Costs < 5 & more"}], ids=["System", "Zoë"])
def test_every_kind_composes_with_names_as_they_are_written(awkward, alice, nina, kind, by_hand):
    at, person = (nina.invited_at, nina) if kind.startswith("partnerapp.") else (NOW + 2 * DAY, alice)
    Message.queue(kind, awkward, about_at=at, to=[person], context=WORDS | by_hand)
    composed = mail.compose(Message.objects.get(kind=kind))
    text = composed.get_body(("plain",)).get_content()
    html = composed.get_body(("html",)).get_content()
    for words in (composed["Subject"], text, html):
        assert "None" not in words
        assert not re.search(r"{%|%}|{{(?!7)|{[a-z_]*}|%\(", words)
    assert AWKWARD in composed["Subject"] + text
    assert "<b>" not in html
    assert "&amp;amp;" not in html
    assert AWKWARD in unescape(html)
    assert re.search(r"^http://localhost:8000/\S*$", text, re.MULTILINE)


@pytest.mark.parametrize(
    "kind", sorted({kind for kind in KINDS if kind.startswith("subscriptions.") and kind[-1] > "9"})
)
def test_who_did_it_and_why_are_told_where_somebody_did(awkward, alice, kind):
    Message.queue(
        kind, awkward, about_at=NOW + 2 * DAY, to=[alice], context={"by": "Zoë O'Neil", "reason": "Costs < 5"}
    )
    text = mail.compose(Message.objects.get(kind=kind)).get_body(("plain",)).get_content()
    by_hand = kind.partition(".")[2] not in {"upgrade_held", "trial_expired", "customer_converted"}
    assert ("by Zoë O'Neil." in text) == by_hand


def test_no_kind_of_the_code_is_missing_here():
    """The kinds above are all that have a template."""
    folder = mail.settings.BASE_DIR / "templates" / "emails"
    templates = {
        f"{path.parent.name}.{path.name.removesuffix('.subject.txt')}" for path in folder.glob("*/*.subject.txt")
    }
    assert templates == {re.sub(r"_\d+$", "", kind) for kind in KINDS}


def test_instants_are_told_in_the_operators_time_zone_and_to_others_in_utc(fabrikam, alice):
    alice.time_zone = "Europe/Berlin"
    alice.save()
    queue(fabrikam, alice, "it@fabrikam.example")
    texts = {m.recipient: mail.compose(m).get_body(("plain",)).get_content() for m in Message.objects.all()}
    assert "1 Dec 2026, 10:00 CET" in texts[alice.email]
    assert "1 Dec 2026, 09:00 UTC" in texts["it@fabrikam.example"]


def test_a_trial_mail_carries_a_calendar_entry_that_moves_when_the_trial_is_extended(fabrikam, alice):
    first = calendar(mail.compose(notice(fabrikam, alice, accepted_at=None)))
    fabrikam.subscription.extend(by=alice, at=NOW)
    moved = calendar(mail.compose(Message.objects.get(kind="subscriptions.trial_extended", operator=alice)))
    assert (first["DTSTART"], moved["DTSTART"]) == ("20261203T090000Z", "20261210T090000Z")
    assert first["UID"] == moved["UID"]
    assert int(moved["SEQUENCE"]) > int(first["SEQUENCE"])


def calendar(composed):
    [attached] = [part for part in composed.iter_attachments() if part.get_content_type() == "text/calendar"]
    return dict(line.split(":", 1) for line in attached.get_content().split() if ":" in line)


# Refused, later, silent, away -------------------------------------------------------------------------------------------


def test_a_refused_one_keeps_the_servers_reason_and_is_not_tried_again(inbox, fabrikam):
    message = queue(fabrikam, "it@refused.example")
    assert deliver() == {"refused": 1}
    message.refresh_from_db()
    assert (message.state, message.last_error) == ("refused", "550 5.1.1 No such mailbox")
    again(message)
    assert deliver() == {}


def test_later_means_later_and_later_from_a_minute_to_six_hours(inbox, fabrikam):
    message = queue(fabrikam, "it@later.example")
    minutes = []
    for _ in range(11):
        assert deliver() == {"deferred": 1}
        minutes.append(round(pause(message) / timedelta(minutes=1)))
        again(message)
    assert minutes == [1, 2, 4, 8, 16, 32, 64, 128, 256, 360, 360]
    assert (message.state, message.attempts) == ("queued", 11)


def test_one_that_was_put_off_for_weeks_does_not_stop_the_outbox(inbox, fabrikam):
    message = queue(fabrikam, "it@later.example")
    Message.objects.update(attempts=2_000)
    queue(fabrikam, "it@fabrikam.example")
    assert deliver() == {"sent": 1, "deferred": 1}
    assert near(pause(message), timedelta(hours=6))


def test_before_its_pause_is_over_nothing_is_tried(inbox, fabrikam):
    queue(fabrikam, "it@later.example")
    deliver()
    assert deliver() == {}


def test_silence_after_the_text_is_tried_three_times_and_then_told_as_it_is(inbox, fabrikam):
    message = queue(fabrikam, "it@silent.example")
    for count in ("deferred", "deferred", "ambiguous"):
        assert deliver() == {count: 1}
        again(message)
    message.refresh_from_db()
    assert (message.state, message.attempts, message.accepted_at) == ("ambiguous", 3, None)
    assert "fell silent" in message.last_error
    assert deliver() == {}


def test_a_server_that_is_away_loses_nothing(no_server, fabrikam, request):
    message = queue(fabrikam, "it@fabrikam.example")
    assert deliver() == {"deferred": 1}
    assert near(pause(message), timedelta(minutes=1))
    inbox = request.getfixturevalue("inbox")
    again(message)
    assert deliver() == {"sent": 1}
    assert inbox.to() == ["it@fabrikam.example"]


def test_a_server_that_is_away_is_asked_once_per_batch(no_server, fabrikam, monkeypatch):
    """Each attempt may cost 10 seconds."""
    calls, open_ = [], EmailBackend.open
    monkeypatch.setattr(EmailBackend, "open", lambda self: calls.append(self) or open_(self))
    for number in range(10):
        queue(fabrikam, f"{number}@fabrikam.example")
    assert deliver() == {"deferred": 10}
    assert len(calls) == 1


@pytest.mark.parametrize(
    ("reply", "state", "error"), [("421 4.3.2 Going down", "queued", "421"), ("554 5.7.1 Spam", "refused", "554")]
)
def test_an_answer_after_the_text_counts_even_if_the_server_hangs_up(settings, tmp_path, fabrikam, reply, state, error):
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", free_port()
    message = queue(fabrikam, "it@fabrikam.example")
    with mailbox.running(tmp_path, settings.EMAIL_PORT) as server:
        server.handler = HangsUp(tmp_path, reply)
        deliver()
    message.refresh_from_db()
    assert (message.state, message.last_error[:3]) == (state, error)


class HangsUp(mailbox.Mailbox):
    """Answers the text of a mail with `reply` and closes the connection at RSET."""

    def __init__(self, folder, reply) -> None:
        super().__init__(folder)
        self.reply = reply

    async def handle_DATA(self, server, session, envelope):  # noqa: N802
        return self.reply

    async def handle_RSET(self, server, session, envelope):  # noqa: N802
        server.transport.close()


def test_moods_of_one_recipient_do_not_hurt_the_others_of_the_batch(inbox, fabrikam):
    moods = ["refused", "fabrikam", "later", "fabrikam", "silent", "fabrikam"]
    for number, mood in enumerate(moods):
        queue(fabrikam, f"{number}@{mood}.example")
    assert deliver() == {"sent": 3, "refused": 1, "deferred": 2}
    assert sorted(inbox.to()) == ["1@fabrikam.example", "3@fabrikam.example", "5@fabrikam.example"]


def test_an_address_with_letters_of_other_scripts_is_written_to(inbox, fabrikam):
    queue(fabrikam, "it@bücher.example")
    assert deliver() == {"sent": 1}
    assert inbox.to() == ["it@xn--bcher-kva.example"]


def test_one_that_cannot_be_composed_does_not_stop_nineteen_others(inbox, fabrikam):
    for number in range(20):
        queue(fabrikam, f"{number}@fabrikam.example")
    poison = Message.objects.get(recipient="7@fabrikam.example")
    Message.objects.filter(pk=poison.pk).update(kind="subscriptions.no_such_mail")
    assert deliver() == {"sent": 19, "deferred": 1}
    assert len(inbox.mails()) == 19
    poison.refresh_from_db()
    assert poison.state == "queued"
    assert "no_such_mail" in poison.last_error


# Leases and doubles -----------------------------------------------------------------------------------------------------


def test_a_lease_that_ran_out_is_taken_up(inbox, fabrikam):
    message = queue(fabrikam, "it@fabrikam.example")
    assert [m.pk for m in mail.claim(clock.wall())] == [message.pk]  # by a sender that dies then
    assert deliver() == {}
    Message.objects.update(lease_until=clock.wall())
    assert deliver() == {"sent": 1}


def test_an_obsolete_one_is_not_sent(inbox, fabrikam):
    queue(fabrikam, "it@fabrikam.example")
    Message.retire(fabrikam, ["subscriptions.converted"])
    assert deliver() == {}
    assert inbox.mails() == []


def test_an_obsolete_one_whose_instant_holds_again_is_sent_once(inbox, fabrikam):
    queue(fabrikam, "it@fabrikam.example")
    Message.retire(fabrikam, ["subscriptions.converted"])
    queue(fabrikam, "it@fabrikam.example")
    assert deliver() == {"sent": 1}


def test_one_that_a_verb_made_obsolete_while_it_was_on_its_way_counts_as_sent(inbox, fabrikam):
    message = queue(fabrikam, "it@fabrikam.example")
    [leased] = mail.claim(clock.wall())
    Message.retire(fabrikam, ["subscriptions.converted"])
    mail.accepted(leased, mail.Counts())
    message.refresh_from_db()
    assert (message.state, message.accepted_at) == ("sent", NOW)


def test_each_mail_is_queued_once_per_organization_kind_instant_and_recipient(contoso, fabrikam, alice):
    for _ in range(2):
        queue(fabrikam, alice, "it@fabrikam.example", alice.email)
    queue(fabrikam, alice, kind="subscriptions.trial_expired")
    Message.queue("subscriptions.converted", fabrikam, about_at=NOW + DAY, to=[alice])
    queue(partner(contoso, "Tailspin"), alice)
    assert Counter(Message.objects.values_list("recipient", flat=True)) == {alice.email: 4, "it@fabrikam.example": 1}
    assert Message.objects.filter(recipient=alice.email, operator=None).count() == 0


def test_one_that_was_sent_is_not_queued_again(inbox, fabrikam):
    queue(fabrikam, "it@fabrikam.example")
    deliver()
    queue(fabrikam, "it@fabrikam.example")
    assert deliver() == {}


def test_what_another_sender_took_up_meanwhile_is_not_sent_again(inbox, fabrikam):
    """A slow sender's lease ran out in the middle of its batch."""
    queue(fabrikam, "it@fabrikam.example")
    slow, counts = mail.claim(clock.wall()), mail.Counts()
    Message.objects.update(lease_until=clock.wall())
    [quick] = mail.claim(clock.wall())
    mail.send_batch(slow, counts)
    assert counts.sent == 0
    mail.send_batch([quick], counts)
    assert inbox.to() == ["it@fabrikam.example"]


def test_what_became_obsolete_in_a_waiting_batch_is_not_sent(inbox, fabrikam):
    queue(fabrikam, "it@fabrikam.example")
    batch, counts = mail.claim(clock.wall()), mail.Counts()
    Message.retire(fabrikam, ["subscriptions.converted"])
    mail.send_batch(batch, counts)
    assert inbox.mails() == []


@pytest.mark.django_db(transaction=True)
def test_two_senders_at_once_send_each_mail_once(inbox, fabrikam, monkeypatch):
    monkeypatch.setattr(mail, "BATCH", 4)
    addresses = [f"{number}@fabrikam.example" for number in range(24)]
    for address in addresses:
        queue(fabrikam, address)
    start, sent = Barrier(2), []

    def send():
        start.wait(5)
        sent.append(mail.deliver()["sent"])
        connection.close()

    threads = [Thread(target=send) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sum(sent) == 24
    assert Counter(inbox.to()) == Counter(addresses)


def test_the_heartbeat_tells_counts_and_the_oldest_that_waits(inbox, fabrikam):
    queue(fabrikam, "it@fabrikam.example")
    deliver()
    job = Job.objects.get(name="deliver")
    assert job.counts["sent"] == 1
    assert clock.wall() - job.last_ok_at < timedelta(seconds=30)


def test_an_invitation_goes_to_the_invited(inbox, contoso, nina):
    Message.queue("partnerapp.operator_invitation", contoso, about_at=nina.invited_at, to=[nina])
    assert deliver() == {"sent": 1}
    [sent] = inbox.mails()
    assert nina.invitation_token() in sent.get_body(("plain",)).get_content()


@pytest.mark.parametrize(
    "facts", [{"invited_at": NOW}, {"disabled_at": NOW}, dict.fromkeys(["tid", "oid"], uuid4()) | {"accepted_at": NOW}]
)
def test_an_invitation_whose_link_is_dead_is_not_sent(inbox, contoso, nina, facts):
    Message.queue("partnerapp.operator_invitation", contoso, about_at=nina.invited_at, to=[nina])
    Operator.objects.filter(pk=nina.pk).update(**facts)
    assert (deliver(), Message.objects.get().state) == ({}, "obsolete")
