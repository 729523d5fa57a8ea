"""Admin consent: asked for, given or not, and proved only by what Microsoft says to us."""

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import msal
import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID
from django.conf import settings

from partnerapp.microsoft365 import application, consent
from partnerapp.microsoft365.errors import (
    ConsentRefused,
    CredentialsExpired,
    Microsoft365Error,
    MissingPermission,
    NotYet,
    Unavailable,
)
from partnerapp.microsoft365.http import GRAPH, LOGIN, session
from partnerapp.microsoft365.sandbox import visitor
from partnerapp.microsoft365.sandbox.control import apply
from partnerapp.microsoft365.sandbox.directory import ADA, ADAM, ADATUM, BOB, CONTOSO, PAULA, PROSEWARE, guid

CALLBACK = "http://localhost:8000/consent/callback/"


def came_back(sandbox, person, answer="accept", tenant=None):
    """What the browser carries to our callback after this answer."""
    url = consent.url((tenant or person.tenant).tid, "the-state", CALLBACK)
    query = parse_qs(urlsplit(visitor.consent(sandbox, url, person, answer)).query)
    return {name: values[0] for name, values in query.items()}


def test_the_address_names_tenant_scope_and_state(sandbox):
    url = urlsplit(consent.url(ADATUM.tid, "s", CALLBACK))
    assert f"{url.scheme}://{url.netloc}" == settings.M365_SANDBOX_URL
    assert url.path == f"/{ADATUM.tid}/v2.0/adminconsent"
    assert parse_qs(url.query) == {
        "client_id": [settings.M365_CLIENT_ID],
        "scope": [f"{GRAPH}/.default"],
        "redirect_uri": [CALLBACK],
        "state": ["s"],
    }


def test_accepted_and_proved(sandbox):
    back = came_back(sandbox, ADA)
    assert back["tenant"] == ADATUM.tid
    assert back["state"] == "the-state"
    assert consent.prove(ADATUM.tid) == consent.Profile(ADATUM.tid, "Adatum", "adatum.example", "US")
    consent.check_permissions(ADATUM.tid)


def test_the_proof_can_be_repeated(sandbox):
    assert consent.prove(CONTOSO.tid.upper()) == consent.prove(CONTOSO.tid)


def test_a_forged_return_without_consent_proves_nothing(sandbox):
    with pytest.raises(NotYet):
        consent.prove(ADATUM.tid)


def test_declined_although_admin_consent_is_true(sandbox):
    back = came_back(sandbox, ADA, "cancel")
    assert back["admin_consent"] == "True"
    assert back["error"] == "consent_required"
    with pytest.raises(NotYet):
        consent.prove(ADATUM.tid)


@pytest.mark.parametrize("person", [ADAM, BOB])
def test_neither_a_non_administrator_nor_a_stranger_can_accept(sandbox, person):
    assert came_back(sandbox, person, tenant=ADATUM)["error"] == "access_denied"
    with pytest.raises(NotYet):
        consent.prove(ADATUM.tid)


def test_a_missing_permission_is_named_and_can_be_mended(sandbox, world):
    came_back(sandbox, PAULA)
    assert consent.prove(PROSEWARE.tid).name == "Proseware"
    with pytest.raises(MissingPermission, match=r"User\.Read\.All was not granted") as caught:
        consent.check_permissions(PROSEWARE.tid)
    assert caught.value.name == "User.Read.All"
    apply(world, {"tenants": {"Proseware": {"withheld": ""}}})
    consent.check_permissions(PROSEWARE.tid)


def test_the_other_permission_is_named_too(sandbox, world):
    apply(world, {"tenants": {"Adatum": {"withheld": "Organization.Read.All", "consented": True}}})
    for ask in (consent.prove, consent.check_permissions):
        with pytest.raises(MissingPermission) as caught:
            ask(ADATUM.tid)
        assert caught.value.name == "Organization.Read.All"


def test_propagation_first_without_principal_then_without_roles(sandbox, world):
    apply(world, {"tenants": {"Adatum": {"consented": True, "no_principal": 2, "no_roles": 2}}})
    reasons = []
    for _ in range(4):
        with pytest.raises(NotYet) as caught:
            consent.prove(ADATUM.tid)
        reasons.append(caught.value.detail)
    assert ["AADSTS700016" in reason for reason in reasons] == [True, True, False, False]
    assert consent.prove(ADATUM.tid).name == "Adatum"


def test_graph_may_know_of_the_consent_later_than_the_token_endpoint(sandbox, world):
    for ask in (consent.prove, consent.check_permissions):
        apply(world, {"graph_faults": {"count": 2, "status": 401}})
        with pytest.raises(NotYet):
            ask(CONTOSO.tid)
        assert ask(CONTOSO.tid) or ask is consent.check_permissions


def test_propagation_by_time(sandbox, world, monkeypatch):
    apply(world, {"tenants": {"Adatum": {"consented": True, "propagation": 20}}})
    start = world.consents[ADATUM.tid]
    for seconds in (1, 11):
        monkeypatch.setattr(world, "clock", lambda seconds=seconds: start + seconds)
        with pytest.raises(NotYet):
            consent.prove(ADATUM.tid)
    monkeypatch.setattr(world, "clock", lambda: start + 21)
    assert consent.prove(ADATUM.tid)


def test_msal_repeats_a_refusal_from_memory_and_we_do_not(sandbox, world):
    """Why each proof has its own client: msal answers a repeated 400 for 60 s without asking."""
    kept = application.application(ADATUM.tid, session())
    scope = [f"{GRAPH}/.default"]
    assert "error" in kept.acquire_token_for_client(scope)
    world.grant(ADATUM)
    assert "error" in kept.acquire_token_for_client(scope)
    assert consent.app_token(ADATUM.tid)


def test_msal_keeps_a_token_without_roles_and_we_do_not(sandbox, world):
    """Why each proof has its own token cache."""
    apply(world, {"tenants": {"Adatum": {"consented": True, "no_roles": 1}}})
    kept, scope = application.application(ADATUM.tid, session()), [f"{GRAPH}/.default"]
    for _ in range(2):
        assert not application.roles(kept.acquire_token_for_client(scope)["access_token"])
    assert application.roles(consent.app_token(ADATUM.tid))


def test_the_organization_must_be_the_tenant(sandbox, monkeypatch):
    monkeypatch.setattr(consent, "app_token", lambda tid: application.app_token(CONTOSO.tid))
    with pytest.raises(ConsentRefused):
        consent.prove(ADATUM.tid)


def test_an_unknown_tenant(sandbox):
    with pytest.raises(ConsentRefused):
        consent.prove(guid("nobody"))


def test_an_expired_secret_is_not_the_customers_error(sandbox, world, caplog):
    world.secret_expired = True
    with pytest.raises(CredentialsExpired, match="our fault"):
        consent.prove(CONTOSO.tid)
    assert [record.levelname for record in caplog.records] == ["ERROR"]


def test_a_wrong_secret_is_not_the_customers_error(sandbox, monkeypatch):
    monkeypatch.setattr(settings, "M365_CLIENT_SECRET", "wrong")
    with pytest.raises(CredentialsExpired):
        consent.prove(CONTOSO.tid)


@pytest.mark.parametrize(
    ("faults", "seconds"),
    [
        ({"status": 503, "retry_after": "17"}, 17),
        ({"status": 503}, 30),
        ({"status": 429, "retry_after": "8"}, 8),
    ],
)
def test_a_busy_token_endpoint(sandbox, world, faults, seconds):
    apply(world, {"token_faults": {"count": 1} | faults})
    with pytest.raises(Unavailable) as caught:
        consent.prove(CONTOSO.tid)
    assert caught.value.retry_after == seconds


def test_no_connection(sandbox, monkeypatch):
    def broken(*args, **options):
        raise requests.ConnectTimeout

    monkeypatch.setattr(requests.Session, "send", broken)
    with pytest.raises(Unavailable):
        consent.prove(CONTOSO.tid)


@pytest.fixture
def certificate(world, tmp_path, monkeypatch):
    """A PEM file with key and certificate as our only credential."""
    key, now = world.key().private, datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "portal")])
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(now).not_valid_after(now + timedelta(days=1))
    pem = made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()
    path = tmp_path / "credential.pem"
    path.write_text(world.key().dump()["pem"] + pem)
    monkeypatch.setattr(settings, "M365_CLIENT_CERTIFICATE", str(path))
    monkeypatch.setattr(settings, "M365_CLIENT_SECRET", "")


def test_a_certificate_is_a_credential(certificate, world, sign_in):
    assert consent.prove(CONTOSO.tid).name == CONTOSO.name
    assert sign_in(ADA).oid == ADA.oid


def test_a_certificate_signs_with_ps256_and_sha256_only(certificate, monkeypatch):
    sent = {}
    post = requests.Session.post
    monkeypatch.setattr(
        requests.Session, "post", lambda *args, **options: sent.update(options) or post(*args, **options)
    )
    consent.prove(CONTOSO.tid)
    header = msal.oauth2cli.oidc.decode_part(sent["data"]["client_assertion"].decode().split(".")[0])
    assert '"PS256"' in header
    assert '"x5t#S256"' in header
    assert '"x5t":' not in header


def every_error(kind=Microsoft365Error):
    return [kind, *(found for child in kind.__subclasses__() for found in every_error(child))]


def test_each_error_has_its_own_code_a_cause_and_a_remedy():
    made = [kind("x") for kind in every_error()]
    assert len({error.code for error in made}) == len(made)
    assert all(error.cause and error.remedy for error in made)


def test_the_authority_is_always_microsofts_own(sandbox):
    assert application.application(CONTOSO.tid, session()).authority.token_endpoint.startswith(LOGIN)


@pytest.mark.parametrize("status", [302, 307])
def test_our_secret_follows_no_redirect(sandbox, monkeypatch, status):
    visited = []

    def elsewhere(self, request, **options):
        visited.append(request.url)
        if request.method == "GET":
            return discovery(self, request, **options)
        moved = requests.Response()
        moved.status_code, moved.headers["Location"], moved.url = status, "https://evil.example/", request.url
        return moved

    adapter = type(session().get_adapter(LOGIN + "/"))
    discovery = adapter.send
    monkeypatch.setattr(adapter, "send", elsewhere)
    with pytest.raises(Unavailable):
        consent.prove(CONTOSO.tid)
    assert all(url.startswith(LOGIN) for url in visited)
