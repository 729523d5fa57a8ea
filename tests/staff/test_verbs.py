"""R34: staff have the operators' verbs and some of their own, under the same rules, with a reason."""

import uuid

import pytest

from onboarding.models import Onboarding
from partnerapp.models import Event
from partnerapp.pages.staff.organizations import VERBS
from subscriptions.models import Subscription
from tests.factories import DAY, HOUR, NOW, customer, fresh, partner, pending_customer, pending_partner


def trial(contoso):
    return partner(contoso, ends_in=2 * DAY)


def production(contoso):
    return partner(contoso, converted_at=NOW - 9 * DAY)


def suspended(contoso):
    return partner(contoso, converted_at=NOW - 9 * DAY, suspended_at=NOW - DAY, suspended_reason="Unpaid")


def expired(contoso):
    return partner(contoso, ends_in=-HOUR, blocked_at=NOW - DAY)


def customer_in_production(contoso):
    return customer(production(contoso), converted_at=NOW - DAY)


def vendors_customer(contoso):
    made = customer(production(contoso))
    made.source = "vendor"
    made.save()
    return fresh(made)


def stopped(contoso):
    error = {"error_code": "consent_not_visible", "error_at": NOW, "consenter_oid": uuid.uuid4()}
    return pending_partner(contoso, **error)


ALLOWED = {  # verb: (where it is allowed, the form, the event's kind)
    "extend_trial": (trial, {}, "trial_extended"),
    "manage_subscription_upgrade": (trial, {"upgrade": "block"}, "upgrade_blocked"),
    "convert_to_production": (vendors_customer, {"sku": "essentials-msp-2025"}, "converted"),
    "edit_skus_and_expiration_date": (customer_in_production, {"sku": "essentials-msp-2025"}, "edited"),
    "cancel_trial": (trial, {}, "trial_cancelled"),
    "suspend": (production, {}, "suspended"),
    "reinstate": (suspended, {}, "reinstated"),
    "end": (production, {}, "ended"),
    "change_products": (production, {"products": ["essentials-msp-2025", "audit-2025"]}, "products_changed"),
    "release_tenant": (expired, {}, "tenant_released"),
    "resend_activation_link": (pending_partner, {}, "link_resent"),
    "send_reminder": (pending_partner, {}, "reminder_sent"),
    "change_notification_email": (pending_partner, {"email": "new@adatum.example"}, "notification_email_changed"),
    "reset_link": (pending_partner, {}, "link_reset"),
    "withdraw": (pending_partner, {}, "invitation_withdrawn"),
    "try_again": (stopped, {}, "tried_again"),
    "allow_another_trial": (pending_partner, {}, "repeat_trial_allowed"),
}
REFUSED = {  # verb: (where it is not, the rule's sentence)
    "extend_trial": (production, "Already in production"),
    "manage_subscription_upgrade": (expired, "The trial expired on"),
    "convert_to_production": (pending_partner, "is not connected yet"),
    "edit_skus_and_expiration_date": (lambda c: customer(expired(c)), "The trial of Fabrikam expired on"),
    "cancel_trial": (pending_partner, "The trial has not started"),
    "suspend": (trial, "Only a Partner in production can be suspended."),
    "reinstate": (production, "Only a suspended Partner can be reinstated."),
    "end": (trial, "Only a Partner in production or a suspended one can be ended."),
    "change_products": (
        lambda c: pending_partner(c, subscription__withdrawn_at=NOW - DAY),
        "The invitation was withdrawn on",
    ),
    "release_tenant": (trial, "Cancel the trial: that releases the tenant."),
    "resend_activation_link": (trial, "the activation link was used"),
    "change_notification_email": (
        lambda c: pending_partner(c, subscription__withdrawn_at=NOW - DAY),
        "The invitation was withdrawn on",
    ),
    "send_reminder": (trial, "the activation link was used"),
    "reset_link": (trial, "the activation link was used"),
    "withdraw": (trial, "the activation link was used"),
    "try_again": (pending_partner, "There is no error to try again after."),
    "allow_another_trial": (trial, "the activation link was used"),
}


def url(organization, verb):
    return f"/admin/partnerapp/organization/{organization.pk}/do/{verb}/"


def facts(organization):
    rows = Subscription.objects.filter(pk=organization.pk), Onboarding.objects.filter(pk=organization.pk)
    return [row.values().get() for row in rows], Event.objects.count()


def test_the_tables_are_whole():
    assert set(ALLOWED) == set(REFUSED) == {drawer.name for drawer in VERBS}


@pytest.mark.parametrize("verb", ALLOWED)
def test_with_a_reason_it_is_done_and_the_event_says_so(staff, contoso, verb):
    make, form, kind = ALLOWED[verb]
    organization = make(contoso)
    answer = staff.post(url(organization, verb), form | {"reason": "Asked for in ticket 12"})
    assert (answer.status_code, answer.url) == (303, f"/admin/partnerapp/organization/{organization.pk}/change/")
    event = Event.objects.get(organization=organization, kind=kind)
    assert (event.actor, event.actor_kind, event.reason) == ("Stan Stone", "staff", "Asked for in ticket 12")
    assert 'class="success"' in staff.get(answer.url).content.decode()


@pytest.mark.parametrize("reason", ["", " \n ", "\u202eknow"])
@pytest.mark.parametrize("verb", ALLOWED)
def test_without_a_reason_nothing_is_done(staff, contoso, verb, reason):
    make, form, _kind = ALLOWED[verb]
    organization = make(contoso)
    before = facts(organization)
    answer = staff.post(url(organization, verb), form | {"reason": reason})
    assert (answer.status_code, facts(organization)) == (422, before)
    assert "errorlist" in answer.content.decode()


@pytest.mark.parametrize("verb", REFUSED)
def test_a_refusal_is_the_rules_sentence_on_the_page_and_in_the_answer(staff, contoso, verb):
    """R30."""
    make, sentence = REFUSED[verb]
    organization = make(contoso)
    before = facts(organization)
    page = staff.get(f"/admin/partnerapp/organization/{organization.pk}/change/").content.decode()
    opened = staff.get(url(organization, verb))
    answer = staff.post(url(organization, verb), ALLOWED[verb][1] | {"reason": "Because"})
    assert (opened.status_code, answer.status_code, facts(organization)) == (200, 422, before)
    for text in (page, opened.content.decode(), answer.content.decode()):
        assert sentence in text


@pytest.mark.parametrize("verb", ALLOWED)
def test_the_page_says_what_will_happen(staff, contoso, verb):
    organization = ALLOWED[verb][0](contoso)
    before = facts(organization)
    page = staff.get(url(organization, verb)).content.decode()
    assert "What will happen" in page
    assert 'name="reason"' in page
    assert facts(organization) == before


def test_what_changed_since_the_page_was_opened_is_not_done(staff, contoso, alice):
    organization = trial(contoso)
    seen = f"{organization.pk}:{organization.subscription.seen(NOW)}"
    organization.subscription.block_upgrade(by=alice, at=NOW)
    answer = staff.post(url(organization, "cancel_trial"), {"reason": "Because", "seen": seen})
    assert answer.status_code == 422
    assert "changed since this was opened" in answer.content.decode()
    assert fresh(organization).subscription.cancelled_at is None


def test_a_partner_keeps_a_sku(staff, contoso):
    organization = production(contoso)
    answer = staff.post(url(organization, "change_products"), {"products": ["audit-2025"], "reason": "Because"})
    assert answer.status_code == 422
    assert "Choose at least one SKU." in answer.content.decode()


def test_products_of_a_partner_are_dated_and_its_customers_keep_theirs(staff, contoso):
    organization = production(contoso)
    below = customer(organization)
    before = below.subscription.holdings.count()
    staff.post(url(organization, "change_products"), {"products": ["essentials-msp-2025"], "reason": "Less"})
    ended = organization.subscription.holdings.filter(until_at=NOW).count()
    assert (ended, organization.subscription.held()) == (4, {"essentials-msp-2025"})
    assert below.subscription.holdings.filter(until_at=None).count() == before


@pytest.mark.parametrize(
    ("make", "verb"), [(customer_in_production, "suspend"), (production, "edit_skus_and_expiration_date")]
)
def test_a_verb_of_another_kind_is_not_there(staff, contoso, make, verb):
    assert staff.get(url(make(contoso), verb)).status_code == 404


def test_a_distributor_has_no_verbs(staff, contoso):
    assert staff.get(url(contoso, "cancel_trial")).status_code == 404
    assert staff.get(f"/admin/partnerapp/organization/{contoso.pk}/change/").status_code == 200


def test_every_state_has_a_page(staff, contoso):
    for make in (
        trial,
        production,
        suspended,
        expired,
        stopped,
        customer_in_production,
        vendors_customer,
        pending_partner,
    ):
        page = f"/admin/partnerapp/organization/{make(contoso).pk}/change/"
        assert staff.get(page).status_code == 200
    assert staff.get(f"/admin/partnerapp/organization/{pending_customer(trial(contoso)).pk}/change/").status_code == 200
