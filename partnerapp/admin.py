"""The foundation for staff: events and mails to read, and the jobs' heartbeats."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.models import Group
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from partnerapp import dates
from partnerapp.models import Event, Job, Message
from partnerapp.models.event import VENDORS_WORDS, WORDS
from partnerapp.staff.lists import Choice, ReadOnlyAdmin, guid, reference

admin.site.unregister(Group)  # staff may all of it, or are no staff
KINDS = WORDS | VENDORS_WORDS
NAME_IT = _("Organization by its reference (O-123) or number")


class EventKind(Choice):
    title, parameter_name = _("kind"), "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return sorted(KINDS.items(), key=lambda pair: str(pair[1]))


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
        return str(KINDS.get(event.kind, event.kind))


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
