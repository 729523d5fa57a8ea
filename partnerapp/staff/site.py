"""The site of the Vendor's staff at /admin/ (R34): their own sign-in, and one access label on all of its URLs."""

from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any

from django.conf import settings
from django.contrib import auth
from django.contrib.admin import AdminSite
from django.contrib.admin.forms import AdminAuthenticationForm, AdminPasswordChangeForm
from django.contrib.auth.views import PasswordChangeView
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect, render
from django.urls import URLPattern, URLResolver, reverse
from django.utils.decorators import method_decorator
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache

from partnerapp import clock, limits
from partnerapp.models import Event, Operator
from partnerapp.models.event import VENDORS_OWN

View = Callable[..., HttpResponse]


class OwnPassword(AdminPasswordChangeForm):
    """A person of the staff sets the own password, having typed the old one."""

    @transaction.atomic
    def save(self, commit: bool = True) -> Operator:
        user = super().save(commit)
        Event.record(VENDORS_OWN, "staff_changed", at=clock.now(), by=user, after={"password": user.username})
        return user


class SignIn(AdminAuthenticationForm):
    """One answer to whatever is wrong, so that nobody learns which names there are."""

    error_messages = {"invalid_login": _("This username and password do not belong together. Please try again.")}


class StaffSite(AdminSite):
    site_title = site_header = _("Partner App for Vendor staff")
    index_title = _("Accounts, catalogue, records")
    site_url = ""  # staff have no place in the portal
    enable_nav_sidebar = False
    login_form = SignIn

    def get_urls(self) -> list:
        """All of them carry the label; who is not of the staff is sent to the sign-in, whatever the URL names."""
        urls = super().get_urls()
        for pattern in patterns(urls):
            pattern.callback = labelled(pattern.callback)
        return urls

    def has_permission(self, request: HttpRequest) -> bool:
        person = request.user
        return person.is_authenticated and person.is_active and person.is_staff and person.organization_id is None

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        return super().each_context(request) | {"product_name": settings.PRODUCT_NAME}

    @method_decorator(never_cache)
    def login(self, request: HttpRequest, extra_context: dict | None = None) -> HttpResponse:
        if request.method == "POST" and limits.guessing(request, request.POST.get("username", "")):
            response = render(request, "429.html", status=429)
            response["Retry-After"] = "60"
            return response
        return super().login(request, {"username": str(request.user), **(extra_context or {})})

    def password_change(self, request: HttpRequest, extra_context: dict | None = None) -> Any:
        view = PasswordChangeView.as_view(
            form_class=OwnPassword,
            success_url=reverse("admin:password_change_done"),
            extra_context=self.each_context(request),
        )
        return view(request)

    @method_decorator(never_cache)
    def logout(self, request: HttpRequest, extra_context: dict | None = None) -> Any:
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        auth.logout(request)
        response = redirect("admin:login")
        response["Clear-Site-Data"] = '"cache", "storage"'
        return response


def patterns(urls: list) -> Iterator[URLPattern]:
    for url in urls:
        if isinstance(url, URLResolver):
            yield from patterns(url.url_patterns)
        else:
            yield url


def labelled(view: View) -> View:
    @wraps(view)
    def staff(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return view(request, *args, **kwargs)

    staff.access = "staff"  # type: ignore[attr-defined]
    return staff
