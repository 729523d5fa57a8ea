"""Admin consent: where to ask for it, and the proof that it was given.

What the browser brings back proves nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlencode, urlsplit

from django.conf import settings

from partnerapp.microsoft365.application import app_token, signin_application
from partnerapp.microsoft365.errors import ConsentRefused, ConsentRevoked, NotYet
from partnerapp.microsoft365.graph import LICENCES_PERMISSION, USERS_PERMISSION, Client
from partnerapp.microsoft365.http import GRAPH

Found = TypeVar("Found")
PERMISSIONS = (LICENCES_PERMISSION, USERS_PERMISSION)
__all__ = ["PERMISSIONS", "Profile", "app_token", "check_permissions", "prove", "url"]


@dataclass(frozen=True)
class Profile:
    """A Microsoft 365 tenant in its own words. `country` is a two-letter code, or empty."""

    tid: str
    name: str
    default_domain: str
    country: str


def url(tid: str, state: str, redirect_uri: str) -> str:
    """Where an administrator of the tenant `tid` grants the permissions. Raises Unavailable.

    The host is the discovered one, so that the same line leads to the sandbox where there is one.
    """
    parts = urlsplit(signin_application("organizations").authority.authorization_endpoint)
    query = urlencode(
        {
            "client_id": settings.M365_CLIENT_ID,
            "scope": f"{GRAPH}/.default",
            "redirect_uri": redirect_uri,
            "state": state,
        }
    )
    return f"{parts.scheme}://{parts.netloc}/{str(tid).lower()}/v2.0/adminconsent?{query}"


def prove(tid: str) -> Profile:
    """Prove that the tenant `tid` consented: a token with permissions whose organization has this very id.

    Raises NotYet (ask again later), ConsentRefused, CredentialsExpired, MissingPermission or Unavailable.
    """
    tid = str(tid).lower()
    found = visible(Client(tid, token=app_token(tid)).organization)
    if str(found.get("id", "")).lower() != tid:
        raise ConsentRefused("another tenant answered")
    return profile(tid, found)


def profile(tid: str, found: dict[str, Any]) -> Profile:
    domains = found.get("verifiedDomains") or []
    default = next((domain.get("name", "") for domain in domains if domain.get("isDefault")), "")
    return Profile(tid, found.get("displayName") or default or tid, default, found.get("countryLetterCode") or "")


def check_permissions(tid: str) -> None:
    """Try each permission by using it.

    Raises MissingPermission for the first that is missing, or as `prove` does.
    """
    tid = str(tid).lower()
    client = Client(tid, token=app_token(tid))
    visible(client.licences)
    visible(client.one_user)


def visible(ask: Callable[[], Found]) -> Found:
    """Right after consent a refused token means that Graph does not know of it yet, not that it is gone."""
    try:
        return ask()
    except ConsentRevoked as failure:
        raise NotYet(failure.detail) from failure
