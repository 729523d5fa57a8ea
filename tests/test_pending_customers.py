"""Manage › Pending customers: the same list as Pending Partners, one level below."""

import json

import pytest

from partnerapp.models import Event, Organization
from tests.factories import DAY, NOW, OperatorFactory, fresh, partner, pending_customer
from tests.test_partners import cells
from tests.test_pending_partners import CONFIGURED, CONSENTED, MISSING, STARTED, importing

URL = "/manage/customers/pending/"


@pytest.fixture
def northwind(bob):
    return fresh(bob.acts_for)


def row(client, name="Coho"):
    return cells(client.get(URL).content.decode(), name)


def test_the_columns_of_a_partner(signed_in, bob, northwind):
    """The copy button comes first."""
    coho = pending_customer(northwind)
    page = signed_in(bob).get(URL).content.decode()
    assert page.index('aria-label="Copy activation link of Coho"') < page.index('aria-label="Coho"')
    assert cells(page, "Coho")[2:] == [
        "Coho", "MSP", coho.notification_email, "CoreView Activation link sent", "The customer 1 day", "–", "–",
        "31 Dec 2026",
    ]  # fmt: skip


def test_a_distributor_has_the_partner_too_and_grey_buttons(signed_in, alice, northwind):
    """R29."""
    pending_customer(northwind, **CONSENTED, **MISSING)
    answer = signed_in(alice).get(URL)
    assert cells(answer.content.decode(), "Coho")[2:5] == ["Coho", "MSP", "Northwind"]
    (shown,) = answer.context["rows"]
    sentence = "Only Northwind can do this for Coho."
    assert (shown["copy"]["refusal"], shown["error"]["retry_refusal"]) == (sentence, sentence)


def test_what_a_distributor_presses_is_refused(signed_in, alice, northwind):
    coho = pending_customer(northwind)
    for action in ("copy_activation_link", "resend_activation_link", "reset_link", "withdraw", "try_again"):
        answer = signed_in(alice).post(f"/organizations/actions/{action}/?id={coho.pk}")
        assert (action, answer.status_code) == (action, 403)
        assert "Only Northwind can do this for Coho." in answer.content.decode()


def test_errors_and_messages_are_counted_and_the_latest_is_shown(signed_in, bob, northwind):
    coho = pending_customer(northwind, **CONSENTED)
    for kind in ("pre_import_error", "tried_again", "pre_import_error"):
        Event.record(coho, kind, at=NOW, by=None)
    assert row(signed_in(bob))[7:9] == ["2", "3 Pre-import error 1 Dec, 09:00 UTC"]


def test_the_count_of_messages_stops_at_a_thousand(signed_in, bob, northwind):
    """Whoever has the link can press its button as often as they like."""
    coho = pending_customer(northwind)
    facts = {**coho.branch, "at": NOW, "actor": "Somebody", "actor_kind": "visitor", "kind": "activation_pressed"}
    Event.objects.bulk_create(Event(organization=coho, **facts) for _ in range(1_001))
    assert row(signed_in(bob))[8] == "1,000+ Activation link opened 1 Dec, 09:00 UTC"


def test_a_partners_pending_ones_are_seen_by_nobody_beside_or_elsewhere(signed_in, mallory, charlie, northwind):
    pending_customer(northwind)
    for who in (mallory, charlie):
        answer = signed_in(who).get(URL)
        assert answer.context["rows"] == []
        assert "Coho" not in answer.content.decode()


def test_an_import_that_completes_moves_to_customers(signed_in, bob, northwind):
    """R5."""
    coho = pending_customer(northwind, **CONFIGURED)
    importing(coho, done=30, total=45)
    client = signed_in(bob, htmx=True)
    url = client.get(URL).context["poll"]["url"]
    Organization.objects.filter(pk=coho.pk).update(tid=CONFIGURED["tid"])
    fresh(coho).subscription.begin(at=NOW, seats=40)
    answer = client.get(url)
    assert "Import completed: moved to Customers" in answer.content.decode()
    toast = json.loads(answer.headers["HX-Trigger"])["toast"]
    assert (toast["text"], toast["href"]) == ("Coho: import completed. It is in Customers now.", "/manage/customers/")
    assert '<span class="count" id="count-customers" hx-swap-oob="true">1</span>' in answer.content.decode()


ALLOWED = {  # what the operators of an inactive Partner may do with a pending row (R27)
    "copy_activation_link": False,
    "resend_activation_link": False,
    "change_notification_email": False,
    "reset_link": False,
    "try_again": False,
    "withdraw": True,
}


@pytest.mark.parametrize("action", ALLOWED)
def test_an_inactive_partner_withdraws_and_no_more(signed_in, contoso, action):
    """R27."""
    wingtip = partner(contoso, "Wingtip", ends_in=-DAY, blocked_at=NOW - 2 * DAY)
    broken = STARTED | MISSING | {"consenter_oid": STARTED["started_oid"]}
    coho = pending_customer(wingtip, **(broken if action in {"try_again", "reset_link"} else {}))
    client = signed_in(OperatorFactory(organization=wingtip))
    form = {"email": "new@coho.example", "reason": ""}
    answer = client.post(f"/organizations/actions/{action}/?id={coho.pk}", form)
    said = "Until Wingtip is active again, its operators can read, withdraw invitations" in answer.content.decode()
    assert (answer.status_code, said) == ((303, False) if ALLOWED[action] else (422, True))


def test_the_tenants_own_people_may_try_again_whatever_the_partners_state(contoso):
    wingtip = partner(contoso, "Wingtip", ends_in=-DAY, blocked_at=NOW - 2 * DAY)
    coho = pending_customer(wingtip, **STARTED, **MISSING, consenter_oid=STARTED["started_oid"])
    assert coho.onboarding.try_again(by="Cora Cohn", at=NOW, wall=NOW).error_code == ""


def test_withdrawing_says_how_to_invite_again(signed_in, bob, northwind):
    coho = pending_customer(northwind)
    page = signed_in(bob).get(f"/organizations/actions/withdraw/?id={coho.pk}").content.decode()
    assert "To invite again, add the customer again." in page


def test_the_number_of_queries_does_not_grow_with_the_rows(
    signed_in, alice, northwind, django_assert_max_num_queries, settings
):
    settings.DEMO = False
    client, counts = signed_in(alice), []
    for many in (3, 27):
        for n in range(many):
            pending_customer(northwind, f"Customer {many} {n}", **CONSENTED, **MISSING)
        with django_assert_max_num_queries(10) as queries:
            client.get(URL)
        counts.append(len(queries))
    assert counts[0] == counts[1]
