"""Try again (R7): after a Pre-import error the onboarding goes on where it stopped."""

import uuid

import pytest
from django.urls import reverse

from partnerapp import clock
from partnerapp.models import Event, Organization
from tests.factories import DAY, NOW, fresh, pending_partner


def url(organization):
    return f"{reverse('try_again')}?id={organization.pk}"


@pytest.fixture
def proseware(contoso) -> Organization:
    """Consent was granted without a permission."""
    error = {"error_code": "missing_permission", "error_detail": "User.Read.All", "error_at": NOW - DAY, "attempts": 3}
    who = {"tid": uuid.uuid4(), "started_at": NOW - DAY, "started_oid": uuid.uuid4(), "consented_at": NOW - DAY}
    return pending_partner(contoso, "Proseware", **error, **who)


def test_the_error_is_gone_and_the_next_pass_takes_it_up(signed_in, alice, proseware):
    assert signed_in(alice, htmx=True).post(url(proseware)).status_code == 204
    onboarding = fresh(proseware).onboarding
    assert (onboarding.error_code, onboarding.attempts) == ("", 0)
    assert onboarding.next_try_at <= clock.wall()
    assert onboarding.waits_for_us


def test_without_htmx_it_goes_back_to_the_list(signed_in, alice, proseware):
    response = signed_in(alice).post(url(proseware), {"next": reverse("pending_partners")}, follow=True)
    assert response.redirect_chain == [("/invoice/partners/pending/", 303)]
    assert "Trying again: the onboarding of Proseware goes on." in response.content.decode()


def test_the_event_says_who_and_what_the_error_was(signed_in, alice, proseware):
    signed_in(alice).post(url(proseware))
    event = Event.objects.get(organization=proseware, kind="tried_again")
    assert (event.actor, event.before["error_code"]) == ("Alice Adler", "missing_permission")


def test_without_an_error_there_is_nothing_to_try(signed_in, alice, adatum):
    for htmx in (True, False):
        response = signed_in(alice, htmx=htmx).post(url(adatum))
        assert response.status_code == 422
        assert "There is no error to try again after." in response.content.decode()
    assert fresh(adatum).onboarding.next_try_at is None


def test_a_withdrawn_one_is_not_tried_again(signed_in, alice, proseware):
    proseware.onboarding.withdraw(by=alice, at=NOW)
    assert signed_in(alice).post(url(proseware)).status_code == 422
    assert fresh(proseware).onboarding.next_try_at is None


def test_opening_its_address_does_nothing(signed_in, alice, proseware):
    assert signed_in(alice).get(url(proseware)).status_code == 405
    assert fresh(proseware).onboarding.error_code == "missing_permission"


def test_a_viewer_reads_why_not(signed_in, victor, proseware):
    response = signed_in(victor).post(url(proseware))
    assert response.status_code == 403
    assert "Your role is Viewer." in response.content.decode()
    assert fresh(proseware).onboarding.error_code == "missing_permission"


def test_another_distributor_finds_nothing(signed_in, mallory, proseware):
    assert signed_in(mallory).post(url(proseware)).status_code == 404
    assert fresh(proseware).onboarding.error_code == "missing_permission"
