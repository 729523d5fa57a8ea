"""An organization's page: what it is, what happens to it next, what has happened, and what can be done about it."""

from datetime import datetime
from itertools import groupby
from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from onboarding.steps import journey, progress, waiting
from partnerapp import access, clock, dates, selection
from partnerapp.access import OperatorRequest, page
from partnerapp.models import Event, Operator, Organization
from partnerapp.pages import trial
from partnerapp.pages.events import event_row
from partnerapp.pages.mails import mails_of
from partnerapp.pages.menu import actions
from partnerapp.pages.outlook import access_why, what_next
from partnerapp.pages.rows import button, link_expires_at, log_of, organization_url, problem_of, whole
from partnerapp.tables import MOST
from subscriptions.models import Product, Subscription
from subscriptions.models.states import State
from subscriptions.timeline import Mark, future

TIMELINE = 50  # events; the log has the rest
STATES = {  # tone, icon
    State.PENDING: ("", "hourglass"),
    State.WITHDRAWN: ("", "ban"),
    State.TRIAL: ("info", "clock"),
    State.HELD: ("warn", "player-pause"),
    State.EXPIRED: ("bad", "clock"),
    State.CANCELLED: ("", "circle-minus"),
    State.PRODUCTION: ("good", "circle-check"),
    State.SUSPENDED: ("bad", "player-pause"),
}
LIKELY = ["extend_trial", "convert_to_production", "edit_skus_and_expiration_date"]  # the first that is allowed


@require_safe
@page("see_organization")
def organization(request: OperatorRequest, pk: int) -> HttpResponse:
    at, operator = clock.now(), request.user
    row = visible(operator, pk)
    if row is None:
        raise Http404
    more = {} if row.parent is None else subscribed(row, operator, at)
    context = {**about(row, operator), **more, **history(row, operator, at)}
    fragment = request.htmx and not request.htmx.history_restore_request
    return render(request, f"organization/{'region' if fragment else 'page'}.html", context)


def visible(operator: Operator, pk: int) -> Organization | None:
    """The organization with all that its page asks about, if it is of the operator's branch."""
    if pk == operator.organization_id and operator.acts_for.kind == Organization.Kind.DISTRIBUTOR:
        return operator.acts_for
    return next(iter(selection.load(operator, [pk])), None)


# The head -----------------------------------------------------------------------------------------------------------


def about(row: Organization, operator: Operator) -> dict[str, Any]:
    url = organization_url(row.pk)
    return {
        "organization": {
            "id": str(row.pk),
            "name": row.name,
            "url": url,
            "kind": row.get_kind_display(),
            "email": row.notification_email,
            "source": row.get_source_display(),
            "owner": owner(row, operator),
            "domain": row.default_domain,
            "tid": str(row.tid or ""),
            "own": row.pk == operator.organization_id,
        },
        "crumbs": crumbs(row, operator),
    }


def owner(row: Organization, operator: Operator) -> dict[str, str] | None:
    """Its owner, with a link where the reader may follow it."""
    if row.parent is None:
        return None
    reachable = row.pk != operator.organization_id
    return {"name": row.parent.name, "url": organization_url(row.parent.pk) if reachable else ""}


def crumbs(row: Organization, operator: Operator) -> list[dict[str, Any]]:
    """The way back: the list in which the organization stands, below its Partner where one sees more than one."""
    if row.pk == operator.organization_id:
        return []
    lists = [("partners", _("Partners")), ("pending_partners", _("Pending Partners"))]
    if row.kind == Organization.Kind.CUSTOMER:
        lists = [("customers", _("Customers")), ("pending_customers", _("Pending customers"))]
    name, label = lists[row.subscription.imported_at is None]
    way = [{"label": label, "url": reverse(name)}]
    if row.parent_id == operator.organization_id:
        return way
    return [*way, {"label": row.owner.name, "url": organization_url(row.owner.pk)}]


def subscribed(row: Organization, operator: Operator, at: datetime) -> dict[str, Any]:
    """What a Partner's and a customer's page has beside name and log."""
    subscription, own = row.subscription, row.pk == operator.organization_id
    state = subscription.state(at)
    tone, icon = STATES[state]
    items = actions(operator, [row], at, row.kind)
    refusals = {item["refusal"] for item in items}
    copy = button(operator, row.onboarding.copying(at), row, organization_url(row.pk))
    return {
        "state": {"word": state.label, "tone": tone, "icon": icon},
        "access": {"full": subscription.has_access(at), "why": access_why(row, at)},
        "next": what_next(row, at, own=own),
        "menu": items,
        "menu_hint": refusals.pop() if len(refusals) == 1 else "",
        "likely": likely(items, row, operator, at),
        "copy": copy,
        "retry": button(operator, row.onboarding.retrying(at), row, organization_url(row.pk)),
        "consent_lost_at": row.onboarding.consent_lost_at,
        "onboarding": onboarding_card(row, operator, at) if subscription.imported_at is None else None,
        "trial": trial.card(subscription, at),
        "subscription": subscription_card(row, at),
        "mails": mails_of(row, operator),
    }


def likely(items: list[dict], row: Organization, operator: Operator, at: datetime) -> str | dict:
    """The most likely next action, "" if there is none that can be applied now: to try again what stopped, or to copy the
    link that waits; else the first item of the menu that leads on.
    """
    onboarding, pending = row.onboarding, row.subscription.imported_at is None
    waits = [onboarding.copying(at)] if pending and onboarding.started_at is None else []
    for rule in [onboarding.retrying(at), *waits]:
        if rule.allowed and access.may(operator, rule.name, row):
            return rule.name
    allowed = {item["name"]: item for item in items if not item["refusal"] and not item["note"]}
    return "" if pending else next((allowed[name] for name in LIKELY if name in allowed), "")


# Cards --------------------------------------------------------------------------------------------------------------


def onboarding_card(row: Organization, operator: Operator, at: datetime) -> dict[str, Any]:
    """How far a pending one is, whom it waits for, and what stopped it."""
    onboarding = row.onboarding
    row.subscription.organization = onboarding.organization = row
    expires_at = link_expires_at(onboarding)
    return {
        "withdrawn_at": row.subscription.withdrawn_at,
        "steps": journey(onboarding),
        "progress": progress(onboarding),
        "error": problem_of(row, operator, at, organization_url(row.pk)),
        "waiting": waiting(onboarding, at),
        "link_expires_at": expires_at,
        "link_expired": expires_at is not None and at >= expires_at,
    }


def subscription_card(row: Organization, at: datetime) -> dict[str, Any]:
    subscription: Subscription = row.subscription
    holdings = list(subscription.holdings.filter(until_at=None).select_related("product").order_by("product"))
    named = [{"name": held.product.name, "kind": held.product.kind, "since": held.from_at} for held in holdings]
    below = (
        Organization.objects.filter(parent=row)[: MOST + 1].count() if row.kind == Organization.Kind.PARTNER else None
    )
    return {
        "level": subscription.level,
        "skus": [one for one in named if one["kind"] == Product.Kind.SKU],
        "add_ons": [one for one in named if one["kind"] == Product.Kind.ADDON],
        "seats": whole(subscription.seats),
        "seats_on": subscription.seats_on,
        "customers": "" if below is None else f"{whole(MOST)}+" if below > MOST else whole(below),
        "dated": row.kind == Organization.Kind.CUSTOMER and subscription.converted_at is not None,
        "expiry": subscription.expiry,
        "expires_on": subscription.expires_on,
        "periods": list(row.periods.order_by("-starts_at").values("starts_at", "ends_at")),
    }


# The timeline -------------------------------------------------------------------------------------------------------


def history(row: Organization, operator: Operator, at: datetime) -> dict[str, Any]:
    """What has happened, newest first, and above it what will, the nearest last."""
    events = Event.objects.filter(organization=row).order_by("-pk")
    newest = list(events[: TIMELINE + 1])
    past = [event_row(event, operator) for event in newest[:TIMELINE]]
    coming = [] if row.parent is None else ahead(row, at)
    return {
        "days": [
            {"day": day, "events": list(rows)} for day, rows in groupby(past, lambda event: dates.day(event["at"]))
        ],
        "future": [{"at": when, "icon": icon, "text": text} for when, icon, text in reversed(coming)],
        "log_url": log_of(row),
        "more": len(newest) > TIMELINE,
        "now": at,
    }


def ahead(row: Organization, at: datetime) -> list[Mark]:
    """The subscription's future and, of an onboarding that waits, the end of its link."""
    marks = future(row.subscription, at)
    if row.onboarding.link_live(at):
        marks.append((row.onboarding.link_expires_at, "link-off", _("The activation link expires")))
    return sorted(marks)
