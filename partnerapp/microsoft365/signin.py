"""Signing in with Microsoft: send the browser there, and turn what comes back into an identity."""

import hashlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import msal
import requests
from django.utils.translation import gettext as _

from partnerapp.microsoft365 import idtoken
from partnerapp.microsoft365.application import signin_application
from partnerapp.microsoft365.errors import Microsoft365Error, SigninFailed
from partnerapp.microsoft365.http import logger

SCOPES = ["openid", "profile"]


class FlowLike(Protocol):
    """What must be remembered between `begin` and `complete` (the state arrives again with the answer)."""

    @property
    def state(self) -> str: ...
    @property
    def nonce(self) -> str: ...
    @property
    def verifier(self) -> str: ...
    @property
    def tid(self) -> str | None: ...


@dataclass(frozen=True)
class Flow:
    """One attempt to sign in. `url`: where to send the browser; `tid`: the authority's tenant, None: any."""

    url: str
    state: str
    nonce: str
    verifier: str
    tid: str | None


@dataclass(frozen=True)
class Identity:
    """Who signed in: `(tid, oid)`.

    Name, email and username (each may be empty) are for display only: anybody can choose them.
    """

    tid: str
    oid: str
    name: str
    email: str
    username: str


def begin(redirect_uri: str, tid: str | None = None) -> Flow:
    """Prepare a sign-in, at the tenant `tid` if it is known.

    Raises SigninFailed if Microsoft cannot be reached.
    """
    tid = str(tid).lower() if tid else None
    started = client(tid).initiate_auth_code_flow(
        scopes=[], redirect_uri=redirect_uri, response_mode="form_post", prompt="select_account"
    )
    return Flow(started["auth_uri"], started["state"], started["nonce"], started["code_verifier"], tid)


def complete(flow: FlowLike, redirect_uri: str, posted: Mapping[str, str], at: datetime) -> Identity:
    """Redeem Microsoft's answer, at the authority where the flow began, and return who it is.

    `at` is the UTC wall-clock instant for which the ID token must be valid. Raises SigninFailed.
    """
    if posted.get("error"):
        raise refusal(posted)
    raw = redeem(flow, redirect_uri, posted)
    claims = idtoken.verify(raw, wire_nonce(flow.nonce), at)
    if flow.tid and claims["tid"] != str(flow.tid).lower():
        raise SigninFailed(
            _("This account belongs to another Microsoft 365 tenant than the one that is expected here."),
            "wrong_tenant",
            remedy=_("Please sign in with an account of the expected tenant."),
        )
    return identity(claims)


def redeem(flow: FlowLike, redirect_uri: str, posted: Mapping[str, str]) -> str:
    """Exchange the code, which works once, for the ID token; nothing else of the answer is kept."""
    memory = {
        "state": flow.state,
        "nonce": flow.nonce,
        "code_verifier": flow.verifier,
        "redirect_uri": redirect_uri,
        "scope": SCOPES,
    }
    answer = {name: posted[name] for name in ("state", "code") if posted.get(name)}
    try:
        result = client(flow.tid).acquire_token_by_auth_code_flow(memory, answer)
    except (ValueError, RuntimeError):  # another state, no code, another nonce, no JSON
        raise idtoken.foreign("state_or_nonce") from None
    except (msal.exceptions.MsalServiceError, requests.RequestException) as failure:
        raise unavailable() from failure
    if "id_token" not in result:
        raise not_redeemed(result)
    return str(result["id_token"])


def client(tid: str | None) -> msal.ConfidentialClientApplication:
    try:
        return signin_application(str(tid).lower() if tid else "organizations")
    except Microsoft365Error as failure:
        raise unavailable() from failure


def identity(claims: Mapping[str, Any]) -> Identity:
    username, name, email = (shown(claims.get(claim)) for claim in ("preferred_username", "name", "email"))
    return Identity(claims["tid"], claims["oid"], name or username, email, username)


def shown(claim: object) -> str:
    """A claim that people read: at most 150 characters, nothing invisible (no database takes a NUL)."""
    return "".join(c for c in str(claim or "") if c.isprintable())[:150]


def wire_nonce(nonce: str) -> str:
    """msal keeps the nonce and sends its hash."""
    return hashlib.sha256(nonce.encode()).hexdigest()


def refusal(posted: Mapping[str, str]) -> SigninFailed:
    detail = posted.get("error_description", "")[:300]
    if posted["error"] == "access_denied":
        return SigninFailed(_("The sign-in was cancelled at Microsoft."), "declined", detail=detail)
    return SigninFailed(_("Microsoft refused this sign-in."), "refused", detail=detail)


def not_redeemed(result: Mapping[str, Any]) -> SigninFailed:
    detail = str(result.get("error_description", ""))[:300]
    level = logging.ERROR if result.get("error") == "invalid_client" else logging.WARNING
    logger.log(level, "sign-in not redeemed: %s %s", result.get("error"), detail)
    if result.get("error") == "invalid_grant":
        return SigninFailed(_("This sign-in was already used, or it took too long."), "replayed", detail=detail)
    if result.get("error") == "invalid_client":
        return SigninFailed(
            _("The portal could not identify itself to Microsoft. This is our fault, not yours."),
            "credentials_expired",
            remedy=_("Please try again later."),
            detail=detail,
        )
    return SigninFailed(_("Microsoft refused this sign-in."), "refused", detail=detail)


def unavailable() -> SigninFailed:
    return SigninFailed(_("Microsoft cannot be reached at the moment."), "unavailable", remedy=_("Please try again."))
