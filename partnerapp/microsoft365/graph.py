"""A small client of Microsoft Graph: four GETs, with patience, and distrust of where the next page is."""

import random
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import requests

from partnerapp.microsoft365.application import app_token
from partnerapp.microsoft365.errors import (
    ConsentRevoked,
    Microsoft365Error,
    MissingPermission,
    NotYet,
    PageExpired,
    Throttled,
    UnexpectedAnswer,
)
from partnerapp.microsoft365.http import GRAPH, logger, seconds_to_wait, session

API = f"{GRAPH}/v1.0/"
LICENCES_PERMISSION, USERS_PERMISSION = "Organization.Read.All", "User.Read.All"
USERS = f"{API}users?$select=id,accountEnabled,assignedLicenses&$top=999"
PASSING = {429, 500, 502, 503, 504}
PATIENCE = 30  # seconds for asking again, with the waits; more is handed back to the job


@dataclass(frozen=True)
class Licence:
    """One product that the tenant subscribed to.

    `enabled` are the units bought, `consumed` those assigned.
    """

    sku_id: str
    part_number: str
    enabled: int
    consumed: int


@dataclass(frozen=True)
class Page:
    """Some users, and the link to go on from; None on the last page."""

    users: list[dict[str, Any]]
    next_link: str | None


class Client:
    """Reads from Graph in the tenant `tid`.

    All methods raise Throttled or Unavailable (go on after `retry_after` seconds), ConsentRevoked,
    MissingPermission, CredentialsExpired or UnexpectedAnswer. `sleep` takes seconds.
    """

    def __init__(self, tid: str, *, token: str = "", sleep: Callable[[float], None] = time.sleep) -> None:
        self.tid = str(tid).lower()
        self.token = token
        self.sleep = sleep
        self.http = session()
        self.answered: set[str] = set()  # links; kept here since a caller may ask for one page at a time

    def organization(self) -> dict[str, Any]:
        """The tenant's profile: id, displayName, countryLetterCode, verifiedDomains."""
        url = f"{API}organization?$select=id,displayName,countryLetterCode,verifiedDomains"
        found = self.json(url, LICENCES_PERMISSION)["value"]
        if not found or not isinstance(found[0], dict):
            raise UnexpectedAnswer("no organization")
        return found[0]

    def licences(self) -> list[Licence]:
        """The products that the tenant subscribed to."""
        found = self.json(f"{API}subscribedSkus", LICENCES_PERMISSION)["value"]
        try:
            return [licence(sku) for sku in found]
        except (KeyError, TypeError) as failure:
            raise UnexpectedAnswer("subscribedSkus without the usual fields") from failure

    def one_user(self) -> list[dict[str, Any]]:
        """At most one user: enough to know whether users may be read."""
        found: list[dict[str, Any]] = self.json(f"{API}users?$select=id&$top=1", USERS_PERMISSION)["value"]
        return found

    def user_pages(self, next_link: str | None = None) -> Iterator[Page]:
        """All users (id, accountEnabled, assignedLicenses), from the start or from a kept link.

        One request per page. Raises PageExpired if the kept link is too old.
        """
        if next_link is None or next_link in self.answered:
            self.answered = set()  # from the start, or once more: no loop of Microsoft's
        link: str | None = next_link or USERS
        while link:
            found = self.json(link, USERS_PERMISSION)
            self.answered.add(link)
            link = str(found.get("@odata.nextLink") or "") or None
            if link in self.answered:
                raise UnexpectedAnswer("the list of users has no end")
            yield Page(found["value"], link)

    def user_count(self) -> int | None:
        """How many users the tenant says it has. It may lag behind; None if it does not say."""
        answer = self.get(f"{API}users/$count", USERS_PERMISSION, {"ConsistencyLevel": "eventual"})
        text = answer.content.decode("utf-8-sig", "replace").strip()  # a byte order mark was seen in the wild
        return int(text) if text.isascii() and text.isdigit() else None

    def json(self, url: str, permission: str) -> dict[str, Any]:
        answer = self.get(url, permission)
        try:
            found = answer.json()
        except ValueError as failure:
            raise UnexpectedAnswer("not JSON") from failure
        if not isinstance(found, dict) or not isinstance(found.get("value"), list):
            raise UnexpectedAnswer("no list of values")
        return found

    def get(self, url: str, permission: str, headers: dict[str, str] | None = None) -> requests.Response:
        """One answer that is fine. A token that Graph no longer takes is replaced once."""
        if not url.startswith(API):
            raise UnexpectedAnswer("a link to another place")  # it would get our token
        answer = self.patiently(url, headers or {})
        if answer.status_code == 401:
            self.token = ""
            answer = self.patiently(url, headers or {})
        if answer.status_code != 200:
            raise refusal(answer, permission)
        return answer

    def patiently(self, url: str, headers: dict[str, str]) -> requests.Response:
        """Ask until the answer is final; wait as told, else longer each time, but 30 s at most in all."""
        spent, attempt = 0.0, 0
        while True:
            began = time.monotonic()
            answer = self.once(url, headers)
            if answer is not None and answer.status_code not in PASSING:
                return answer
            wait = pause(answer, attempt)
            spent, attempt = spent + (time.monotonic() - began) + wait, attempt + 1
            if spent > PATIENCE:
                raise Throttled(wait, f"HTTP {answer.status_code}" if answer is not None else "no answer")
            self.sleep(wait)

    def once(self, url: str, headers: dict[str, str]) -> requests.Response | None:
        """One request; None if the connection failed."""
        request_id = str(uuid.uuid4())
        sent = headers | {"Authorization": f"Bearer {self.fresh_token()}", "client-request-id": request_id}
        try:
            answer = self.http.get(url, headers=sent)
        except requests.RequestException as failure:
            logger.warning("Graph %s: %s, client-request-id %s", path(url), type(failure).__name__, request_id)
            return None
        logger.info("Graph %s: %s, client-request-id %s", path(url), answer.status_code, request_id)
        return answer

    def fresh_token(self) -> str:
        """The token of this run. Consent was proved before, so a tenant without it took it back."""
        try:
            self.token = self.token or app_token(self.tid)
        except NotYet as failure:
            raise ConsentRevoked(failure.detail) from failure
        return self.token


def pause(answer: requests.Response | None, attempt: int) -> float:
    """Seconds until the next attempt, never less than one: "0" in a storm would be an endless loop."""
    told = seconds_to_wait(answer) if answer is not None else None
    return max(told, 1.0) if told is not None else 2**attempt + random.random()  # noqa: S311


def refusal(answer: requests.Response, permission: str) -> Microsoft365Error:
    code = error_code(answer)
    logger.warning("Graph refused: %s %s", answer.status_code, code)
    if answer.status_code == 401 or code == "Authorization_IdentityNotFound":
        return ConsentRevoked(code)
    if answer.status_code == 403:
        return MissingPermission(permission, code)
    if answer.status_code in (400, 410) and "skiptoken" in answer.url.lower():
        return PageExpired(code)
    return UnexpectedAnswer(f"HTTP {answer.status_code} {code}")


def error_code(answer: requests.Response) -> str:
    try:
        return str(answer.json()["error"]["code"])[:100]
    except (ValueError, KeyError, TypeError):
        return ""


def licence(sku: dict[str, Any]) -> Licence:
    bought = (sku.get("prepaidUnits") or {}).get("enabled") or 0
    return Licence(sku["skuId"], sku["skuPartNumber"], bought, sku.get("consumedUnits") or 0)


def path(url: str) -> str:
    return url.removeprefix(API).partition("?")[0]
