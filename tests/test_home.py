"""The start page leads to where one works; the operator's preferences."""


def test_a_distributor_starts_with_its_partners(signed_in, alice, victor):
    for operator in (alice, victor):
        assert signed_in(operator).get("/").url == "/invoice/partners/"


def test_a_partner_starts_with_its_customers(signed_in, bob):
    assert signed_in(bob).get("/").url == "/manage/customers/"


def test_the_theme_and_the_zone_are_kept(signed_in, bob):
    answer = signed_in(bob).post("/preferences/", {"theme": "dark", "time_zone": "Europe/Rome", "next": "/?x=1"})
    assert (answer.status_code, answer.url) == (303, "/?x=1")
    bob.refresh_from_db()
    assert (bob.theme, bob.time_zone) == ("dark", "Europe/Rome")
