"""The sandbox itself: its pages, its control API, and what it remembers."""

import ast
import json
import stat
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest
import requests
from django.conf import settings

from partnerapp.microsoft365 import consent, http, signin
from partnerapp.microsoft365.errors import NotYet, SigninFailed
from partnerapp.microsoft365.sandbox import directory, transport, visitor
from partnerapp.microsoft365.sandbox.app import Sandbox
from partnerapp.microsoft365.sandbox.directory import ADA, ADAM, ADATUM, ALICE, CONTOSO, PAULA, PROSEWARE

BASE = "http://127.0.0.1:9400"
CALLBACK = "http://localhost:8000/signin/callback/"


@pytest.fixture
def ask(sandbox):
    """Ask the sandbox for a page, or post to it."""

    def go(path, data=None, **headers):
        method = "GET" if data is None else "POST"
        request = requests.Request(method, BASE + path, data=data, headers=headers).prepare()
        return transport.call(sandbox, request, BASE)

    return go


@pytest.fixture
def control(ask):
    """Change the sandbox by its control API."""
    return lambda **wanted: ask("/_sandbox/", json.dumps(wanted))


def picker_path(tid="organizations", **more):
    parts = urlsplit(signin.begin(CALLBACK, None if tid == "organizations" else tid).url)
    return f"{parts.path}?{parts.query}&{urlencode(more)}"


def consent_path(tid):
    return consent.url(tid, "s", CALLBACK).removeprefix(BASE)


def test_every_page_says_that_it_is_not_microsoft(ask):
    for path in ("/", picker_path(), consent_path(ADATUM.tid), "/nothing"):
        page = ask(path).text
        assert "– Microsoft 365 sandbox</title>" in page
        assert "This is not Microsoft." in page


def test_the_picker_shows_everybody_and_what_they_may_do(ask):
    page = ask(picker_path()).text
    for person in directory.PEOPLE:
        assert person.oid in page
    assert "Other accounts" in page
    assert "Not an administrator" in page


def test_the_picker_shows_the_wanted_tenant_first(ask):
    page = ask(picker_path(PROSEWARE.tid)).text
    assert page.index("Proseware") < page.index("Adatum")


def test_the_filter_works_without_javascript(ask):
    page = ask(picker_path(filter="adatum")).text
    assert ADA.oid in page
    assert ALICE.oid not in page
    assert "Nobody matches" in ask(picker_path(filter="zzz")).text


def test_what_comes_from_outside_is_escaped(ask):
    assert "<b>" not in ask(picker_path(filter='"><b>')).text


@pytest.mark.parametrize("uri", ["javascript:alert(1)", ""])
def test_a_strange_redirect_uri_is_refused(ask, uri):
    query = urlencode({"client_id": "x", "redirect_uri": uri, "state": "s", "nonce": "n", "code_challenge": "c"})
    assert ask(f"/organizations/oauth2/v2.0/authorize?{query}").status_code == 400


def test_an_account_of_another_tenant_gets_a_page_and_no_code(sandbox):
    flow = signin.begin(CALLBACK, ADATUM.tid)
    page = visitor.press(sandbox, flow.url, account=ALICE.oid)
    assert page.status_code == 400
    assert "does not belong" in page.text


def test_the_consent_page_knows_who_signed_in(ask):
    as_ada = ask(consent_path(ADATUM.tid), Cookie=f"sandbox_account={ADA.oid}").text
    as_adam = ask(consent_path(ADATUM.tid), Cookie=f"sandbox_account={ADAM.oid}").text
    as_alice = ask(consent_path(ADATUM.tid), Cookie=f"sandbox_account={ALICE.oid}").text
    assert "Permissions requested" in as_ada
    assert "Need admin approval" in as_adam
    assert "Who grants the permissions?" in as_alice


def test_the_consent_page_can_grant_what_is_withheld(sandbox):
    visitor.consent(sandbox, consent.url(PROSEWARE.tid, "s", CALLBACK), PAULA, "accept_all")
    consent.prove(PROSEWARE.tid)
    consent.check_permissions(PROSEWARE.tid)


def test_the_home_page_restores_and_revokes(ask, world):
    ask("/", {"tenant": PROSEWARE.tid, "do": "restore"})
    ask("/", {"tenant": CONTOSO.tid, "do": "revoke"})
    assert world.permissions(PROSEWARE) == ["Organization.Read.All", "User.Read.All"]
    with pytest.raises(NotYet):
        consent.prove(CONTOSO.tid)


def test_the_state_can_be_read(ask):
    state = ask("/_sandbox/").json()
    assert state["tenants"]["Contoso Distribution"]["tid"] == CONTOSO.tid
    assert state["tenants"]["Proseware"]["withheld"] == "User.Read.All"
    assert state["calls"] == {"show": 1}


def test_tenants_are_changed_by_name_or_id(control, ask):
    assert control(tenants={"coho": {"propagation": 0, "consented": True}}).status_code == 200
    control(tenants={CONTOSO.tid: {"users": 7}})
    tenants = ask("/_sandbox/").json()["tenants"]
    assert (tenants["Coho"]["propagation"], tenants["Coho"]["consented"]) == (0, True)
    assert tenants["Contoso Distribution"]["users"] == 7


@pytest.mark.parametrize(
    "wrong",
    [{"nonsense": 1}, {"tenants": {"Nobody": {}}}, {"tenants": {"Coho": {"nonsense": 1}}}, {"skew": "much"}],
)
def test_a_mistake_is_said(control, wrong):
    answer = control(**wrong)
    assert answer.status_code == 400
    assert "skew" in answer.json()["known"]


def test_no_json_is_a_mistake(ask):
    assert ask("/_sandbox/", "hello").status_code == 400


def test_claims_can_be_changed_and_removed(control, sign_in):
    control(claims={"oid": None})
    with pytest.raises(SigninFailed):
        sign_in(ALICE)
    control(claims={})
    assert sign_in(ALICE)


def test_the_next_consent_can_be_declined(control, ask):
    control(decline=True)
    assert "error=consent_required" in ask(consent_path(ADATUM.tid)).headers["Location"]


def test_tenants_and_people_can_be_added(control, world, sign_in):
    control(
        add_tenants=[{"name": "Tiny", "domain": "tiny.example", "users": 2, "consented": True}],
        add_people=[{"name": "Tim Tiny", "tenant": "Tiny"}],
    )
    tim = world.people[-1]
    assert sign_in(tim).tid == world.tenant("Tiny").tid
    assert consent.prove(tim.tenant.tid).name == "Tiny"


def test_reset_brings_back_the_start_but_keeps_the_key(control, ask, world):
    key = world.key().kid
    control(skew=99, claims={"ver": "1.0"}, tenants={"Contoso Distribution": {"consented": False}})
    state = ask("/_sandbox/reset", "").json()
    assert (state["skew"], state["claims"], state["key"]) == (0, {}, key)
    assert state["tenants"]["Contoso Distribution"]["consented"]


def test_a_restart_forgets_no_consent_setting_key_or_person(tmp_path):
    path = tmp_path / "state.json"
    before = Sandbox(path).world
    before.grant(ADATUM)
    before.add_tenant({"name": "Tiny", "domain": "tiny.example"})
    before.add_person({"name": "Tim Tiny", "tenant": "Tiny"})
    before.settings[PROSEWARE.tid] = {"withheld": ""}
    before.roll_over()
    after = Sandbox(path).world
    assert after.consents == before.consents
    assert after.setting(PROSEWARE, "withheld") == ""
    assert after.people[-1] == before.people[-1]
    assert [key.dump() for key in after.keys] == [key.dump() for key in before.keys]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_ids_never_change():
    """Demo databases and links out there hold them."""
    assert CONTOSO.tid == "9f0d5de0-f6d6-5d5d-8004-1f54a8b0dcee"
    assert ALICE.oid == "d4b40103-c673-5d76-b581-47e44b61d440"
    assert len({tenant.tid for tenant in directory.TENANTS}) == len(directory.TENANTS)
    assert len({person.oid for person in directory.PEOPLE}) == len(directory.PEOPLE)


def test_without_a_sandbox_url_nothing_of_it_is_mounted(monkeypatch):
    monkeypatch.setattr(settings, "M365_SANDBOX_URL", "", raising=False)
    adapters = http.session().adapters.values()
    assert not any(isinstance(adapter, transport.SandboxAdapter) for adapter in adapters)


def test_over_http_only_the_host_changes(sandbox, monkeypatch):
    sent: dict[str, object] = {}

    def send(self, request, **options):
        sent.update(options, url=request.url)
        answer = requests.Response()
        answer.status_code, answer._content = 200, b"{}"
        return answer

    monkeypatch.setattr(transport.HTTPAdapter, "send", send)
    transport.install([])
    answer = http.session().get(f"{http.GRAPH}/v1.0/users?$top=1")
    assert sent["url"] == f"{BASE}/v1.0/users?$top=1"
    assert answer.url == f"{http.GRAPH}/v1.0/users?$top=1"
    assert sent["timeout"] == http.TIMEOUT
    assert not sent["proxies"]


def test_a_session_never_waits_forever(monkeypatch):
    sent = {}
    monkeypatch.setattr(http.HTTPAdapter, "send", lambda self, request, **options: sent.update(options))
    http.TimeoutAdapter().send(requests.Request("GET", "https://x.example").prepare(), timeout=None)
    assert sent["timeout"] == (5, 20)


@pytest.mark.parametrize("path", sorted(Path(http.__file__).parent.glob("*.py")), ids=lambda path: path.name)
def test_the_library_does_not_import_the_sandbox(path):
    """Only `http.mount_sandbox` does, inside the function, when it is called."""
    imports = [node for node in ast.parse(path.read_text()).body if isinstance(node, ast.Import | ast.ImportFrom)]
    assert not any("sandbox" in ast.unparse(node) for node in imports)
