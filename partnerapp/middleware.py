"""What every request passes through: the operator's time zone, and refusals that no view caught."""

from collections.abc import Callable

import psycopg.errors
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.cache import add_never_cache_headers
from django.utils.translation import gettext as _

from partnerapp import toasts
from partnerapp.actions import Refused

Response = Callable[[HttpRequest], HttpResponse]


class OperatorMiddleware:
    """Times are shown in the operator's zone; what a signed-in person sees is stored nowhere."""

    def __init__(self, get_response: Response) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.user.is_authenticated:
            with timezone.override("UTC"):
                return self.get_response(request)
        with timezone.override(request.user.zone):
            response = self.get_response(request)
        add_never_cache_headers(response)
        return response


class RefusalMiddleware:
    """A rule's refusal, or a row that somebody else is changing, becomes a page that says so; never a 500."""

    def __init__(self, get_response: Response) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if isinstance(exception, Refused):
            response = render(request, "422.html", {"reason": str(exception)}, status=422)
            return toasts.instead(request, response, str(exception))
        if isinstance(exception, OperationalError) and busy(exception):
            reason = _("Somebody else is changing this at the moment. Nothing was changed; please try again.")
            return toasts.instead(request, render(request, "503.html", {"reason": reason}, status=503), reason)
        return None


def busy(error: OperationalError) -> bool:
    """Postgres gave up waiting, for a lock or for a statement, or broke a deadlock."""
    waited = psycopg.errors.LockNotAvailable | psycopg.errors.QueryCanceled | psycopg.errors.DeadlockDetected
    return isinstance(error.__cause__, waited)
