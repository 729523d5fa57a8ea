"""The portal as an application at Microsoft: its credential, its msal clients, its app-only tokens."""

import base64
import json
import logging
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import msal
import requests
from django.conf import settings

from partnerapp.microsoft365.errors import (
    ConsentRefused,
    CredentialsExpired,
    Microsoft365Error,
    NotYet,
    Unavailable,
    UnexpectedAnswer,
)
from partnerapp.microsoft365.http import GRAPH, LOGIN, browser_origin, logger, seconds_to_wait, session

PEM_BLOCK = re.compile(r"-----BEGIN ([A-Z ]+)-----.+?-----END \1-----", re.DOTALL)
# `error` alone does not tell these apart; an unknown number falls back to it.
BY_NUMBER: dict[int, type[Microsoft365Error]] = {
    700016: NotYet,  # no service principal in the tenant
    7000229: NotYet,
    7000112: ConsentRefused,  # disabled by the tenant's administrator
    7000215: CredentialsExpired,  # wrong secret
    7000222: CredentialsExpired,  # expired secret
    700027: CredentialsExpired,  # unknown certificate
}
BY_ERROR: dict[str, type[Microsoft365Error]] = {
    "unauthorized_client": NotYet,
    "invalid_client": CredentialsExpired,
    "temporarily_unavailable": Unavailable,
    "server_error": Unavailable,
}


class NoTokens(msal.TokenCache):
    """Keeps nothing: a long-lived sign-in client would collect the tokens of everybody who signs in."""

    def add(self, event: Any, now: Any = None) -> None:
        pass


@lru_cache(maxsize=64)
def signin_application(authority: str) -> msal.ConfidentialClientApplication:
    """The process-wide client for signing in at `authority` ("organizations" or a tenant's GUID)."""
    return application(authority, session(), token_cache=NoTokens(), exclude_scopes=["offline_access"])


def application(authority: str, http: requests.Session, **options: Any) -> msal.ConfidentialClientApplication:
    """A new client with its own caches.

    Raises ConsentRefused (no such tenant), Unavailable or UnexpectedAnswer.
    """
    try:
        made = msal.ConfidentialClientApplication(
            settings.M365_CLIENT_ID,
            client_credential=credential(),
            authority=f"{LOGIN}/{authority}",
            instance_discovery=False,  # it would hide the real error behind a second request
            http_client=http,
            **options,
        )
    except (msal.exceptions.MsalServiceError, requests.RequestException) as failure:
        raise Unavailable(detail=type(failure).__name__) from failure
    except ValueError as failure:
        raise ConsentRefused(f"no such authority: {authority}") from failure
    check_endpoints(made.authority)
    return made


def check_endpoints(authority: Any) -> None:
    """Discovery must not lead our secret or the browser anywhere else."""
    browser = authority.authorization_endpoint.startswith(f"{browser_origin()}/")
    if not (browser and authority.token_endpoint.startswith(f"{LOGIN}/")):
        raise UnexpectedAnswer("discovered endpoints are on another host")


def credential() -> str | Mapping[str, str]:
    """The certificate if there is one (PS256), else the secret."""
    if not settings.M365_CLIENT_CERTIFICATE:
        return str(settings.M365_CLIENT_SECRET)
    blocks = list(PEM_BLOCK.finditer(Path(settings.M365_CLIENT_CERTIFICATE).read_text()))
    certificates = [block[0] for block in blocks if block[1] == "CERTIFICATE"]
    keys = [block[0] for block in blocks if block[1].endswith("PRIVATE KEY")]
    return {"private_key": keys[0], "public_certificate": "\n".join(certificates)}


def app_token(tid: str) -> str:
    """A new app-only token for Graph in the tenant `tid`, with at least one permission in it.

    Each call has its own msal client, since msal repeats a refusal for 60 s and a token without permissions
    for an hour.
    Raises NotYet, ConsentRefused, CredentialsExpired or Unavailable.
    """
    http, answers = recording_session()
    try:
        result = application(tid, http).acquire_token_for_client([f"{GRAPH}/.default"])
    except (msal.exceptions.MsalServiceError, requests.RequestException, ValueError) as failure:
        raise Unavailable(wait_after(answers), type(failure).__name__) from failure
    if "access_token" not in result:
        raise refusal(result, wait_after(answers))
    if not roles(result["access_token"]):
        raise NotYet("token without roles")
    return str(result["access_token"])


def recording_session() -> tuple[requests.Session, list[requests.Response]]:
    """A session and the list of what was answered on it: msal does not tell how long to wait."""
    answers: list[requests.Response] = []
    http = session()
    http.hooks["response"].append(lambda answer, **options: answers.append(answer))
    return http, answers


def wait_after(answers: list[requests.Response]) -> float:
    return (seconds_to_wait(answers[-1]) if answers else None) or 30


def refusal(result: Mapping[str, Any], retry_after: float) -> Microsoft365Error:
    detail = str(result.get("error_description", ""))[:300]
    number = next(iter(result.get("error_codes") or []), 0)
    kind = BY_NUMBER.get(number) or BY_ERROR.get(str(result.get("error")), ConsentRefused)
    logger.log(
        logging.ERROR if kind is CredentialsExpired else logging.INFO,
        "no app-only token: %s %s",
        result.get("error"),
        detail,
    )
    return Unavailable(retry_after, detail) if kind is Unavailable else kind(detail)


def roles(token: str) -> list[str]:
    """The permissions in an access token, read without validation: only to tell what is missing."""
    try:
        body = token.split(".")[1]
        return json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))).get("roles") or []
    except (IndexError, ValueError, AttributeError):
        return []
