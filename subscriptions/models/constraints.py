"""What must never be in a subscription's row, and the indexes of its lists and of the sweep."""

from django.db import models
from django.db.models import F, Q, Value
from django.db.models.lookups import Exact

from subscriptions.terms import EXTENDED_TRIAL, TRIAL

# A difference counts hours; `started_at + 14 days` would count days of the session's time zone, in a restore for one.
LENGTH = F("ends_at") - F("started_at")
PLAIN_TRIAL = Q(Exact(LENGTH, Value(TRIAL)), extended_at=None)
EXTENDED = Q(Exact(LENGTH, Value(EXTENDED_TRIAL)), extended_at__isnull=False)


def who_needs_when(*facts: str) -> Q:
    """A person behind a fact only where there is an instant of it."""
    both = Q()
    for fact in facts:
        both &= Q(**{f"{fact}_by": None}) | Q(**{f"{fact}_at__isnull": False})
    return both


CONSTRAINTS = {
    "trial_lasts_336_or_504_hours": Q(started_at=None, ends_at=None, extended_at=None)
    | Q(started_at__isnull=False, ends_at__isnull=False) & (PLAIN_TRIAL | EXTENDED),  # NULL would be let through
    "trial_and_upgrade_start_together": Q(started_at=None, upgrade_at=None)
    | Q(started_at__isnull=False, upgrade_at__isnull=False, upgrade_at__gte=F("ends_at")),
    "held_with_a_reason": Q(held_at=None, hold_reason="") | Q(held_at__isnull=False) & ~Q(hold_reason=""),
    "who_needs_when": who_needs_when("extended", "blocked", "cancelled", "converted", "suspended"),
    "trial_needs_an_import": Q(started_at=None) | Q(imported_at__isnull=False),
    "only_production_is_suspended": Q(suspended_at=None) | Q(converted_at__isnull=False),
    # R26, R27: a customer ends by its date; a Partner is suspended by staff, who say why.
    "expiration_dates_are_of_customers_in_production": Q(expires_on=None)
    | Q(kind="customer", converted_at__isnull=False),
    "a_customer_is_suspended_by_its_date": Q(suspended_at=None) | ~Q(kind="customer") | Q(expires_on__isnull=False),
    "a_partner_is_suspended_with_a_reason": Q(suspended_at=None) | ~Q(kind="partner") | ~Q(suspended_reason=""),
}

# What ends soonest, in all of a list and under each of its chips: the facts that do not depend on the instant.
NEITHER = {"converted_at": None, "cancelled_at": None}
LISTED = {
    "listed": Q(imported_at__isnull=False),
    "listed_blocked": Q(blocked_at__isnull=False, **NEITHER),
    "listed_held": Q(held_at__isnull=False, **NEITHER),
    "listed_cancelled": Q(cancelled_at__isnull=False),
    "listed_production": Q(converted_at__isnull=False, cancelled_at=None),
    "listed_suspended": Q(suspended_at__isnull=False),
}
# The same of one Partner's customers, where reading them all would take too long.
OF_A_PARTNER = {k: rows for k, rows in LISTED.items() if k not in {"listed_production", "listed_suspended"}}
# Customers by the last day of their access: those whose day is over come first.
DATED = Q(expires_on__isnull=False)
INDEXES = [
    *[
        models.Index(
            fields=["partner_id", "kind", "sort_at", "organization"],
            name=f"subscription_below_{name.removeprefix('listed_')}",
            condition=condition,
        )
        for name, condition in OF_A_PARTNER.items()
    ],
    *[
        models.Index(
            fields=["distributor_id", "kind", "sort_at", "organization"],
            name=f"subscription_{name}",
            condition=condition,
        )
        for name, condition in LISTED.items()
    ],
    *[
        models.Index(fields=[key, "kind", "expires_on", "organization"], name=f"subscription_{name}", condition=DATED)
        for key, name in (("distributor_id", "dated"), ("partner_id", "below_dated"))
    ],
    *[
        models.Index(fields=[key, "kind", "organization"], name=f"subscription_{name}", condition=LISTED["listed"])
        for key, name in (("distributor_id", "newest"), ("partner_id", "below_newest"))
    ],
    models.Index(fields=["wake_at"], name="subscription_to_wake", condition=Q(wake_at__isnull=False)),
    models.Index(
        fields=["distributor_id", "kind", "organization"],
        name="subscription_pending",
        condition=Q(imported_at=None),
    ),
    models.Index(
        fields=["partner_id", "kind", "organization"],
        name="subscription_below_pending",
        condition=Q(imported_at=None),
    ),
]
