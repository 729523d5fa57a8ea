"""The people who sign in, for staff: their own accounts to add and change, operators to see, disable and enable."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.forms import BaseUserCreationForm
from django.contrib.auth.validators import ASCIIUsernameValidator
from django.db import transaction
from django.db.models import Model, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import path, reverse
from django.utils.translation import gettext_lazy as _

from partnerapp import clock, dates
from partnerapp.forms import Email, TimeZone, VisibleText
from partnerapp.models import Operator
from partnerapp.pages.operator_actions import DISABLE, ENABLE
from partnerapp.staff import verbs
from partnerapp.staff.lists import Choice, StaffAdmin, reference
from partnerapp.staff.verbs import StaffRequest

# R27 binds the operators of an inactive Partner, not staff.
VERBS = {
    DISABLE.name: replace(DISABLE, rule=lambda row, at: row.action(DISABLE.name)),
    ENABLE.name: replace(ENABLE, rule=lambda row, at: row.action(ENABLE.name)),
}


class Staff(forms.ModelForm):
    """What may change of a person of the staff; the password has its own page."""

    name = VisibleText(label=_("Name"), max_length=150)
    email = Email(label=_("Email"))
    time_zone = TimeZone()
    enabled = forms.BooleanField(label=_("May sign in"), required=False)

    class Meta:
        model = Operator
        fields = ("name", "email", "time_zone")

    by: Operator
    at: datetime

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["enabled"] = self.instance.is_active

    def clean_enabled(self) -> bool:
        if not self.cleaned_data["enabled"] and self.instance == self.by:
            raise forms.ValidationError(_("This is your own account. Ask a colleague to disable it."))
        return self.cleaned_data["enabled"]

    def save(self, commit: bool = True) -> Operator:
        if self.cleaned_data["enabled"] != self.instance.is_active:
            self.instance.disabled_at = None if self.cleaned_data["enabled"] else self.at
        return super().save(commit)


class NewStaff(BaseUserCreationForm):
    username = forms.CharField(label=_("Username"), max_length=150, validators=[ASCIIUsernameValidator()])
    name = VisibleText(label=_("Name"), max_length=150)
    email = Email(label=_("Email"))

    class Meta:
        model = Operator
        fields = ("username", "name", "email")

    def save(self, commit: bool = True) -> Operator:
        self.instance.is_staff = self.instance.is_superuser = True
        return super().save(commit)


class People(Choice):
    title, parameter_name = _("account"), "is_staff"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("True", _("Vendor staff")), ("False", _("Operators of organizations"))]


@admin.register(Operator)
class OperatorAdmin(StaffAdmin, UserAdmin):
    """Staff's accounts, to add and change; operators of organizations are shown."""

    form = Staff
    add_form = NewStaff
    list_display = ("name", "email", "organization", "rights", "standing")
    list_filter = (People,)
    list_select_related = ("organization",)
    filter_horizontal = ()
    ordering = ("-is_staff", "name", "pk")
    search_fields = ("name",)
    search_help_text = _(
        "Exact email or username, the beginning of the name, or an organization by its reference (O-123)"
    )
    add_fieldsets = ((None, {"fields": ("username", "name", "email", "password1", "password2")}),)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None:
            return self.add_fieldsets
        if obj.is_staff:
            return ((None, {"fields": ("username", "name", "email", "time_zone", "enabled")}),)
        facts = ("organization", "name", "email", "rights", "standing", "tid", "oid", "invited_at", "accepted_at")
        return ((None, {"fields": facts}),)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("username",) if obj is not None and obj.is_staff else ()

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return super().has_change_permission(request, obj) and (obj is None or getattr(obj, "is_staff", False))

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form: Any = super().get_form(request, obj, change=change, **kwargs)
        form.by, form.at = request.user, clock.now()
        return form

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, term: str) -> tuple[QuerySet, bool]:
        term = term.strip()
        if not term:
            return queryset, False
        if number := reference(term):
            return queryset.filter(organization=number), False
        named = Q(name__istartswith=term) | Q(email__iexact=term) | Q(username=term)
        return queryset.filter(named), False

    # Pages ----------------------------------------------------------------------------------------------------------

    def get_urls(self) -> list:
        own = [path("<int:pk>/do/<slug:verb>/", self.admin_site.admin_view(self.verb), name="operator_verb")]
        return own + super().get_urls()

    def verb(self, request: StaffRequest, pk: int, verb: str) -> HttpResponse:
        rows = Operator.objects.select_related("organization__parent").filter(is_staff=False)
        operator, drawer = get_object_or_404(rows, pk=pk), VERBS.get(verb)
        if drawer is None:
            raise Http404
        operator.is_me = False
        back = reverse("admin:partnerapp_operator_change", args=[pk])
        return verbs.answer(request, operator, drawer, back, about=f"{operator.email} · {operator.acts_for.name}")

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict | None = None
    ) -> HttpResponse:
        found = self.get_object(request, object_id)
        return super().change_view(request, object_id, form_url, {"verbs": offered(found, clock.now())})

    @transaction.atomic
    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:
        return super().user_change_password(request, id, form_url)

    @admin.display(description=_("role"))
    def rights(self, operator: Operator) -> str:
        return str(_("Vendor staff")) if operator.is_staff else operator.get_role_display()

    @admin.display(description=_("standing"))
    def standing(self, operator: Operator) -> str:
        if operator.disabled_at:
            return _("disabled since {when}").format(when=dates.moment(operator.disabled_at))
        return str(_("active") if operator.is_staff or operator.accepted_at else _("invited"))


def offered(operator: Operator | None, at: datetime) -> list[dict[str, Any]]:
    if operator is None:
        return []
    if operator.is_staff:
        url = reverse("admin:auth_user_password_change", args=[operator.pk])
        return [
            {"label": _("Set another password"), "icon": "shield-check", "url": url, "refusal": "", "danger": False}
        ]
    return [verbs.offer(drawer, operator, at, "admin:operator_verb") for drawer in VERBS.values()]
