"""Add Partner (R1-R6): name and notification email; everything else is given, in one transaction."""

import re
import uuid
from concurrent.futures import ThreadPoolExecutor
from html import unescape

import pytest
from django.db import connections
from django.urls import reverse

from onboarding.models import Onboarding
from partnerapp.models import Event, Message, Organization
from subscriptions.models import Product, Subscription
from tests.factories import DAY, NOW, fresh, partner, pending_partner

URL = "/organizations/actions/add_partner/"
ADATUM = {"name": "Adatum", "email": "it@adatum.example"}


def form(**changes):
    return ADATUM | {"request_key": str(uuid.uuid4())} | changes


@pytest.fixture
def add(signed_in, alice):
    """Alice applies the form under htmx."""
    client = signed_in(alice, htmx=True)
    return lambda **changes: client.post(URL, form(**changes))


def test_the_form_asks_exactly_two_things(signed_in, alice):
    """R1."""
    response = signed_in(alice, htmx=True).get(URL)
    fields = response.context["form"].visible_fields()
    assert [str(field.label) for field in fields] == ["Organization name", "Notification email"]


def test_the_products_are_shown_and_cannot_be_chosen(signed_in, alice):
    """R2."""
    page = signed_in(alice).get(URL).content.decode()
    for name in ("Essentials MSP 2025", "Professional MSP 2025", "Delegation 2025", "Audit 2025", "Hybrid 2025"):
        assert f"<div>{name}</div>" in page


def test_apply_creates_organization_subscription_and_onboarding(add, alice, contoso):
    """R4: level TRIAL, not started; the link works 30 days."""
    assert add().status_code == 204
    adatum = fresh(Organization.objects.get(name="Adatum"))
    assert (adatum.parent, adatum.kind, adatum.created_by, adatum.created_at) == (contoso, "partner", alice, NOW)
    assert (adatum.subscription.level, adatum.subscription.state(NOW)) == ("TRIAL", "pending")
    assert adatum.subscription.started_at is None
    assert adatum.onboarding.link_expires_at == NOW + 30 * DAY


def test_a_new_partner_holds_everything_that_it_may_resell(add):
    """R2."""
    add()
    held = Subscription.objects.get().holdings.values_list("product__kind", flat=True)
    assert sorted(held) == ["addon", "addon", "addon", "sku", "sku"]


def test_the_welcome_mail_is_queued_for_the_notification_email(add):
    add()
    message = Message.objects.get()
    assert (message.kind, message.recipient) == ("onboarding.activation_link", "it@adatum.example")
    assert message.state == Message.State.QUEUED
    assert Onboarding.objects.get().link_message == message


def test_the_event_says_who_added_whom(add):
    add()
    event = Event.objects.get(kind="added")
    assert (event.actor, event.at) == ("Alice Adler", NOW)
    assert event.after.pop("products") == [product.code for product in Product.for_a_partner()]
    assert event.after == {"name": "Adatum", "notification_email": "it@adatum.example"}


def test_the_page_is_told_to_reload_its_lists(add):
    headers = add().headers["HX-Trigger"]
    assert "organizations-changed" in headers
    assert "Adatum was added; the activation link is on its way to it@adatum.example." in headers


def test_without_htmx_the_new_row_is_in_pending_partners_at_once(signed_in, alice):
    """R5."""
    response = signed_in(alice).post(URL, form(next=reverse("pending_partners")), follow=True)
    assert response.redirect_chain == [("/invoice/partners/pending/", 303)]
    page = response.content.decode()
    assert "Adatum was added" in page
    assert 'data-testid="row"' in page


def test_nothing_is_left_behind_when_the_mail_cannot_be_queued(add, monkeypatch):
    """R4: one transaction."""
    monkeypatch.setattr(Message, "queue", lambda *args, **kwargs: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        add()
    assert not Organization.objects.filter(kind="partner").exists()
    assert not Event.objects.exists()


def test_the_same_form_sent_again_is_the_same_partner(add):
    key = str(uuid.uuid4())
    assert [add(request_key=key).status_code for _ in range(2)] == [204, 204]
    assert Organization.objects.filter(name="Adatum").count() == 1
    assert Message.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_the_same_form_ten_times_in_parallel_is_one_partner(signed_in, alice):
    clients, data = [signed_in(alice, htmx=True) for _ in range(10)], form()

    def press(client):
        try:
            return client.post(URL, data).status_code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(10) as pool:
        assert set(pool.map(press, clients)) == {204}
    assert Organization.objects.filter(name="Adatum").count() == Message.objects.count() == 1


def test_another_distributors_key_is_not_an_answer(add, mallory, signed_in):
    """Sent by another tree the key means nothing: it neither shows a Partner nor stands in the way."""
    key = str(uuid.uuid4())
    add(request_key=key)
    assert signed_in(mallory, htmx=True).post(URL, form(name="Relecloud", request_key=key)).status_code == 204
    assert list(mallory.organization.children.values_list("name", flat=True)) == ["Relecloud"]


@pytest.mark.parametrize("name", ["Adatum", "ADATUM", "  adatum ", "Ádatum"])
def test_the_same_name_and_email_pending_are_refused(add, contoso, name):
    """R6, however the name is written."""
    pending_partner(contoso)
    Organization.objects.filter(name="Adatum").update(notification_email="it@adatum.example")
    response = add(name=name, email="IT@adatum.example")
    assert response.status_code == 422
    assert "with this notification email is pending already." in response.content.decode()
    assert Organization.objects.filter(kind="partner").count() == 1


def test_the_same_name_with_another_email_is_added(add, contoso):
    pending_partner(contoso)
    assert add(email="second@adatum.example").status_code == 204


def test_a_withdrawn_one_does_not_stand_in_the_way(add, contoso):
    pending_partner(contoso, subscription__withdrawn_at=NOW)
    Organization.objects.filter(name="Adatum").update(notification_email="it@adatum.example")
    assert add().status_code == 204


def test_another_distributors_partner_is_never_named(signed_in, mallory, contoso):
    """R6 looks at one's own Partners only: the other tree's do not exist."""
    pending_partner(contoso)
    Organization.objects.filter(name="Adatum").update(notification_email="it@adatum.example")
    assert signed_in(mallory, htmx=True).post(URL, form()).status_code == 204


def test_a_similar_name_is_a_hint_as_soon_as_it_is_typed(signed_in, alice, contoso):
    """R6: htmx asks the drawer again with what was typed so far."""
    partner(contoso, "Adatum")
    page = signed_in(alice, htmx=True).get(URL, {"name": "adatum", "email": ""}).content.decode()
    assert "You have a Partner with this name already: Adatum, it@partner" in page


def test_another_distributors_name_is_no_hint(signed_in, alice, mallory):
    partner(mallory.organization, "Adatum")
    assert "already" not in signed_in(alice, htmx=True).get(URL, {"name": "Adatum"}).content.decode()


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("name", "", "This field is required."),
        ("name", "   ", "This field is required."),
        ("name", "x" * 121, "Ensure this value has at most 120 characters"),
        ("name", "x" * 10_000, "Ensure this value has at most 120 characters"),
        ("name", "Ada\x00tum", "Null characters are not allowed."),
        ("name", "Ada\x07tum", "control or invisible characters"),
        ("name", "Ada\ntum", "control or invisible characters"),
        ("name", "Ada\r\ntum", "control or invisible characters"),
        ("name", "Ada\u202etum", "control or invisible characters"),
        ("name", "Ada\u2066tum", "control or invisible characters"),
        ("name", "Ada\u200btum", "control or invisible characters"),
        ("name", "Ada\u2028tum", "control or invisible characters"),
        ("email", "", "This field is required."),
        ("email", "adatum", "Enter a valid email address."),
        ("email", "a@b", "Enter a valid email address."),
        ("email", "it@adatum.example\r\nBcc: all@adatum.example", "Enter a valid email address."),
        ("email", "it@adatum.example,eve@evil.example", "Enter a valid email address."),
        ("email", "Ada <it@adatum.example>", "Enter a valid email address."),
        ("email", "it@ada\u202etum.example", "control or invisible characters"),
        ("email", "x" * 400 + "@adatum.example", "Enter a valid email address."),
        ("request_key", "nonsense", ""),
    ],
)
def test_what_is_not_a_name_or_an_address_is_refused(add, field, value, sentence):
    response = add(**{field: value})
    assert response.status_code == 422
    assert sentence in response.content.decode()
    assert not Organization.objects.filter(kind="partner").exists()
    assert not Message.objects.exists()


@pytest.mark.parametrize(
    "name", ["<script>alert(1)</script>", "=HYPERLINK(1)", "{{7*7}}", "{% now %}", '" hx-get="/x', "Müller & Söhne"]
)
def test_a_name_is_shown_as_it_was_typed_and_does_nothing(signed_in, alice, name):
    client = signed_in(alice)
    page = client.post(URL, form(name=name, next=reverse("pending_partners")), follow=True).content.decode()
    assert Organization.objects.get(kind="partner").name == name
    shown = re.search('<a class="name" href="[^"]+">([^<>"]+)</a>', page)
    assert unescape(shown[1]) == name
    assert "<script>alert" not in page
    assert 'hx-get="/x' not in page


def test_a_viewer_reads_why_not(signed_in, victor):
    response = signed_in(victor).post(URL, form())
    assert response.status_code == 403
    assert "Your role is Viewer. Ask an Admin of Contoso Distribution to do this." in response.content.decode()
    assert not Organization.objects.filter(kind="partner").exists()


def test_a_partner_reads_that_the_page_is_not_for_it(signed_in, bob):
    response = signed_in(bob).post(URL, form())
    assert response.status_code == 403
    assert "This page is not for Partner accounts." in response.content.decode()


def test_a_corrected_form_that_was_sent_before_says_what_was_added_then(signed_in, alice):
    """The answer was lost, the typo corrected: nothing is claimed that did not happen."""
    client, key = signed_in(alice, htmx=True), str(uuid.uuid4())
    for email in ("typo@adatum.example", "right@adatum.example"):
        form = {"name": "Adatum", "email": email, "request_key": key}
        answer = client.post("/organizations/actions/add_partner/", form)
    assert "typo@adatum.example" in answer.headers["HX-Trigger"]
