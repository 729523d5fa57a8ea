"""The shape of every action on rows (organizations, or operators): one URL for one or many of them, a drawer on GET, one
domain call on POST.

visible row or 404 → may or 403 → rule → form → verb (`Refused` → 422 with the form) → 204 that tells the page, or 303.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.db import transaction
from django.forms import Form
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.text import get_text_list
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods
from django_htmx.http import trigger_client_event

from partnerapp import access, clock, selection, toasts
from partnerapp.access import OperatorRequest
from partnerapp.actions import Action, Refused, Words
from partnerapp.forms import ActionForm
from partnerapp.models import Operator, Organization
from partnerapp.selection import SHOWN, Selection

Consequence = tuple[str, Words]  # icon, sentence
Row = Any  # an organization, unless the drawer says otherwise


@dataclass(frozen=True)
class Drawer:
    """One action: its rule and verb on a row, its form, and the words around them.

    `consequences` says what will happen if the form is applied; `done` says what happened, to `count` rows.
    `find` gives the rows that a request names (404 unless all are visible); `right` asks whether an operator may do this.
    """

    name: str
    label: Words
    rule: Callable[[Row, datetime], Action]
    apply: Callable[[Row, dict[str, Any], Operator, datetime], object]
    consequences: Callable[[Row, datetime], list[Consequence]]
    done: Callable[[list[Row], dict[str, Any]], Words]
    form: Callable[..., Form] = ActionForm
    initial: Callable[[Row, datetime], dict[str, Any]] = lambda row, at: {}
    details: Callable[[list[Row], datetime], dict[str, Any]] = lambda rows, at: {}
    load: Callable[[list[Row]], None] = lambda rows: None  # loads at once what rule, `seen` and verb ask of each row
    prepare: Callable[[list[Row]], None] = lambda rows: None  # loads at once what each row's words need
    foretell: Callable[[Row, dict[str, Any]], list[Consequence]] | None = None  # before → after of what is filled in
    icon: str = "edit"
    kinds: frozenset[str] = frozenset(
        {Organization.Kind.PARTNER, Organization.Kind.CUSTOMER}
    )  # in whose menus it stands
    danger: bool = False
    one_by_one: bool = False  # what is asked differs from row to row
    seen: Callable[[Row, datetime], str] = lambda row, at: ""  # what must not change before Apply
    find: Callable[[OperatorRequest, datetime], list[Row]] = selection.rows
    right: Callable[[Operator, str, Row], str] = access.refusal
    folder: str = "organizations"  # of its template, which is named like the action

    def refusal(self, operator: Operator, row: Row, at: datetime, *, among: int) -> str:
        """Why this operator may not do this to this row, one `among` so many: the right first, then the rule (R30)."""
        several = (
            _("Select one row only: this is asked for each row by itself.") if self.one_by_one and among > 1 else ""
        )
        return self.right(operator, self.name, row) or several or self.rule(row, at).refusal


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
    rows = drawer.find(request, at)
    drawer.load(rows)
    forbidden = [drawer.right(request.user, drawer.name, row) for row in rows]
    if all(forbidden):
        return access.forbid(request, forbidden[0])
    refusals = {row.pk: drawer.refusal(request.user, row, at, among=len(rows)) for row in rows}
    selected = Selection(rows, refusals | changed_meanwhile(request, drawer, rows, refusals, at))
    if request.method == "POST":
        return apply(request, drawer, selected, at)
    return show(request, drawer, selected, blank(request, drawer, selected, at), at)


def blank(request: OperatorRequest, drawer: Drawer, selected: Selection, at: datetime) -> Form:
    """The form as it opens; or filled in as far as somebody is, whom `foretell` tells what that would change."""
    about = {"rows": selected.about, "at": at}
    if drawer.foretell and "seen" in request.GET:
        return drawer.form(request.GET, **about)
    initial = drawer.initial(selected.about[0], at) if len(selected.about) == 1 else {}
    return drawer.form(initial=initial, **about)


def changed_meanwhile(
    request: HttpRequest, drawer: Drawer, rows: list[Row], refusals: dict[int, str], at: datetime
) -> dict[int, str]:
    """The rows that are not any more what the drawer showed when it was opened: applied is only what was seen."""
    shown = dict(value.partition(":")[::2] for value in request.POST.getlist("seen"))
    words = _("{name} changed since this was opened. Close the drawer and open it again to see how it stands now.")
    return {
        row.pk: words.format(name=row.name)
        for row in rows
        if not refusals[row.pk] and shown.get(str(row.pk), drawer.seen(row, at)) != drawer.seen(row, at)
    }


def apply(request: OperatorRequest, drawer: Drawer, selected: Selection, at: datetime) -> HttpResponse:
    form = drawer.form(request.POST, rows=selected.about, at=at)
    if selected.refusal:
        return show(request, drawer, selected, form, at, refusal=selected.refusal)
    if not form.is_valid():
        return show(request, drawer, selected, form, at, status=422)
    try:
        with transaction.atomic():
            for row in selected.qualified:  # in id order, so that two bulk actions cannot deadlock
                apply_to(row, drawer, form, request.user, at, alone=len(selected.qualified) == 1)
    except Refused as refused:
        return show(request, drawer, selected, form, at, refusal=str(refused))
    done = str(drawer.done(selected.qualified, form.cleaned_data))
    if skipped := [row.name for row in selected.rows if selected.refusals[row.pk]]:
        done = _("{done} Left out: {names}.").format(done=done, names=get_text_list(skipped[:SHOWN], _("and")))
    return changed(request, done, selected.qualified)


def apply_to(row: Row, drawer: Drawer, form: Form, by: Operator, at: datetime, *, alone: bool) -> None:
    """One row's verb. Among several, a refusal (somebody was faster) names the row; then nothing is applied."""
    try:
        drawer.apply(row, form.cleaned_data, by, at)
    except Refused as refused:
        words = _("Nothing was applied. {name}: {reason}")
        raise refused if alone else Refused(words.format(name=row.name, reason=refused)) from refused


def show(
    request: OperatorRequest,
    drawer: Drawer,
    selected: Selection,
    form: Form,
    at: datetime,
    *,
    status: int = 200,
    refusal: str = "",
) -> HttpResponse:
    """The drawer. `refusal`: the rule's answer to a press of Apply (422); before that the reason stands in the drawer."""
    context = {
        # Applied is what is told here: a row that only qualifies later stays out.
        "drawer": frame(
            request,
            rows=[(row.pk, drawer.seen(row, at)) for row in selected.about],
            preview_url=request.path if drawer.foretell else "",
        ),
        "subject": selected.subject,
        "form": form,
        "consequences": listed([*foretold(drawer, selected.qualified, form), *told(drawer, selected.qualified, at)]),
        "refusal": refusal or selected.refusal,
        "refused": bool(refusal),
        **drawer.details(selected.about, at),
    }
    return render(request, f"{drawer.folder}/{drawer.name}.html", context, status=422 if refusal else status)


def listed(consequences: list[Consequence]) -> list[dict[str, Words]]:
    """For the template."""
    return [{"icon": icon, "text": text} for icon, text in consequences]


def foretold(drawer: Drawer, rows: list[Row], form: Form) -> list[Consequence]:
    """What the form, as it is filled in, would change; nothing while it is as it opened or cannot be read."""
    if drawer.foretell is None or not form.is_bound or not form.is_valid():
        return []
    lines = [line for row in rows[:SHOWN] for line in drawer.foretell(row, form.cleaned_data)]
    return list(dict.fromkeys(lines))


def told(drawer: Drawer, rows: list[Row], at: datetime) -> list[Consequence]:
    """What will happen to these rows: what differs row by row, and then, once, what holds for all of them."""
    drawer.prepare(rows[:SHOWN])
    each = [drawer.consequences(row, at) for row in rows[:SHOWN]]
    if len(each) < 2:
        return each[0] if each else []
    common = [line for line in each[0] if all(line in lines for lines in each)]
    if more := len(rows) - len(each):
        common.append(("dots", _("And so on, by the same rules, for {count} more.").format(count=more)))
    return [*dict.fromkeys(line for lines in each for line in lines if line not in common), *common]


def frame(request: HttpRequest, *, rows: Sequence[tuple[int, str]] = (), preview_url: str = "") -> dict[str, Any]:
    """What drawer.html needs: where its form goes, for which rows as they are seen, and where to go without htmx."""
    return {"url": request.path, "rows": rows, "next": safe_next(request), "preview_url": preview_url}


def safe_next(request: HttpRequest) -> str:
    """Where to go afterwards without htmx: `next`, if it is a path of this portal."""
    return access.own_path(request.POST.get("next") or request.GET.get("next") or "/")


def changed(request: OperatorRequest, sentence: Words, rows: list[Row], *, href: Words = "") -> HttpResponse:
    """Success: htmx closes the drawer, every region that shows organizations reloads itself; else back to the page.

    `href`: where the toast leads, to what was made.
    """
    if not request.htmx:
        messages.success(request, str(sentence))
        return HttpResponseRedirect(safe_next(request), status=303)
    response = trigger_client_event(HttpResponse(status=204), "organizations-changed", {"count": len(rows)})
    return toasts.add(response, sentence, href=href)
