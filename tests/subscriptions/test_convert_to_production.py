"""Convert to production account (R23): a Partner, by hand, any time once its tenant is connected; billing starts (R25)."""

import re
import uuid

import pytest
from django.urls import reverse

from partnerapp.actions import Refused
from partnerapp.models import Event, Message
from subscriptions.models import Period
from tests.factories import DAY, HOUR, NOW, customer, fresh, notice, partner, pending_partner

PRODUCTION = {"level": "production"}


def url(*organizations):
    return reverse("convert_to_production") + "?" + "&".join(f"id={organization.pk}" for organization in organizations)


def test_apply_makes_it_production_from_now_on(signed_in, alice, fabrikam):
    response = signed_in(alice, htmx=True).post(url(fabrikam), PRODUCTION)
    assert response.status_code == 204
    assert "organizations-changed" in response.headers["HX-Trigger"]
    row = fresh(fabrikam).subscription
    assert (row.level, row.state(NOW), row.converted_at, row.converted_by) == ("PRODUCTION", "production", NOW, alice)
    assert row.wake_at is None


def test_its_period_starts_at_the_same_instant_and_is_open(alice, fabrikam):
    fabrikam.subscription.convert(by=alice, at=NOW)
    period = Period.objects.get(organization=fabrikam)
    assert (period.starts_at, period.ends_at, period.cause) == (NOW, None, "converted")


def test_without_htmx_it_goes_back_to_the_list(signed_in, alice, fabrikam):
    response = signed_in(alice).post(url(fabrikam), PRODUCTION | {"next": "/invoice/partners/"})
    assert (response.status_code, response.url) == (303, "/invoice/partners/")


@pytest.mark.parametrize("data", [{}, {"level": "trial"}, {"level": "gold"}])
def test_apply_with_the_level_unchanged_does_nothing(signed_in, alice, fabrikam, data):
    assert signed_in(alice, htmx=True).post(url(fabrikam), data).status_code == 422
    assert fresh(fabrikam).subscription.converted_at is None
    assert not Period.objects.filter(organization=fabrikam).exists()


def test_the_panel_starts_with_trial_and_says_what_follows(signed_in, alice, fabrikam):
    page = signed_in(alice, htmx=True).get(url(fabrikam)).content.decode()
    assert '<option value="trial" selected>' in page
    assert "There is no way back to a trial." in page
    assert "Fabrikam becomes Production now, 1 Dec 2026, 09:00 UTC." in page
    assert "From then on its production tenants are billed to Contoso Distribution." in page
    assert "Billed from 1 Dec 2026, 09:00 UTC, if you apply now" in page


def test_the_event_says_who_what_when(alice, fabrikam):
    fabrikam.subscription.convert(by=alice, at=NOW)
    event = Event.objects.get(organization=fabrikam, kind="converted")
    assert (event.actor, event.actor_kind, event.at) == ("Alice Adler", "operator", NOW)
    assert (event.before["converted_at"], event.after["converted_at"]) == (None, "2026-12-01T09:00:00Z")


def test_the_admins_and_the_partner_are_told_and_queued_notices_are_not_sent(alice, fabrikam):
    queued = notice(fabrikam, alice, accepted_at=None)
    fabrikam.subscription.convert(by=alice, at=NOW)
    told = Message.objects.filter(kind="subscriptions.converted", about_at=NOW)
    assert set(told.values_list("recipient", flat=True)) == {alice.email, fabrikam.notification_email}
    assert Message.objects.get(pk=queued.pk).state == Message.State.OBSOLETE


def test_a_double_submit_bills_once(signed_in, alice, fabrikam):
    client = signed_in(alice, htmx=True)
    assert client.post(url(fabrikam), PRODUCTION).status_code == 204
    again = client.post(url(fabrikam), PRODUCTION)
    assert again.status_code == 422
    assert "Already in production since 1 Dec 2026, 09:00 UTC." in again.content.decode()
    assert Period.objects.filter(organization=fabrikam).count() == 1


@pytest.mark.parametrize(
    "facts",
    [
        {"blocked_at": NOW - DAY},
        {"ends_in": -HOUR},
        {"ends_in": -HOUR, "blocked_at": NOW - DAY},
        {"ends_in": -HOUR, "upgrade_at": NOW + DAY, "held_at": NOW - HOUR, "hold_reason": "refused"},
        {"extended_at": NOW - DAY},
    ],
    ids=["blocked", "upgrade due", "expired", "held", "extended"],
)
def test_it_is_possible_in_every_state_of_a_trial(signed_in, alice, contoso, facts):
    other = partner(contoso, **facts)
    assert signed_in(alice, htmx=True).post(url(other), PRODUCTION).status_code == 204
    assert fresh(other).subscription.state(NOW) == "production"


def test_while_the_import_runs_it_converts_and_then_no_trial_starts(signed_in, alice, contoso):
    importing = pending_partner(
        contoso, tid=uuid.uuid4(), started_at=NOW - DAY, started_oid=uuid.uuid4(), consented_at=NOW - DAY
    )
    importing.tid = uuid.uuid4()
    importing.save()
    assert signed_in(alice, htmx=True).post(url(importing), PRODUCTION).status_code == 204
    row = fresh(importing).subscription.begin(at=NOW + HOUR, seats=7)
    assert (row.state(NOW + HOUR), row.started_at, row.seats) == ("production", None, 7)


def test_before_its_tenant_is_connected_it_says_why_not(signed_in, alice, contoso):
    response = signed_in(alice, htmx=True).post(url(pending_partner(contoso)), PRODUCTION)
    assert response.status_code == 422
    assert "Its Microsoft 365 tenant is not connected yet." in response.content.decode()


def test_a_withdrawn_one_says_why_not(signed_in, alice, contoso):
    gone = partner(contoso, withdrawn_at=NOW - DAY)
    response = signed_in(alice, htmx=True).post(url(gone), PRODUCTION)
    assert response.status_code == 422
    assert "The invitation was withdrawn on 30 Nov 2026, 09:00 UTC." in response.content.decode()


def test_a_cancelled_one_claims_its_tenant_again(signed_in, alice, fabrikam):
    fabrikam.subscription.cancel(by=alice, at=NOW - HOUR)
    assert signed_in(alice, htmx=True).post(url(fabrikam), PRODUCTION).status_code == 204
    row = fresh(fabrikam)
    assert (row.tid_released_at, row.subscription.cancelled_at) == (None, None)
    assert row.subscription.state(NOW) == "production"


def test_a_cancelled_one_whose_tenant_is_elsewhere_is_refused(signed_in, alice, fabrikam, contoso):
    fabrikam.subscription.cancel(by=alice, at=NOW - HOUR)
    other = partner(contoso, "Tailspin")
    other.tid = fabrikam.tid
    other.save()
    response = signed_in(alice, htmx=True).post(url(fabrikam), PRODUCTION)
    assert response.status_code == 422
    assert "Its Microsoft 365 tenant was released and cannot be connected here again" in response.content.decode()
    assert fresh(fabrikam).subscription.state(NOW) == "cancelled"


def test_a_tenant_that_is_connected_elsewhere_meanwhile_is_refused_too(alice, fabrikam, contoso, monkeypatch):
    """The rule has looked, then somebody was faster: the unique index decides, and nothing is left half done."""
    fabrikam.subscription.cancel(by=alice, at=NOW - HOUR)
    other = partner(contoso, "Tailspin")
    other.tid = fabrikam.tid
    other.save()
    monkeypatch.setattr(type(fabrikam), "tenant_taken", lambda self: False)
    with pytest.raises(Refused, match="cannot be connected here again"):
        fresh(fabrikam).subscription.convert(by=alice, at=NOW)
    assert not Period.objects.filter(organization=fabrikam).exists()


def test_a_stale_page_finds_the_verb_refusing(alice, fabrikam):
    stale = fresh(fabrikam).subscription
    fabrikam.subscription.convert(by=alice, at=NOW)
    with pytest.raises(Refused, match="Already in production"):
        stale.convert(by=alice, at=NOW)


def test_a_viewer_reads_why_not(signed_in, victor, fabrikam):
    response = signed_in(victor).post(url(fabrikam), PRODUCTION)
    assert response.status_code == 403
    assert "Your role is Viewer." in response.content.decode()


def test_the_partner_itself_cannot(signed_in, charlie, fabrikam):
    assert signed_in(charlie).post(url(fabrikam), PRODUCTION).status_code == 403
    assert fresh(fabrikam).subscription.converted_at is None


def test_another_distributor_cannot_tell_it_from_nothing(signed_in, mallory, fabrikam):
    client = signed_in(mallory)
    foreign = client.post(url(fabrikam), PRODUCTION)
    missing = client.post(reverse("convert_to_production") + "?id=999999", PRODUCTION)
    assert foreign.status_code == missing.status_code == 404
    assert fresh(fabrikam).subscription.converted_at is None


def test_both_of_two_are_converted_and_the_pending_one_is_left_out(signed_in, alice, contoso):
    two, pending = [partner(contoso, name) for name in ("Tailspin", "Wingtip")], pending_partner(contoso)
    assert "2 of 3 selected" in signed_in(alice, htmx=True).get(url(*two, pending)).content.decode()
    assert signed_in(alice, htmx=True).post(url(*two, pending), PRODUCTION).status_code == 204
    assert [fresh(o).subscription.level for o in (*two, pending)] == ["PRODUCTION", "PRODUCTION", "TRIAL"]
    assert Period.objects.count() == 2


# What was seen is what is applied -----------------------------------------------------------------------------------

CONVERT = "/organizations/actions/convert_to_production/"


@pytest.fixture
def opened(signed_in, alice, contoso):
    """Alice opened the drawer for two trials: her browser, the trials, and what her form will send."""
    rows = [partner(contoso, name, ends_in=2 * DAY) for name in ("Fabrikam", "Tailspin")]
    client = signed_in(alice, htmx=True)
    page = client.get(f"{CONVERT}?" + "&".join(f"id={row.pk}" for row in rows)).content.decode()
    sent = {name: re.findall(f'name="{name}" value="([^"]+)"', page) for name in ("id", "seen")}
    return client, rows, sent | {"level": "production"}


def test_both_are_converted_when_nothing_changed(opened):
    client, rows, form = opened
    assert client.post(CONVERT, form).status_code == 204
    assert {fresh(row).subscription.level for row in rows} == {"PRODUCTION"}


def test_a_trial_that_was_cancelled_meanwhile_is_not_converted(opened, alice):
    """R23 would allow it, but who pressed Apply saw a running trial."""
    client, (cancelled, other), form = opened
    cancelled.subscription.cancel(by=alice, at=NOW)
    answer = client.post(CONVERT, form)
    assert (fresh(cancelled).subscription.level, fresh(other).subscription.level) == ("TRIAL", "PRODUCTION")
    assert "Tailspin is in Production now. Left out: Fabrikam." in answer.headers["HX-Trigger"]


def test_alone_it_is_refused_and_says_so(opened, alice):
    client, (cancelled, _other), form = opened
    cancelled.subscription.cancel(by=alice, at=NOW)
    answer = client.post(CONVERT, form | {"id": form["id"][:1], "seen": form["seen"][:1]})
    assert answer.status_code == 422
    assert "Fabrikam changed since this was opened." in answer.content.decode()


def test_the_billing_counts_production_customers(signed_in, alice, contoso):
    row = partner(contoso, ends_in=2 * DAY, seats=10)
    customer(row, "Woodgrove", converted_at=NOW, seats=5)
    customer(row, "Coho", ends_in=5 * DAY, seats=7)
    answer = signed_in(alice).get(f"{CONVERT}?id={row.pk}")
    assert answer.context["billed"] == {"tenants": 1, "seats": 5}
    assert "Its own tenant, 10 seats: at 0.00" in answer.content.decode()
