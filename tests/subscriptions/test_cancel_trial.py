"""Cancel trial (R18): ends a running or held trial now; it never bills, and its Microsoft 365 tenant is free (R13)."""

import pytest
from django.urls import reverse

from partnerapp.models import Event, Message, Organization
from subscriptions.models import Period
from tests.factories import DAY, HOUR, NOW, fresh, notice, partner, pending_partner


def url(*organizations):
    return reverse("cancel_trial") + "?" + "&".join(f"id={organization.pk}" for organization in organizations)


def test_the_trial_ends_now_with_who_and_why(signed_in, alice, fabrikam):
    response = signed_in(alice, htmx=True).post(url(fabrikam), {"reason": "Chose another product"})
    assert response.status_code == 204
    assert "organizations-changed" in response.headers["HX-Trigger"]
    row = fresh(fabrikam).subscription
    assert (row.cancelled_at, row.cancelled_by, row.cancelled_reason) == (NOW, alice, "Chose another product")
    assert (row.state(NOW), row.has_access(NOW), row.level, row.wake_at) == ("cancelled", False, "TRIAL", None)


def test_the_reason_is_optional_and_the_list_comes_back_without_htmx(signed_in, alice, fabrikam):
    response = signed_in(alice).post(url(fabrikam), {"next": "/invoice/partners/"})
    assert (response.status_code, response.url) == (303, "/invoice/partners/")
    assert fresh(fabrikam).subscription.cancelled_at == NOW


def test_the_buttons_and_the_consequences(signed_in, alice, fabrikam):
    page = signed_in(alice, htmx=True).get(url(fabrikam)).content.decode()
    assert "Cancel trial</button>" in page
    assert "Keep trial</a>" in page
    assert "Nothing is billed for it." in page
    assert fresh(fabrikam).subscription.cancelled_at is None


def test_a_held_trial_can_be_cancelled(alice, contoso):
    held = partner(contoso, ends_in=-HOUR, upgrade_at=NOW + DAY, held_at=NOW - HOUR, hold_reason="away")
    assert held.subscription.cancel(by=alice, at=NOW).state(NOW) == "cancelled"


def test_it_never_bills(alice, fabrikam):
    fabrikam.subscription.cancel(by=alice, at=NOW)
    assert not Period.objects.filter(organization=fabrikam).exists()


def test_the_tenant_is_free_and_stays_as_a_fact(alice, fabrikam, contoso):
    fabrikam.subscription.cancel(by=alice, at=NOW)
    released = fresh(fabrikam)
    assert (released.tid, released.tid_released_at) == (fabrikam.tid, NOW)
    other = partner(contoso, "Tailspin")
    assert Organization.objects.filter(pk=other.pk).update(tid=released.tid) == 1


def test_the_event_says_who_what_when_and_why(alice, fabrikam):
    fabrikam.subscription.cancel(by=alice, at=NOW, reason="Budget")
    event = Event.objects.get(organization=fabrikam)
    assert (event.kind, event.actor, event.at, event.reason) == ("trial_cancelled", "Alice Adler", NOW, "Budget")
    assert (event.before["cancelled_at"], event.after["cancelled_at"]) == (None, "2026-12-01T09:00:00Z")


def test_the_admins_and_the_partner_are_told_and_queued_notices_are_not_sent(alice, fabrikam):
    queued = notice(fabrikam, alice, accepted_at=None)
    fabrikam.subscription.cancel(by=alice, at=NOW)
    told = Message.objects.filter(kind="subscriptions.trial_cancelled", about_at=NOW)
    assert set(told.values_list("recipient", flat=True)) == {alice.email, fabrikam.notification_email}
    assert Message.objects.get(pk=queued.pk).state == Message.State.OBSOLETE


def test_the_second_press_is_refused(signed_in, alice, fabrikam):
    client = signed_in(alice, htmx=True)
    client.post(url(fabrikam))
    response = client.post(url(fabrikam), {"reason": "again"})
    assert response.status_code == 422
    assert "The trial was cancelled on 1 Dec 2026, 09:00 UTC." in response.content.decode()
    assert Event.objects.filter(organization=fabrikam).count() == 1


@pytest.mark.parametrize(
    ("facts", "sentence"),
    [
        ({"converted_at": NOW - DAY}, "Already in production since 30 Nov 2026, 09:00 UTC."),
        ({"withdrawn_at": NOW - DAY}, "The invitation was withdrawn on 30 Nov 2026, 09:00 UTC."),
        ({"ends_in": -HOUR, "blocked_at": NOW - DAY}, "The trial expired on 1 Dec 2026, 08:00 UTC."),
    ],
)
def test_every_other_state_says_why_not(signed_in, alice, contoso, facts, sentence):
    other = partner(contoso, **facts)
    response = signed_in(alice, htmx=True).post(url(other))
    assert response.status_code == 422
    assert sentence in response.content.decode()
    assert fresh(other).tid_released_at is None


def test_a_pending_one_has_no_trial_yet(signed_in, alice, contoso):
    response = signed_in(alice, htmx=True).post(url(pending_partner(contoso)))
    assert response.status_code == 422
    assert "it starts when the import completes" in response.content.decode()


def test_a_reason_of_hidden_characters_is_refused(signed_in, alice, fabrikam):
    assert signed_in(alice, htmx=True).post(url(fabrikam), {"reason": "a\u202eb"}).status_code == 422
    assert fresh(fabrikam).subscription.cancelled_at is None


def test_a_viewer_reads_why_not(signed_in, victor, fabrikam):
    response = signed_in(victor).post(url(fabrikam))
    assert response.status_code == 403
    assert "Your role is Viewer." in response.content.decode()


def test_the_partner_itself_cannot(signed_in, charlie, fabrikam):
    assert signed_in(charlie).post(url(fabrikam)).status_code == 403
    assert fresh(fabrikam).subscription.cancelled_at is None


def test_another_distributor_cannot_tell_it_from_nothing(signed_in, mallory, fabrikam):
    client = signed_in(mallory)
    foreign, missing = client.post(url(fabrikam)), client.post(reverse("cancel_trial") + "?id=999999")
    assert foreign.status_code == missing.status_code == 404
    assert fresh(fabrikam).subscription.cancelled_at is None


def test_two_are_cancelled_together_and_the_third_is_left_out(signed_in, alice, contoso):
    two = [partner(contoso, name) for name in ("Tailspin", "Wingtip")]
    done = partner(contoso, "Northwind", converted_at=NOW - DAY)
    assert "2 of 3 selected" in signed_in(alice, htmx=True).get(url(*two, done)).content.decode()
    assert signed_in(alice, htmx=True).post(url(*two, done)).status_code == 204
    assert [fresh(o).subscription.cancelled_at for o in (*two, done)] == [NOW, NOW, None]
