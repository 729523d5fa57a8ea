"""Invoice › Partners: the rows' words in each state, the tabs, and the Actions menu for what is selected."""

import re
from html import unescape

import pytest

from tests.factories import DAY, HOUR, NOW, OperatorFactory, partner, pending_partner

URL = "/invoice/partners/"
CAST = {
    "Northwind": {"converted_at": NOW - DAY},
    "Fabrikam": {"ends_in": 3 * DAY},
    "Tailspin": {"ends_in": 5 * DAY, "blocked_at": NOW - DAY},
    "Wingtip": {"ends_in": -HOUR, "blocked_at": NOW - DAY},
    "Lucerne": {"ends_in": -HOUR, "upgrade_at": NOW + 25 * HOUR, "held_at": NOW - HOUR, "hold_reason": "refused"},
    "Trey": {"cancelled_at": NOW - DAY},
    "Due": {"ends_in": -HOUR},
}
HELD = "Held — the mail server refused the notice Upgrades after a new notice, not before 2 Dec 2026, 10:00 UTC"


def cells(page, name):
    """The words of a row's cells, in the columns' order."""
    row = next(row for row in re.findall(r"<tr id=.+?</tr>", page, re.DOTALL) if f'aria-label="{name}"' in row)
    found = re.findall(r"<t[dh].*?</t[dh]>", row, re.DOTALL)
    return [" ".join(unescape(re.sub(r"<[^>]+>", " ", cell)).split()) for cell in found]


def items(answer):
    """The Actions menu: {name: item}."""
    return {item["name"]: item for item in answer.context["menu"]}


@pytest.mark.parametrize(
    ("name", "level", "trial", "after"),
    [
        ("Northwind", "PRODUCTION since 30 Nov 2026", "–", "–"),
        ("Fabrikam", "TRIAL", "3 days left · 4 Dec 2026", "Upgrades to Production"),
        ("Tailspin", "TRIAL", "5 days left · 6 Dec 2026", "Blocked — will expire"),
        ("Wingtip", "TRIAL Expired", "ended · 1 Dec 2026", "–"),
        ("Lucerne", "TRIAL Trial — held", "ended · 1 Dec 2026", HELD),
        ("Trey", "TRIAL Cancelled since 30 Nov 2026", "–", "–"),
        ("Due", "TRIAL", "ended · 1 Dec 2026", "Upgrade due"),
    ],
)
def test_each_state_has_its_words(signed_in, alice, contoso, name, level, trial, after):
    row = partner(contoso, name, **CAST[name])
    found = cells(signed_in(alice).get(URL).content.decode(), name)
    assert found[1:5] == [f"{name} {row.notification_email}", level, trial, after]


def test_the_other_columns(signed_in, alice, contoso):
    partner(contoso, ends_in=9 * DAY, extended_at=NOW - DAY, seats=1234)
    found = cells(signed_in(alice).get(URL).content.decode(), "Fabrikam")
    assert found[5:] == ["Essentials MSP 2025 Professional MSP 2025 +3 add-ons", "0", "1,234", "30 Nov 2026"]


def test_times_are_in_the_operators_zone_with_its_name(signed_in, contoso):
    """R33."""
    partner(contoso, "Lucerne", **CAST["Lucerne"])
    berlin = OperatorFactory(organization=contoso, time_zone="Europe/Berlin")
    assert "not before 2 Dec 2026, 11:00 CET" in signed_in(berlin).get(URL).content.decode()


def test_what_ends_soonest_comes_first(signed_in, alice, contoso):
    for name, days in (("Later", 9), ("Soon", 1), ("Then", 4)):
        partner(contoso, name, ends_in=days * DAY)
    partner(contoso, "Never", converted_at=NOW)
    rows = signed_in(alice).get(URL).context["rows"]
    assert [row["name"] for row in rows] == ["Soon", "Then", "Later", "Never"]


def test_the_tabs_count_both_lists(signed_in, alice, contoso):
    partner(contoso)
    for name in ("Adatum", "Proseware"):
        pending_partner(contoso, name)
    pending_partner(contoso, "Gone", subscription__withdrawn_at=NOW)
    tabs = signed_in(alice).get(URL).context["tabs"]
    assert [(tab["label"], tab["count"], tab["current"]) for tab in tabs] == [
        ("Partners", "1", True),
        ("Pending Partners", "2", False),
    ]


def test_without_partners_it_says_how_one_comes_here(signed_in, alice):
    page = signed_in(alice).get(URL).content.decode()
    assert "No active Partners yet" in page
    assert 'data-testid="row"' not in page


def test_nothing_selected_every_action_is_shown_and_says_what_is_missing(signed_in, alice, fabrikam):
    """R30: never hidden."""
    menu = items(signed_in(alice).get(URL))
    assert list(menu) == [
        "add_partner", "extend_trial", "manage_subscription_upgrade", "convert_to_production", "cancel_trial",
        "resend_activation_link", "send_reminder", "change_notification_email", "reset_link", "withdraw",
    ]  # fmt: skip
    assert menu.pop("add_partner")["refusal"] == ""
    assert {item["refusal"] for item in menu.values()} == {"Select a Partner first."}


def test_one_selected_the_refused_actions_say_why(signed_in, alice, fabrikam):
    menu = items(signed_in(alice).get(f"{URL}selection/?id={fabrikam.pk}"))
    assert [menu[name]["refusal"] for name in ("extend_trial", "cancel_trial", "convert_to_production")] == ["", "", ""]
    assert menu["withdraw"]["refusal"] == "The import is complete; the activation link was used."
    assert menu["extend_trial"]["label"] == "Extend trial"


def test_before_the_window_extend_trial_opens_and_says_from_when(signed_in, alice, contoso):
    """R16: the reason is the item's second line."""
    early = partner(contoso, ends_in=5 * DAY)
    item = items(signed_in(alice).get(f"{URL}selection/?id={early.pk}"))["extend_trial"]
    assert (item["refusal"], item["note"]) == (
        "",
        "You can extend this trial from 3 Dec 2026, 09:00 UTC (3 days before it ends).",
    )


def test_a_mixed_selection_counts_those_that_qualify(signed_in, alice, fabrikam, contoso):
    other = partner(contoso, "Northwind", converted_at=NOW - DAY)
    answer = signed_in(alice).get(f"{URL}selection/?id={fabrikam.pk}&id={other.pk}")
    menu = items(answer)
    assert menu["extend_trial"]["label"] == "Extend trial (1 of 2)"
    assert menu["withdraw"]["label"] == "Withdraw invitation"
    assert "2 selected" in answer.content.decode()


def test_a_refused_item_is_grey_can_be_read_and_opens_nothing(signed_in, alice, fabrikam):
    page = signed_in(alice).get(f"{URL}selection/?id={fabrikam.pk}").content.decode()
    button = re.search(r"<button[^>]*formaction=\"/organizations/actions/withdraw/\".+?</button>", page, re.DOTALL)[0]
    assert 'aria-disabled="true"' in button
    assert 'aria-describedby="reason-withdraw"' in button
    assert "hx-get" not in button
    assert "The import is complete; the activation link was used." in button


def test_a_viewer_sees_every_action_grey_with_the_reason(signed_in, victor, fabrikam):
    menu = items(signed_in(victor).get(f"{URL}selection/?id={fabrikam.pk}"))
    assert len(menu) == 10
    assert all(item["refusal"].startswith("Your role is Viewer. Ask an Admin of") for item in menu.values())


def test_foreign_ids_select_nothing(signed_in, mallory, fabrikam):
    answer = signed_in(mallory).get(f"{URL}selection/?id={fabrikam.pk}")
    assert answer.context["selection"]["count"] == 0
    assert b"Fabrikam" not in answer.content


def test_what_is_selected_stays_selected_when_the_list_reloads(signed_in, alice, fabrikam, contoso):
    partner(contoso, "Tailspin")
    answer = signed_in(alice, htmx=True).get(f"{URL}?id={fabrikam.pk}")
    assert {row["name"]: row["selected"] for row in answer.context["rows"]} == {"Fabrikam": True, "Tailspin": False}
    assert b"<html" not in answer.content


def test_the_number_of_queries_does_not_grow_with_the_rows(
    signed_in, alice, contoso, django_assert_max_num_queries, settings
):
    """At most eight, and the session and its operator."""
    settings.DEMO = False
    client, counts = signed_in(alice), []
    for many in (3, 27):
        rows = [partner(contoso, f"Partner {many} {n}", ends_in=DAY) for n in range(many)]
        with django_assert_max_num_queries(10) as queries:
            client.get(f"{URL}?" + "&".join(f"id={row.pk}" for row in rows))
        counts.append(len(queries))
    assert counts[0] == counts[1]
