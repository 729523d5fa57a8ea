"""What must never be in a subscription's row, and the indexes of its lists and of the sweep."""

from django.db import models
from django.db.models import F, Q, Value
from django.db.models.lookups import Exact

from subscriptions.models.queries import MAY_BE_INACTIVE, PRODUCTION, RUNS
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

# Each way to go through a list has an index with the rows that its chip can mean whatever the instant: those behind the key
# of a distributor or Partner and the kind, in the order of this column, else of the organizations' ids. What a chip asks
# beyond that stands in the index too, so that it is counted without looking at a single row.
IMPORTED = Q(imported_at__isnull=False)
LISTED_TRIAL, LISTED_PRODUCTION = IMPORTED & RUNS, IMPORTED & PRODUCTION
WAYS: dict[str, tuple[str, Q, list[str]]] = {
    "listed": ("sort_at", IMPORTED, []),  # what ends soonest
    "listed_held": ("sort_at", LISTED_TRIAL & Q(blocked_at=None, held_at__isnull=False), ["ends_at"]),
    "listed_cancelled": ("sort_at", Q(cancelled_at__isnull=False) & IMPORTED & Q(withdrawn_at=None), []),
    "listed_production": ("sort_at", LISTED_PRODUCTION & Q(suspended_at=None), ["expires_on"]),
    "listed_suspended": ("sort_at", LISTED_PRODUCTION & Q(suspended_at__isnull=False), []),
    "trials": ("ends_at", LISTED_TRIAL, ["blocked_at", "extended_at", "partner_id"]),
    "blocked": ("ends_at", LISTED_TRIAL & Q(blocked_at__isnull=False), []),  # those that ended come first
    "dated": (
        "expires_on",
        LISTED_PRODUCTION & Q(expires_on__isnull=False),
        ["suspended_at"],
    ),  # whose last day is over first
    "newest": ("", IMPORTED, []),
    "pending": ("", Q(imported_at=None), ["withdrawn_at"]),
}
BELOW = [name for name in WAYS if name != "listed_suspended"]  # staff suspend Partners; customers are suspended by date


def way(key: str, name: str, prefix: str) -> models.Index:
    column, rows, beside = WAYS[name]
    fields = [key, "kind", *([column] if column else []), "organization"]
    beside = [field for field in beside if field != key]
    return models.Index(fields=fields, name=f"{prefix}_{name}", condition=rows, include=beside)


INDEXES = [
    *[way("distributor_id", name, "subscription") for name in WAYS],
    *[way("partner_id", name, "below") for name in BELOW],
    models.Index(fields=["wake_at"], name="subscription_to_wake", condition=Q(wake_at__isnull=False)),
    models.Index(fields=["organization"], name="subscription_inactive", condition=MAY_BE_INACTIVE),
]
