"""R13: staff release a Microsoft 365 tenant where there is no access to lose, and allow another trial."""

import uuid

import pytest

from onboarding.models import tenancy
from partnerapp.actions import Refused
from partnerapp.models import Event, Organization
from subscriptions import invariants
from tests.factories import DAY, HOUR, NOW, customer, fresh, partner, pending_partner

REFUSED = {
    "trial": ({}, "Cancel the trial"),
    "held": (
        {"ends_in": -HOUR, "upgrade_at": NOW + DAY, "held_at": NOW - HOUR, "hold_reason": "away"},
        "Cancel the trial",
    ),
    "production": ({"converted_at": NOW - DAY}, "End the production account"),
    "suspended": (
        {"converted_at": NOW - 9 * DAY, "suspended_at": NOW - DAY, "suspended_reason": "Unpaid"},
        "End the production account",
    ),
    "cancelled": ({"cancelled_at": NOW - DAY}, ""),
    "expired": ({"ends_in": -HOUR, "blocked_at": NOW - DAY}, ""),
}


@pytest.mark.parametrize("state", REFUSED)
def test_only_without_access_to_lose(contoso, stan, state):
    facts, sentence = REFUSED[state]
    row = partner(contoso, **facts)
    assert row.subscription.tenant_release(NOW).allowed is (not sentence)
    assert sentence in row.subscription.tenant_release(NOW).refusal
    assert not (row.subscription.has_access(NOW) and row.subscription.tenant_release(NOW).allowed)


def test_what_is_not_connected_or_goes_on(contoso):
    assert "has no Microsoft 365 tenant" in pending_partner(contoso).subscription.tenant_release(NOW).refusal
    connected = pending_partner(contoso, "Coho")
    Organization.objects.filter(pk=connected.pk).update(tid=uuid.uuid4())
    assert "Withdraw the invitation" in fresh(connected).subscription.tenant_release(NOW).refusal


@pytest.fixture
def expired(contoso):
    return partner(contoso, "Tailspin", ends_in=-HOUR, blocked_at=NOW - DAY)


def test_another_organization_may_have_it_then(contoso, stan, expired):
    new = pending_partner(contoso)
    assert tenancy.refusal(new.onboarding, expired.tid) == "tenant_taken"
    expired.subscription.release_tenant(by=stan, at=NOW, reason="Moved")
    assert tenancy.refusal(new.onboarding, expired.tid) == "trial_repeated"
    new.onboarding.allow_another_trial(by=stan, at=NOW, reason="Agreed")
    assert tenancy.refusal(fresh(new).onboarding, expired.tid) == ""


def test_the_event_says_who_what_and_why(stan, expired):
    expired.subscription.release_tenant(by=stan, at=NOW, reason="Moved")
    event = Event.objects.get(organization=expired)
    assert (event.kind, event.actor_kind, event.reason) == ("tenant_released", "staff", "Moved")
    assert (event.before, event.after) == ({"tid_released_at": None}, {"tid_released_at": "2026-12-01T09:00:00Z"})


def test_once(stan, expired):
    expired.subscription.release_tenant(by=stan, at=NOW, reason="Moved")
    with pytest.raises(Refused, match="was released on 1 Dec 2026"):
        fresh(expired).subscription.release_tenant(by=stan, at=NOW + DAY, reason="Moved")


def test_converting_claims_it_again_or_is_refused(alice, contoso, stan, expired):
    expired.subscription.release_tenant(by=stan, at=NOW, reason="Moved")
    other = partner(contoso, "Wingtip")
    Organization.objects.filter(pk=other.pk).update(tid=expired.tid)
    with pytest.raises(Refused, match="cannot be connected here again"):
        fresh(expired).subscription.convert(by=alice, at=NOW)
    Organization.objects.filter(pk=other.pk).update(tid=uuid.uuid4())
    assert fresh(expired).subscription.convert(by=alice, at=NOW).organization.tid_released_at is None


@pytest.fixture
def over(contoso):
    """A customer whose expiration date is past."""
    northwind = partner(contoso, "Northwind", converted_at=NOW - 9 * DAY)
    facts = {"expires_on": (NOW - 2 * DAY).date(), "suspended_at": NOW.replace(hour=0) - DAY}
    return customer(northwind, converted_at=NOW - 8 * DAY, **facts)


def test_a_customer_that_is_over_lets_it_go_and_must_claim_it_to_come_back(stan, over):
    """Nobody can cancel or end a customer in production: its date does."""
    row = over.subscription.release_tenant(by=stan, at=NOW, reason="Moved")
    assert invariants.production_without_its_tenant(NOW).count() == 0
    back = row.edit(by=stan, at=NOW, products=row.held(), expires_on=None, reason="Came back")
    assert (back.state(NOW), back.organization.tid_released_at) == ("production", None)


def test_it_does_not_come_back_while_another_one_has_the_tenant(stan, over, contoso):
    over.subscription.release_tenant(by=stan, at=NOW, reason="Moved")
    other = partner(contoso, "Wingtip")
    Organization.objects.filter(pk=other.pk).update(tid=over.tid)
    row = fresh(over).subscription
    with pytest.raises(Refused, match="cannot be connected here again"):
        row.edit(by=stan, at=NOW, products=row.held(), expires_on=None)
    assert fresh(over).subscription.state(NOW) == "suspended"


def test_a_customer_in_production_ends_first(contoso):
    below = customer(partner(contoso, converted_at=NOW - DAY), converted_at=NOW - DAY)
    assert "Set an expiration date" in below.subscription.tenant_release(NOW).refusal


# Another trial ------------------------------------------------------------------------------------------------------


def test_another_trial_is_allowed_once_and_kept_with_who_and_why(contoso, stan):
    row = pending_partner(contoso).onboarding.allow_another_trial(by=stan, at=NOW, reason="Agreed")
    kept = (row.repeat_trial_allowed_at, row.repeat_trial_allowed_by, row.repeat_trial_allowed_reason)
    assert kept == (NOW, stan, "Agreed")
    with pytest.raises(Refused, match="Another trial was allowed on 1 Dec 2026"):
        row.allow_another_trial(by=stan, at=NOW + DAY, reason="Again")


def test_a_tenant_that_another_one_has_now_stays_refused(contoso, stan):
    """R13: allowing a trial releases nothing."""
    northwind = partner(contoso)
    row = pending_partner(contoso).onboarding.allow_another_trial(by=stan, at=NOW, reason="Agreed")
    assert tenancy.refusal(row, northwind.tid) == "tenant_taken"
