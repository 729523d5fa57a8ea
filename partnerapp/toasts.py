"""What htmx requests show beside or instead of an answer's page; `portal.js` draws it, in an open drawer if need be."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django_htmx.http import reswap, trigger_client_event

from partnerapp.actions import Words


def add(response: Any, text: Words, *, level: str = "success", href: Words = "") -> Any:
    """`href`: where the toast leads."""
    return trigger_client_event(response, "toast", {"text": str(text), "level": level, "href": str(href)})


def instead(request: HttpRequest, response: HttpResponse, text: Words) -> HttpResponse:
    """An error's page; who asked with htmx keeps the own page and reads the sentence there."""
    if not getattr(request, "htmx", False):
        return response
    return reswap(add(response, text, level="error"), "none")
