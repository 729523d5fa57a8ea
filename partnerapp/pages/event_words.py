"""Events in plain words: how grave each is, what it is about, what changed, and who did it as far as one may know."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from onboarding.problems import explain
from partnerapp import dates
from partnerapp.actions import Words
from partnerapp.models import Event, Operator
from partnerapp.models.event import WORDS
from subscriptions.models.product import CATALOGUE
from subscriptions.models.states import HoldReason


@dataclass(frozen=True)
class Severity:
    word: Words
    icon: str
    tone: str


ERROR = Severity(gettext_lazy("Error"), "alert-circle", "bad")
WARNING = Severity(gettext_lazy("Warning"), "alert-triangle", "warn")
INFORMATION = Severity(gettext_lazy("Information"), "info-circle", "")
GRAVE = {
    "pre_import_error": ERROR,
    "consent_declined": WARNING,
    "consent_of_another_tenant": WARNING,
    "consent_lost": WARNING,
    "upgrade_held": WARNING,
    "suspended": WARNING,
}
CATEGORIES = {  # what each chip of the log shows; every kind but the problems stands in exactly one
    "problems": list(GRAVE),
    "onboarding": [
        "added", "activation_pressed", "link_copied", "link_resent", "reminder_sent", "link_reset", "notification_email_changed",
        "invitation_withdrawn", "onboarding_started", "onboarding_continued", "consent_returned", "consent_declined",
        "consent_of_another_tenant", "consent_granted", "management_configured", "pre_import_error", "tried_again",
        "import_completed", "consent_lost", "consent_regained", "repeat_trial_allowed",
    ],
    "billing": [
        "trial_extended", "upgrade_blocked", "upgrade_restored", "upgrade_held", "trial_cancelled", "trial_expired",
        "converted", "edited", "suspended", "reinstated", "ended", "seats_counted", "products_changed", "tenant_released",
    ],
    "operators": [
        "distributor_added", "operator_invited", "operator_invitation_resent", "operator_invitation_withdrawn",
        "operator_joined", "operator_role_changed", "operator_disabled", "operator_enabled", "operator_left",
    ],
}  # fmt: skip

LABELS = {
    "name": gettext_lazy("Name"),
    "email": gettext_lazy("Email"),
    "role": gettext_lazy("Role"),
    "invited_at": gettext_lazy("Invited"),
    "disabled_at": gettext_lazy("Disabled"),
    "notification_email": gettext_lazy("Notification email"),
    "admin": gettext_lazy("Admin"),
    "operator": gettext_lazy("Operator"),
    "seats": gettext_lazy("Seats"),
    "seats_on": gettext_lazy("Seats counted on"),
    "imported_at": gettext_lazy("Import completed"),
    "started_at": gettext_lazy("Started"),
    "ends_at": gettext_lazy("Trial ends"),
    "upgrade_at": gettext_lazy("Automatic upgrade"),
    "extended_at": gettext_lazy("Trial extended"),
    "blocked_at": gettext_lazy("Automatic upgrade blocked"),
    "held_at": gettext_lazy("Upgrade held"),
    "hold_reason": gettext_lazy("Held because"),
    "cancelled_at": gettext_lazy("Trial cancelled"),
    "converted_at": gettext_lazy("In production since"),
    "expired_at": gettext_lazy("Trial expired"),
    "expires_on": gettext_lazy("Expiration date"),
    "suspended_at": gettext_lazy("Suspended"),
    "products": gettext_lazy("SKUs and add-ons"),
    "withdrawn_at": gettext_lazy("Withdrawn"),
    "link_expires_at": gettext_lazy("Link works until"),
    "tid": gettext_lazy("Microsoft 365 tenant"),
    "tid_released_at": gettext_lazy("Microsoft 365 tenant released"),
    "consented_at": gettext_lazy("Consent granted"),
    "configured_at": gettext_lazy("Permissions checked"),
    "error_code": gettext_lazy("Cause"),
    "error_at": gettext_lazy("Stopped"),
    "error": gettext_lazy("Microsoft's answer"),
    "consent_lost_at": gettext_lazy("Consent needed again"),
    "repeat_trial_allowed_at": gettext_lazy("Another trial allowed"),
}
# Said elsewhere (who, why, the detail in its cause), or of use to the machinery alone.
UNSAID = {
    "extended_by_id", "blocked_by_id", "cancelled_by_id", "converted_by_id", "suspended_by_id", "blocked_reason",
    "cancelled_reason", "suspended_reason", "link_version", "link_message_id", "started_oid", "consenter_oid",
    "consenter_name", "consenter_email", "error_detail", "repeat_trial_allowed_by_id", "repeat_trial_allowed_reason",
}  # fmt: skip
ICONS = {  # on a timeline; a grave one has its severity's
    "onboarding": "link",
    "billing": "credit-card",
    "operators": "users",
}
TELLING = {  # what a list says of an event beside its words
    "trial_extended": ["ends_at"],
    "notification_email_changed": ["notification_email"],
    "pre_import_error": ["error_code"],
    "upgrade_held": ["hold_reason"],
    "import_completed": ["seats"],
    "seats_counted": ["seats"],
    "link_resent": ["link_expires_at"],
    "operator_invited": ["name", "role"],
    "operator_invitation_resent": ["name"],
    "operator_invitation_withdrawn": ["name"],
    "operator_role_changed": ["name", "role"],
    "operator_disabled": ["name"],
    "operator_enabled": ["name"],
    "operator_left": ["operator"],
    "edited": ["products", "expires_on"],
    "reinstated": ["expires_on"],
    "products_changed": ["products"],
}
PRODUCTS = {code: name for code, name, _kind in CATALOGUE}


def severity(event: Event) -> Severity:
    return GRAVE.get(event.kind, INFORMATION)


def icon(event: Event) -> str:
    category = next((name for name in ICONS if event.kind in CATEGORIES[name]), "")
    return GRAVE[event.kind].icon if event.kind in GRAVE else ICONS.get(category, "info-circle")


def words(event: Event) -> str:
    return str(WORDS.get(event.kind) or event.kind.replace("_", " ").capitalize())


def changes(event: Event) -> list[dict[str, str]]:
    """What was before and after, fact by fact; `before` is empty where there was nothing."""
    names = [name for name in {**event.before, **event.after} if name not in UNSAID]
    rows = [
        change(event, name)
        for name in sorted(names, key=lambda name: list(LABELS).index(name) if name in LABELS else 99)
    ]
    return [row for row in rows if row["before"] != row["after"]]


def change(event: Event, name: str) -> dict[str, str]:
    label = str(LABELS.get(name) or name.replace("_", " ").capitalize())
    return {"label": label, "before": said(name, event.before), "after": said(name, event.after)}


def said(name: str, facts: dict[str, Any]) -> str:
    """A fact as people write it; "" for none."""
    value = facts.get(name)
    if value is None or value == "" or (name == "operator" and not isinstance(value, str)):
        return ""
    if name == "error_code":
        return str(explain(value, facts.get("error_detail", "")).cause)
    if name == "hold_reason":
        return str(HoldReason(value).label)
    if name == "role":
        return str(Operator.Role(value).label)
    if name.endswith("_at"):
        return dates.moment(datetime.fromisoformat(value))
    if name.endswith("_on"):
        return written(date.fromisoformat(value))
    return ", ".join(PRODUCTS.get(one, str(one)) for one in value) if isinstance(value, list) else str(value)


def written(day: date) -> str:
    return f"{day.day} {day:%b %Y}"


def telling(event: Event) -> str:
    """What changed, in a line: `Trial ends: 3 Dec … → 10 Dec …`; "" where the words say it all."""
    told = [change(event, name) for name in TELLING.get(event.kind, []) if name in event.before or name in event.after]
    return "; ".join(line(one) for one in told if one["before"] or one["after"])


def line(change: dict[str, str]) -> str:
    if change["label"] == LABELS["error_code"]:
        return change["after"]
    words = " → ".join((change["before"], change["after"] or "–") if change["before"] else (change["after"],))
    return _("{label}: {change}").format(label=change["label"], change=words)


def actor_and_reason(event: Event, operator: Operator) -> tuple[str, str]:
    """Who did it and why, for this reader. What its owner's people did to an organization, its own operators read as
    done by the owner: whose name it was and what they noted is not theirs. Staff have no names here (R31).
    """
    own = operator.acts_for
    by_others = event.actor_kind == Event.ActorKind.OPERATOR and event.kind not in CATEGORIES["operators"]
    if event.actor_kind == Event.ActorKind.STAFF:
        actor, theirs = str(Event.ActorKind.STAFF.label), True
    elif event.actor_kind == Event.ActorKind.SYSTEM:
        actor, theirs = str(Event.ActorKind.SYSTEM.label), False
    else:
        actor, theirs = event.actor, by_others
    if theirs and own.parent_id is not None and event.organization_id == own.pk:
        return (own.owner.name if by_others else actor), ""
    return actor, event.reason
