"""Manage › Customers: the columns, who sees which rows, and what a distributor reads where only the Partner may act."""

import pytest

from tests.factories import DAY, HOUR, NOW, OperatorFactory, customer, fresh, partner, pending_customer
from tests.test_partners import cells, items

URL = "/manage/customers/"
PRODUCTION = {"converted_at": NOW - DAY}
CAST = {
    "Production": (PRODUCTION, "PRODUCTION since 30 Nov 2026", "–", "–", "–"),
    "Dated": (
        PRODUCTION | {"expires_on": (NOW + 9 * DAY).date()}, "PRODUCTION since 30 Nov 2026", "–", "–", "10 Dec 2026",
    ),
    "Suspended": (
        PRODUCTION | {"expires_on": (NOW - DAY).date()}, "PRODUCTION Suspended since 1 Dec 2026", "–", "–", "30 Nov 2026",
    ),
    "Trial": ({"ends_in": 3 * DAY}, "TRIAL", "3 days left · 4 Dec 2026", "Upgrades to Production", "–"),
    "Blocked": (
        {"ends_in": 5 * DAY, "blocked_at": NOW - DAY}, "TRIAL", "5 days left · 6 Dec 2026", "Blocked — will expire", "–",
    ),
    "Expired": ({"ends_in": -HOUR, "blocked_at": NOW - DAY}, "TRIAL Expired", "ended · 1 Dec 2026", "–", "–"),
    "Cancelled": ({"cancelled_at": NOW - DAY}, "TRIAL Cancelled since 30 Nov 2026", "–", "–", "–"),
}  # fmt: skip


@pytest.fixture
def northwind(bob):
    return fresh(bob.acts_for)


@pytest.fixture
def woodgrove(northwind):
    return customer(northwind, ends_in=2 * DAY)


def names(answer):
    return [row["name"] for row in answer.context["rows"]]


# What is shown ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CAST)
def test_each_state_has_its_words(signed_in, bob, northwind, name):
    facts, level, trial, after, expiration = CAST[name]
    row = customer(northwind, name, **facts)
    found = cells(signed_in(bob).get(URL).content.decode(), name)
    assert found[1:6] == [f"{name} {row.notification_email}", "MSP", level, trial, after]
    assert found[7:] == [expiration, "50"]


def test_the_sku_is_shown_with_the_number_of_add_ons(signed_in, bob, woodgrove):
    found = cells(signed_in(bob).get(URL).content.decode(), "Woodgrove")
    assert found[6] == "Essentials MSP 2025 +3 add-ons"


def test_the_vendors_customers_say_so(signed_in, bob, woodgrove):
    type(woodgrove).objects.filter(pk=woodgrove.pk).update(source="vendor")
    assert cells(signed_in(bob).get(URL).content.decode(), "Woodgrove")[2] == "Vendor"


def test_the_partner_is_a_column_for_distributors_alone(signed_in, alice, bob, woodgrove):
    """On the page and in its export."""
    assert cells(signed_in(alice).get(URL).content.decode(), "Woodgrove")[2:4] == ["MSP", "Northwind"]
    assert "Partner</th>" not in signed_in(bob).get(URL).content.decode()
    for operator, has in ((alice, True), (bob, False)):
        first, *_rows = b"".join(signed_in(operator).get(f"{URL}export/").streaming_content).decode().splitlines()
        assert (",Partner," in first) == has
        assert ",Source," in first


def test_what_ends_soonest_comes_first_and_an_expiration_date_is_an_end(signed_in, bob, northwind):
    customer(northwind, "Never", **PRODUCTION)
    customer(northwind, "Date", **PRODUCTION, expires_on=(NOW + 4 * DAY).date())
    customer(northwind, "Trial", ends_in=6 * DAY)
    assert names(signed_in(bob).get(URL)) == ["Date", "Trial", "Never"]


def test_without_customers_it_says_how_one_comes_here(signed_in, bob):
    page = signed_in(bob).get(URL).content.decode()
    assert "No active customers yet" in page
    assert 'data-testid="row"' not in page


def test_the_tabs_count_both_lists(signed_in, bob, northwind, woodgrove):
    pending_customer(northwind)
    tabs = signed_in(bob).get(URL).context["tabs"]
    assert [(tab["label"], tab["count"]) for tab in tabs] == [("Customers", "1"), ("Pending customers", "1")]


def test_the_navigation_leads_here(signed_in, alice, bob, victor):
    for operator in (alice, victor, bob):
        groups = {group["label"]: group["items"] for group in signed_in(operator).get(URL).context["navigation"]}
        assert ("Customers", URL, True) in [(i["label"], i["url"], i["current"]) for i in groups["Manage"]]


# Who sees which -----------------------------------------------------------------------------------------------------


def test_a_partner_sees_its_own_and_a_distributor_all_below_it(signed_in, alice, mallory, bob, charlie, woodgrove):
    customer(fresh(charlie.acts_for), "Alpine", ends_in=5 * DAY)
    customer(partner(mallory.organization, "Relecloud"), "Foreign", ends_in=5 * DAY)
    seen = {who.name: names(signed_in(who).get(URL)) for who in (alice, mallory, bob, charlie)}
    assert seen == {
        "Alice Adler": ["Woodgrove", "Alpine"], "Mallory Moss": ["Foreign"], "Bob Berg": ["Woodgrove"],
        "Charlie Cole": ["Alpine"],
    }  # fmt: skip


def test_a_search_stays_in_ones_own_list(signed_in, alice, bob, charlie, northwind):
    customer(northwind, "Alpine North")
    customer(fresh(charlie.acts_for), "Alpine South")
    found = {who.name: set(names(signed_in(who).get(f"{URL}?q=alpine"))) for who in (alice, bob, charlie)}
    assert found == {
        "Alice Adler": {"Alpine North", "Alpine South"}, "Bob Berg": {"Alpine North"}, "Charlie Cole": {"Alpine South"},
    }  # fmt: skip


def test_the_distributor_is_never_named_to_a_partner_as_a_row(signed_in, bob, northwind):
    assert names(signed_in(bob).get(f"{URL}?q=northwind")) == []


# What may be done ---------------------------------------------------------------------------------------------------


def test_nothing_selected_every_action_is_shown_and_says_what_is_missing(signed_in, bob, woodgrove):
    """R30; the SKUs of customers can be edited, those of Partners not."""
    menu = items(signed_in(bob).get(URL))
    assert menu.pop("add_customer")["refusal"] == ""
    assert {item["refusal"] for item in menu.values()} == {"Select a customer first."}
    assert "add_partner" not in menu


def test_a_partners_admin_may_act_on_its_customer(signed_in, bob, woodgrove):
    menu = items(signed_in(bob).get(f"{URL}selection/?id={woodgrove.pk}"))
    allowed = ["extend_trial", "manage_subscription_upgrade", "convert_to_production", "cancel_trial"]
    assert [menu[name]["refusal"] for name in allowed] == [""] * 4
    assert menu["withdraw"]["refusal"] == "The import is complete; the activation link was used."


def test_a_distributor_reads_why_it_cannot(signed_in, alice, woodgrove):
    """R29, R30."""
    menu = items(signed_in(alice).get(f"{URL}selection/?id={woodgrove.pk}"))
    assert menu.pop("add_customer")["refusal"] == "Customers are added by their Partner."
    assert {item["refusal"] for item in menu.values()} == {"Only Northwind can do this for Woodgrove."}


@pytest.mark.parametrize(
    "action", ["extend_trial", "manage_subscription_upgrade", "convert_to_production", "cancel_trial"]
)
def test_what_a_distributor_sends_is_refused_with_the_same_sentence(signed_in, alice, woodgrove, action):
    form = {"level": "production", "upgrade": "block", "reason": ""}
    answer = signed_in(alice).post(f"/organizations/actions/{action}/?id={woodgrove.pk}", form)
    assert answer.status_code == 403
    assert "Only Northwind can do this for Woodgrove." in answer.content.decode()
    assert fresh(woodgrove).subscription.seen(NOW) == woodgrove.subscription.seen(NOW)


def test_a_partners_viewer_reads_its_role(signed_in, northwind, woodgrove):
    viewer = OperatorFactory(organization=northwind, role="viewer")
    menu = items(signed_in(viewer).get(f"{URL}selection/?id={woodgrove.pk}"))
    assert all(item["refusal"].startswith("Your role is Viewer.") for item in menu.values())


def test_under_an_inactive_partner_the_button_says_why(signed_in, contoso):
    """R27."""
    wingtip = partner(contoso, "Wingtip", ends_in=-HOUR, blocked_at=NOW - DAY)
    row = customer(wingtip, "Woodgrove", ends_in=2 * DAY)
    client = signed_in(OperatorFactory(organization=wingtip))
    menu = items(client.get(f"{URL}selection/?id={row.pk}"))
    sentence = wingtip.subscription.inactivity(NOW)
    assert sentence.startswith("The trial of Wingtip expired on")
    assert menu["add_customer"]["refusal"] == menu["manage_subscription_upgrade"]["refusal"] == sentence
    assert menu["extend_trial"]["note"] == sentence  # its drawer opens for any running trial
    assert menu["cancel_trial"]["refusal"] == ""
    assert client.get(URL).context["listing"]["add"]["refusal"] == sentence


def test_customers_of_an_inactive_partner_have_no_access_and_their_msp_reads_why(signed_in, alice, contoso):
    """R27, R28: in the list of both; the sentence is on each of the MSP's pages."""
    suspended = {"converted_at": NOW - 9 * DAY, "suspended_at": NOW - DAY, "suspended_reason": "Unpaid"}
    wingtip = partner(contoso, "Wingtip", **suspended)
    customer(wingtip, "Woodgrove", converted_at=NOW - 5 * DAY)
    customer(wingtip, "Datum", ends_in=-HOUR, blocked_at=NOW - DAY)
    sentence = "Wingtip is suspended since"
    for operator, reads in ((OperatorFactory(organization=wingtip), True), (alice, False)):
        client = signed_in(operator)
        page = client.get(URL).content.decode()
        level = 3 if reads else 4  # a distributor has the column Partner before it
        assert cells(page, "Woodgrove")[level] == "PRODUCTION No access: Wingtip is not active"
        assert cells(page, "Datum")[level] == "TRIAL Expired"
        assert [sentence in client.get(url).content.decode() for url in (URL, "/events/", "/preferences/")] == [
            reads
        ] * 3


# What it costs ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["alice", "bob"])
def test_the_number_of_queries_does_not_grow_with_the_rows(
    signed_in, alice, bob, northwind, who, django_assert_max_num_queries, settings
):
    """At most eight, and the session and its operator."""
    settings.DEMO = False
    client, counts = signed_in({"alice": alice, "bob": bob}[who]), []
    for many in (3, 27):
        rows = [customer(northwind, f"Customer {many} {n}", ends_in=DAY) for n in range(many)]
        with django_assert_max_num_queries(10) as queries:
            client.get(f"{URL}?" + "&".join(f"id={row.pk}" for row in rows))
        counts.append(len(queries))
    assert counts[0] == counts[1]
