"""A verb on one organization, by staff: what will happen, a form with a required reason, one domain call (R34).

The rule and the verb are those of the operators' drawers; who may is decided by the site itself.
"""

from datetime import datetime
from typing import Any

from django.contrib import admin, messages
from django.forms import Form
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext_lazy as _

from partnerapp import clock, drawers
from partnerapp.actions import Refused
from partnerapp.drawers import Drawer
from partnerapp.forms import Reason
from partnerapp.models import Operator, Organization


class StaffRequest(HttpRequest):
    """The request of a view of the staff's site."""

    user: Operator


def form_of(drawer: Drawer, *args: Any, **about: Any) -> Form:
    """The drawer's form, and why: it is asked last, and must be said."""
    form = drawer.form(*args, **about)
    form.fields.pop("reason", None)
    form.fields["reason"] = Reason(required=True, help_text=_("Kept with the event, and told in the mail about it."))
    return form


def answer(request: StaffRequest, organization: Organization, drawer: Drawer, back: str) -> HttpResponse:
    """The page of a verb on GET; on POST the verb, or the page with the sentence that refuses (422)."""
    at = clock.now()
    drawer.load([organization])
    refusal = drawer.rule(organization, at).refusal
    changed = drawers.changed_meanwhile(request, drawer, [organization], {organization.pk: refusal}, at)
    about: dict[str, Any] = {"rows": [organization], "at": at}
    if request.method != "POST":
        return show(
            request, organization, drawer, form_of(drawer, initial=drawer.initial(organization, at), **about), at
        )
    form = form_of(drawer, request.POST, **about)
    refusal = refusal or changed.get(organization.pk, "")
    if not refusal and form.is_valid():
        try:
            drawer.apply(organization, form.cleaned_data, request.user, at)
        except Refused as refused:
            refusal = str(refused)
        else:
            messages.success(request, str(drawer.done([organization], form.cleaned_data)))
            return HttpResponseRedirect(back, status=303)
    return show(request, organization, drawer, form, at, refusal=refusal, status=422)


def show(
    request: HttpRequest,
    organization: Organization,
    drawer: Drawer,
    form: Form,
    at: datetime,
    *,
    refusal: str = "",
    status: int = 200,
) -> HttpResponse:
    action = drawer.rule(organization, at)
    told = [] if action.refusal else drawers.told(drawer, [organization], at)
    if status == 422 and not refusal:
        told = [*drawers.foretold(drawer, [organization], form), *told]
    context = {
        **admin.site.each_context(request),
        "title": drawer.label,
        "organization": organization,
        "form": form,
        "seen": f"{organization.pk}:{drawer.seen(organization, at)}",
        "consequences": drawers.listed(told),
        "refusal": refusal or action.refusal,
        "possible": not action.refusal,
        "danger": drawer.danger,
    }
    return TemplateResponse(request, "staff/verb.html", context, status=status)
