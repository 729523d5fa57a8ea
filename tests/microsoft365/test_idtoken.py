"""ID tokens: each check of `verify`, by a token in which only that is wrong."""

import time
from datetime import UTC, datetime, timedelta

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from django.conf import settings

from partnerapp.microsoft365 import idtoken
from partnerapp.microsoft365.errors import SigninFailed
from partnerapp.microsoft365.http import LOGIN
from partnerapp.microsoft365.sandbox.directory import ALICE, BOB, PERSONAL_ACCOUNTS
from partnerapp.microsoft365.sandbox.keys import Key
from partnerapp.microsoft365.sandbox.oidc import id_claims

NONCE = "n-of-this-flow"
OTHER = Key.generate()


@pytest.fixture
def claims(world):
    return id_claims(world, ALICE, settings.M365_CLIENT_ID, NONCE)


@pytest.fixture
def verify(world, claims):
    """Verify a token with the given claims changed (None: removed), signed by the sandbox or another key."""

    def go(*, key=None, late=timedelta(0), **changed):
        wanted = {name: value for name, value in (claims | changed).items() if value is not None}
        at = datetime.fromtimestamp(claims["nbf"], UTC) + late
        return idtoken.verify((key or world.key()).sign(wanted), NONCE, at)

    return go


def refused(code):
    return pytest.raises(SigninFailed, check=lambda failure: failure.code == code)


def test_a_good_token(verify):
    assert verify()["oid"] == ALICE.oid


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"aud": "00000000-0000-0000-0000-000000000000"}, "audience"),
        ({"aud": None}, "audience"),
        ({"aud": ["7f1b0c52-5a52-4d0e-9a55-0d6f6f9a1c01", "another"]}, "audience"),
        ({"iss": "https://evil.example/v2.0"}, "issuer"),
        ({"iss": f"{LOGIN}/{BOB.tenant.tid}/v2.0"}, "issuer"),
        ({"iss": None}, "issuer"),
        ({"tid": BOB.tenant.tid}, "issuer"),
        ({"tid": "organizations"}, "tenant"),
        ({"tid": "../evil"}, "tenant"),
        ({"tid": None}, "tenant"),
        ({"tid": PERSONAL_ACCOUNTS, "iss": f"{LOGIN}/{PERSONAL_ACCOUNTS}/v2.0"}, "personal_account"),
        ({"ver": "1.0"}, "version"),
        ({"ver": None}, "version"),
        ({"oid": None}, "oid"),
        ({"oid": ""}, "oid"),
        ({"nonce": "of another flow"}, "nonce"),
        ({"nonce": None}, "nonce"),
        ({"exp": None}, "malformed"),
        ({"nbf": None}, "malformed"),
        ({"exp": "tomorrow"}, "malformed"),
    ],
)
def test_one_wrong_claim_is_enough(verify, changed, code):
    with refused(code):
        verify(**changed)


@pytest.mark.parametrize("minutes", [-4, 0, 59, 64])
def test_accepted_within_five_minutes_of_its_validity(verify, minutes):
    assert verify(late=timedelta(minutes=minutes))


@pytest.mark.parametrize(("minutes", "code"), [(-10, "not_yet_valid"), (66, "expired"), (70, "expired")])
def test_refused_outside_its_validity(verify, minutes, code):
    with refused(code):
        verify(late=timedelta(minutes=minutes))


def test_a_token_signed_by_somebody_else_under_our_key_id(verify, world):
    with refused("signature"):
        verify(key=Key(OTHER.private, world.key().kid))


def test_a_token_signed_by_somebody_else(verify):
    with refused("key"):
        verify(key=OTHER)


def test_without_a_signature(claims, world):
    raw = jwt.encode(claims, None, algorithm="none", headers={"kid": world.key().kid})
    with refused("algorithm"):
        idtoken.verify(raw, NONCE, datetime.now(UTC))


def test_hs256_with_the_public_key_as_the_secret(claims, world, monkeypatch):
    public = world.key().private.public_key()
    pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    monkeypatch.setattr(jwt.algorithms, "is_pem_format", lambda raw: False)  # or PyJWT refuses to forge it
    raw = jwt.encode(claims, pem, algorithm="HS256", headers={"kid": world.key().kid})
    with refused("algorithm"):
        idtoken.verify(raw, NONCE, datetime.now(UTC))


@pytest.mark.parametrize("raw", ["", "x", "a.b.c", "é.é.é", "e30.e30.e30"])
def test_no_token_at_all(sandbox, raw):
    with pytest.raises(SigninFailed):
        idtoken.verify(raw, NONCE, datetime.now(UTC))


def test_a_key_of_another_issuer_must_not_sign_for_this_tenant(verify, world):
    world.key().issuer = f"{LOGIN}/{PERSONAL_ACCOUNTS}/v2.0"
    with refused("key_issuer"):
        verify()


def test_keys_are_fetched_once(verify, world):
    for _ in range(10):
        verify()
    assert world.calls["keys"] == 1


def test_a_key_rollover_needs_one_more_fetch(verify, world):
    verify()
    world.roll_over()
    verify()
    verify()
    assert world.calls["keys"] == 2


def test_many_random_key_ids_do_not_hammer_microsoft(verify, world):
    for number in range(50):
        with refused("key"):
            verify(key=Key(OTHER.private, f"random-{number}"))
    assert world.calls["keys"] == idtoken.FETCHES
    assert verify()


def test_after_a_while_unknown_key_ids_are_looked_up_again(verify, world, monkeypatch):
    for number in range(idtoken.FETCHES):
        with refused("key"):
            verify(key=Key(OTHER.private, f"random-{number}"))
    world.roll_over()
    now = time.monotonic()
    monkeypatch.setattr(idtoken.time, "monotonic", lambda: now + idtoken.FETCHES_WITHIN + 1)
    assert verify()


def test_keys_are_fetched_anew_after_a_day(verify, world, monkeypatch):
    verify()
    now = time.monotonic()
    monkeypatch.setattr(idtoken.time, "monotonic", lambda: now + idtoken.KEYS_LIFETIME + 1)
    verify()
    assert world.calls["keys"] == 2
