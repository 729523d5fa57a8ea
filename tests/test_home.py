"""The start page: a distributor's Partners, a Partner's own subscription."""

import pytest

from subscriptions.models import Subscription
from tests.factories import DAY, NOW, OperatorFactory, pending_partner


@pytest.fixture
def words(signed_in):
    return lambda operator: signed_in(operator).get("/").content.decode()


def test_a_distributor_starts_with_its_partners(signed_in, alice, victor):
    for operator in (alice, victor):
        assert signed_in(operator).get("/").url == "/invoice/partners/"


def test_bob_reads_that_northwind_is_in_production(words, bob):
    page = words(bob)
    assert "<h1>Northwind</h1>" in page
    assert "You are in Production. Questions about it? Ask Contoso Distribution." in page


def test_charlie_reads_when_the_trial_upgrades(words, charlie):
    sentence = "Your trial upgrades to Production on 3 Dec 2026, 09:00 UTC. Contoso Distribution can extend, block or cancel it"
    assert sentence in words(charlie)


@pytest.mark.parametrize(
    ("facts", "sentence"),
    [
        ({"blocked_at": NOW}, "Your trial ends on 3 Dec 2026, 09:00 UTC. Contoso Distribution has blocked"),
        ({"cancelled_at": NOW}, "Your trial is over and so is your access. Contoso Distribution can convert it"),
        (
            {"held_at": NOW, "hold_reason": "refused", "upgrade_at": NOW + 3 * DAY},
            "Your trial upgrades to Production on 4 Dec 2026, 09:00 UTC.",
        ),
    ],
)
def test_every_other_state_says_what_happens_next(words, charlie, facts, sentence):
    Subscription.objects.filter(pk=charlie.organization_id).update(**facts)
    assert sentence in words(charlie)


def test_while_the_import_runs_the_trial_has_not_started(words, contoso):
    ada = OperatorFactory(organization=pending_partner(contoso))
    assert "Your trial starts when the import of your Microsoft 365 tenant is complete." in words(ada)


def test_a_partner_sees_what_it_holds_and_who_its_distributor_is(signed_in, bob):
    facts = {fact["label"]: fact["value"] for fact in signed_in(bob).get("/").context["facts"]}
    assert facts["Your distributor"] == "Contoso Distribution"
    assert facts["Seats"] == 50
    assert facts["Included"].startswith("Essentials MSP 2025, Professional MSP 2025")


def test_the_theme_and_the_zone_are_kept(signed_in, bob):
    answer = signed_in(bob).post("/preferences/", {"theme": "dark", "time_zone": "Europe/Rome", "next": "/?x=1"})
    assert (answer.status_code, answer.url) == (303, "/?x=1")
    bob.refresh_from_db()
    assert (bob.theme, bob.time_zone) == ("dark", "Europe/Rome")
