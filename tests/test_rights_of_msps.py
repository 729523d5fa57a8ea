"""What an MSP's people may do with its customers: a Viewer nothing, and little while the MSP is not active (R27)."""

import uuid

import pytest

from partnerapp.models import Event, Operator
from subscriptions.models import Subscription
from tests.factories import DAY, NOW, OperatorFactory, customer, fresh, pending_customer
from tests.trees import ACTIONS, FORM, TRIAL_ACTIONS

STILL = {"withdraw", "cancel_trial"}  # and dates that come forward: test_edit_skus_and_expiration_date.py
ERROR = {"error_code": "consent_not_visible", "error_at": NOW - DAY, "consenter_oid": uuid.UUID(int=1)}


@pytest.fixture
def customers(bob) -> dict[bool, int]:
    """The id of a trial, in which each action on a trial is possible, and of one on its way."""
    northwind = fresh(bob.organization)
    return {True: customer(northwind, "Woodgrove", ends_in=2 * DAY).pk, False: pending_customer(northwind, **ERROR).pk}


def answer(client, url, customers):
    return client.post(url, FORM | {"id": customers[url in TRIAL_ACTIONS]})


@pytest.mark.parametrize("url", ACTIONS)
def test_a_viewer_changes_nothing(signed_in, bob, customers, url):
    vera = OperatorFactory(organization=bob.organization, name="Vera Voss", role=Operator.Role.VIEWER)
    refused = answer(signed_in(vera), url, customers)
    assert (refused.status_code, Event.objects.count()) == (403, 0)
    assert "Your role is Viewer. Ask an Admin of Northwind to do this." in refused.content.decode()


@pytest.mark.parametrize("url", ACTIONS)
def test_while_the_msp_is_suspended_little_is_left(signed_in, bob, customers, url):
    suspended = {"suspended_at": NOW - DAY, "suspended_reason": "Unpaid"}
    Subscription.objects.filter(pk=bob.organization_id).update(**suspended)
    answered = answer(signed_in(bob), url, customers)
    if url.split("/")[-2] in STILL:
        assert answered.status_code in {200, 303}
    else:
        assert (answered.status_code, Event.objects.count()) == (422, 0)
        assert "Northwind is suspended since 30 Nov 2026, 09:00 UTC." in answered.content.decode()


@pytest.mark.parametrize("url", ACTIONS)
def test_an_admin_of_an_active_msp_may(signed_in, bob, customers, url):
    """So that the tests above refuse something."""
    assert answer(signed_in(bob), url, customers).status_code in {200, 303} or url.endswith("send_reminder/")
