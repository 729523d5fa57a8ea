"""Distributors, the catalogue and the staff's own accounts: what staff add and change, each with an event (R31)."""

import uuid

import pytest

from partnerapp import clock
from partnerapp.actions import Refused
from partnerapp.models import Event, Message, Operator, Organization
from partnerapp.models.distributor import add_distributor
from subscriptions.models import Product
from tests.factories import DAY, NOW, customer, partner

ADD = "/admin/partnerapp/organization/add/"
KEY = str(uuid.UUID(int=7))
FORM = {
    "name": "Tailspin",
    "email": "office@tailspin.example",
    "admin_email": "tina@tailspin.example",
    "request_key": KEY,
}
OPERATORS, PRODUCTS = "/admin/partnerapp/operator/", "/admin/subscriptions/product/"


def test_a_distributor_begins_with_an_invited_admin(staff, stan):
    answer = staff.post(ADD, FORM)
    made = Organization.objects.get(kind="distributor")
    assert (answer.status_code, answer.url) == (303, f"/admin/partnerapp/organization/{made.pk}/change/")
    assert (made.name, made.notification_email, made.created_by) == ("Tailspin", "office@tailspin.example", stan)
    first = Operator.objects.get(organization=made)
    assert (first.email, first.role, first.accepted_at) == ("tina@tailspin.example", "admin", None)
    assert Message.objects.get(kind="partnerapp.operator_invitation").recipient == first.email
    event = Event.objects.get(kind="distributor_added")
    assert (event.actor, event.actor_kind) == ("Stan Stone", "staff")
    assert first.invitation_token() in staff.get(answer.url).content.decode()


def test_the_invitation_names_no_person_of_the_staff(staff, client):
    staff.post(ADD, FORM)
    token = Operator.objects.get(email="tina@tailspin.example").invitation_token()
    page = client.get(f"/invitations/{token}/", HTTP_HOST="localhost").content.decode()
    assert "Vendor staff invited you as Admin." in page
    assert "Stan" not in page


def test_the_same_form_twice_is_one_distributor(staff):
    assert staff.post(ADD, FORM).url == staff.post(ADD, FORM).url
    assert Organization.objects.count() == 1


def test_a_second_one_of_the_same_name_is_refused(staff):
    staff.post(ADD, FORM)
    answer = staff.post(ADD, FORM | {"name": "TAILSPIN", "request_key": str(uuid.UUID(int=8))})
    assert answer.status_code == 422
    assert "There is a distributor TAILSPIN already." in answer.content.decode()
    with pytest.raises(Refused):
        add_distributor(name="Tailspin", email="a@b.example", admin_email="a@b.example", by=None, at=NOW)


@pytest.mark.parametrize(
    "wrong", [{"name": ""}, {"name": "x" * 121}, {"email": "x"}, {"admin_email": ""}, {"name": "\u202e"}]
)
def test_what_is_no_distributor_is_refused(staff, wrong):
    assert staff.post(ADD, FORM | wrong).status_code == 422
    assert not Organization.objects.exists()


def test_a_product_is_added_and_renamed_with_events(staff):
    form = {"code": "backup-2026", "name": "Backup 2026", "kind": "addon", "active": "on"}
    assert staff.post(PRODUCTS + "add/", form).status_code == 302
    assert (
        staff.post(PRODUCTS + "backup-2026/change/", {"name": "Backup 26", "code": "other", "kind": "sku"}).status_code
        == 302
    )
    product = Product.objects.get(code="backup-2026")
    assert (product.name, product.kind, product.active) == ("Backup 26", "addon", False)
    added, changed = Event.objects.order_by("pk")
    assert (added.kind, added.after) == ("product_added", {"of": "backup-2026"} | form | {"active": True})
    assert (changed.kind, changed.before) == ("product_changed", {"name": "Backup 2026", "active": True})
    assert changed.after == {"of": "backup-2026", "name": "Backup 26", "active": False}
    assert (changed.organization, changed.distributor_id, changed.actor) == (None, None, "Stan Stone")


def test_an_inactive_product_is_not_given_to_anybody_any_more(staff, contoso):
    northwind = partner(contoso)
    staff.post(PRODUCTS + "audit-2025/change/", {"name": "Audit 2025"})
    assert "audit-2025" not in Product.for_a_partner().values_list("code", flat=True)
    assert "audit-2025" not in Product.resold_by(northwind).values_list("code", flat=True)
    assert "audit-2025" in northwind.subscription.held()


def test_a_product_is_never_deleted(staff):
    assert staff.post(PRODUCTS + "audit-2025/delete/", {"post": "yes"}).status_code == 403
    assert Product.objects.filter(code="audit-2025").exists()


NEW = {"username": "susi", "name": "Susi Sand", "email": "susi@vendor.example"}
PASSWORDS = {"password1": "riding a slow bus", "password2": "riding a slow bus"}


@pytest.fixture
def susi(staff):
    assert staff.post(OPERATORS + "add/", NEW | PASSWORDS).status_code == 302
    return Operator.objects.get(username="susi")


def test_a_staff_account_is_added_with_an_event_that_keeps_no_password(susi, sign_in):
    assert (susi.is_staff, susi.organization, susi.name) == (True, None, "Susi Sand")
    assert sign_in("susi", PASSWORDS["password1"]).url == "/admin/"
    event = Event.objects.get(kind="staff_added")
    assert event.after == {"of": str(susi.pk)} | NEW
    assert "riding" not in str(Event.objects.values())


def test_another_password_is_set(susi, staff, sign_in):
    new = {"password1": "walking all the way", "password2": "walking all the way"}
    assert staff.get(f"{OPERATORS}{susi.pk}/password/").status_code == 200
    assert staff.post(f"{OPERATORS}{susi.pk}/password/", new).status_code == 302
    assert sign_in("susi", PASSWORDS["password1"]).status_code == 200
    assert sign_in("susi", new["password1"]).url == "/admin/"
    assert Event.objects.get(kind="staff_changed").after == {"of": str(susi.pk), "password": "changed"}


def test_an_account_is_disabled_and_enabled(susi, staff, signed_in):
    browser, form = signed_in(susi), {"name": "Susi Sand", "email": "susi@vendor.example", "time_zone": "UTC"}
    assert staff.post(f"{OPERATORS}{susi.pk}/change/", form).status_code == 302
    assert Operator.objects.get(pk=susi.pk).disabled_at == clock.now()
    assert browser.get("/admin/").status_code == 302
    assert Event.objects.get(kind="staff_changed").after == {"of": str(susi.pk), "enabled": False}
    staff.post(f"{OPERATORS}{susi.pk}/change/", form | {"enabled": "on"})
    assert browser.get("/admin/").status_code == 200


def test_nobody_disables_the_own_account(stan, staff):
    form = {"name": "Stan Stone", "email": "stan@vendor.example", "time_zone": "UTC"}
    answer = staff.post(f"{OPERATORS}{stan.pk}/change/", form)
    assert answer.status_code == 200
    assert "This is your own account." in answer.content.decode()
    assert Operator.objects.get(pk=stan.pk).disabled_at is None


def test_an_operator_is_shown_and_not_changed(staff, alice):
    page = staff.get(f"{OPERATORS}{alice.pk}/change/").content.decode()
    assert alice.email in page
    assert 'name="_save"' not in page
    assert staff.post(f"{OPERATORS}{alice.pk}/change/", {"name": "X", "is_staff": "on"}).status_code == 403
    assert staff.post(f"{OPERATORS}{alice.pk}/password/", PASSWORDS).status_code == 403
    assert Operator.objects.get(pk=alice.pk).password == alice.password


def test_the_vendors_own_events_are_no_operators(staff, alice, susi):
    """R29: an event without an organization stands in no tree."""
    from partnerapp import access

    assert Event.objects.filter(organization=None).count() == 1
    assert list(access.visible_to(alice, Event.objects.all())) == []


def test_an_operator_is_disabled_and_enabled_with_a_reason(staff, alice, victor, signed_in):
    """R34; the last Admin stays (R14)."""
    browser, url = signed_in(victor), f"{OPERATORS}{victor.pk}/do/"
    assert staff.post(f"{url}disable_operator/", {"reason": ""}).status_code == 422
    assert "What will happen" in staff.get(f"{url}disable_operator/").content.decode()
    assert staff.post(f"{url}disable_operator/", {"reason": "Left the company"}).status_code == 303
    assert browser.get("/").status_code == 302
    assert staff.post(f"{url}enable_operator/", {"reason": "Came back"}).status_code == 303
    events = Event.objects.filter(organization=victor.organization).values_list("kind", "actor_kind", "reason")
    assert set(events) == {
        ("operator_disabled", "staff", "Left the company"),
        ("operator_enabled", "staff", "Came back"),
    }
    answer = staff.post(f"{OPERATORS}{alice.pk}/do/disable_operator/", {"reason": "Because"})
    assert answer.status_code == 422
    assert "is the last Admin of" in answer.content.decode()


@pytest.mark.parametrize("path", ["{stan}/do/disable_operator/", "{alice}/do/change_role/", "1/do/disable_operator/"])
def test_other_verbs_and_other_people_are_not_there(staff, stan, alice, path):
    url = OPERATORS + path.format(stan=stan.pk, alice=alice.pk)
    assert staff.post(url, {"reason": "Because", "role": "viewer"}).status_code == 404


# Vendor-sourced customers -------------------------------------------------------------------------------------------

CUSTOMER = {"name": "Coho", "email": "it@coho.example", "sku": "essentials-msp-2025", "request_key": KEY}


@pytest.fixture
def northwind(contoso):
    return partner(contoso, "Northwind", converted_at=NOW)


def add_below(organization):
    return f"/admin/partnerapp/organization/{organization.pk}/customers/add/"


def test_a_customer_of_the_vendors_is_added_below_a_partner(staff, stan, northwind):
    page = staff.get(add_below(northwind)).content.decode()
    assert "What will happen" in page
    answer = staff.post(add_below(northwind), CUSTOMER | {"add_ons": ["audit-2025"]})
    made = Organization.objects.get(name="Coho")
    assert (answer.status_code, answer.url) == (303, f"/admin/partnerapp/organization/{made.pk}/change/")
    assert (made.source, made.parent, made.created_by) == ("vendor", northwind, stan)
    assert made.subscription.held() == {"essentials-msp-2025", "audit-2025"}
    event = Event.objects.get(organization=made, kind="added")
    assert (event.actor, event.actor_kind) == ("Stan Stone", "staff")
    assert Message.objects.get(organization=made).kind == "onboarding.activation_link"
    assert staff.post(add_below(northwind), CUSTOMER).url == answer.url  # the same form twice


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"sku": ""}, "Choose exactly one SKU."),
        ({"sku": ["essentials-msp-2025", "professional-msp-2025"]}, "Choose exactly one SKU."),
        ({"add_ons": ["hybrid-2025"]}, "Northwind does not hold hybrid-2025."),
        ({"sku": "nonsense"}, "Northwind does not hold nonsense."),
        ({"name": "x" * 10_000}, "at most 120 characters"),
    ],
)
def test_what_the_partner_does_not_hold_is_refused(staff, stan, northwind, wrong, sentence):
    products = northwind.subscription.held() - {"hybrid-2025"}
    northwind.subscription.resell(by=stan, at=NOW, products=products, reason="Less")
    answer = staff.post(add_below(northwind), CUSTOMER | wrong)
    assert answer.status_code == 422
    assert sentence in answer.content.decode()
    assert not Organization.objects.filter(kind="customer").exists()


def test_nothing_is_added_below_an_inactive_partner(staff, stan, northwind):
    """R27."""
    northwind.subscription.suspend(by=stan, at=NOW + DAY, reason="Unpaid")
    answer = staff.post(add_below(northwind), CUSTOMER)
    assert answer.status_code == 422
    assert "Northwind is suspended since" in answer.content.decode()


def test_customers_are_added_below_partners_only(staff, contoso, northwind):
    for other in (contoso, customer(northwind)):
        assert staff.post(add_below(other), CUSTOMER).status_code == 404
