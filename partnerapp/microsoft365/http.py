"""How this library talks to Microsoft: one kind of `requests` session, always with timeouts."""

import logging
import time
from email.utils import parsedate_to_datetime
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests
from django.conf import settings
from requests.adapters import HTTPAdapter

LOGIN = "https://login.microsoftonline.com"
GRAPH = "https://graph.microsoft.com"
TIMEOUT = (5, 20)  # seconds to connect, to read

logger = logging.getLogger("partnerapp.microsoft365")


class TimeoutAdapter(HTTPAdapter):
    """`requests` waits forever by default, and msal sets no timeout on a session that is not its own."""

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:  # type: ignore[override]
        options["timeout"] = options.get("timeout") or TIMEOUT
        return super().send(request, **options)


class Session(requests.Session):
    """Follows no redirects: they would carry our secret or a token to another place."""

    def get_redirect_target(self, resp: requests.Response) -> None:
        return None


def session() -> requests.Session:
    """A session with timeouts; with M365_SANDBOX_URL set it reaches the sandbox instead of Microsoft."""
    made = Session()
    made.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))  # shared by threads and by tenants
    made.mount("https://", TimeoutAdapter())
    if settings.M365_SANDBOX_URL:
        mount_sandbox(made, settings.M365_SANDBOX_URL)
    return made


def mount_sandbox(made: requests.Session, url: str) -> None:
    from partnerapp.microsoft365.sandbox import transport

    for host in (LOGIN, GRAPH):
        made.mount(f"{host}/", transport.adapter(url))


def browser_origin() -> str:
    """Where the browser is sent: Microsoft's login host, or the sandbox if there is one."""
    return settings.M365_SANDBOX_URL.rstrip("/") or LOGIN


def seconds_to_wait(answer: requests.Response) -> float | None:
    """`Retry-After` in seconds, given as a number or as an HTTP date; None if it is missing or nonsense."""
    raw = answer.headers.get("Retry-After", "").strip()
    if raw.isdigit():
        return float(raw)
    try:
        return max(0.0, parsedate_to_datetime(raw).timestamp() - time.time())
    except (ValueError, TypeError):
        return None
