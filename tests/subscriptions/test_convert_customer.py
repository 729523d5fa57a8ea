"""Convert to production account for customers (R24): by the Admin of a Partner in production, Source = MSP."""

from datetime import date

import pytest

from partnerapp.actions import Refused
from partnerapp.models import Event, Message, Operator, Organization
from subscriptions.models import Period, SubscriptionProduct
from tests.factories import DAY, HOUR, NOW, customer, fresh, pending_customer, pending_partner

URL = "/organizations/actions/convert_to_production/"
ESSENTIALS, PROFESSIONAL, AUDIT = "essentials-msp-2025", "professional-msp-2025", "audit-2025"
IN_TRIAL = "This option is not available for MSPs in trial, but only for those in production."


@pytest.fixture
def northwind(bob):
    return fresh(bob.organization)


@pytest.fixture
def woodgrove(northwind):
    row = customer(northwind, "Woodgrove")
    SubscriptionProduct.objects.filter(subscription=row.pk).exclude(product=ESSENTIALS).delete()
    return fresh(row)


def post(client, *rows, **form):
    return client.post(URL, {"id": [row.pk for row in rows], "sku": ESSENTIALS} | form)


def test_the_panel_asks_for_the_date_and_the_products_as_they_are(signed_in, bob, woodgrove):
    page = signed_in(bob, htmx=True).get(f"{URL}?id={woodgrove.pk}").content.decode()
    assert f'value="{ESSENTIALS}" id="id_sku_0" checked' in page.replace(" required", "")
    assert "Expiration date" in page
    assert "From then on it is billed as a production tenant of Northwind." in page
    assert "Subscription level" not in page


def test_apply_converts_with_a_date_and_other_products_in_one_event(signed_in, bob, alice, woodgrove):
    answer = post(signed_in(bob, htmx=True), woodgrove, sku=PROFESSIONAL, add_ons=[AUDIT], expires_on="2026-12-31")
    assert answer.status_code == 204
    row = fresh(woodgrove).subscription
    assert (row.state(NOW), row.converted_by, row.expires_on) == ("production", bob, date(2026, 12, 31))
    assert row.held() == {PROFESSIONAL, AUDIT}
    assert Period.objects.get(organization=woodgrove).starts_at == NOW
    event = Event.objects.get(organization=woodgrove)
    assert (event.kind, event.after["products"], event.after["expires_on"]) == (
        "converted",
        [AUDIT, PROFESSIONAL],
        "2026-12-31",
    )


def test_its_owners_admins_its_address_and_the_distributors_admins_are_told(alice, bob, victor, woodgrove):
    woodgrove.subscription.convert(by=bob, at=NOW)
    told = {(mail.kind.partition(".")[2], mail.recipient) for mail in Message.objects.all()}
    assert told == {
        ("converted", bob.email), ("converted", woodgrove.notification_email), ("customer_converted", alice.email),
    }  # fmt: skip


def test_several_keep_what_they_have(signed_in, bob, northwind, woodgrove):
    """R24, R32: as they are, also in bulk; one that is not connected is left out."""
    alpine, pending = customer(northwind, "Alpine"), pending_customer(northwind, "Coho")
    client = signed_in(bob, htmx=True)
    answer = client.post(URL, {"id": [woodgrove.pk, alpine.pk, pending.pk], "sku": ""})
    assert answer.status_code == 204
    assert "Left out: Coho." in answer.headers["HX-Trigger"]
    assert [fresh(row).subscription.held() for row in (woodgrove, alpine)] == [{ESSENTIALS}, alpine.subscription.held()]


STATES = {
    "trial": {},
    "held": {"ends_in": -HOUR, "upgrade_at": NOW + DAY, "held_at": NOW - HOUR, "hold_reason": "refused"},
    "expired": {"ends_in": -HOUR, "blocked_at": NOW - DAY},
    "cancelled": {"cancelled_at": NOW - DAY},
}


@pytest.mark.parametrize("state", STATES)
def test_it_is_possible_in_every_state_of_a_trial(bob, northwind, state):
    row = customer(northwind, "Alpine", **STATES[state])
    assert row.subscription.convert(by=bob, at=NOW).state(NOW) == "production"


def test_an_msp_in_trial_reads_the_guides_reason(signed_in, charlie, fabrikam):
    row = customer(fabrikam, "Alpine")
    answer = post(signed_in(charlie, htmx=True), row)
    assert answer.status_code == 422
    assert IN_TRIAL in answer.content.decode()
    assert IN_TRIAL in signed_in(charlie).get(f"{URL}?id={row.pk}").content.decode()
    assert fresh(row).subscription.converted_at is None


def test_one_that_the_vendor_added_is_converted_by_its_staff(signed_in, bob, woodgrove):
    """R24: Source = MSP."""
    Organization.objects.filter(pk=woodgrove.pk).update(source="vendor")
    answer = post(signed_in(bob, htmx=True), woodgrove)
    assert answer.status_code == 403
    assert "Woodgrove was added by the Vendor" in answer.content.decode()
    stan = Operator.objects.create_superuser("stan", "stan@vendor.example", "a password", name="Stan Stone")
    row = fresh(woodgrove).subscription.convert(by=stan, at=NOW, reason="Asked by mail")
    assert row.state(NOW) == "production"
    event = Event.objects.get(organization=woodgrove)
    assert (event.actor_kind, event.reason) == ("staff", "Asked by mail")


@pytest.mark.parametrize(
    "path", ["convert_to_production", "extend_trial", "cancel_trial", "edit_skus_and_expiration_date"]
)
def test_the_distributor_sees_it_and_cannot_touch_it(signed_in, alice, woodgrove, path):
    """R29."""
    url = f"/organizations/actions/{path}/?id={woodgrove.pk}"
    for answer in (signed_in(alice).get(url), signed_in(alice, htmx=True).post(url, {"sku": ESSENTIALS})):
        assert answer.status_code == 403
        assert "Only Northwind can do this for Woodgrove." in answer.content.decode()
    assert not Event.objects.filter(organization=woodgrove).exists()


def test_another_msp_cannot_tell_it_from_nothing(signed_in, charlie, woodgrove):
    assert post(signed_in(charlie, htmx=True), woodgrove).status_code == 404


def test_the_msp_itself_is_not_its_own_customer(signed_in, bob, northwind, contoso):
    answer = post(signed_in(bob, htmx=True), northwind)
    assert answer.status_code == 403
    assert "Only Contoso Distribution can do this for Northwind." in answer.content.decode()


@pytest.mark.parametrize("form", [{"sku": "nonsense"}, {"sku": ""}, {"expires_on": "2026-11-30"}, {"add_ons": "x"}])
def test_nonsense_is_answered_by_the_form(signed_in, bob, woodgrove, form):
    answer = post(signed_in(bob, htmx=True), woodgrove, **form)
    assert (answer.status_code, bool(answer.context["form"].errors)) == (422, True)


def test_a_date_that_is_over_by_the_time_of_apply_is_refused_by_the_verb(bob, woodgrove):

    with pytest.raises(Refused, match="must lie in the future"):
        woodgrove.subscription.convert(by=bob, at=NOW, expires_on=date(2026, 11, 30))
    assert not Period.objects.filter(organization=woodgrove).exists()


def test_what_the_partner_does_not_hold_is_refused(signed_in, bob, northwind, woodgrove):
    SubscriptionProduct.objects.filter(subscription=northwind.pk, product=AUDIT).update(until_at=NOW)
    answer = post(signed_in(bob, htmx=True), woodgrove, add_ons=[AUDIT])
    assert answer.status_code == 422
    assert "add_ons" in answer.context["form"].errors


def test_while_its_partner_is_pending_nothing_is_converted_by_hand(bob, contoso):
    row = customer(pending_partner(contoso, "Adatum"), "Alpine")
    assert row.subscription.conversion(NOW).refusal.startswith(IN_TRIAL)
