"""Invoice › Partners: the two tabs, and the Actions menu for what is selected."""

from datetime import datetime
from typing import Any

from django.db.models import Count, F, OuterRef, Prefetch, Q, QuerySet, Subquery
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from onboarding.actions import DRAWERS as ONBOARDING_DRAWERS
from onboarding.models import ImportRun
from onboarding.steps import progress, steps, waiting
from partnerapp import access, clock
from partnerapp.access import OperatorRequest, page
from partnerapp.actions import Action
from partnerapp.drawers import MOST, Drawer
from partnerapp.models import Event, Message, Operator, Organization
from partnerapp.models.event import WORDS
from partnerapp.pages.rows import after_trial, subscription_cells
from subscriptions.models import SubscriptionProduct
from subscriptions.views import DRAWERS as SUBSCRIPTION_DRAWERS

DRAWERS: list[Drawer] = [*SUBSCRIPTION_DRAWERS, *ONBOARDING_DRAWERS]
FEW = 200  # rows of a list; more, and paging, come with the list mechanism
PENDING = Q(subscription__imported_at=None)
MOVING_SECONDS, QUIET_SECONDS = 2, 10


def partners_of(operator: Operator) -> QuerySet[Organization]:
    """The Partners that this operator sees, each with its subscription."""
    rows = access.visible_to(operator).filter(kind=Organization.Kind.PARTNER)
    return rows.select_related("subscription", "onboarding", "parent")


@require_safe
@page("see_partners")
def partners(request: OperatorRequest) -> HttpResponse:
    """Those whose import is complete, what ends soonest first."""
    at = clock.now()
    holdings = Prefetch(
        "subscription__holdings",
        SubscriptionProduct.objects.filter(until_at=None).select_related("product").order_by("product"),
    )
    rows = partners_of(request.user).exclude(PENDING).prefetch_related(holdings)
    rows = rows.annotate(customers=Count("children")).order_by("subscription__sort_at", "name_key", "pk")[:FEW]
    context = {"rows": [partner_row(row, at, picked(request)) for row in rows], **surroundings(request, "partners", at)}
    return render(request, template(request, "partners"), context)


def partner_row(organization: Any, at: datetime, chosen: set[str]) -> dict:
    subscription = organization.subscription
    products = [holding.product for holding in subscription.holdings.all()]
    return {
        "id": organization.pk,
        "name": organization.name,
        "email": organization.notification_email,
        "selected": str(organization.pk) in chosen,
        **subscription_cells(subscription, at),
        "after": after_trial(subscription, at),
        "skus": [product.name for product in products if product.kind == "sku"],
        "add_ons": [product.name for product in products if product.kind == "addon"],
        "customers": organization.customers,
        "seats": subscription.seats,
        "extended_at": subscription.extended_at,
    }


@require_safe
@page("see_partners")
def pending_partners(request: OperatorRequest) -> HttpResponse:
    """Those on their way; a poll asks again while something moves."""
    at = clock.now()
    shown = pending_rows(request.user)
    if request.htmx and request.GET.get("poll"):
        return poll(request, at)
    rows = [pending_row(row, request.user, at, picked(request)) for row in shown[:FEW]]
    context = {"rows": rows, "poll": next_poll(rows), **surroundings(request, "pending_partners", at)}
    return render(request, template(request, "pending_partners"), context)


def pending_rows(operator: Operator, *also: int) -> QuerySet[Organization]:
    """Pending Partners (and those of `also`, by id), errors first, then the longest waiting."""
    latest = Event.objects.filter(organization=OuterRef("pk")).order_by("-pk")
    rows = partners_of(operator).filter(PENDING | Q(pk__in=also)).filter(subscription__withdrawn_at=None)
    runs = Prefetch("import_runs", ImportRun.objects.filter(ImportRun.OPEN))
    rows = rows.select_related("onboarding__link_message").prefetch_related(runs)
    rows = rows.annotate(
        log_kind=Subquery(latest.values("kind")[:1]),
        log_at=Subquery(latest.values("at")[:1]),
        import_errors=Count("events", filter=Q(events__kind="pre_import_error")),
    )
    return rows.order_by(F("onboarding__error_at").asc(nulls_last=True), "onboarding__waiting_since", "pk")


def pending_row(organization: Any, operator: Operator, at: datetime, chosen: set[str]) -> dict:
    onboarding = organization.onboarding
    organization.subscription.organization = onboarding.organization = organization
    complete = organization.subscription.imported_at is not None
    copy = button(operator, onboarding.copying(at), organization)
    return {
        "id": organization.pk,
        "name": organization.name,
        "email": organization.notification_email,
        "selected": str(organization.pk) in chosen,
        "copy": copy,
        "mail": mail(onboarding.link_message),
        "steps": steps(onboarding),
        "progress": progress(onboarding),
        "error": problem_of(organization, operator, at),
        "waiting": {} if complete else waiting(onboarding, at),
        "moving": not complete and (onboarding.waits_for_us or being_sent(onboarding.link_message)),
        "import_errors": organization.import_errors,
        "log_message": WORDS.get(organization.log_kind, ""),
        "log_at": organization.log_at,
        "expires_at": None if onboarding.connected else onboarding.link_expires_at,
        "expired": at >= onboarding.link_expires_at,
        "moved": {"text": _("Import completed: moved to Partners"), "url": reverse("partners")} if complete else None,
    }  # fmt: skip


def button(operator: Operator, rule: Action, organization: Organization) -> dict[str, str]:
    """A row's own button: never hidden, but grey with the reason (R30)."""
    refusal = access.refusal(operator, rule.name, organization) or rule.refusal
    return {"url": action_url(rule.name, organization), "refusal": refusal}


def problem_of(organization: Organization, operator: Operator, at: datetime) -> dict | None:
    onboarding = organization.onboarding
    problem = onboarding.problem
    if problem is None:
        return None
    retry = button(operator, onboarding.retrying(at), organization)
    return {
        "cause": problem.cause,
        "remedy": problem.remedy,
        "retry_url": retry["url"],
        "retry_refusal": retry["refusal"],
    }


def being_sent(message: Message | None) -> bool:
    return message is not None and message.state == Message.State.QUEUED and message.attempts == 0


def mail(message: Message | None) -> dict | None:
    if message is None:
        return None
    failed = message.state in {Message.State.REFUSED, Message.State.AMBIGUOUS}
    states = {Message.State.SENT: "sent", Message.State.QUEUED: "sending"}
    return {
        "state": "refused" if failed else states.get(Message.State(message.state), ""),
        "reason": message.last_error,
    }


def action_url(name: str, organization: Organization) -> str:
    query: dict[str, Any] = {"id": organization.pk, "next": reverse("pending_partners")}
    return f"{reverse(name)}?{urlencode(query)}"


def next_poll(rows: list[dict]) -> dict | None:
    """Ask again soon while something moves, later while somebody is waited for, and never when nothing is shown."""
    if not rows:
        return None
    going = [row["id"] for row in rows if not row["moved"]]
    moved = [row["id"] for row in rows if row["moved"]]
    query = urlencode([("poll", 1), *(("shown", pk) for pk in going), *(("gone", pk) for pk in moved)])
    seconds = MOVING_SECONDS if moved or any(row["moving"] for row in rows) else QUIET_SECONDS
    return {"url": f"{reverse('pending_partners')}?{query}", "seconds": seconds}


def poll(request: OperatorRequest, at: datetime) -> HttpResponse:
    """The rows as they are now. One that completed says so once; the next answer takes it away."""
    shown = {int(pk) for pk in ids_of(request, "shown")}
    rows = [pending_row(row, request.user, at, picked(request)) for row in pending_rows(request.user, *shown)[:FEW]]
    known = [row for row in rows if row["id"] in shown]
    gone = {int(pk) for pk in ids_of(request, "gone")} | (shown - {row["id"] for row in known})
    context = {"rows": known, "gone": gone, "poll": next_poll(known), "tabs": tabs(request, "pending_partners")}
    response = render(request, "organizations/pending_poll.html", context)
    return announce(response, [row for row in known if row["moved"]])


def ids_of(request: OperatorRequest, name: str) -> list[str]:
    """The well-formed ids of a parameter; a poll or a menu that redraws itself is no place for a 404."""
    return [pk for pk in request.GET.getlist(name)[:MOST] if pk.isascii() and pk.isdigit() and len(pk) < 19]


def announce(response: HttpResponse, moved: list[dict]) -> HttpResponse:
    from django_htmx.http import trigger_client_event

    for row in moved[:1]:
        text = _("{name}: import completed. It is in Partners now.").format(name=row["name"])
        trigger_client_event(response, "toast", {"text": text, "level": "success", "href": reverse("partners")})
    return response


def picked(request: OperatorRequest) -> set[str]:
    return set(request.GET.getlist("id")[:MOST])


def template(request: OperatorRequest, name: str) -> str:
    return f"organizations/{name}_list.html" if request.htmx else f"organizations/{name}.html"


def surroundings(request: OperatorRequest, current: str, at: datetime) -> dict:
    """Title, tabs, menu and selection bar of both lists."""
    chosen = chosen_rows(request)
    counted = tabs(request, current)
    total = next(tab["count"] for tab in counted if tab["current"])
    add = {
        "label": _("Add Partner"),
        "url": f"{reverse('add_partner')}?{urlencode({'next': reverse('pending_partners')})}",
        "refusal": access.refusal(request.user, "add_partner"),
    }
    listing: dict[str, Any] = {
        "title": _("Partners"),
        "url": reverse(current),
        "selection_url": reverse("partners_selection"),
        "summary": _("Select Partners to see what you can do with them.") if total else "",
        "add": add,
    }
    return {
        "listing": listing,
        "tabs": counted,
        "selection": selection_of(chosen),
        "menu": menu(request.user, chosen, at, listing["add"]),
    }


def tabs(request: OperatorRequest, current: str) -> list[dict]:
    rows = partners_of(request.user)
    counts = rows.aggregate(
        pending=Count("pk", filter=PENDING & Q(subscription__withdrawn_at=None)), there=Count("pk", filter=~PENDING)
    )
    names = [
        ("partners", _("Partners"), counts["there"]),
        ("pending_partners", _("Pending Partners"), counts["pending"]),
    ]
    return [
        {"name": name, "label": label, "url": reverse(name), "current": name == current, "count": count}
        for name, label, count in names
    ]


def chosen_rows(request: OperatorRequest) -> list[Organization]:
    """The selected rows, as far as they are visible."""
    ids = ids_of(request, "id")
    if not ids:
        return []
    rows = (
        partners_of(request.user)
        .filter(pk__in=ids)
        .select_related("onboarding__link_message")
        .order_by("name_key", "pk")
    )
    for row in rows:
        row.subscription.organization = row.onboarding.organization = row
    return list(rows)


def selection_of(rows: list[Organization]) -> dict:
    names = ", ".join(row.name for row in rows[:3])
    more = len(rows) - 3
    return {"count": len(rows), "names": f"{names} …" if more > 0 else names}


@require_safe
@page("see_partners")
def selection(request: OperatorRequest) -> HttpResponse:
    """What the selected rows allow: the bar and the Actions menu, from the rules (R30)."""
    rows = chosen_rows(request)
    at = clock.now()
    context = surroundings(request, "partners", at) | {"selection": selection_of(rows)}
    return render(request, "organizations/selection.html", context)


def menu(operator: Operator, rows: list[Organization], at: datetime, add: dict) -> list[dict]:
    """Every action, the refused ones with their reason."""
    first = {"name": "add_partner", "icon": "plus", **add, "takes_selection": False}
    items = [menu_item(drawer, operator, rows, at) for drawer in DRAWERS]
    items[0]["divider"] = items[len(SUBSCRIPTION_DRAWERS)]["divider"] = True
    return [first, *items]


def menu_item(drawer: Drawer, operator: Operator, rows: list[Organization], at: datetime) -> dict:
    """One action for the selected rows: "Extend trial (3 of 5)"; grey with the first reason when none qualifies."""
    answers = [(access.refusal(operator, drawer.name, row), drawer.rule(row, at)) for row in rows]
    allowed = [rule for who, rule in answers if not who and rule.allowed]
    opens = [rule for who, rule in answers if not who and rule.openable]
    label = str(drawer.label)
    if len(rows) > 1 and allowed:
        label = _("{action} ({count} of {total})").format(action=label, count=len(allowed), total=len(rows))
    reason = next((who or rule.refusal for who, rule in answers if who or rule.refusal), "")
    if not rows:
        reason = _("Select a Partner first.")
    usable = bool(allowed or (opens and len(rows) == 1))
    return {
        "name": drawer.name,
        "label": label,
        "url": reverse(drawer.name),
        "icon": drawer.icon,
        "refusal": "" if usable else reason,
        "note": reason if usable and not allowed else "",
        "danger": drawer.danger,
        "takes_selection": True,
    }
