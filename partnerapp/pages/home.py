"""The start page: a distributor's Partners, or a Partner's own subscription; and the operator's preferences."""

from datetime import datetime

from django.forms.models import model_to_dict
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from partnerapp import clock, dates, drawers
from partnerapp.access import OperatorRequest, may, page
from partnerapp.forms import Preferences
from partnerapp.models import Operator, Organization
from partnerapp.pages.rows import subscription_cells
from subscriptions.models.states import State


@require_safe
@page("home")
def home(request: OperatorRequest) -> HttpResponse:
    if may(request.user, "see_partners"):
        return redirect("partners")
    at = clock.now()
    organization = Organization.objects.select_related("subscription", "onboarding", "parent").get(
        pk=request.user.acts_for.pk
    )
    organization.subscription.organization = organization
    context = {
        "organization": {"name": organization.name, "tenant": organization.default_domain},
        "row": subscription_cells(organization.subscription, at),
        "next": {"text": what_next(organization, at)},
        "facts": facts(organization),
    }
    return render(request, "home.html", context)


def what_next(organization: Organization, at: datetime) -> str:
    """One sentence: what happens to this subscription if nobody does anything."""
    subscription, owner = organization.subscription, organization.owner.name
    state = subscription.state(at)
    if state == State.PENDING and (problem := organization.onboarding.problem):
        return f"{problem.cause} {problem.remedy}"
    if state == State.PENDING:
        return _("Your trial starts when the import of your Microsoft 365 tenant is complete.")
    if state in {State.TRIAL, State.HELD}:
        when = dates.moment(subscription.deadline)
        ends = _("Your trial ends on {when}. {owner} has blocked the automatic upgrade.")
        goes_on = _("Your trial upgrades to Production on {when}. {owner} can extend, block or cancel it until then.")
        return (ends if subscription.blocked_at else goes_on).format(when=when, owner=owner)
    if state == State.PRODUCTION:
        return _("You are in Production. Questions about it? Ask {owner}.").format(owner=owner)
    return _("Your trial is over and so is your access. {owner} can convert it to a production account.").format(
        owner=owner
    )


def facts(organization: Organization) -> list[dict]:
    subscription = organization.subscription
    holdings = subscription.holdings.filter(until_at=None).select_related("product").order_by("product")
    rows = [
        (_("Your distributor"), organization.owner.name),
        (_("Microsoft 365 tenant"), organization.default_domain or _("not connected")),
        (_("Seats"), "–" if subscription.seats is None else subscription.seats),
        (_("Included"), ", ".join(holding.product.name for holding in holdings)),
    ]
    return [{"label": label, "value": value} for label, value in rows]


@require_http_methods(["GET", "HEAD", "POST"])
@page("home")
def preferences(request: OperatorRequest) -> HttpResponse:
    """Theme and time zone of the operator. The profile menu posts the theme alone."""
    operator = request.user
    form = Preferences({**model_to_dict(operator, ["theme", "time_zone", "shortcuts"]), **request.POST.dict()})
    if request.method != "POST" or not form.is_valid():
        context = {"form": form, "next": drawers.safe_next(request)}
        return render(request, "preferences.html", context, status=422 if request.method == "POST" else 200)
    Operator.objects.filter(pk=operator.pk).update(**form.cleaned_data)
    return HttpResponseRedirect(drawers.safe_next(request), status=303)
