"""A verb on one row, by staff: what will happen, a form with a required reason, one domain call (R34).

The rule and the verb are those of the operators' drawers; who may is decided by the site itself.
"""

from datetime import datetime
from typing import Any

from django.contrib import admin, messages
from django.forms import Form
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from partnerapp import clock, drawers
from partnerapp.access import OperatorRequest
from partnerapp.actions import Refused
from partnerapp.drawers import Drawer, Row
from partnerapp.forms import Reason


class StaffRequest(OperatorRequest):
    """The request of a view of the staff's site, whose user is of the staff."""


def offer(drawer: Drawer, row: Row, at: datetime, url_name: str) -> dict[str, Any]:
    """A verb on the page of a row; one that is refused says why (R30)."""
    return {
        "label": drawer.label,
        "icon": drawer.icon,
        "danger": drawer.danger,
        "url": reverse(url_name, args=[row.pk, drawer.name]),
        "refusal": drawer.rule(row, at).refusal,
    }


def form_of(drawer: Drawer, *args: Any, **about: Any) -> Form:
    """The drawer's form, and why: it is asked last, and must be said."""
    form = drawer.form(*args, **about)
    form.fields.pop("reason", None)
    reason = Reason(required=True, help_text=_("Kept with the event, and told in the mail about it, if there is one."))
    reason.error_messages["required"] = _("Say why: the reason is kept with the event.")
    form.fields["reason"] = reason
    return form


def answer(request: StaffRequest, row: Row, drawer: Drawer, back: str, *, about: str) -> HttpResponse:
    """The page of a verb on GET; on POST the verb, or the page with the sentence that refuses (422).

    `back`: the URL of the row's own page; `about`: which row it is, beside its name.
    """
    at = clock.now()
    drawer.load([row])
    page = {"row": row, "back": back, "about": about, "title": drawer.label, "danger": drawer.danger}
    if request.method != "POST":
        form = form_of(drawer, initial=drawer.initial(row, at), rows=[row], at=at)
        return show(request, drawer, form, at, page)
    form = form_of(drawer, request.POST, rows=[row], at=at)
    refusal = drawer.rule(row, at).refusal
    refusal = refusal or drawers.changed_meanwhile(request, drawer, [row], {row.pk: ""}, at).get(row.pk, "")
    if refusal or not form.is_valid():
        return show(request, drawer, form, at, page, refusal=refusal)
    try:
        drawer.apply(row, form.cleaned_data, request.user, at)
    except Refused as refused:
        return show(request, drawer, form, at, page, refusal=str(refused))
    messages.success(request, str(drawer.done([row], form.cleaned_data)))
    return HttpResponseRedirect(back, status=303)


def show(
    request: HttpRequest, drawer: Drawer, form: Form, at: datetime, page: dict[str, Any], *, refusal: str = ""
) -> HttpResponse:
    """The form, and what will happen; or why nothing will."""
    row = page["row"]
    impossible = drawer.rule(row, at).refusal
    told = [] if impossible else [*drawers.foretold(drawer, [row], form), *drawers.told(drawer, [row], at)]
    context = {
        **admin.site.each_context(request),
        **page,
        "form": form,
        "seen": f"{row.pk}:{drawer.seen(row, at)}",
        "consequences": drawers.listed(told),
        "refusal": refusal or impossible,
        "possible": not impossible,
    }
    return TemplateResponse(request, "staff/verb.html", context, status=422 if form.is_bound else 200)
