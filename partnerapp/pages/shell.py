"""What every page shows around its content: navigation, profile, whether the automation runs, the demo's bar."""

from datetime import datetime
from functools import cache
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext as _

from partnerapp import clock
from partnerapp.access import may
from partnerapp.models import Job, Operator, Organization
from partnerapp.pages.rows import address, organization_url
from partnerapp.prepared import ANYBODY, Prepared, actual
from subscriptions.models import Subscription

ITEMS = [  # group, label, icon, URL name, access
    ("Invoice", "Partners", "building", "partners", "see_partners"),
    ("Manage", "Customers", "briefcase", "customers", "see_customers"),
    ("Manage", "Operators", "users", "operators", "see_operators"),
    ("Manage", "Event log", "list-details", "events", "see_events"),
]


def shell(request: HttpRequest) -> dict:
    """Context processor; nothing is asked of the database unless a template uses it."""
    operator: Any = getattr(request, "user", None)
    signed_in = operator is not None and operator.is_authenticated and operator.organization_id is not None
    context: dict[str, Any] = {"product_name": settings.PRODUCT_NAME, "signin_url": address("signin"), "demo": None}
    if settings.DEMO:
        from partnerapp.demo.bar import bar

        context["demo"] = SimpleLazyObject(lambda: bar(request))
    if not signed_in:
        return context
    return context | {
        "navigation": navigation(request, operator),
        "profile": profile(operator),
        "theme": operator.theme,
        "automation": SimpleLazyObject(automation),
        "standing": SimpleLazyObject(lambda: standing(operator, clock.now())),
    }


def navigation(request: HttpRequest, operator: Operator) -> list[dict]:
    groups: dict[str, list[dict]] = {}
    if may(operator, "home") and not may(operator, "see_partners"):
        url = organization_url(operator.acts_for.pk)
        groups[""] = [item(request, _("Your subscription"), "credit-card", url)]
    for group, label, icon, name, access in ITEMS:
        if may(operator, access):
            groups.setdefault(group, []).append(item(request, label, icon, address(name)))
    return [{"label": label, "items": items} for label, items in groups.items()]


def item(request: HttpRequest, label: str, icon: str, url: str) -> dict:
    return {"label": label, "url": url, "icon": icon, "current": request.path.startswith(url), "count": None}


def profile(operator: Operator) -> dict:
    return {
        "name": operator.name,
        "initials": "".join(part[0] for part in operator.name.split()[:2]).upper(),
        "organization": operator.acts_for.name,
        "role": operator.get_role_display(),
        "preferences_url": address("preferences"),
        "sign_out_url": address("signout"),
    }


def standing(operator: Operator, at: datetime) -> str:
    """R27: why operators of a Partner that is not active at `at` (UTC) may do little, "" for all others. Each page asks."""
    own: Any = operator.acts_for
    if own.kind != Organization.Kind.PARTNER:
        return ""
    if not Organization.subscription.is_cached(own):
        (own.subscription,) = by_id().ask(lambda params: actual(params, own.pk, at))
    return own.subscription.inactivity(at)


@cache
def by_id() -> Prepared:
    return Prepared(Subscription.objects.filter(pk=ANYBODY))


def automation() -> dict:
    """Whether the sweep runs: its last success, and whether that is older than 3 minutes."""
    health = Job.health(clock.wall())["sweep"]
    return {"last_ran": health["last_ok_at"], "stale": health["overdue"]}
