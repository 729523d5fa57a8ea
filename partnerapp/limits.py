"""Rate limits on what anybody may press: per address, and per link. Kept in Postgres, so that all web processes agree."""

import hashlib
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from partnerapp import clock
from partnerapp.models import Attempt

PER_ADDRESS = 60  # presses a minute
PER_LINK = 20
PER_ACCOUNT = 10  # passwords tried for one username, from wherever


def address(request: HttpRequest) -> str:
    """The client's address: the peer, or what the outermost of our own TRUSTED_PROXIES saw."""
    seen = [part.strip() for part in request.headers.get("X-Forwarded-For", "").split(",") if part.strip()]
    proxies = settings.TRUSTED_PROXIES
    return seen[-proxies] if proxies and len(seen) >= proxies else request.META.get("REMOTE_ADDR", "")


def limited(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Answer 429 to a POST that comes too often from one address, or for one link (the view's `token`)."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.method == "POST" and too_often(request, kwargs.get("token", "")):
            response = render(request, "429.html", status=429)
            response["Retry-After"] = "60"
            return response
        return view(request, *args, **kwargs)

    return guarded


def too_often(request: HttpRequest, token: str) -> bool:
    wall = clock.wall()
    if Attempt.counted(f"address {address(request)}", wall) > PER_ADDRESS:
        return True
    link = hashlib.sha256(token.encode()).hexdigest()
    return bool(token) and Attempt.counted(f"link {link}", wall) > PER_LINK


def guessing(request: HttpRequest, username: str) -> bool:
    """Passwords are tried too often, from this address or for this username, whether it exists or not."""
    wall = clock.wall()
    if Attempt.counted(f"address {address(request)}", wall) > PER_ADDRESS:
        return True
    account = hashlib.sha256(username.strip().casefold().encode()).hexdigest()
    return Attempt.counted(f"account {account}", wall) > PER_ACCOUNT
