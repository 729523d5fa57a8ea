"""Theme and time zone of an operator (R33)."""

import pytest
from django.urls import reverse

from tests.factories import fresh

URL = reverse("preferences")


def test_the_page_offers_both(signed_in, alice):
    page = signed_in(alice).get(URL).content.decode()
    assert "Europe/Berlin" in page
    assert "Theme" in page


def test_a_time_zone_is_kept_and_used(signed_in, alice, fabrikam):
    client = signed_in(alice)
    assert client.post(URL, {"time_zone": "America/New_York", "next": "/invoice/partners/"}).status_code == 303
    drawer = client.get(reverse("extend_trial") + f"?id={fabrikam.pk}").content.decode()
    assert "3 Dec 2026, 04:00 EST + 7 days" in drawer
    assert fresh(fabrikam).subscription.extended_at is None


def test_the_menu_posts_the_theme_alone(signed_in, alice):
    signed_in(alice).post(URL, {"theme": "dark"})
    alice.refresh_from_db()
    assert (alice.theme, alice.time_zone) == ("dark", "UTC")


@pytest.mark.parametrize("nonsense", [{"theme": "pink"}, {"time_zone": "Mars/Olympus"}, {"time_zone": "\x00"}])
def test_nonsense_is_refused_and_nothing_changes(signed_in, alice, nonsense):
    assert signed_in(alice).post(URL, nonsense).status_code == 422
    alice.refresh_from_db()
    assert (alice.theme, alice.time_zone) == ("system", "UTC")


def test_victor_may_choose_too(signed_in, victor):
    assert signed_in(victor).post(URL, {"theme": "light"}).status_code == 303
