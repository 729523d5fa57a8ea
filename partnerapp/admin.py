"""The foundation for staff: events and mails to read, the people who sign in, the jobs' heartbeats."""

from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.forms import BaseUserCreationForm
from django.contrib.auth.models import Group
from django.contrib.auth.validators import ASCIIUsernameValidator
from django.db import transaction
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from partnerapp import clock, dates
from partnerapp.forms import Email, VisibleText
from partnerapp.models import Event, Job, Message, Operator
from partnerapp.models.event import WORDS
from partnerapp.staff.lists import Choice, ReadOnlyAdmin, StaffAdmin, guid, reference

admin.site.unregister(Group)  # staff may all of it, or are no staff
NAME_IT = _("Organization by its reference (O-123) or number")


class EventKind(Choice):
    title, parameter_name = _("kind"), "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return sorted(WORDS.items(), key=lambda pair: str(pair[1]))


@admin.register(Event)
class EventAdmin(ReadOnlyAdmin):
    """R31: append-only, so nothing here has a button."""

    list_display = ("moment", "words", "organization", "actor", "actor_kind", "reason")
    list_display_links = ("moment",)
    list_filter = (EventKind,)
    list_select_related = ("organization",)
    ordering = ("-pk",)
    search_fields = ("organization__pk",)
    search_help_text = NAME_IT
    fields = ("moment", "words", "organization", "actor", "actor_kind", "reason", "before", "after")

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, term: str) -> tuple[QuerySet, bool]:
        if not term.strip():
            return queryset, False
        return queryset.filter(organization=reference(term) or 0), False

    @admin.display(description=_("when"))
    def moment(self, event: Event) -> str:
        return dates.moment(event.at)

    @admin.display(description=_("what"))
    def words(self, event: Event) -> str:
        return str(WORDS.get(event.kind, event.kind))


@admin.register(Message)
class MessageAdmin(ReadOnlyAdmin):
    """Without a search: what was not delivered, the latest first."""

    list_display = ("kind", "organization", "recipient", "state", "about", "accepted", "last_error")
    list_select_related = ("organization",)
    ordering = ("-ready_at",)
    search_fields = ("organization__pk",)
    search_help_text = _(
        "Here are the mails that were not delivered. All mails of an organization: its reference (O-123) or number; one "
        "mail: the id before the @ of its Message-ID"
    )
    fields = (
        "id", "kind", "organization", "recipient", "operator", "state", "about", "accepted", "attempts", "last_error",
    )  # fmt: skip

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, term: str) -> tuple[QuerySet, bool]:
        if not term.strip():
            return queryset.filter(state__in=[Message.State.REFUSED, Message.State.AMBIGUOUS]), False
        if pk := guid(term):
            return queryset.filter(pk=pk), False
        return queryset.filter(organization=reference(term) or 0).order_by("-about_at"), False

    @admin.display(description=_("about"))
    def about(self, message: Message) -> str:
        return dates.moment(message.about_at)

    @admin.display(description=_("accepted by the mail server"))
    def accepted(self, message: Message) -> str:
        return dates.moment(message.accepted_at) or "–"


@admin.register(Job)
class JobAdmin(ReadOnlyAdmin):
    list_display = ("name", "last_ok", "oldest_overdue_s", "counts")
    fields = list_display
    ordering = ("name",)

    @admin.display(description=_("last finished"))
    def last_ok(self, job: Job) -> str:
        return dates.moment(job.last_ok_at)


class Staff(forms.ModelForm):
    """What may change of a person of the staff; the password has its own page."""

    name = VisibleText(label=_("Name"), max_length=150)
    email = Email(label=_("Email"))
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

    def get_form(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, **kwargs)
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
