"""The chips of a list of trials and accounts. The rule decides; `sort_at` (a hint) only leads the index to its rows."""

from datetime import UTC, date

from django.db.models import Value
from django.db.models.functions import TruncDate
from django.utils.translation import gettext_lazy as _

from partnerapp.tables import Chip, Order
from subscriptions.terms import EXTENSION_WINDOW, FAR

LAST_DAYS = EXTENSION_WINDOW  # "Trial ending ≤ 3 days"

TRIAL_CHIPS = [
    Chip("all", _("All"), lambda found, at: found),
    Chip(
        "ending",
        _("Trial ending ≤ 3 days"),
        lambda found, at: found.running(at).filter(
            ends_at__lte=at + LAST_DAYS, sort_at__gt=at, sort_at__lte=at + LAST_DAYS
        ),
        tone="warn",
    ),
    Chip(
        "extendable",
        _("Can be extended now"),
        lambda found, at: found.extendable(at).filter(sort_at__gt=at, sort_at__lte=at + EXTENSION_WINDOW),
        tone="info",
    ),
    Chip(
        "blocked",
        _("Upgrade blocked"),
        lambda found, at: found.blocked(at).filter(sort_at__gt=at, sort_at__lt=FAR),
    ),
    Chip("held", _("Held"), lambda found, at: found.held(at), tone="warn"),
    Chip("expired", _("Expired"), lambda found, at: found.expired(at)),
    Chip("cancelled", _("Cancelled"), lambda found, at: found.cancelled(at)),
    Chip("production", _("Production"), lambda found, at: found.in_production(at)),
]
# R27: a Partner is suspended by staff. R26: a customer by its date, and no later than its day in UTC is over.
SUSPENDED_PARTNERS = Chip(
    "suspended",
    _("Suspended"),
    lambda found, at: found.suspended(at).filter(suspended_at__isnull=False),
    tone="warn",
)
SUSPENDED_CUSTOMERS = Chip(
    "suspended",
    _("Suspended"),
    lambda found, at: found.suspended(at).filter(expires_on__lt=TruncDate(Value(at), tzinfo=UTC)),
    tone="warn",
    order=Order("expired", _("Suspended longest"), ("expires_on", "organization_id"), read=date.fromisoformat),
)
