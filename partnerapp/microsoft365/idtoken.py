"""Validation of ID tokens.

It is ours to do: msal checks state and nonce, but no signature, audience, issuer or time.
"""

import re
import threading
import time
from collections import deque
from datetime import datetime
from typing import Any

import jwt
import requests
from django.conf import settings
from django.utils.translation import gettext as _

from partnerapp.microsoft365.errors import SigninFailed
from partnerapp.microsoft365.http import LOGIN, session

KEYS_URL = f"{LOGIN}/common/discovery/v2.0/keys"
KEYS_LIFETIME = 24 * 3600  # seconds
FETCHES, FETCHES_WITHIN = 5, 60  # at most so many fetches of keys within so many seconds
LEEWAY = 300  # seconds
PERSONAL_ACCOUNTS = "9188040d-6c67-4c5b-b112-36a304b66dad"
GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# Times are checked here: PyJWT knows only the process's own clock.
PYJWT_OPTIONS = {"strict_aud": True, "verify_exp": False, "verify_nbf": False, "verify_iat": False}


def verify(raw: str, nonce: str, at: datetime) -> dict[str, Any]:
    """The claims of a valid ID token of an organization's account, judged at the UTC instant `at` (± 300 s).

    `nonce` is the value that went to Microsoft. Raises SigninFailed, whose code says which check failed.
    """
    key = signing_key(raw)
    claims = signed_claims(raw, key)
    check_tenant(claims, key)
    check_time(claims, at.timestamp())
    check(claims.get("nonce") == nonce, "nonce")
    check(GUID.fullmatch(str(claims.get("oid", "")).lower()) is not None, "oid")
    check(claims.get("ver") == "2.0", "version")
    return claims


def signing_key(raw: str) -> dict[str, Any]:
    try:
        header = jwt.get_unverified_header(raw)
    except jwt.PyJWTError:
        raise foreign("malformed") from None
    check(header.get("alg") == "RS256", "algorithm")
    key = KEYS.find(str(header.get("kid", "")))
    check(key is not None, "key")
    return key or {}


def signed_claims(raw: str, key: dict[str, Any]) -> dict[str, Any]:
    try:
        return jwt.decode(
            raw,
            jwt.PyJWK(key, algorithm="RS256"),
            algorithms=["RS256"],
            audience=settings.M365_CLIENT_ID,
            options=PYJWT_OPTIONS,  # type: ignore[arg-type]
        )
    except (jwt.InvalidAudienceError, jwt.MissingRequiredClaimError):
        raise foreign("audience") from None
    except jwt.InvalidSignatureError:
        raise foreign("signature") from None
    except jwt.PyJWTError:
        raise foreign("malformed") from None


def check_tenant(claims: dict[str, Any], key: dict[str, Any]) -> None:
    tid = claims.get("tid")
    check(isinstance(tid, str) and bool(GUID.fullmatch(tid)), "tenant")
    if tid == PERSONAL_ACCOUNTS:
        raise SigninFailed(
            _("This is a personal Microsoft account, which belongs to no organization."),
            "personal_account",
            remedy=_("Please sign in with your work account."),
        )
    issuer = f"{LOGIN}/{tid}/v2.0"
    check(claims.get("iss") == issuer, "issuer")
    check(str(key.get("issuer", "")).replace("{tenantid}", str(tid)) == issuer, "key_issuer")


def check_time(claims: dict[str, Any], at: float) -> None:
    try:
        starts, ends = float(claims["nbf"]), float(claims["exp"])
    except (KeyError, TypeError, ValueError):
        raise foreign("malformed") from None
    if at < starts - LEEWAY:
        raise SigninFailed(_("Microsoft's answer is not valid yet: the clocks differ too much."), "not_yet_valid")
    if at >= ends + LEEWAY:
        raise SigninFailed(_("This sign-in has expired."), "expired")


def check(right: bool, code: str) -> None:
    if not right:
        raise foreign(code)


def foreign(code: str) -> SigninFailed:
    """One sentence for all that only an attack or a broken set-up can cause; the code tells support which."""
    return SigninFailed(_("Microsoft's answer did not belong to this sign-in, so it was refused."), code)


class SigningKeys:
    """Microsoft's public keys by id, kept for 24 h; fetched again for an unknown id, with a limit."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.forget()

    def forget(self) -> None:
        """Know nothing, as at the start of a process."""
        self.by_id: dict[str, dict[str, Any]] = {}
        self.fetches: deque[float] = deque(maxlen=FETCHES)

    def find(self, kid: str) -> dict[str, Any] | None:
        with self.lock:
            stale = not self.fetches or time.monotonic() - self.fetches[-1] > KEYS_LIFETIME
            if (stale or kid not in self.by_id) and self.may_fetch():
                self.fetch()
            return self.by_id.get(kid)

    def may_fetch(self) -> bool:
        return len(self.fetches) < FETCHES or time.monotonic() - self.fetches[0] > FETCHES_WITHIN

    def fetch(self) -> None:
        self.fetches.append(time.monotonic())
        try:
            answer = session().get(KEYS_URL)
            answer.raise_for_status()
            self.by_id = {key["kid"]: key for key in answer.json()["keys"]}
        except (requests.RequestException, ValueError, KeyError, TypeError) as failure:
            raise SigninFailed(_("Microsoft did not answer in time."), "unavailable") from failure


KEYS = SigningKeys()
