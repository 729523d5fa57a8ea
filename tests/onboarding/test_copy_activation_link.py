"""Copy activation link (R12): a live link stays the same, an expired one is renewed; a POST, since it is logged."""

import pytest
from django.urls import reverse

from partnerapp.models import Event, Message
from tests.factories import DAY, NOW, fresh, partner, pending_partner


def url(organization):
    return f"{reverse('copy_activation_link')}?id={organization.pk}"


def copy(client, organization):
    return client.post(url(organization), headers={"Accept": "application/json"})


def test_the_button_gets_the_link_and_what_to_announce(signed_in, alice, adatum):
    answer = copy(signed_in(alice), adatum).json()
    assert answer == {"text": adatum.onboarding.link(), "announcement": "Activation link of Adatum copied"}
    assert answer["text"].startswith("http://localhost:8000/activate/")


def test_without_javascript_a_page_shows_it(signed_in, alice, adatum):
    page = signed_in(alice).post(url(adatum), {"next": "/invoice/partners/pending/"}).content.decode()
    assert adatum.onboarding.link() in page
    assert "It works until 31 Dec 2026, 09:00 UTC." in page
    assert 'href="/invoice/partners/pending/"' in page


def test_a_live_link_stays_the_same(signed_in, alice, adatum):
    client = signed_in(alice)
    assert copy(client, adatum).json() == copy(client, adatum).json()
    assert fresh(adatum).onboarding.link_expires_at == NOW + 30 * DAY


def test_an_expired_link_is_renewed(signed_in, alice, contoso):
    late = pending_partner(contoso, link_expires_at=NOW)
    old = late.onboarding.link()
    assert copy(signed_in(alice), late).json()["text"] != old
    onboarding = fresh(late).onboarding
    assert (onboarding.link_version, onboarding.link_expires_at) == (2, NOW + 30 * DAY)


def test_no_mail_is_sent(signed_in, alice, adatum):
    copy(signed_in(alice), adatum)
    assert not Message.objects.exists()


def test_the_event_says_who_and_not_which_link(signed_in, alice, adatum):
    copy(signed_in(alice), adatum)
    event = Event.objects.get(organization=adatum, kind="link_copied")
    assert event.actor == "Alice Adler"
    assert "activate" not in f"{event.before}{event.after}"


def test_opening_its_address_copies_nothing(signed_in, alice, adatum):
    assert signed_in(alice).get(url(adatum)).status_code == 405
    assert not Event.objects.filter(kind="link_copied").exists()


@pytest.mark.parametrize(
    ("facts", "sentence"),
    [
        ({"subscription__withdrawn_at": NOW - DAY}, "The invitation was withdrawn on 30 Nov 2026, 09:00 UTC."),
        ({"connected": True}, "The import is complete; the activation link was used."),
    ],
)
def test_a_dead_link_is_not_copied(signed_in, alice, contoso, facts, sentence):
    row = partner(contoso) if facts.pop("connected", None) else pending_partner(contoso, **facts)
    response = copy(signed_in(alice), row)
    assert response.status_code == 422
    assert sentence in response.content.decode()


def test_a_viewer_reads_why_not(signed_in, victor, adatum):
    response = copy(signed_in(victor), adatum)
    assert response.status_code == 403
    assert "Your role is Viewer." in response.content.decode()
    assert adatum.onboarding.link() not in response.content.decode()


def test_another_distributor_finds_nothing(signed_in, mallory, adatum):
    assert copy(signed_in(mallory), adatum).status_code == 404
