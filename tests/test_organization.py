"""An organization's page: head, cards, mails and timeline, for its owner, for the owner's owner and for itself."""

import re
import uuid
from html import unescape

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from onboarding.models import Onboarding
from partnerapp.models import Event, Message, Organization
from partnerapp.pages import mails, organization
from subscriptions.models import Period, Subscription
from subscriptions.models.subscription import State
from tests.factories import (
    DAY,
    HOUR,
    NOW,
    OperatorFactory,
    customer,
    notice,
    partner,
    pending_customer,
    pending_partner,
)
from tests.test_architecture import CHECKOUT

STATES = {
    "Trial": {},
    "Trial — held": {"ends_in": -HOUR, "held_at": NOW - HOUR, "hold_reason": "refused", "upgrade_at": NOW + DAY},
    "Expired": {"ends_in": -DAY, "blocked_at": NOW - 2 * DAY},
    "Cancelled": {"cancelled_at": NOW - DAY},
    "Production": {"converted_at": NOW - DAY},
    "Suspended": {"converted_at": NOW - DAY, "suspended_at": NOW - HOUR, "suspended_reason": "unpaid"},
}


def url(row):
    return f"/organizations/{row.pk}/"


@pytest.fixture
def context(signed_in):
    return lambda operator, row: signed_in(operator).get(url(row)).context


@pytest.fixture
def words(signed_in):
    """What a page says, without its markup."""

    def of(operator, row):
        page = signed_in(operator).get(url(row)).content.decode()
        return unescape(" ".join(re.sub("<[^>]+>", " ", page).split()))

    return of


# Head ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", STATES)
def test_the_head_says_name_kind_state_and_access(words, alice, contoso, state):
    """R28."""
    page = words(alice, partner(contoso, "Tailspin", **STATES[state]))
    access = "Full access" if state in {"Trial", "Trial — held", "Production"} else "No access"
    assert f"Tailspin Partner {state} {access} –" in page


def test_every_state_has_a_tone_a_reason_and_a_sentence(alice, contoso):
    assert set(organization.STATES) == set(State)
    for facts in STATES.values():
        row = partner(contoso, **facts)
        for own in (True, False):
            assert organization.what_next(row, NOW, own=own)


def test_a_pending_one_has_no_access_yet_and_says_when_its_trial_starts(words, alice, contoso):
    page = words(alice, pending_partner(contoso))
    assert "No access – It begins when the import is complete." in page
    assert "The trial starts when its Microsoft 365 tenant is connected and the import is complete." in page


def test_the_tenant_can_be_copied(signed_in, alice, fabrikam):
    Organization.objects.filter(pk=fabrikam.pk).update(default_domain="fabrikam.example")
    page = signed_in(alice).get(url(fabrikam)).content.decode()
    assert f'data-copy="{fabrikam.tid}"' in page
    assert 'data-copy="fabrikam.example"' in page


def test_the_way_back_leads_through_the_list_or_the_partner(context, alice, bob, contoso, fabrikam):
    below = customer(fabrikam)
    paths = {row: [crumb["url"] for crumb in context(alice, row)["crumbs"]] for row in (fabrikam, below)}
    assert paths == {fabrikam: ["/invoice/partners/"], below: ["/manage/customers/", url(fabrikam)]}
    own = customer(bob.acts_for, "Alpine")
    assert [crumb["url"] for crumb in context(bob, own)["crumbs"]] == ["/manage/customers/"]
    assert context(alice, pending_partner(contoso))["crumbs"][0]["url"] == "/invoice/partners/pending/"


# What can be done ---------------------------------------------------------------------------------------------------


def likely(context):
    item = context["likely"]
    return item["name"] if isinstance(item, dict) else item


def test_the_most_likely_next_action_is_the_button(context, alice, contoso, fabrikam):
    error = {"error_code": "consent_not_visible", "error_at": NOW, "consenter_oid": uuid.UUID(int=1)}
    rows = {
        "extend_trial": fabrikam,
        "convert_to_production": partner(contoso, "Wingtip", ends_in=-DAY, blocked_at=NOW - 2 * DAY),
        "copy_activation_link": pending_partner(contoso),
        "try_again": pending_partner(contoso, "Proseware", **error),
        "": partner(contoso, "Northwind", converted_at=NOW),
    }
    assert {name: likely(context(alice, row)) for name, row in rows.items()} == {name: name for name in rows}


def test_the_actions_are_those_of_the_list_for_this_one(context, alice, fabrikam):
    menu = {item["name"]: item["refusal"] for item in context(alice, fabrikam)["menu"]}
    listed = context(alice, fabrikam)["menu"]
    assert list(menu)[:4] == ["extend_trial", "manage_subscription_upgrade", "convert_to_production", "cancel_trial"]
    assert menu["withdraw"] == "The import is complete; the activation link was used."
    assert len(listed) == len(menu)


@pytest.mark.parametrize("who", ["victor", "charlie"])
def test_who_may_do_nothing_reads_why_once_and_has_no_button(signed_in, request, fabrikam, charlie, who):
    """R30."""
    operator = request.getfixturevalue(who)
    answer = signed_in(operator).get(url(fabrikam))
    why = {"victor": "Your role is Viewer.", "charlie": "Only Contoso Distribution can do this for Fabrikam."}[who]
    assert answer.context["menu_hint"].startswith(why)
    assert answer.context["likely"] == ""
    assert answer.content.decode().count(why) == 1
    assert 'id="likely"' not in answer.content.decode()


def test_after_an_action_the_page_reloads_itself(signed_in, alice, fabrikam):
    page = signed_in(alice).get(url(fabrikam)).content.decode()
    assert f'hx-get="{url(fabrikam)}" hx-trigger="organizations-changed from:body"' in page
    part = signed_in(alice, htmx=True).get(url(fabrikam)).content.decode()
    assert '<div id="organization"' in part
    assert "<html" not in part


def test_a_pending_one_shows_its_steps_whom_it_waits_for_and_what_stopped_it(context, words, alice, contoso):
    error = {"error_code": "consent_not_visible", "error_at": NOW}
    row = pending_partner(contoso, "Proseware", link_expires_at=NOW - DAY, **error)
    card = context(alice, row)["onboarding"]
    assert [step["state"] for step in card["steps"]] == ["done", "error", "todo", "todo", "todo", "todo"]
    assert (card["waiting"]["text"], card["link_expired"]) == ("You: send a new link", True)
    assert "Microsoft has not shown the consent for 15 minutes" in words(alice, row)


def test_consent_that_is_needed_again_is_said_and_can_be_tried_again(words, context, alice, charlie, fabrikam):
    Onboarding.objects.filter(pk=fabrikam.pk).update(consent_lost_at=NOW - DAY)
    assert "Consent is needed again since 30 Nov 2026, 09:00 UTC." in words(alice, fabrikam)
    assert likely(context(alice, fabrikam)) == "try_again"
    assert likely(context(charlie, fabrikam)) == ""
    assert context(charlie, fabrikam)["retry"]["refusal"].startswith("Only Contoso Distribution can")


# Cards --------------------------------------------------------------------------------------------------------------


def test_the_trials_card_shows_what_is_left_and_a_mark_for_each_instant(context, alice, contoso):
    card = context(alice, partner(contoso, ends_in=3 * DAY + HOUR))["trial"]
    assert (card["days"], card["part"], card["elapsed_part"]) == ("4", "21.73", "78.27")
    assert [(mark["place"], mark["past"]) for mark in card["marks"]] == [
        ("50.00", True), ("78.57", False), ("78.57", False), ("92.86", False), ("100.00", False),
    ]  # fmt: skip


def test_a_trial_that_ended_has_nothing_left(context, alice, contoso):
    card = context(alice, partner(contoso, **STATES["Trial — held"]))["trial"]
    assert (card["days"], card["part"], card["left"]) == ("0", "0.00", "ended")


def test_the_picture_of_a_trial_needs_no_style(signed_in, alice, fabrikam):
    page = signed_in(alice).get(url(fabrikam)).content.decode()
    assert 'stroke-dasharray="14.29 100"' in page
    assert " style=" not in page


@pytest.mark.parametrize(
    ("facts", "sentence"),
    [
        (
            {"ends_in": 2 * DAY},
            "It upgrades to Production on 3 Dec 2026, 09:00 UTC. From then on its production tenants",
        ),
        (
            {"ends_in": 2 * DAY, "blocked_at": NOW},
            "The trial expires on 3 Dec 2026, 09:00 UTC: the automatic upgrade is",
        ),
        ({"ends_in": 0 * DAY}, "The upgrade to Production is due;"),
        (
            STATES["Trial — held"],
            "The upgrade is held: the mail server refused the notice. It happens after a new notice, not",
        ),
        (STATES["Expired"], "The trial expired on 30 Nov 2026, 09:00 UTC. It can be converted to a production account"),
        (STATES["Cancelled"], "The trial was cancelled on 30 Nov 2026, 09:00 UTC."),
        (STATES["Production"], "In Production since 30 Nov 2026, 09:00 UTC."),
        (STATES["Suspended"], "Suspended since 1 Dec 2026, 08:00 UTC. The Vendor's staff can reinstate it."),
        (
            {**STATES["Production"], "cancelled_at": NOW},
            "The production account was ended on 1 Dec 2026, 09:00 UTC, for good.",
        ),
    ],
)
def test_one_sentence_says_what_happens_next(words, alice, contoso, facts, sentence):
    assert sentence in words(alice, partner(contoso, **facts))


def test_a_customer_has_its_expiration_date(words, bob):
    """R26."""
    dated = customer(bob.acts_for, converted_at=NOW - DAY, expires_on=(NOW + 9 * DAY).date())
    page = words(bob, dated)
    assert "Expiration date 10 Dec 2026 until 11 Dec 2026, 00:00 UTC" in page
    assert "In Production since 30 Nov 2026, 09:00 UTC. It is suspended on 11 Dec 2026, 00:00 UTC." in page
    over = customer(bob.acts_for, "Coho", converted_at=NOW - 9 * DAY, expires_on=(NOW - 2 * DAY).date())
    assert "A later expiration date reinstates it." in words(bob, over)


def test_a_customer_of_a_partner_without_access_has_none(words, alice, contoso):
    """R28, R21."""
    expired = partner(contoso, **STATES["Expired"])
    page = words(alice, customer(expired))
    assert "No access – Its Partner, Fabrikam, has no access." in page
    assert "The upgrade waits until Fabrikam is active again" in page


def test_the_subscription_has_its_products_seats_and_periods(context, words, alice, contoso):
    northwind = partner(contoso, converted_at=NOW - 9 * DAY)
    customer(northwind)
    Period.objects.filter(organization=northwind).update(ends_at=NOW - 4 * DAY)
    Period.objects.create(organization=northwind, starts_at=NOW - DAY)
    card = context(alice, northwind)["subscription"]
    assert [held["name"] for held in card["skus"]] == ["Essentials MSP 2025", "Professional MSP 2025"]
    assert [held["name"] for held in card["add_ons"]] == ["Audit 2025", "Delegation 2025", "Hybrid 2025"]
    assert (card["seats"], card["customers"]) == ("50", "1")
    page = words(alice, northwind)
    assert "30 Nov 2026 – now" in page
    assert "22 Nov 2026 – 27 Nov 2026" in page


def test_a_customers_page_has_its_source_and_its_partner(words, alice, bob):
    page = words(bob, customer(bob.acts_for))
    assert "Owner Northwind" in page
    assert "Source MSP" in page


# Its own people -----------------------------------------------------------------------------------------------------


def test_bob_reads_that_northwind_is_in_production(words, bob):
    page = words(bob, bob.acts_for)
    assert "You are in Production. Questions about it? Ask Contoso Distribution." in page
    assert "Your subscription" in page


@pytest.mark.parametrize(
    ("facts", "sentence"),
    [
        (
            {},
            "Your trial upgrades to Production on 3 Dec 2026, 09:00 UTC. Contoso Distribution can extend, block or cancel it",
        ),
        ({"blocked_at": NOW}, "Your trial ends on 3 Dec 2026, 09:00 UTC. Contoso Distribution has blocked"),
        (
            STATES["Suspended"],
            "Your production account is not active and you have no access.",
        ),
        ({"cancelled_at": NOW}, "Your trial is over and so is your access. Contoso Distribution can convert it"),
        (
            {"held_at": NOW, "hold_reason": "refused", "upgrade_at": NOW + 3 * DAY},
            "Your trial upgrades to Production on 4 Dec 2026, 09:00 UTC.",
        ),
    ],
)
def test_its_own_people_read_what_happens_next(words, charlie, facts, sentence):
    Subscription.objects.filter(pk=charlie.organization_id).update(**facts)
    assert sentence in words(charlie, charlie.acts_for)


def test_while_the_import_runs_the_trial_has_not_started(words, contoso):
    ada = OperatorFactory(organization=pending_partner(contoso))
    assert "Your trial starts when the import of your Microsoft 365 tenant is complete." in words(ada, ada.acts_for)


def test_a_distributors_own_page_is_simple(words, context, alice, contoso):
    Event.record(contoso, "operator_joined", at=NOW, by=alice)
    page = words(alice, contoso)
    assert "Contoso Distribution Distributor" in page
    assert contoso.notification_email in page
    assert "Operator joined" in page
    assert "menu" not in context(alice, contoso)


def test_ones_own_page_leads_to_the_operators(signed_in, alice, charlie, contoso, fabrikam):
    link = 'class="button" href="/operators/"'
    for operator, row, there in ((alice, contoso, True), (charlie, fabrikam, True), (alice, fabrikam, False)):
        assert (link in signed_in(operator).get(url(row)).content.decode()) == there


# Mails --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def told(fabrikam, alice, charlie):
    """To the distributor's Admin, to the notification email, and to one of its own people."""
    notice(fabrikam, alice, accepted_at=NOW - HOUR, days=3)
    notice(fabrikam, charlie, accepted_at=None, kind="partnerapp.operator_invitation")
    Message.objects.create(
        organization=fabrikam, **fabrikam.branch, kind="onboarding.import_completed", about_at=NOW, state="refused",
        recipient=fabrikam.notification_email, last_error="550 No such user",
    )  # fmt: skip


def test_the_owner_reads_all_mails_and_how_they_fared(context, alice, told):
    rows = {row["recipient"]: row for row in context(alice, Organization.objects.get(name="Fabrikam"))["mails"]}
    fared = {row["words"]: (str(row["state"]["word"]), row["reason"], row["accepted_at"]) for row in rows.values()}
    assert fared == {
        "Upgrade notice, 3 days before": ("sent", "", NOW - HOUR),
        "Import completed, the trial has started": ("not delivered", "550 No such user", None),
        "Invitation to work in Partner App": ("sending…", "", None),
    }


def test_its_own_people_read_only_what_was_sent_to_them(words, context, charlie, alice, told):
    rows = context(charlie, charlie.acts_for)["mails"]
    assert {row["recipient"] for row in rows} == {charlie.acts_for.notification_email, charlie.email}
    assert alice.email not in words(charlie, charlie.acts_for)


def test_a_partner_reads_no_mail_about_its_customers_to_its_distributors_people(context, alice, bob):
    woodgrove = customer(bob.acts_for)
    notice(woodgrove, alice, accepted_at=NOW, kind="subscriptions.customer_converted")
    notice(woodgrove, bob, accepted_at=NOW)
    seen = {who: [row["recipient"] for row in context(who, woodgrove)["mails"]] for who in (alice, bob)}
    assert seen == {alice: [alice.email, bob.email], bob: [bob.email]}


def test_the_newest_mails_are_shown(context, alice, fabrikam):
    for n in range(mails.NEWEST + 5):
        notice(fabrikam, alice, accepted_at=NOW, about_at=NOW - n * HOUR)
    rows = context(alice, fabrikam)["mails"]
    assert [row["about_at"] for row in rows] == [NOW - n * HOUR for n in range(mails.NEWEST)]


def test_every_mail_has_words():
    files = (CHECKOUT / "templates" / "emails").glob("*/*.subject.txt")
    assert {f"{file.parent.name}.{file.name.removesuffix('.subject.txt')}" for file in files} <= set(mails.WORDS)
    assert set(mails.SHOWN) == set(Message.State)


# Timeline -----------------------------------------------------------------------------------------------------------


def test_the_future_stands_above_now_the_nearest_last(context, alice, contoso):
    future = context(alice, partner(contoso, ends_in=2 * DAY))["future"]
    assert [str(mark["text"]) for mark in future] == [
        "Upgrade to Production", "Notice, 1 day before the upgrade",
    ]  # fmt: skip


def test_a_link_that_waits_will_expire(context, alice, contoso):
    (mark,) = context(alice, pending_partner(contoso))["future"]
    assert (mark["at"], str(mark["text"])) == (NOW + 30 * DAY, "The activation link expires")
    assert context(alice, pending_partner(contoso, "Old", link_expires_at=NOW))["future"] == []


def test_the_past_is_grouped_by_the_readers_days(context, contoso, fabrikam):
    berlin = OperatorFactory(organization=contoso, time_zone="Europe/Berlin")
    for hours in (20, 12, 10, 0):  # 23 h UTC is another day in Berlin already
        Event.record(fabrikam, "added", at=NOW - hours * HOUR, by=None)
    days = context(berlin, fabrikam)["days"]
    assert [(day["day"], len(day["events"])) for day in days] == [("1 Dec 2026", 2), ("30 Nov 2026", 2)]


def test_older_events_are_in_the_log(context, alice, fabrikam, monkeypatch):
    monkeypatch.setattr(organization, "TIMELINE", 2)
    for n in range(3):
        Event.record(fabrikam, "added", at=NOW - n * DAY, by=None)
    page = context(alice, fabrikam)
    assert (len(page["days"]), page["more"]) == (2, True)
    assert page["log_url"] == f"/events/?organization={fabrikam.pk}"


def test_only_its_own_events_are_there(context, alice, bob):
    Event.record(customer(bob.acts_for), "added", at=NOW, by=bob)
    assert context(bob, bob.acts_for)["days"] == []


# For whom, and how fast ---------------------------------------------------------------------------------------------


def test_a_foreign_page_does_not_exist(signed_in, alice, bob, mallory, contoso):
    rows = [bob.acts_for, customer(bob.acts_for), mallory.acts_for]
    for operator, seen in ((alice, [200, 200, 404]), (bob, [200, 200, 404]), (mallory, [404, 404, 200])):
        assert [signed_in(operator).get(url(row)).status_code for row in rows] == seen
    assert signed_in(bob).get(url(contoso)).status_code == 404
    assert signed_in(alice).get(f"/organizations/{10**25}/").status_code == 404


def test_names_in_the_lists_lead_here(signed_in, alice, contoso, fabrikam):
    assert (
        f'<a class="name" href="{url(fabrikam)}">Fabrikam</a>'
        in signed_in(alice).get("/invoice/partners/").content.decode()
    )
    adatum = pending_partner(contoso)
    assert f'href="{url(adatum)}"' in signed_in(alice).get("/invoice/partners/pending/").content.decode()


def test_your_subscription_in_the_navigation_leads_here(signed_in, bob):
    (item, *_others), *_groups = [group["items"] for group in signed_in(bob).get("/events/").context["navigation"]]
    assert (item["label"], item["url"]) == ("Your subscription", url(bob.acts_for))


@pytest.mark.parametrize("who", ["alice", "bob"])
def test_the_number_of_queries_is_constant(signed_in, request, bob, settings, who):
    """At most ten, and the session and its operator."""
    settings.DEMO = False
    northwind, client, counts = bob.acts_for, signed_in(request.getfixturevalue(who)), []
    alice = request.getfixturevalue("alice")
    for many in (1, 9):
        for n in range(many):
            customer(northwind, f"Customer {n}")
            Event.record(northwind, "upgrade_blocked", at=NOW, by=alice, reason="x")
            notice(northwind, alice, accepted_at=NOW, about_at=NOW + (many * 20 + n) * HOUR)
        with CaptureQueriesContext(connection) as captured:
            assert client.get(url(northwind)).status_code == 200
        counts.append(len(captured))
    assert counts[0] == counts[1] <= 12, captured.captured_queries


@pytest.mark.parametrize("make", [pending_partner, pending_customer, customer])
def test_a_pending_ones_and_a_customers_page_take_no_more(signed_in, alice, contoso, bob, settings, make):
    settings.DEMO = False
    client, row = signed_in(alice), make(contoso if make is pending_partner else bob.acts_for)
    with CaptureQueriesContext(connection) as captured:
        client.get(url(row))
    assert len(captured) <= 12
