"""Which rows a request is about: ids one by one (`id`), or all rows of a list (`all`, the list's own URL)."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.http import Http404, QueryDict
from django.utils.translation import gettext as _

from partnerapp import access, tables
from partnerapp.access import OperatorRequest
from partnerapp.actions import Refused
from partnerapp.models import Operator, Organization
from partnerapp.tables import MOST, Asked

SHOWN = 20  # rows of one action that are told apart


@dataclass(frozen=True)
class Selection:
    """The rows that a request names, and for each why the action is refused ("" when it is not)."""

    rows: list[Any]
    refusals: dict[int, str]

    @property
    def qualified(self) -> list[Any]:
        return [row for row in self.rows if not self.refusals[row.pk]]

    @property
    def about(self) -> list[Any]:
        """The rows that a drawer is about: those that qualify, or all when none does."""
        return self.qualified or self.rows

    @property
    def refusal(self) -> str:
        """Why nothing can be done: the first row's sentence, or "" when at least one row qualifies."""
        return "" if self.qualified else self.refusals[self.rows[0].pk]

    @property
    def subject(self) -> dict[str, Any]:
        """For the template: whom it is about, and who is left out and why (R32)."""
        shown = self.about
        skipped = [{"name": r.name, "reason": self.refusals[r.pk]} for r in self.rows if self.refusals[r.pk]]
        names = [row.name for row in shown]
        return {
            "names": names[:SHOWN], "more": max(len(names) - SHOWN, 0),
            "count": len(self.qualified), "total": len(self.rows),
            "skipped": skipped[:SHOWN] if len(self.rows) > 1 else [], "skipped_count": len(skipped),
        }  # fmt: skip


def rows(request: OperatorRequest, at: datetime) -> list[Organization]:
    """The organizations that the request names, in id order; 404 unless there are any and every one is visible.

    Raises Refused when there are more than `MOST`.
    """
    if "all" in request.GET and request.method != "POST":
        return load(request.user, at_most(everything(request.user, request.GET["all"], at))) or not_found()
    return each(request, load)


def each(request: OperatorRequest, load: Callable[[Operator, Collection[int]], list]) -> list:
    """The rows of these ids in the request, as `load` finds them; 404 unless there are any and all are found.

    What is applied is what the drawer named, not what a filter finds by then. Raises Refused when there are too many.
    """
    posted = request.method == "POST" and "id" in request.POST
    ids = at_most(set((request.POST if posted else request.GET).getlist("id")))
    if not ids:
        raise Http404(_("Nothing is selected. Go back and select a row first."))
    if not all(map(well_formed, ids)):
        raise Http404
    numbers = {int(pk) for pk in ids}
    found = load(request.user, numbers)
    return found if len(found) == len(numbers) else not_found()


def not_found() -> Any:
    raise Http404


def at_most(ids: Any) -> Any:
    """These ids, unless they are more than one action may change. Raises Refused."""
    if len(ids) > MOST:
        raise Refused(_("An action takes at most 1,000 rows: narrow the list to select all of it."))
    return ids


def chosen(request: OperatorRequest, at: datetime, shown: Asked | None = None) -> list[Organization]:
    """The selected rows as far as they are visible: a list that draws itself again is no place for a 404.

    "All that match" ends where the list that is `shown` has another filter.
    """
    ids: Collection[int] = ids_of(request.GET, "id")
    if "all" in request.GET:
        every = request.GET["all"]
        ids = everything(request.user, every, at) if shown is None or shown.same_rows(every) else []
    return load(request.user, ids) if 0 < len(ids) <= MOST else []


def everything(operator: Operator, url: str, at: datetime) -> list[int]:
    """The ids of all rows of the list at this URL, or one more than an action may change; none if it is no list.

    Read by themselves: Postgres asks a subquery once for each row where it knows little about the tables.
    """
    asked = tables.at_url(url)
    return list(tables.matching(asked, operator, at).values_list("pk", flat=True)[: MOST + 1]) if asked else []


def ids_of(params: QueryDict, name: str) -> set[int]:
    """The well-formed ids of a parameter."""
    return {int(pk) for pk in params.getlist(name)[:MOST] if well_formed(pk)}


def well_formed(pk: str) -> bool:
    return pk.isascii() and pk.isdigit() and len(pk) < 19


def load(operator: Operator, ids: Collection[int]) -> list[Organization]:
    """These organizations, as far as they are visible and have a subscription, with all that the rules ask about."""
    visible: QuerySet[Organization] = access.visible_to(operator).filter(pk__in=ids, subscription__isnull=False)
    joined = visible.select_related("parent__subscription", "subscription", "onboarding__link_message")
    found = list(joined.with_tenant_taken().order_by("pk"))  # type: ignore[attr-defined]
    for row in found:  # what was loaded once is not loaded again from the other side
        row.subscription.organization = row.onboarding.organization = row
    return found
