"""The error pages."""

from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.translation import gettext as _
from django.views.defaults import page_not_found

from partnerapp import toasts


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Not Django's own: that one reads the form again, and a form that cannot be read is one reason to come here."""
    return HttpResponseBadRequest(render_to_string("400.html"))


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """The page, or under htmx a toast, with the reason where there is one (Django's own exceptions give none)."""
    reason = exception.args[0] if exception.args and isinstance(exception.args[0], str) else ""
    page = page_not_found(request, exception)
    return toasts.instead(request, page, reason or _("This does not exist, or you cannot see it with this account."))


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    page = render(request, "403_csrf.html", status=403)
    return toasts.instead(
        request, page, _("Your session ended or was renewed in another tab. Reload the page, then try again.")
    )
