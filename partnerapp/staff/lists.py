"""What every list of the staff shares: one order that an index serves, no count beyond a thousand, nothing deleted."""

import re
import uuid
from collections.abc import Iterable
from typing import Any, ClassVar, cast

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.functional import cached_property
from django.utils.text import capfirst

from partnerapp import clock
from partnerapp.models import Event, Operator
from partnerapp.models.event import VENDORS_OWN

MOST = 1_000
REFERENCE = re.compile(r"(?:O-)?([0-9]{1,18})", re.IGNORECASE)


class AtLeast(int):
    """A number that is shown as "1,000+"."""

    def __str__(self) -> str:
        return f"{int(self):,}+"


class CappedPaginator(Paginator):
    """Counts, and turns pages, no further than a thousand rows: who wants others, searches."""

    @cached_property
    def count(self) -> int:
        rows = cast(QuerySet, self.object_list)[: MOST + 1].count()
        return AtLeast(MOST) if rows > MOST else rows


class OrderedList(ChangeList):
    """In the list's own order, whatever the URL asks for: others have no index."""

    def get_ordering(self, request: HttpRequest, queryset: QuerySet) -> list[Any]:
        return list(self.model_admin.ordering or ["-pk"])


class StaffAdmin(admin.ModelAdmin):
    """The shape of a list and of the pages below it."""

    paginator = CappedPaginator
    list_per_page = 50
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    sortable_by = ()
    actions = None
    by_url: ClassVar[Iterable[str]] = ()  # what a URL may filter by, besides the filters of the list

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return OrderedList

    def changelist_view(self, request: HttpRequest, extra_context: dict | None = None) -> HttpResponse:
        return super().changelist_view(
            request, {"title": capfirst(self.opts.verbose_name_plural), **(extra_context or {})}
        )

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """Not by any column: most have no index."""
        filters = {getattr(spec, "parameter_name", spec) for spec in self.list_filter}
        return lookup in filters or lookup in self.by_url

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """Postgres takes no NUL, and Django asks it."""
        return None if "\0" in object_id else super().get_object(request, object_id, from_field)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def history_view(self, request: HttpRequest, object_id: str, extra_context: dict | None = None) -> HttpResponse:
        raise Http404  # what happened stands in the events

    # Django calls these where it would write its own log (R31).

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        self.remember(request, obj, "added", message)

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        self.remember(request, obj, "changed", message)

    def remember(self, request: HttpRequest, obj: Any, what: str, message: Any) -> None:
        """`before` and `after` stand in the object, as `save_model` left them."""
        assert isinstance(request.user, Operator)
        kind = "staff" if isinstance(obj, Operator) else obj._meta.model_name
        after = getattr(obj, "changed_to", {"password": "changed"}) | {"of": str(obj.pk)}
        before = getattr(obj, "changed_from", {})
        Event.record(VENDORS_OWN, f"{kind}_{what}", at=clock.now(), by=request.user, before=before, after=after)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        said = form.changed_data if change else form.cleaned_data
        shown = [name for name in said if not name.startswith("password")]
        obj.changed_from = {name: form.initial.get(name) for name in shown} if change else {}
        obj.changed_to = {name: form.cleaned_data.get(name) for name in shown}
        super().save_model(request, obj, form, change)


class ReadOnlyAdmin(StaffAdmin):
    """Nothing to add, change or delete, not by URL either."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class Choice(admin.SimpleListFilter):
    """A filter that passes on what it offers and nothing else."""

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        known = {str(value) for value, _words in self.lookup_choices}
        return queryset.filter(**{str(self.parameter_name): self.value()}) if self.value() in known else queryset


def reference(term: str) -> int | None:
    """The id in "O-123" or "123"."""
    found = REFERENCE.fullmatch(term.strip())
    return int(found[1]) if found else None


def guid(term: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(term.strip())
    except ValueError:
        return None
