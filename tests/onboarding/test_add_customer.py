"""Add customer (R3, R4, R6, R27): name, email, exactly one SKU, any add-ons, of what the Partner holds."""

import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections
from django.urls import reverse

from onboarding.models import Onboarding
from partnerapp.actions import Refused
from partnerapp.models import Event, Message, Operator, Organization
from subscriptions.models import Product
from tests.factories import DAY, HOUR, NOW, OperatorFactory, customer, fresh, partner, pending_customer

URL = "/organizations/actions/add_customer/"
COHO = {"name": "Coho", "email": "it@coho.example", "sku": "essentials-msp-2025"}
ADD_ONS = ["audit-2025", "hybrid-2025"]


def form(**changes):
    return COHO | {"request_key": str(uuid.uuid4())} | changes


@pytest.fixture
def add(signed_in, bob):
    """Bob applies the form under htmx."""
    client = signed_in(bob, htmx=True)
    return lambda **changes: client.post(URL, form(**changes))


def customers():
    return Organization.objects.filter(kind="customer")


def held(organization):
    rows = organization.subscription.holdings.filter(until_at=None)
    return sorted(rows.values_list("product", flat=True))


# The drawer ---------------------------------------------------------------------------------------------------------


def test_the_form_asks_what_the_guide_lists(signed_in, bob):
    """R3."""
    fields = signed_in(bob, htmx=True).get(URL).context["form"].visible_fields()
    labels = ["Organization name", "Notification email", "SKU assignment", "Add-on assignment"]
    assert [str(field.label) for field in fields] == labels
    assert [field.field.required for field in fields] == [True, True, True, False]


def test_only_what_the_partner_holds_and_the_vendor_still_sells_is_offered(signed_in, bob):
    bob.acts_for.subscription.holdings.filter(product="audit-2025").update(until_at=NOW)
    Product.objects.filter(code="professional-msp-2025").update(active=False)
    fields = signed_in(bob).get(URL).context["form"].fields
    assert [code for code, _name in fields["sku"].choices] == ["essentials-msp-2025"]
    assert [code for code, _name in fields["add_ons"].choices] == ["delegation-2025", "hybrid-2025"]


def test_what_will_happen_is_said_in_a_customers_words(signed_in, bob, charlie):
    """R25: a Partner in trial is not billed for anybody yet."""
    page = signed_in(bob).get(URL).content.decode()
    assert "unless you block it. From then on it is billed as a production tenant of Northwind." in page
    assert "The 14-day trial starts when Microsoft 365 is connected and the import is complete." in page
    assert "once Fabrikam itself is in production." in signed_in(charlie).get(URL).content.decode()


def test_the_preview_of_the_mail_follows_what_is_chosen(signed_in, bob):
    typed = {"name": "Coho", "email": "it@coho.example", "sku": "essentials-msp-2025", "add_ons": ADD_ONS}
    mail = signed_in(bob, htmx=True).get(URL, typed).context["mail"]
    assert mail["to"] == "it@coho.example"
    assert "Northwind set up CoreView for Coho." in mail["paragraphs"][0]
    assert mail["paragraphs"][1] == "Included: Essentials MSP 2025, Audit 2025, Hybrid 2025."


def test_a_similar_name_is_a_hint(signed_in, bob):
    """R6."""
    customer(fresh(bob.acts_for), "Coho")
    page = signed_in(bob, htmx=True).get(URL, {"name": "coho", "email": ""}).content.decode()
    assert "You have a customer with this name already: Coho, it@customer" in page


def test_the_name_of_another_partners_customer_is_no_hint(signed_in, bob, charlie):
    customer(fresh(charlie.acts_for), "Coho")
    assert "already" not in signed_in(bob, htmx=True).get(URL, {"name": "Coho"}).content.decode()


# Apply --------------------------------------------------------------------------------------------------------------


def test_apply_creates_organization_subscription_and_onboarding(add, bob, contoso):
    """R4."""
    assert add(add_ons=ADD_ONS).status_code == 204
    coho = fresh(customers().get())
    assert (coho.parent, coho.distributor, coho.source) == (bob.acts_for, contoso, "msp")
    assert (coho.created_by, coho.created_at) == (bob, NOW)
    assert (coho.subscription.level, coho.subscription.state(NOW)) == ("TRIAL", "pending")
    assert (coho.subscription.partner_id, coho.subscription.kind) == (bob.organization_id, "customer")
    assert held(coho) == sorted(["essentials-msp-2025", *ADD_ONS])
    assert coho.onboarding.link_expires_at == NOW + 30 * DAY


def test_without_add_ons_it_has_its_sku_alone(add):
    add()
    assert held(customers().get()) == ["essentials-msp-2025"]


def test_the_welcome_mail_and_the_event(add):
    add(add_ons=ADD_ONS)
    message, event = Message.objects.get(), Event.objects.get(kind="added")
    assert (message.kind, message.recipient) == ("onboarding.activation_link", "it@coho.example")
    assert (event.actor, event.after["products"]) == ("Bob Berg", ["essentials-msp-2025", *ADD_ONS])


def test_the_toast_leads_to_pending_customers(add):
    trigger = add().headers["HX-Trigger"]
    assert "Coho was added; the activation link is on its way to it@coho.example." in trigger
    assert "/manage/customers/pending/" in trigger


def test_without_htmx_the_new_row_is_in_pending_customers_at_once(signed_in, bob):
    """R5."""
    answer = signed_in(bob).post(URL, form(next=reverse("pending_customers")), follow=True)
    assert [row["name"] for row in answer.context["rows"]] == ["Coho"]


def test_the_same_form_sent_again_is_the_same_customer(add):
    key = str(uuid.uuid4())
    assert [add(request_key=key).status_code for _ in range(2)] == [204, 204]
    assert customers().count() == Message.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_the_same_form_ten_times_in_parallel_is_one_customer(signed_in, bob):
    clients, data = [signed_in(bob, htmx=True) for _ in range(10)], form()

    def press(client):
        try:
            return client.post(URL, data).status_code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(10) as pool:
        assert set(pool.map(press, clients)) == {204}
    assert customers().count() == 1


def test_another_partners_key_is_not_an_answer(add, charlie, signed_in):
    key = str(uuid.uuid4())
    add(request_key=key)
    assert signed_in(charlie, htmx=True).post(URL, form(name="Alpine", request_key=key)).status_code == 204
    assert sorted(customers().values_list("name", "parent__name")) == [("Alpine", "Fabrikam"), ("Coho", "Northwind")]


# Refused ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"sku": ""}, "Choose exactly one SKU."),
        ({"sku": ["essentials-msp-2025", "professional-msp-2025"]}, "Choose exactly one SKU."),
        ({"sku": "nonsense"}, "Northwind does not hold nonsense."),
        ({"sku": "audit-2025"}, "Northwind does not hold audit-2025."),
        ({"add_ons": ["nonsense"]}, "Northwind does not hold nonsense."),
        ({"add_ons": ["professional-msp-2025"]}, "Northwind does not hold professional-msp-2025."),
        ({"add_ons": ["delegation-2025"]}, "Northwind does not hold delegation-2025."),
        ({"sku": "%(x)s\x00{0}"}, "Northwind does not hold %(x)s"),
        ({"name": "x" * 10_000}, "Ensure this value has at most 120 characters"),
        ({"name": ""}, "This field is required."),
        ({"email": "a@b"}, "Enter a valid email address."),
    ],
)
def test_what_is_missing_forged_or_not_held_is_refused(add, bob, changes, sentence):
    bob.acts_for.subscription.holdings.filter(product="delegation-2025").update(until_at=NOW - DAY)
    answer = add(**changes)
    assert answer.status_code == 422
    assert sentence in answer.content.decode()
    assert not customers().exists()
    assert not Message.objects.exists()


def test_what_the_partner_lost_since_the_form_was_checked_is_refused_by_the_verb(bob):
    facts = {"name": "Coho", "email": "it@coho.example", "request_key": uuid.uuid4(), "by": bob, "at": NOW}
    Product.objects.filter(code="hybrid-2025").update(active=False)
    for products in ({"sku": "audit-2025"}, {"sku": "essentials-msp-2025", "add_ons": ["hybrid-2025"]}):
        with pytest.raises(Refused, match="Northwind does not hold"):
            Onboarding.objects.add_customer(**facts, **products)
    assert not customers().exists()


@pytest.mark.parametrize("name", ["Coho", "COHO", "  cöho "])
def test_the_same_name_and_email_pending_are_refused(add, bob, name):
    """R6, among the Partner's own customers."""
    pending_customer(fresh(bob.acts_for))
    customers().update(notification_email="it@coho.example")
    answer = add(name=name, email="IT@coho.example")
    assert answer.status_code == 422
    assert "with this notification email is pending already." in answer.content.decode()


def test_another_partners_customer_is_never_named(add, charlie):
    """R6 looks at one's own customers only."""
    pending_customer(fresh(charlie.acts_for))
    customers().update(notification_email="it@coho.example")
    assert add().status_code == 204


INACTIVE = {
    "expired": {"ends_in": -HOUR, "blocked_at": NOW - DAY},
    "cancelled": {"cancelled_at": NOW - DAY},
    "suspended": {"converted_at": NOW - 2 * DAY, "suspended_at": NOW - DAY, "suspended_reason": "Unpaid"},
}


@pytest.mark.parametrize("state", INACTIVE)
def test_an_inactive_partner_adds_nobody(signed_in, contoso, state):
    """R27: grey in the drawer, refused with the same sentence."""
    wingtip = partner(contoso, "Wingtip", **INACTIVE[state])
    client = signed_in(OperatorFactory(organization=wingtip), htmx=True)
    sentence = wingtip.subscription.inactivity(NOW)
    drawer, answer = client.get(URL), client.post(URL, form())
    assert (drawer.status_code, drawer.context["refusal"]) == (200, sentence)
    assert (answer.status_code, answer.context["refusal"]) == (422, sentence)
    assert not customers().exists()


def test_a_partner_in_trial_may_add(signed_in, charlie):
    assert signed_in(charlie, htmx=True).post(URL, form()).status_code == 204


def test_without_any_sku_it_says_whom_to_ask(signed_in, bob):
    bob.acts_for.subscription.holdings.filter(product__kind="sku").update(until_at=NOW)
    sentence = "Northwind holds no SKU that can be assigned to a customer. Ask Contoso Distribution."
    assert signed_in(bob).get(URL).context["refusal"] == sentence


@pytest.mark.parametrize("method", ["get", "post"])
def test_a_distributor_reads_who_adds_customers(signed_in, alice, method):
    answer = getattr(signed_in(alice), method)(URL, form())
    assert answer.status_code == 403
    assert "Customers are added by their Partner." in answer.content.decode()
    assert not customers().exists()


def test_a_viewer_reads_why_not(signed_in, bob):
    viewer = OperatorFactory(organization=bob.acts_for, role=Operator.Role.VIEWER)
    answer = signed_in(viewer).post(URL, form())
    assert answer.status_code == 403
    assert "Your role is Viewer. Ask an Admin of Northwind to do this." in answer.content.decode()


# By the Vendor's staff ----------------------------------------------------------------------------------------------


def test_staff_add_below_a_partner_that_they_name(bob):
    """R34."""
    stan = Operator.objects.create_superuser("stan", "stan@vendor.example", "a password", name="Stan")
    facts = COHO | {"request_key": uuid.uuid4(), "by": stan, "at": NOW, "partner": fresh(bob.acts_for)}
    added = Onboarding.objects.add_customer(**facts, source=Organization.Source.VENDOR)
    assert (added.organization.parent, added.organization.source) == (bob.acts_for, "vendor")
    assert Event.objects.get(kind="added").actor_kind == "staff"
