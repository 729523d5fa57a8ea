"""WHO may. One table; what is visible; and the label that every view carries.

A rule about a row (may this trial be extended *now*?) is another question: that one the row's model answers.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from django.contrib.auth.views import redirect_to_login
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django_htmx.http import HttpResponseClientRedirect
from django_htmx.middleware import HtmxDetails

from partnerapp import toasts
from partnerapp.models import Operator, Organization


class HtmxRequest(HttpRequest):
    """A request as our middleware leaves it."""

    htmx: HtmxDetails


class OperatorRequest(HtmxRequest):
    """The request of a view behind `page` or `row_action`: an operator has signed in."""

    user: Operator


DISTRIBUTOR, PARTNER, CUSTOMER = Organization.Kind.DISTRIBUTOR, Organization.Kind.PARTNER, Organization.Kind.CUSTOMER
VENDOR = Organization.Source.VENDOR
View = TypeVar("View", bound=Callable[..., HttpResponseBase])
ADMIN = frozenset({Operator.Role.ADMIN})
EVERYBODY = frozenset(Operator.Role)

# {action: {kind of the operator's organization: roles}}. An action on an organization also needs to be its owner's.
MAY: dict[str, dict[str, frozenset[str]]] = {
    "home": {DISTRIBUTOR: EVERYBODY, PARTNER: EVERYBODY},
    "see_partners": {DISTRIBUTOR: EVERYBODY},
    "see_customers": {DISTRIBUTOR: EVERYBODY, PARTNER: EVERYBODY},
    "see_organization": {DISTRIBUTOR: EVERYBODY, PARTNER: EVERYBODY},
    "see_events": {DISTRIBUTOR: EVERYBODY, PARTNER: EVERYBODY},
    "add_partner": {DISTRIBUTOR: ADMIN},
    "add_customer": {PARTNER: ADMIN},
    "extend_trial": {DISTRIBUTOR: ADMIN, PARTNER: ADMIN},
    "manage_subscription_upgrade": {DISTRIBUTOR: ADMIN, PARTNER: ADMIN},
    "convert_to_production": {DISTRIBUTOR: ADMIN, PARTNER: ADMIN},
    "edit_skus_and_expiration_date": {DISTRIBUTOR: ADMIN, PARTNER: ADMIN},
    "cancel_trial": {DISTRIBUTOR: ADMIN, PARTNER: ADMIN},
    "copy_activation_link": {DISTRIBUTOR: ADMIN, PARTNER: ADMIN},
    "resend_activation_link": {DISTRIBUTOR: ADMIN, PARTNER: ADMIN},
    "send_reminder": {DISTRIBUTOR: ADMIN, PARTNER: ADMIN},
    "change_notification_email": {DISTRIBUTOR: ADMIN, PARTNER: ADMIN},
    "reset_link": {DISTRIBUTOR: ADMIN, PARTNER: ADMIN},
    "withdraw": {DISTRIBUTOR: ADMIN, PARTNER: ADMIN},
    "try_again": {DISTRIBUTOR: ADMIN, PARTNER: ADMIN},
    # About the operators of one's own organization; a customer has none (R14).
    "see_operators": {DISTRIBUTOR: EVERYBODY, PARTNER: EVERYBODY},
    "invite_operator": {DISTRIBUTOR: ADMIN, PARTNER: ADMIN},
    "change_role": {DISTRIBUTOR: ADMIN, PARTNER: ADMIN},
    "disable_operator": {DISTRIBUTOR: ADMIN, PARTNER: ADMIN},
    "enable_operator": {DISTRIBUTOR: ADMIN, PARTNER: ADMIN},
    "resend_invitation": {DISTRIBUTOR: ADMIN, PARTNER: ADMIN},
    "withdraw_invitation": {DISTRIBUTOR: ADMIN, PARTNER: ADMIN},
}


def colleagues_of(operator: Operator) -> QuerySet[Operator]:
    """The operators whose existence this one may know: those of its own organization, itself included."""
    return Operator.objects.filter(organization_id=operator.organization_id, organization__isnull=False)


def visible_to(operator: Operator, rows: Any = None) -> QuerySet[Any]:
    """The organizations whose existence this operator may know: its own branch of the tree, itself included.

    Or the `rows` of another model about them, which carry the keys of their branch (`Organization.branch`).
    """
    rows = Organization.objects.all() if rows is None else rows
    own = operator.organization_id
    if own is None:
        return rows.none()
    if operator.acts_for.kind == DISTRIBUTOR:
        return rows.filter(distributor_id=own)
    return rows.filter(Q(pk=own) | Q(parent_id=own) if rows.model is Organization else Q(partner_id=own))


# What is said instead of "This page is not for …" where there is more to say.
NOT_FOR = {"add_customer": gettext_lazy("Customers are added by their Partner.")}


def refusal(operator: Operator, action: str, organization: Organization | None = None) -> str:
    """Why this operator may not do this (to this visible organization): a whole sentence, or "" when it may."""
    roles = MAY[action].get(operator.acts_for.kind, frozenset())
    if not roles and action in NOT_FOR:
        return str(NOT_FOR[action])
    if not roles:
        return _("This page is not for {kind} accounts.").format(kind=operator.acts_for.get_kind_display())
    if organization is not None and organization.parent_id != operator.organization_id:
        return not_owner(organization)
    if operator.role not in roles:
        return _("Your role is {role}. Ask an Admin of {organization} to do this.").format(
            role=operator.get_role_display(), organization=operator.acts_for.name
        )
    if action == "convert_to_production" and organization is not None and organization.source == VENDOR:  # R24
        return _("{name} was added by the Vendor, not by an MSP: only the Vendor's staff can convert it.").format(
            name=organization.name
        )
    return ""


def not_owner(organization: Organization) -> str:
    if organization.parent is None:
        return _("Nobody can do this for a distributor here.")
    return _("Only {owner} can do this for {organization}.").format(
        owner=organization.parent.name, organization=organization.name
    )


def may(operator: Operator, action: str, organization: Organization | None = None) -> bool:
    return not refusal(operator, action, organization)


def public(view: View) -> View:
    """Label a view that needs no operator."""
    view.access = "public"  # type: ignore[attr-defined]
    return view


def page(action: str) -> Callable:
    """Label a page: sign-in first, then this right of the operator's kind and role, or 403 with the sentence."""

    def refuse(request: OperatorRequest) -> HttpResponse | None:
        sentence = refusal(request.user, action)
        return forbid(request, sentence) if sentence else None

    return labelled(action, refuse)


def row_action(action: str) -> Callable:
    """Label an action on rows: sign-in first. The view then looks its rows up among the visible ones (else 404) and
    asks the right to each (else 403), so that a Viewer, too, cannot tell a foreign row from one that does not exist.
    """
    return labelled(action, lambda request: None)


def labelled(action: str, refuse: Callable[[OperatorRequest], HttpResponse | None]) -> Callable:
    def decorate(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
        @wraps(view)
        def guarded(request: OperatorRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if not request.user.is_authenticated or request.user.organization_id is None:
                return sign_in_first(request)
            return refuse(request) or view(request, *args, **kwargs)

        guarded.access = action  # type: ignore[attr-defined]
        return guarded

    return decorate


def own_path(url: str) -> str:
    """`url`, if it is a path of this portal, else the start page."""
    fine = url.startswith("/") and url_has_allowed_host_and_scheme(url, None)
    return url if fine and url.isprintable() else "/"


def sign_in_first(request: HtmxRequest) -> HttpResponse:
    """To sign-in and back to this page (under htmx: to the page it was part of)."""
    if request.htmx:
        return HttpResponseClientRedirect(redirect_to_login(own_path(current_page(request))).url)
    return redirect_to_login(request.get_full_path() if request.method == "GET" else "/")


def current_page(request: HtmxRequest) -> str:
    """The path of the portal's page that htmx asked from; "/" when the header names no such page."""
    try:
        return request.htmx.current_url_abs_path or "/"
    except ValueError:  # not an address at all
        return "/"


def forbid(request: HttpRequest, sentence: str) -> HttpResponse:
    """The 403 page with this sentence."""
    return toasts.instead(request, render(request, "403.html", {"exception": sentence}, status=403), sentence)
