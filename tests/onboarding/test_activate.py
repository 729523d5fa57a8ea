"""From the activation link to the completed import (R7-R15), through real URLs, with Microsoft 365 as the sandbox plays it."""

import logging
import uuid
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qs, urlsplit

import pytest
from django.db import connections
from django.test import Client

from onboarding import links
from onboarding.models import ImportRun, Onboarding, tenancy
from onboarding.tenant_import import import_tenants
from partnerapp import clock
from partnerapp.microsoft365 import consent
from partnerapp.microsoft365.errors import MissingPermission
from partnerapp.microsoft365.sandbox import directory, licences, visitor
from partnerapp.microsoft365.sandbox.directory import ADA, ADAM, ADATUM, BOB, EVE, FIONA, FOURTH_COFFEE, PAT, WANDA
from partnerapp.microsoft365.sandbox.world import Faults
from partnerapp.microsoft365.signin import Identity
from partnerapp.models import Event, Message, Operator, Organization, SigninFlow
from tests.factories import DAY, NOW, OperatorFactory, fresh, partner, pending_partner

PENDING = "/invoice/partners/pending/"


def status(organization):
    return fresh(organization).onboarding.status


def kinds(organization):
    return list(Event.objects.filter(organization=organization).order_by("pk").values_list("kind", flat=True))


def facts(organization):
    """All that is stored about an onboarding, and its mails."""
    row = Onboarding.objects.filter(pk=organization.pk).values().get()
    return row, list(Message.objects.order_by("pk").values())


# The whole way ------------------------------------------------------------------------------------------------------


def test_the_whole_way(ada, adatum, alice):
    """R7: each step with its word, from the link to the trial."""
    assert "Start the CoreView trial of Adatum" in ada.words()
    assert ada.connect().status_code == 303
    assert ada.sign_in(ADA).status_code == 303
    assert status(adatum).words == "Onboarding started"
    assert "Signed in as <strong>Ada Abel</strong> of tenant <strong>adatum.example</strong>" in ada.words()
    assert ada.consent(ADA).status_code == 303
    assert "You may close this page." in ada.words()
    assert import_tenants()["completed"] == 1
    assert status(adatum).words == "Import completed"
    assert "You are connected. Your trial runs to 15 Dec 2026, 09:00 UTC." in ada.words()


def test_every_step_writes_its_event(ada, adatum, alice):
    """R31."""
    ada.go_through(ADA)
    import_tenants()
    assert kinds(adatum) == [
        "activation_pressed",
        "onboarding_started",
        "consent_returned",
        "consent_granted",
        "management_configured",
        "import_completed",
    ]


def test_the_completed_import_starts_the_trial(ada, adatum):
    """R15: 336 hours from the completed import; R11: counts only."""
    ada.go_through(ADA)
    import_tenants()
    subscription = fresh(adatum).subscription
    assert (subscription.imported_at, subscription.started_at) == (NOW, NOW)
    assert subscription.ends_at == subscription.upgrade_at == NOW + 14 * DAY
    run = ImportRun.objects.get()
    assert (run.done, run.total, run.seats) == (45, 45, subscription.seats)


def test_the_organization_is_connected_to_the_tenant(ada, adatum):
    ada.go_through(ADA)
    import_tenants()
    connected = fresh(adatum)
    assert (str(connected.tid), connected.default_domain, connected.country) == (ADATUM.tid, "adatum.example", "US")


def test_the_owner_and_the_partner_get_the_mail(ada, adatum, alice):
    ada.go_through(ADA)
    import_tenants()
    mails = Message.objects.filter(kind="onboarding.import_completed", about_at=NOW)
    assert set(mails.values_list("recipient", flat=True)) == {alice.email, adatum.notification_email}


def test_the_row_moves_to_partners(ada, adatum, alice, signed_in):
    """R5."""
    client = signed_in(alice)
    assert 'aria-label="Adatum"' in client.get(PENDING).content.decode()
    ada.go_through(ADA)
    import_tenants()
    assert 'aria-label="Adatum"' not in client.get(PENDING).content.decode()
    assert 'aria-label="Adatum"' in client.get("/invoice/partners/").content.decode()


def test_whoever_completed_the_consent_is_the_first_admin(ada, adatum):
    """R14: bound to (tid, oid)."""
    ada.go_through(ADA)
    import_tenants()
    admin = Operator.objects.get(organization=adatum)
    assert (str(admin.tid), str(admin.oid), admin.role) == (ADATUM.tid, ADA.oid, "admin")
    assert (admin.name, admin.email, admin.accepted_at) == ("Ada Abel", "ada@adatum.example", NOW)


def test_the_first_admin_can_sign_in(ada, adatum):
    ada.go_through(ADA)
    import_tenants()
    ada.come_back(visitor.sign_in(ada.sandbox, ada.browser.post("/signin/").url, ADA))
    page = ada.browser.get(f"/organizations/{adatum.pk}/").content.decode()
    assert "Your trial upgrades to Production on 15 Dec 2026, 09:00 UTC." in page


def test_the_one_who_only_started_is_no_admin(visit, adatum):
    """R14: who consented, not who signed in first."""
    visit().sign_in(ADAM)
    visit().go_through(ADA)
    import_tenants()
    assert list(Operator.objects.filter(organization=adatum).values_list("name", flat=True)) == ["Ada Abel"]


# The link -----------------------------------------------------------------------------------------------------------


def test_a_scanner_changes_nothing(ada, adatum):
    """R8: GET five times, HEAD, prefetch, another user agent."""
    before = facts(adatum)
    for _ in range(5):
        assert (
            ada.browser.get(ada.link, headers={"User-Agent": "Safelinks", "Sec-Purpose": "prefetch"}).status_code == 200
        )
    assert ada.browser.head(ada.link).status_code == 200
    assert facts(adatum) == before
    assert not kinds(adatum)
    assert not SigninFlow.objects.exists()


def test_a_press_without_signing_in_changes_only_the_log(ada, adatum):
    """R8."""
    before = facts(adatum)
    assert ada.connect().status_code == 303
    assert facts(adatum) == before
    assert kinds(adatum) == ["activation_pressed"]
    assert status(adatum) == "link_sent"


@pytest.mark.parametrize("path", ["consent/", "again/"])
def test_the_other_buttons_do_nothing_without_signing_in(ada, adatum, path):
    before = facts(adatum)
    assert ada.browser.post(ada.link + path).url == ada.link
    assert facts(adatum) == before
    assert not kinds(adatum)


def expire(row, alice):
    Onboarding.objects.filter(pk=row.pk).update(link_expires_at=NOW)


DEAD = {
    "expired": (expire, "This link has expired"),
    "rotated": (lambda row, alice: row.onboarding.reset(by=alice, at=NOW), "This link was replaced by a newer one"),
    "withdrawn": (lambda row, alice: row.onboarding.withdraw(by=alice, at=NOW), "This invitation was withdrawn"),
}


@pytest.mark.parametrize("case", DEAD)
def test_a_dead_link_says_why(ada, adatum, alice, case):
    kill, sentence = DEAD[case]
    kill(adatum, alice)
    answers = [ada.open(), ada.connect(), ada.browser.post(f"{ada.link}consent/")]
    assert [answer.status_code for answer in answers] == [410, 410, 410]
    assert all(sentence in answer.content.decode() for answer in answers)
    assert "activation_pressed" not in kinds(adatum)


@pytest.mark.parametrize("case", DEAD)
def test_killed_between_click_and_return_it_is_refused(ada, adatum, alice, case):
    kill, sentence = DEAD[case]
    posted = ada.picked(ADA)
    kill(adatum, alice)
    answer = ada.come_back(posted)
    assert answer.status_code == 410
    assert sentence in answer.content.decode()
    assert fresh(adatum).onboarding.started_at is None


@pytest.mark.parametrize("case", DEAD)
def test_killed_while_the_person_consents_it_leads_nowhere(ada, adatum, alice, case):
    """A dead link makes nobody an Admin, however far its holder had come."""
    kill, sentence = DEAD[case]
    ada.sign_in(ADA)
    back = ada.answered(ADA)
    kill(adatum, alice)
    assert sentence in ada.browser.get(back, follow=True).content.decode()
    import_tenants()
    assert fresh(adatum).onboarding.consented_at is None
    assert not Operator.objects.filter(organization=adatum).exists()


def test_the_new_link_is_not_shown_to_the_holder_of_the_old_one(ada, adatum, alice):
    """Sent to the wrong address, the link is replaced; a declined consent must not hand out the new one."""
    ada.sign_in(ADA)
    back = ada.answered(ADA, "cancel")
    adatum.onboarding.change_email("right@adatum.example", by=alice, at=NOW)
    page = ada.browser.get(back, follow=True).content.decode()
    assert fresh(adatum).onboarding.link() not in page
    assert "This link was replaced by a newer one" in page


def test_a_used_link_has_done_its_work(ada, visit, adatum):
    ada.go_through(ADA)
    import_tenants()
    other = visit()
    for answer in (other.open(), other.connect()):
        assert answer.status_code == 410
        assert "This link has done its work" in answer.content.decode()


def test_a_tampered_or_unknown_link_is_not_found(client, adatum):
    good = links.token(adatum.pk, 1)
    forged = [
        good.replace(".1~", ".2~"),
        good[:-1],
        good + "x",
        "nonsense",
        links.token(999_999_999, 1),
        "\u202e~",
        "1.1",
    ]
    for token in forged:
        for answer in (client.get(f"/activate/{token}/"), client.post(f"/activate/{token}/")):
            assert answer.status_code == 404
    assert not kinds(adatum)


def test_a_link_signed_for_another_purpose_is_not_found(client, mallory):
    assert client.get(f"/activate/{mallory.invitation_token()}/").status_code == 404


# Who signs in -------------------------------------------------------------------------------------------------------


def test_another_person_of_the_same_tenant_continues(visit, adatum):
    """R9: the administrator to whom the link was forwarded."""
    assert visit().sign_in(ADAM).status_code == 303
    administrator = visit()
    assert f"/{ADATUM.tid}/" in administrator.connect().url
    administrator.go_through(ADA)
    assert import_tenants()["completed"] == 1


def test_the_other_person_has_to_sign_in_too(visit, adatum):
    visit().sign_in(ADA)
    assert "Connect Microsoft 365" in visit().words()


def test_a_person_of_another_tenant_is_refused(visit, adatum):
    """R9: both pressed before anybody had signed in."""
    late = visit()
    posted = late.picked(WANDA)
    visit().sign_in(ADA)
    answer = late.come_back(posted)
    assert answer.status_code == 409
    assert "That is another Microsoft 365 tenant" in answer.content.decode()
    assert str(fresh(adatum).onboarding.tid) == ADATUM.tid


def test_a_wrong_tenant_is_mended_by_reset_link(visit, adatum, alice):
    """R9."""
    wrong = visit()
    wrong.sign_in(WANDA)
    adatum.onboarding.reset(by=alice, at=NOW)
    assert "This link was replaced by a newer one" in wrong.words()
    visit(fresh(adatum)).go_through(ADA)
    assert import_tenants()["completed"] == 1
    assert str(fresh(adatum).tid) == ADATUM.tid


def test_a_personal_account_is_refused(ada, adatum):
    answer = ada.sign_in(PAT)
    assert answer.status_code == 400
    assert "This is a personal Microsoft account" in answer.content.decode()
    assert fresh(adatum).onboarding.started_at is None


def test_declined_at_sign_in(ada, adatum):
    answer = ada.sign_in(None)
    assert answer.status_code == 400
    page = answer.content.decode()
    assert "The sign-in was cancelled at Microsoft." in page
    assert f'href="{ada.link}"' in page
    assert fresh(adatum).onboarding.started_at is None


def test_a_name_from_microsoft_is_shown_escaped_and_without_control_characters(ada, adatum, world):
    world.claims = {"name": "<b>Ada\x00\u202e</b>" + "x" * 300}
    assert ada.sign_in(ADA).status_code == 303
    assert "Signed in as <strong>&lt;b&gt;Ada&lt;/b&gt;xxx" in ada.words()


def test_a_portal_session_in_the_same_browser_stays(visit, alice, adatum):
    """Alice opens the link that she sent; she is still signed in afterwards."""
    hers = visit()
    hers.browser.force_login(alice)
    hers.sign_in(ADA)
    assert hers.browser.get(PENDING).status_code == 200


# The state: once, in time, in this browser --------------------------------------------------------------------------


def test_an_unknown_state_is_refused(ada, adatum):
    answer = ada.come_back({"state": "never-begun", "code": "x"})
    assert answer.status_code == 400
    assert "This sign-in was already used, took longer than 10 minutes" in answer.content.decode()


def test_a_double_submit_is_refused(ada, adatum):
    posted = ada.picked(ADA)
    assert [ada.come_back(posted).status_code for _ in range(2)] == [303, 400]
    assert kinds(adatum).count("onboarding_started") == 1


def test_the_answer_in_another_browser_is_refused(ada, visit, adatum):
    """Somebody is made to finish a stranger's sign-in: the state is the stranger's, the browser is not."""
    posted = ada.picked(ADA)
    assert visit().come_back(posted).status_code == 400
    assert fresh(adatum).onboarding.started_at is None
    assert ada.come_back(posted).status_code == 303


def test_another_sessions_state_is_refused(ada, visit, adatum):
    other = visit()
    other.picked(ADA)
    assert other.come_back(ada.picked(ADA)).status_code == 400
    assert fresh(adatum).onboarding.started_at is None


def test_after_ten_minutes_it_is_too_late(ada, adatum, wall):
    posted = ada.picked(ADA)
    wall(600)
    assert ada.come_back(posted).status_code == 400


def test_two_tabs_both_work(ada, adatum):
    first, second = ada.picked(ADA), ada.picked(ADA)
    assert [ada.come_back(second).status_code, ada.come_back(first).status_code] == [303, 303]


def test_the_consent_callback_takes_its_state_once(ada, visit, adatum):
    ada.sign_in(ADA)
    back = ada.answered(ADA)
    assert visit().browser.get(back).status_code == 400
    assert [ada.browser.get(back).status_code for _ in range(2)] == [303, 400]
    assert kinds(adatum).count("consent_returned") == 1


@pytest.mark.django_db(transaction=True)
def test_of_twenty_parallel_callbacks_one_wins(ada, adatum):
    posted = ada.picked(ADA)

    def come_back(_):
        try:
            return ada.come_back(posted).status_code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(come_back, range(20)))
    assert sorted(answers) == [303] + [400] * 19
    assert kinds(adatum).count("onboarding_started") == 1


@pytest.mark.django_db(transaction=True)
def test_of_two_tenants_at_once_one_is_bound(visit, adatum):
    """Ten people of each tenant press Continue at Microsoft in the same second."""
    posted = [(v, v.picked(person)) for person in (ADA, WANDA) * 4 for v in [visit()]]

    def come_back(pair):
        try:
            return pair[0].come_back(pair[1]).status_code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(come_back, posted))
    assert sorted(answers) == [303] * 4 + [409] * 4


# Consent ------------------------------------------------------------------------------------------------------------


def test_a_declined_consent_keeps_what_was_done(ada, adatum):
    ada.sign_in(ADA)
    page = ada.consent(ADA, "cancel").content.decode()
    assert "Consent was not given" in page
    assert f'action="{ada.link}consent/"' in page
    assert status(adatum) == "started"
    assert "consent_declined" in kinds(adatum)


def test_after_declining_one_can_accept(ada, adatum):
    ada.sign_in(ADA)
    ada.consent(ADA, "cancel")
    ada.consent(ADA)
    assert import_tenants()["completed"] == 1


def test_who_is_no_administrator_gets_the_link_to_forward(ada, adatum):
    ada.sign_in(ADAM)
    page = ada.consent(ADAM).content.decode()
    assert "An administrator has to consent" in page
    assert adatum.onboarding.link() in page
    assert fresh(adatum).onboarding.consenter_oid is None


def test_what_microsoft_says_is_shown_escaped(ada, adatum):
    ada.sign_in(ADA)
    state = parse_qs(urlsplit(ada.ask_consent()).query)["state"][0]
    answer = ada.browser.get("/consent/callback/", {"state": state, "error": "<script>\x00" + "x" * 300})
    assert answer.status_code == 200
    assert "<code>&lt;script&gt;xxx" in answer.content.decode()


def test_a_forged_tenant_is_refused(ada, adatum, world):
    """The `tenant` parameter can be forged: it must be the one of the signed-in person."""
    ada.sign_in(ADA)
    back = ada.answered(ADA).replace(ADATUM.tid, directory.NORTHWIND.tid)
    answer = ada.browser.get(back)
    assert answer.status_code == 409
    assert "That is another Microsoft 365 tenant" in answer.content.decode()
    import_tenants()
    assert status(adatum) == "started"


def forge(ada):
    """Say that consent was granted, which it was not."""
    state = parse_qs(urlsplit(ada.ask_consent()).query)["state"][0]
    return ada.browser.get("/consent/callback/", {"state": state, "admin_consent": "True", "tenant": ADATUM.tid})


def test_a_forged_success_grants_nothing(ada, adatum):
    """R9: `Consent granted` only after proof."""
    ada.sign_in(ADA)
    assert forge(ada).status_code == 303
    assert import_tenants()["waiting"] == 1
    assert status(adatum) == "started"
    assert not Operator.objects.filter(organization=adatum).exists()


def test_after_fifteen_minutes_without_consent_it_is_an_error(ada, adatum, alice, wall):
    ada.sign_in(ADA)
    forge(ada)
    for _ in range(17):
        import_tenants()
        wall(60)
    assert status(adatum).words == "Pre-import error"
    assert "Microsoft has not shown the consent for 15 minutes" in ada.words()
    assert set(Message.objects.filter(kind="onboarding.stopped").values_list("recipient", flat=True)) == {
        alice.email,
        adatum.notification_email,
    }


def test_that_error_can_be_retried(ada, adatum, world, wall, signed_in, alice):
    ada.sign_in(ADA)
    forge(ada)
    for _ in range(17):
        import_tenants()
        wall(60)
    world.grant(ADATUM)
    assert signed_in(alice, htmx=True).post(f"/organizations/actions/try_again/?id={adatum.pk}").status_code == 204
    assert import_tenants()["completed"] == 1


def test_a_late_consent_is_looked_for_after_15_30_60_seconds(ada, adatum, world, wall):
    world.settings[ADATUM.tid] = {"no_principal": 2, "no_roles": 2}
    ada.go_through(ADA)
    waits = []
    for _ in range(4):
        assert import_tenants()["waiting"] == 1
        waits.append((fresh(adatum).onboarding.next_try_at - wall()).total_seconds())
        wall(waits[-1] - 1)
        assert import_tenants()["waiting"] == 0  # not before its time
        wall(1)
    assert waits == [15, 30, 60, 60]
    assert import_tenants()["completed"] == 1


# One tenant, one organization (R13) ---------------------------------------------------------------------------------


@pytest.fixture
def elsewhere(mallory) -> Organization:
    """A Partner of Litware's; nobody at Contoso may know that it exists."""
    return partner(mallory.organization, "Tailwind Secret")


def give_tenant(organization, **facts):
    Organization.objects.filter(pk=organization.pk).update(tid=ADATUM.tid, **facts)


def test_a_tenant_connected_elsewhere_is_refused_and_the_person_reads_why(ada, adatum, elsewhere):
    give_tenant(elsewhere)
    answer = ada.sign_in(ADA)
    page = answer.content.decode()
    assert answer.status_code == 409
    assert "Your Microsoft 365 tenant is connected to another organization in this portal already." in page
    assert "Secret" not in page
    assert fresh(adatum).onboarding.started_at is None


def test_its_owner_reads_the_neutral_sentence_with_a_reference(ada, adatum, elsewhere, signed_in, alice):
    give_tenant(elsewhere)
    ada.sign_in(ADA)
    page = signed_in(alice).get(PENDING).content.decode()
    assert "This Microsoft 365 tenant cannot be connected here." in page
    assert f"name the reference O-{adatum.pk}." in page
    assert "another organization" not in page
    assert "Secret" not in page
    assert 'aria-disabled="true" title="Nobody has agreed at Microsoft yet;' in page


def test_after_that_the_right_tenant_still_can(ada, visit, adatum, elsewhere):
    give_tenant(elsewhere)
    ada.sign_in(ADA)
    visit().go_through(WANDA)
    assert import_tenants()["completed"] == 1
    assert fresh(adatum).onboarding.error_code == ""


def test_connected_elsewhere_between_sign_in_and_proof(ada, adatum, elsewhere, signed_in, alice):
    ada.go_through(ADA)
    give_tenant(elsewhere)
    assert import_tenants()["failed"] == 1
    assert fresh(adatum).tid is None
    assert "is connected to another organization in this portal already." in ada.words()
    owners = signed_in(alice).get(PENDING).content.decode()
    assert "This Microsoft 365 tenant cannot be connected here." in owners
    assert "another organization" not in owners


def test_the_race_on_one_tenant_has_one_winner(ada, visit, adatum, contoso, monkeypatch):
    """Both looked and found the tenant free: the unique index decides, and the loser has no Admin."""
    second = pending_partner(contoso, "Second")
    ada.go_through(ADA)
    visit(second).go_through(ADA)
    monkeypatch.setattr(tenancy, "refusal", lambda onboarding, tid: "")
    counts = import_tenants()
    assert (counts["proved"], counts["configured"], counts["failed"]) == (0, 1, 1)
    connected = Organization.objects.filter(tid=ADATUM.tid)
    assert connected.count() == Operator.objects.filter(tid=ADATUM.tid).count() == 1
    assert {status(adatum), status(second)} == {"completed", "failed"}


def test_a_tenant_that_had_a_trial_is_refused(ada, adatum, elsewhere):
    """R13."""
    give_tenant(elsewhere, tid_released_at=NOW - DAY)
    page = ada.sign_in(ADA).content.decode()
    assert "Your Microsoft 365 tenant had a trial already; each tenant gets one." in page


def test_staff_may_allow_another_trial(ada, adatum, elsewhere):
    """R13: stored as a fact."""
    give_tenant(elsewhere, tid_released_at=NOW - DAY)
    Onboarding.objects.filter(pk=adatum.pk).update(repeat_trial_allowed_at=NOW, repeat_trial_allowed_reason="Asked for")
    ada.go_through(ADA)
    assert import_tenants()["completed"] == 1


def test_the_admin_of_the_former_organization_comes_along(ada, adatum, elsewhere):
    """R14: an identity is one operator; whoever completed the consent administers the new organization."""
    give_tenant(elsewhere, tid_released_at=NOW - DAY)
    OperatorFactory(organization=elsewhere, tid=uuid.UUID(ADATUM.tid), oid=uuid.UUID(ADA.oid), name="Ada Abel")
    Onboarding.objects.filter(pk=adatum.pk).update(repeat_trial_allowed_at=NOW, repeat_trial_allowed_reason="Asked for")
    ada.go_through(ADA)
    import_tenants()
    assert Operator.objects.get(oid=ADA.oid).organization == adatum


# What can go wrong on the way ---------------------------------------------------------------------------------------


def test_a_missing_permission_is_named(ada, adatum, world, signed_in, alice):
    """R10."""
    world.settings[ADATUM.tid] = {"withheld": "User.Read.All"}
    ada.go_through(ADA)
    assert import_tenants()["failed"] == 1
    sentence = "The permission User.Read.All was not granted by the Microsoft 365 tenant."
    assert sentence in ada.words()
    page = signed_in(alice).get(PENDING).content.decode()
    assert sentence in page
    assert "Pre-import error" in page


@pytest.mark.parametrize("who", ["the owner", "the tenant"])
def test_once_it_is_granted_try_again_goes_on(ada, adatum, world, signed_in, alice, who):
    """R7."""
    world.settings[ADATUM.tid] = {"withheld": "User.Read.All"}
    ada.go_through(ADA)
    import_tenants()
    world.settings[ADATUM.tid] = {}
    if who == "the owner":
        signed_in(alice).post(f"/organizations/actions/try_again/?id={adatum.pk}")
    else:
        assert ada.try_again().status_code == 303
    assert import_tenants()["completed"] == 1


@pytest.fixture
def fiona(visit, world, contoso):
    """Fourth Coffee's 1,030 users come in two pages; its administrator has consented."""
    world.settings[FOURTH_COFFEE.tid] = {"page_delay": 0}
    browser = visit(pending_partner(contoso, "Fourth Coffee"))
    browser.go_through(FIONA)
    return browser


def all_counted():
    """Every user was counted once."""
    run, everybody = ImportRun.objects.order_by("-pk").first(), licences.users(FOURTH_COFFEE.tid, 0, 1_030)
    seats = sum(1 for user in everybody if user["accountEnabled"] and user["assignedLicenses"])
    return (run.done, run.total, run.seats) == (1_030, 1_030, seats)


def test_the_page_shows_how_far_the_import_is(fiona, after_first_page, signed_in, alice):
    """R11."""
    seen = []
    after_first_page(lambda: seen.extend([fiona.words(), signed_in(alice).get(PENDING).content.decode()]))
    import_tenants()
    assert len(seen) == 2
    assert all("Users 999 of 1,030" in page for page in seen)


def test_a_storm_of_429_hands_back_and_goes_on_from_the_checkpoint(fiona, world, wall, after_first_page):
    after_first_page(lambda: setattr(world, "graph_faults", Faults(1, 429, "120")))
    assert import_tenants()["waiting"] == 1
    run = ImportRun.objects.get()
    assert (run.done, run.lease_until, (run.ready_at - wall()).total_seconds()) == (999, None, 120)
    wall(119)
    assert import_tenants()["completed"] == 0
    wall(1)
    assert import_tenants()["completed"] == 1
    assert all_counted()


def test_a_consent_revoked_during_the_import_is_an_error(fiona, world, after_first_page):
    after_first_page(lambda: world.revoke(FOURTH_COFFEE))
    assert import_tenants()["failed"] == 1
    row = Organization.objects.get(name="Fourth Coffee")
    assert status(row).words == "Pre-import error"
    assert "was withdrawn, so the portal can no longer read from it" in fiona.words()
    assert fresh(row).subscription.imported_at is None


def test_once_it_is_granted_again_the_import_starts_anew(fiona, world, after_first_page):
    after_first_page(lambda: world.revoke(FOURTH_COFFEE))
    import_tenants()
    world.grant(FOURTH_COFFEE)
    fiona.try_again()
    assert import_tenants()["completed"] == 1
    assert all_counted()


class Killed(BaseException):
    """What a worker gets to see of kill -9: nothing that an `except Exception` would catch."""


def test_a_worker_killed_mid_page_is_taken_over_when_its_lease_runs_out(fiona, wall, monkeypatch):
    monkeypatch.setattr(ImportRun, "checkpoint", killed_on_the_second_page(ImportRun.checkpoint))
    with pytest.raises(Killed):
        import_tenants()
    monkeypatch.undo()
    assert ImportRun.objects.get().done == 999
    monkeypatch.setattr("partnerapp.clock.wall", lambda: wall())
    assert import_tenants()["completed"] == 0  # it might still be alive
    wall(181)
    assert import_tenants()["completed"] == 1
    assert all_counted()


def killed_on_the_second_page(save):
    def checkpoint(run, **lease):
        if run.step == ImportRun.Step.DONE:
            raise Killed
        return save(run, **lease)

    return checkpoint


def test_our_own_expired_credential_is_nobodys_error_but_ours(ada, adatum, world, wall, caplog):
    ada.go_through(ADA)
    world.secret_expired = True
    with caplog.at_level(logging.CRITICAL):
        assert import_tenants()["waiting"] == 1
    assert any(record.levelname == "CRITICAL" for record in caplog.records)
    assert fresh(adatum).onboarding.error_code == ""
    assert not Message.objects.filter(kind="onboarding.stopped").exists()
    world.secret_expired = False
    wall(300)
    assert import_tenants()["completed"] == 1


def test_our_outage_does_not_use_up_the_tenants_fifteen_minutes(ada, adatum, world, wall):
    world.settings[ADATUM.tid] = {"no_principal": 1}
    ada.go_through(ADA)
    world.secret_expired = True
    for _ in range(20):
        import_tenants()
        wall(300)
    world.secret_expired = False
    import_tenants()
    assert fresh(adatum).onboarding.error_code == ""
    wall(15)
    assert import_tenants()["completed"] == 1


def test_withdrawn_while_the_job_asks_microsoft(ada, adatum, alice, monkeypatch):
    withdraw = lambda tid: fresh(adatum).onboarding.withdraw(by=alice, at=NOW)  # noqa: E731
    monkeypatch.setattr(consent, "check_permissions", withdraw)
    ada.go_through(ADA)
    assert import_tenants()["waiting"] == 1
    assert not ImportRun.objects.exists()
    assert fresh(adatum).subscription.started_at is None


def test_a_failure_found_after_the_withdrawal_tells_nobody(ada, adatum, alice, monkeypatch):
    def withdrawn_then_refused(tid):
        fresh(adatum).onboarding.withdraw(by=alice, at=NOW)
        raise MissingPermission("User.Read.All")

    monkeypatch.setattr(consent, "check_permissions", withdrawn_then_refused)
    ada.go_through(ADA)
    assert import_tenants()["waiting"] == 1
    assert fresh(adatum).onboarding.error_code == ""
    assert not Message.objects.filter(kind="onboarding.stopped").exists()


def test_converted_before_the_import_completes_no_trial_starts(fiona, after_first_page, alice):
    """R15, R23."""
    row = Organization.objects.get(name="Fourth Coffee")
    after_first_page(lambda: fresh(row).subscription.convert(by=alice, at=NOW))
    assert import_tenants()["completed"] == 1
    subscription = fresh(row).subscription
    assert (subscription.imported_at, subscription.converted_at) == (NOW, NOW)
    assert (subscription.started_at, subscription.ends_at, subscription.upgrade_at) == (None, None, None)
    assert "<strong>You are connected.</strong>" in fiona.words()


def test_nobody_gets_in_by_an_email(ada, adatum, world, alice):
    """nOAuth: Eve's tenant says that she has Alice's address."""
    ada.come_back(visitor.sign_in(ada.sandbox, ada.browser.post("/signin/").url, EVE))
    assert ada.browser.get("/").status_code == 302
    assert Client().get("/").status_code == 302


def test_a_person_of_a_connected_partner_learns_nothing_of_another_one(ada, adatum, bob):
    """Bob's tenant is Northwind's: it cannot be connected to Adatum."""
    Organization.objects.filter(pk=bob.organization_id).update(tid=BOB.tenant.tid)
    answer = ada.sign_in(BOB)
    assert answer.status_code == 409
    assert "Northwind" not in answer.content.decode()


def test_consent_pressed_again_in_another_tab_while_the_import_runs(contoso, monkeypatch):
    """The second return finds the import running: Microsoft is asked once more, and no try stays due for ever."""
    asked = []
    monkeypatch.setattr(consent, "check_permissions", asked.append)
    done = {"started_at": NOW, "consented_at": NOW, "configured_at": NOW}
    row = pending_partner(contoso, tid=ADATUM.tid, started_oid=ADA.oid, consenter_oid=ADA.oid, **done)
    later = clock.wall() + DAY
    ImportRun.objects.create(organization=row, tid=ADATUM.tid, ready_at=later, started_at=NOW)
    person = Identity(ADATUM.tid, ADA.oid, ADA.name, ADA.email, ADA.username)
    row.onboarding.consent_returned(person, version=1, at=NOW, wall=clock.wall())
    assert import_tenants()["waiting"] == 1
    assert (len(asked), fresh(row).onboarding.next_try_at) == (1, None)
    assert ImportRun.objects.count() == 1
