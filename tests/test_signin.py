"""Signing in to the portal: who gets in, by an invitation or later, and how a session begins and ends."""

from urllib.parse import parse_qs, urlsplit

import pytest
from django.conf import settings
from django.contrib.sessions.models import Session
from django.test import Client

from partnerapp import clock, tasks
from partnerapp.microsoft365.sandbox import visitor
from partnerapp.microsoft365.sandbox.directory import ALICE, BOB, CONTOSO, EVE, GUEST, LITWARE, MALLORY, PAT, VICTOR
from partnerapp.models import Event, Operator, Organization, SigninFlow
from tests.factories import DAY, NOW, DistributorFactory, OperatorFactory
from tests.microsoft365.conftest import one_sandbox, sandbox, world  # noqa: F401 - fixtures

CALLBACK = "/signin/callback/"


@pytest.fixture
def alice(contoso) -> Operator:
    """Alice with the identity that Microsoft knows."""
    Organization.objects.filter(pk=contoso.pk).update(tid=CONTOSO.tid)
    return OperatorFactory(
        organization=contoso, name="Alice Adler", email=ALICE.username, tid=CONTOSO.tid, oid=ALICE.oid
    )


@pytest.fixture
def portal() -> Client:
    return Client(HTTP_HOST="localhost:8000")


@pytest.fixture
def sign_in(sandbox, portal):  # noqa: F811
    """Press the button, pick an account (None: Cancel), come back."""

    def go(person, **form):
        return portal.post(CALLBACK, visitor.sign_in(sandbox, portal.post("/signin/", form).url, person))

    return go


def signed_in(portal):
    return portal.get("/").status_code == 302 and "signin" not in portal.get("/").url


# Who gets in --------------------------------------------------------------------------------------------------------


def test_an_operator_signs_in(sign_in, portal, alice):
    answer = sign_in(ALICE)
    assert (answer.status_code, answer.url) == (303, "/")
    assert "Alice Adler" in portal.get("/invoice/partners/").content.decode()


def test_an_unknown_account_does_not(sign_in, portal, alice):
    answer = sign_in(VICTOR)
    assert answer.status_code == 403
    assert "victor@contoso.example has no access to this portal." in answer.content.decode()
    assert not signed_in(portal)


@pytest.mark.parametrize("person", [EVE, PAT, None], ids=["same email in another tenant", "personal", "declined"])
def test_these_do_not_either(sign_in, portal, alice, person):
    """Eve's tenant says that she has Alice's email: it is never asked."""
    assert sign_in(person).status_code in {400, 403}
    assert not signed_in(portal)


def test_a_guest_is_another_identity(sign_in, portal, bob):
    """Bob as a guest in Fabrikam's tenant is not Bob of Northwind, whatever the email says."""
    Operator.objects.filter(pk=bob.pk).update(tid=BOB.tenant.tid, oid=BOB.oid, email=BOB.username)
    assert sign_in(GUEST).status_code == 403
    assert not signed_in(portal)


def test_the_same_object_id_in_another_tenant_is_nobody(sign_in, portal, contoso):
    OperatorFactory(organization=contoso, tid=LITWARE.tid, oid=ALICE.oid)
    assert sign_in(ALICE).status_code == 403


def test_who_was_invited_and_never_accepted_does_not_get_in_by_email(sign_in, portal, contoso):
    OperatorFactory(organization=contoso, email=ALICE.username, tid=None, oid=None, accepted_at=None)
    assert sign_in(ALICE).status_code == 403


def test_a_disabled_operator_is_out_on_the_next_request(sign_in, portal, alice):
    sign_in(ALICE)
    Operator.objects.filter(pk=alice.pk).update(disabled_at=NOW)
    assert "/signin/" in portal.get("/invoice/partners/").url
    assert sign_in(ALICE).status_code == 403


def test_a_demoted_admin_is_a_viewer_on_the_next_request(sign_in, portal, alice):
    sign_in(ALICE)
    Operator.objects.filter(pk=alice.pk).update(role=Operator.Role.VIEWER)
    assert portal.get("/organizations/actions/add_partner/").status_code == 403


def test_vendor_staff_have_no_place_in_the_portal(portal, db):
    nobody = {"organization": None, "tid": None, "oid": None, "accepted_at": None}
    portal.force_login(OperatorFactory(is_staff=True, email="staff@vendor.example", **nobody))
    assert "/signin/" in portal.get("/").url


def test_microsoft_away_is_a_page_that_says_so(sandbox, portal, alice, world):  # noqa: F811
    url = portal.post("/signin/").url
    posted = visitor.sign_in(sandbox, url, ALICE)
    world.secret_expired = True
    answer = portal.post(CALLBACK, posted)
    assert answer.status_code == 400
    assert "This is our fault, not yours." in answer.content.decode()


# Coming back --------------------------------------------------------------------------------------------------------


def test_the_state_works_once_and_in_its_browser(sandbox, portal, alice):  # noqa: F811
    posted = visitor.sign_in(sandbox, portal.post("/signin/").url, ALICE)
    assert Client(HTTP_HOST="localhost:8000").post(CALLBACK, posted).status_code == 400
    assert [portal.post(CALLBACK, posted).status_code for _ in range(2)] == [303, 400]


@pytest.mark.parametrize("state", ["", "nonsense", "x" * 5_000, "\x00", "ü"])
def test_a_state_that_we_never_gave_is_refused(portal, db, state):
    assert portal.post(CALLBACK, {"state": state, "code": "x"}).status_code == 400
    assert portal.get("/consent/callback/", {"state": state, "admin_consent": "True"}).status_code == 400


def test_a_state_of_signing_in_is_no_state_of_consent(sandbox, portal, alice):  # noqa: F811
    state = parse_qs(urlsplit(portal.post("/signin/").url).query)["state"][0]
    assert portal.get("/consent/callback/", {"state": state, "admin_consent": "True"}).status_code == 400


def test_a_state_of_consent_is_no_state_of_signing_in(portal, db):
    SigninFlow.start(state="s", browser="b", wall=clock.wall(), purpose=SigninFlow.Purpose.CONSENT)
    portal.cookies["__Host-m365-flow"] = "b"
    assert portal.post(CALLBACK, {"state": "s", "code": "x"}).status_code == 400
    assert not SigninFlow.objects.exists()


def test_the_state_itself_is_not_stored(sandbox, portal, alice):  # noqa: F811
    state = parse_qs(urlsplit(portal.post("/signin/").url).query)["state"][0]
    assert state.encode() not in bytes(SigninFlow.objects.get().state_hash)


def test_the_flows_cookie_survives_the_cross_site_post(sandbox, portal, db):  # noqa: F811
    cookie = portal.post("/signin/").cookies["__Host-m365-flow"]
    assert (cookie["samesite"], cookie["secure"], cookie["httponly"]) == ("None", True, True)
    assert (cookie["path"], cookie["domain"], cookie["max-age"]) == ("/", "", 600)


def test_what_is_tidied_is_only_what_has_ended(sandbox, portal, db, monkeypatch):  # noqa: F811
    portal.post("/signin/")
    tasks.tidy()
    assert SigninFlow.objects.count() == 1
    late = clock.wall() + DAY
    monkeypatch.setattr(clock, "wall", lambda: late)
    tasks.tidy()
    assert SigninFlow.objects.count() == 0


# Where to -----------------------------------------------------------------------------------------------------------


def test_one_comes_back_to_the_page_that_was_asked_for(sign_in, portal, alice):
    asked = portal.get("/invoice/partners/pending/?order=name")
    assert asked.url == "/signin/?next=/invoice/partners/pending/%3Forder%3Dname"
    assert 'value="/invoice/partners/pending/?order=name"' in portal.get(asked.url).content.decode()
    assert sign_in(ALICE, next="/invoice/partners/pending/?order=name").url == "/invoice/partners/pending/?order=name"


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/",
        "//evil.example/",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/%09/evil.example/\t",
        "/\t/evil.example",
        "javascript:alert(1)",
        "https:evil.example",
        "http://localhost:8000@evil.example/",
        "\x00/evil",
        "/\x00",
        "/\r\nSet-Cookie: a=b",
    ],
)
def test_next_leads_nowhere_else(sign_in, portal, alice, target):
    page = portal.get("/signin/", {"next": target})
    assert page.status_code == 200
    assert page.context["next"] in {"/", "/%09/evil.example/"}
    assert sign_in(ALICE, next=target).url in {"/", "/%09/evil.example/"}


def test_an_encoded_address_stays_a_path(sign_in, alice):
    assert sign_in(ALICE, next="/%2F%2Fevil.example").url == "/%2F%2Fevil.example"


# The session --------------------------------------------------------------------------------------------------------


def test_the_session_is_a_new_one_after_signing_in(sign_in, portal, alice, mallory):
    portal.force_login(mallory)
    before = portal.cookies[settings.SESSION_COOKIE_NAME].value
    sign_in(ALICE)
    assert portal.cookies[settings.SESSION_COOKIE_NAME].value != before
    assert not Session.objects.filter(session_key=before).exists()


def test_the_cookies_are_for_this_host_and_not_for_scripts(sign_in, portal, alice):
    cookie = sign_in(ALICE).cookies["__Host-session"]
    assert (cookie["secure"], cookie["httponly"], cookie["samesite"]) == (True, True, "Lax")
    assert (cookie["path"], cookie["domain"], cookie["max-age"]) == ("/", "", 12 * 3600)
    csrf = portal.get("/invoice/partners/").cookies["__Host-csrf"]
    assert (csrf["secure"], csrf["httponly"], csrf["path"], csrf["domain"]) == (True, True, "/", "")


def test_signing_out_ends_the_session_and_clears_the_browser(sign_in, portal, alice):
    sign_in(ALICE)
    key = portal.cookies["__Host-session"].value
    answer = portal.post("/signout/")
    assert (answer.status_code, answer.url) == (302, "/signin/")
    assert answer.headers["Clear-Site-Data"] == '"cache", "storage"'
    assert not Session.objects.filter(session_key=key).exists()
    assert not signed_in(portal)


def test_a_link_signs_nobody_out(sign_in, portal, alice):
    sign_in(ALICE)
    assert portal.get("/signout/").status_code == 405
    assert signed_in(portal)


# Invitations --------------------------------------------------------------------------------------------------------


@pytest.fixture
def invited(db) -> Operator:
    """The first operator of a new distributor, whose tenant is not known yet."""
    distributor = DistributorFactory(name="Litware", tid=None)
    about = {"name": "mallory", "email": MALLORY.username, "tid": None, "oid": None, "accepted_at": None}
    return OperatorFactory(organization=distributor, invited_at=NOW - DAY, **about)


@pytest.fixture
def accept(sandbox, portal):  # noqa: F811
    """Follow the invitation's link, press, pick an account, come back."""

    def go(operator, person):
        there = portal.post(f"/invitations/{operator.invitation_token()}/")
        return portal.post(CALLBACK, visitor.sign_in(sandbox, there.url, person))

    return go


def test_the_invitation_says_who_is_invited_where_and_as_what(portal, invited):
    page = portal.get(f"/invitations/{invited.invitation_token()}/").content.decode()
    assert "<h1>Join Litware</h1>" in page
    assert "You are invited as Admin." in page
    assert MALLORY.username in page


def test_opening_it_changes_nothing(portal, invited):
    for method in (portal.get, portal.head):
        assert method(f"/invitations/{invited.invitation_token()}/").status_code == 200
    invited.refresh_from_db()
    assert invited.accepted_at is None
    assert not SigninFlow.objects.exists()


def test_the_first_sign_in_binds_the_identity_and_the_distributors_tenant(accept, portal, invited):
    assert accept(invited, MALLORY).url == "/"
    invited.refresh_from_db()
    assert (str(invited.tid), str(invited.oid), invited.accepted_at) == (LITWARE.tid, MALLORY.oid, NOW)
    assert (invited.name, str(invited.organization.tid)) == ("Mallory Moss", LITWARE.tid)
    assert Event.objects.get(organization=invited.organization).kind == "operator_joined"
    assert signed_in(portal)


def test_the_identity_binds_not_the_invited_email(accept, invited):
    invited.email = "somebody.else@litware.example"
    invited.save()
    assert accept(invited, MALLORY).status_code == 303


def test_the_second_of_an_organization_must_be_of_its_tenant(sandbox, portal, invited):  # noqa: F811
    Organization.objects.filter(pk=invited.organization_id).update(tid=CONTOSO.tid)
    there = portal.post(f"/invitations/{invited.invitation_token()}/")
    assert f"/{CONTOSO.tid}/" in there.url


def test_a_wrong_tenant_is_refused(sandbox, portal, invited):  # noqa: F811
    posted = visitor.sign_in(sandbox, portal.post(f"/invitations/{invited.invitation_token()}/").url, MALLORY)
    Organization.objects.filter(pk=invited.organization_id).update(tid=CONTOSO.tid)
    answer = portal.post(CALLBACK, posted)
    assert answer.status_code == 403
    assert "your organization&#x27;s own Microsoft 365 tenant" in answer.content.decode()
    assert not signed_in(portal)


def test_a_tenant_of_another_organization_is_refused(accept, portal, invited, contoso):
    Organization.objects.filter(pk=contoso.pk).update(tid=LITWARE.tid)
    answer = accept(invited, MALLORY)
    assert answer.status_code == 403
    page = answer.content.decode()
    assert "belongs to another organization here" in page
    assert "Contoso" not in page


def test_a_used_invitation_is_over(accept, portal, invited):
    link = f"/invitations/{invited.invitation_token()}/"
    accept(invited, MALLORY)
    assert [portal.get(link).status_code, portal.post(link).status_code] == [410, 410]


def test_used_between_click_and_return(sandbox, portal, invited):  # noqa: F811
    posted = visitor.sign_in(sandbox, portal.post(f"/invitations/{invited.invitation_token()}/").url, MALLORY)
    Operator.objects.filter(pk=invited.pk).update(tid=CONTOSO.tid, oid=ALICE.oid, accepted_at=NOW)
    assert portal.post(CALLBACK, posted).status_code == 403
    assert not signed_in(portal)


def test_a_newer_invitation_kills_the_old_one(portal, invited):
    old = invited.invitation_token()
    invited.invited_at = NOW
    invited.save()
    assert portal.get(f"/invitations/{old}/").status_code == 410
    assert portal.get(f"/invitations/{invited.invitation_token()}/").status_code == 200


def test_a_disabled_invitation_is_over(portal, invited):
    Operator.objects.filter(pk=invited.pk).update(disabled_at=NOW)
    assert portal.get(f"/invitations/{invited.invitation_token()}/").status_code == 410


@pytest.mark.parametrize("token", ["nonsense", "1.1~x", "x" * 3_000, "%00", "~", "1"])
def test_an_invitation_that_we_did_not_make_is_over(portal, db, token):
    assert portal.get(f"/invitations/{token}/").status_code == 410
