"""The shape of every action on organizations: one URL for one or many rows, a drawer on GET, one domain call on POST.

visible row or 404 → may or 403 → rule → form → verb (`Refused` → 422 with the form) → 204 that tells the page, or 303.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.db import transaction
from django.forms import Form
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.http import urlencode
from django.views.decorators.http import require_http_methods
from django_htmx.http import trigger_client_event

from partnerapp import access, clock
from partnerapp.access import OperatorRequest
from partnerapp.actions import Action, Refused, Words
from partnerapp.models import Operator, Organization

MOST = 1_000  # rows of one bulk action
SHOWN = 20  # of them are told apart in the drawer
Consequence = tuple[str, Words]  # icon, sentence


@dataclass(frozen=True)
class Drawer:
    """One action: its rule and verb on an organization, its form, and the words around them.

    `consequences` says what will happen if the form is applied; `done` says what happened, to `count` rows.
    """

    name: str
    label: Words
    rule: Callable[[Organization, datetime], Action]
    apply: Callable[[Organization, dict[str, Any], Operator, datetime], object]
    consequences: Callable[[Organization, datetime], list[Consequence]]
    done: Callable[[list[Organization], dict[str, Any]], Words]
    form: type[Form] = Form
    initial: Callable[[Organization, datetime], dict[str, Any]] = lambda organization, at: {}
    details: Callable[[list[Organization], datetime], dict[str, Any]] = lambda organizations, at: {}
    icon: str = "edit"
    danger: bool = False


@dataclass(frozen=True)
class Selection:
    """The rows that a request names, and for each why the action is refused ("" when it is not)."""

    rows: list[Organization]
    refusals: dict[int, str]

    @property
    def qualified(self) -> list[Organization]:
        return [row for row in self.rows if not self.refusals[row.pk]]

    @property
    def refusal(self) -> str:
        """Why nothing can be done: the first row's sentence, or "" when at least one row qualifies."""
        return "" if self.qualified else self.refusals[self.rows[0].pk]

    @property
    def subject(self) -> dict[str, Any]:
        """For the template: whom it is about, and who is left out and why (R32)."""
        shown = self.qualified or self.rows
        skipped = [{"name": r.name, "reason": self.refusals[r.pk]} for r in self.rows if self.refusals[r.pk]]
        names = [row.name for row in shown]
        return {
            "names": names, "count": len(self.qualified), "total": len(self.rows),
            "skipped": skipped if len(self.rows) > 1 else [],
        }  # fmt: skip


def view(drawer: Drawer) -> Callable[..., HttpResponse]:
    """The view of one action: its drawer on GET, its verb on POST."""

    @require_http_methods(["GET", "HEAD", "POST"])
    @access.row_action(drawer.name)
    def act(request: OperatorRequest) -> HttpResponse:
        return answer(request, drawer)

    return act


def answer(request: OperatorRequest, drawer: Drawer) -> HttpResponse:
    """The view of one action (see the module)."""
    at = clock.now()
    rows = visible_rows(request)
    forbidden = [access.refusal(request.user, drawer.name, row) for row in rows]
    if all(forbidden):
        return access.forbid(request, forbidden[0])
    refusals = {row.pk: sentence or drawer.rule(row, at).refusal for row, sentence in zip(rows, forbidden, strict=True)}
    selection = Selection(rows, refusals)
    if request.method == "POST":
        return apply(request, drawer, selection, at)
    initial = drawer.initial(selection.rows[0], at) if len(rows) == 1 else {}
    return show(request, drawer, selection, drawer.form(initial=initial), at)


def visible_rows(request: OperatorRequest) -> list[Organization]:
    """The organizations that the request names by `id`, in id order; 404 unless every one is visible."""
    ids = set((request.POST if request.method == "POST" and "id" in request.POST else request.GET).getlist("id"))
    if not 0 < len(ids) <= MOST or not all(pk.isascii() and pk.isdigit() and len(pk) < 19 for pk in ids):
        raise Http404
    visible = access.visible_to(request.user).filter(pk__in=ids, subscription__isnull=False)
    rows = list(
        visible.select_related("parent", "subscription", "onboarding", "onboarding__link_message").order_by("pk")
    )
    if len(rows) != len({int(pk) for pk in ids}):
        raise Http404
    for row in rows:  # what was loaded once is not loaded again from the other side
        row.subscription.organization = row.onboarding.organization = row
    return rows


def apply(request: OperatorRequest, drawer: Drawer, selection: Selection, at: datetime) -> HttpResponse:
    form = drawer.form(request.POST)
    if selection.refusal:
        return show(request, drawer, selection, form, at, refusal=selection.refusal)
    if not form.is_valid():
        return show(request, drawer, selection, form, at, status=422)
    try:
        with transaction.atomic():
            for row in selection.qualified:  # in id order, so that two bulk actions cannot deadlock
                drawer.apply(row, form.cleaned_data, request.user, at)
    except Refused as refused:
        return show(request, drawer, selection, form, at, refusal=str(refused))
    return changed(request, drawer.done(selection.qualified, form.cleaned_data), selection.qualified)


def show(
    request: OperatorRequest,
    drawer: Drawer,
    selection: Selection,
    form: Form,
    at: datetime,
    *,
    status: int = 200,
    refusal: str = "",
) -> HttpResponse:
    """The drawer. `refusal`: the rule's answer to a press of Apply (422); before that the reason stands in the drawer."""
    context = {
        "drawer": {"url": own_url(request, selection.rows), "next": safe_next(request), "preview_url": ""},
        "subject": selection.subject,
        "form": form,
        "consequences": [{"icon": icon, "text": text} for icon, text in told(drawer, selection.qualified, at)],
        "refusal": refusal or selection.refusal,
        "refused": bool(refusal),
        **drawer.details(selection.qualified or selection.rows, at),
    }
    return render(request, f"organizations/{drawer.name}.html", context, status=422 if refusal else status)


def told(drawer: Drawer, rows: list[Organization], at: datetime) -> list[Consequence]:
    """What will happen to these rows: what differs row by row, and then, once, what holds for all of them."""
    each = [drawer.consequences(row, at) for row in rows[:SHOWN]]
    if len(each) < 2:
        return each[0] if each else []
    common = [line for line in each[0] if all(line in lines for lines in each)]
    return [line for lines in each for line in lines if line not in common] + common


def own_url(request: OperatorRequest, rows: list[Organization]) -> str:
    return f"{request.path}?{urlencode({'id': [row.pk for row in rows]}, doseq=True)}"


def safe_next(request: HttpRequest) -> str:
    """Where to go afterwards without htmx: `next`, if it is a path of this portal."""
    return access.own_path(request.POST.get("next") or request.GET.get("next") or "/")


def changed(request: OperatorRequest, sentence: Words, rows: list[Organization]) -> HttpResponse:
    """Success: htmx closes the drawer, every region that shows organizations reloads itself; else back to the page."""
    if not request.htmx:
        messages.success(request, str(sentence))
        return HttpResponseRedirect(safe_next(request), status=303)
    response = HttpResponse(status=204)
    trigger_client_event(response, "organizations-changed", {"ids": [row.pk for row in rows]})
    return trigger_client_event(response, "toast", {"text": str(sentence), "level": "success"})
