"""Invoice › Pending Partners: where each onboarding stands, whom it waits for, and the poll that moves the rows."""

import json
import uuid

import pytest

from onboarding.models import ImportRun
from partnerapp.models import Event, Message, Organization
from tests.factories import DAY, HOUR, NOW, fresh, pending_partner
from tests.test_partners import cells

URL = "/invoice/partners/pending/"
STARTED = {"tid": uuid.uuid4(), "started_at": NOW - DAY, "started_oid": uuid.uuid4()}
CONSENTED = STARTED | {"consented_at": NOW - HOUR, "consenter_oid": uuid.uuid4()}
CONFIGURED = CONSENTED | {"configured_at": NOW - HOUR}
MISSING = {"error_code": "missing_permission", "error_detail": "User.Read.All", "error_at": NOW - HOUR}
REMEDY = "Ask a Global Administrator to accept all the permissions again, then press Try again."


def importing(organization, **progress):
    run = {"tid": organization.onboarding.tid, "ready_at": NOW, "started_at": NOW, "step": "users"} | progress
    return ImportRun.objects.create(organization=organization, **run)


def row(client, name="Adatum"):
    return cells(client.get(URL).content.decode(), name)


@pytest.mark.parametrize(
    ("facts", "words", "waits"),
    [
        ({}, "CoreView Activation link sent", "The Partner 1 day"),
        (STARTED, "Onboarding started", "The Partner 1 day"),
        (STARTED | {"next_try_at": NOW}, "Onboarding started", "Us 1 day"),
        (CONSENTED, "Consent granted", "Us 1 day"),
        (CONFIGURED, "Management configuration", "Us 1 day"),
        (
            CONSENTED | MISSING,
            f"Pre-import error The permission User.Read.All was not granted by the Microsoft 365 tenant. {REMEDY} Try again",
            "The Partner 1 day",
        ),
    ],
)
def test_each_step_has_its_words_and_says_for_whom_it_waits(signed_in, alice, contoso, facts, words, waits):
    """R7."""
    pending_partner(contoso, **facts)
    found = row(signed_in(alice))
    assert found[4:6] == [words, waits]


def test_a_running_import_shows_its_progress(signed_in, alice, contoso):
    importing(pending_partner(contoso, **CONFIGURED), done=412, total=1030)
    assert row(signed_in(alice))[4] == "Running import Users 412 of 1,030"


def test_the_copy_button_comes_first_and_the_link_has_its_end(signed_in, alice, contoso):
    pending_partner(contoso)
    page = signed_in(alice).get(URL).content.decode()
    assert page.index('aria-label="Copy activation link of Adatum"') < page.index('aria-label="Adatum"')
    assert row(signed_in(alice))[8] == "31 Dec 2026"


def test_an_expired_link_says_so(signed_in, alice, contoso):
    pending_partner(contoso, link_expires_at=NOW)
    assert row(signed_in(alice))[8] == "Expired on 1 Dec 2026"


def test_after_consent_the_link_is_used_and_copying_grey(signed_in, alice, contoso):
    pending_partner(contoso, **CONSENTED)
    client = signed_in(alice)
    assert row(client)[8] == "–"
    assert (
        'aria-disabled="true" title="Consent was granted on 1 Dec 2026, 08:00 UTC;' in client.get(URL).content.decode()
    )


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"state": "queued"}, "sending…"),
        ({"state": "sent", "accepted_at": NOW}, ""),
        ({"state": "refused", "last_error": "550 no such user"}, "not delivered: 550 no such user"),
    ],
)
def test_the_row_shows_how_the_mail_fares(signed_in, alice, contoso, facts, words):
    """R7."""
    pending = pending_partner(contoso)
    pending.onboarding.resend(by=alice, at=NOW)
    Message.objects.update(**facts)
    assert row(signed_in(alice))[3] == f"{pending.notification_email} {words}".strip()


def test_errors_are_counted_and_the_latest_event_is_shown(signed_in, alice, contoso):
    pending = pending_partner(contoso, **CONSENTED)
    for _ in range(2):
        Event.record(pending, "pre_import_error", at=NOW, by=None)
    Event.record(pending, "tried_again", at=NOW, by=alice)
    assert row(signed_in(alice))[6:8] == ["2", "3 Tried again 1 Dec, 09:00 UTC"]


def test_errors_come_first_then_who_waits_longest(signed_in, alice, contoso):
    pending_partner(contoso, "New", waiting_since=NOW)
    pending_partner(contoso, "Old", waiting_since=NOW - 9 * DAY)
    pending_partner(contoso, "Broken", **CONSENTED, **MISSING)
    pending_partner(contoso, "Gone", subscription__withdrawn_at=NOW)
    assert [r["name"] for r in signed_in(alice).get(URL).context["rows"]] == ["Broken", "Old", "New"]


def test_nobody_waiting_is_said(signed_in, alice):
    page = signed_in(alice).get(URL).content.decode()
    assert "Nobody is waiting" in page
    assert "data-poll" not in page


def test_a_viewer_sees_the_rows_and_grey_actions(signed_in, victor, contoso):
    """R30: the copy button and Try again included."""
    pending_partner(contoso, **STARTED, **MISSING)
    answer = signed_in(victor).get(URL)
    (shown,) = answer.context["rows"]
    assert shown["copy"]["refusal"].startswith("Your role is Viewer.")
    assert shown["error"]["retry_refusal"].startswith("Your role is Viewer.")


def test_the_poll_is_quick_while_something_moves(signed_in, alice, contoso):
    pending_partner(contoso, "Still")
    client = signed_in(alice)
    assert client.get(URL).context["poll"]["seconds"] == 10
    pending_partner(contoso, "Moving", **CONFIGURED)
    assert client.get(URL).context["poll"]["seconds"] == 2


def test_a_poll_answers_with_the_rows_as_they_are_now(signed_in, alice, contoso):
    pending = pending_partner(contoso, **CONFIGURED)
    client = signed_in(alice, htmx=True)
    url = client.get(URL).context["poll"]["url"]
    importing(pending, done=30, total=45)
    page = client.get(url).content.decode()
    assert "Users 30 of 45" in page
    assert f'<tr id="organization-{pending.pk}"' in page
    assert page.count('hx-swap-oob="true"') == 6  # the row, the counts of both tabs and of three chips


def test_a_poll_asks_for_what_moves_and_each_fifth_time_for_all(signed_in, alice, contoso):
    still, moving = pending_partner(contoso, "Still"), pending_partner(contoso, "Moving", **CONFIGURED)
    client = signed_in(alice, htmx=True)
    url, asked = client.get(URL).context["poll"]["url"], []
    for _poll in range(5):
        answer = client.get(url)
        asked.append({row["name"] for row in answer.context["rows"]})
        url = answer.context["poll"]["url"]
    assert asked == [{moving.name}] * 4 + [{moving.name, still.name}]


@pytest.fixture
def completed(signed_in, alice, contoso):
    """Alice's open page shows Adatum, and then its import completes: her browser and the address that it polls."""
    pending = pending_partner(contoso, **CONFIGURED)
    client = signed_in(alice, htmx=True)
    url = client.get(URL).context["poll"]["url"]
    Organization.objects.filter(pk=pending.pk).update(tid=CONFIGURED["tid"])
    fresh(pending).subscription.begin(at=NOW, seats=40)
    return client, url, pending


def test_a_completed_row_says_so_once_with_a_toast(completed):
    """R5."""
    client, url, _pending = completed
    answer = client.get(url)
    assert "Import completed: moved to Partners" in answer.content.decode()
    toast = json.loads(answer.headers["HX-Trigger"])["toast"]
    assert toast["text"] == "Adatum: import completed. It is in Partners now."
    assert '<span class="count" id="count-partners" hx-swap-oob="true">1</span>' in answer.content.decode()


def test_the_next_poll_takes_it_away(completed):
    client, url, pending = completed
    answer = client.get(client.get(url).context["poll"]["url"])
    assert f'<tr id="organization-{pending.pk}" hx-swap-oob="delete">' in answer.content.decode()
    assert "HX-Trigger" not in answer.headers
    assert "Import completed: moved" not in answer.content.decode()


def test_a_withdrawn_row_leaves_an_open_page(signed_in, alice, contoso):
    pending = pending_partner(contoso)
    client = signed_in(alice, htmx=True)
    url = client.get(URL).context["poll"]["url"]
    pending.onboarding.withdraw(by=alice, at=NOW)
    assert f'<tr id="organization-{pending.pk}" hx-swap-oob="delete">' in client.get(url).content.decode()


def test_the_number_of_queries_does_not_grow_with_the_rows(
    signed_in, alice, contoso, django_assert_max_num_queries, settings
):
    settings.DEMO = False
    client, counts = signed_in(alice), []
    for many in (3, 27):
        for n in range(many):
            importing(pending_partner(contoso, f"Partner {many} {n}", **(CONFIGURED | {"tid": uuid.uuid4()})))
        with django_assert_max_num_queries(10) as queries:
            client.get(URL)
        counts.append(len(queries))
    assert counts[0] == counts[1]
