"""Send a reminder: the live link once more in friendly words, not more than one mail a day; through the door."""

import pytest
from django.urls import reverse

from partnerapp.models import Event, Message
from tests.factories import DAY, HOUR, NOW, TICK, fresh, pending_partner


def post(client, *rows):
    return client.post(reverse("send_reminder"), {"id": [row.pk for row in rows]})


def sent(row, at):
    """The welcome mail went out at this instant."""
    row.onboarding._send_link(at)
    Message.objects.filter(pk=row.onboarding.link_message.pk).update(state="sent", accepted_at=at)
    return fresh(row)


@pytest.fixture
def adatum(contoso):
    return sent(pending_partner(contoso), NOW - 2 * DAY)


def test_apply_sends_the_same_link_in_other_words(signed_in, alice, adatum):
    link = adatum.onboarding.link()
    assert post(signed_in(alice, htmx=True), adatum).status_code == 204
    message = Message.objects.get(kind="onboarding.reminder")
    assert (message.recipient, message.about_at) == (adatum.notification_email, NOW)
    row = fresh(adatum).onboarding
    assert (row.link(), row.link_message) == (link, message)
    assert Event.objects.get(organization=adatum).kind == "reminder_sent"
    assert row.waiting_since == adatum.onboarding.waiting_since


@pytest.mark.parametrize(("ago", "fine"), [(DAY - TICK, False), (DAY, True)])
def test_not_more_than_one_mail_a_day(contoso, ago, fine):
    row = sent(pending_partner(contoso), NOW - ago)
    assert row.onboarding.reminding(NOW).allowed is fine


def test_the_second_press_says_from_when(signed_in, alice, adatum):
    client = signed_in(alice, htmx=True)
    post(client, adatum)
    Message.objects.filter(kind="onboarding.reminder").update(state="sent", accepted_at=NOW)
    answer = post(client, adatum)
    assert answer.status_code == 422
    assert "A reminder can follow from 2 Dec 2026, 09:00 UTC." in answer.content.decode()


def test_while_a_mail_waits_there_is_nothing_to_remind_of(contoso):
    row = pending_partner(contoso)
    row.onboarding._send_link(NOW - 3 * DAY)
    assert "is being sent at the moment" in fresh(row).onboarding.reminding(NOW).refusal


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"link_expires_at": NOW - HOUR}, "Resend it, which renews it."),
        ({"subscription__withdrawn_at": NOW - HOUR}, "The invitation was withdrawn"),
    ],
)
def test_a_dead_link_is_not_reminded_of(contoso, facts, words):
    assert words in pending_partner(contoso, **facts).onboarding.reminding(NOW).refusal


def test_several_at_once(signed_in, alice, contoso, adatum):
    other = sent(pending_partner(contoso, "Proseware"), NOW - 3 * DAY)
    assert post(signed_in(alice, htmx=True), adatum, other).status_code == 204
    assert Message.objects.filter(kind="onboarding.reminder").count() == 2
