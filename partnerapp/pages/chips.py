"""The chips of a list of trials and accounts: the rows of each, and the order in which an index has them one behind the other
(`subscriptions.models.constraints`).
"""

from datetime import UTC, date

from django.db.models import Value
from django.db.models.functions import TruncDate
from django.utils.translation import gettext_lazy as _

from partnerapp.tables import Chip, Order, instant
from subscriptions.terms import EXTENSION_WINDOW

LAST_DAYS = EXTENSION_WINDOW  # "Trial ending ≤ 3 days"
BY_END = Order("end", _("End of the trial"), ("ends_at", "organization_id"), read=instant)

TRIAL_CHIPS = [
    Chip("all", _("All"), lambda found, at: found),
    Chip(
        "ending",
        _("Trial ending ≤ 3 days"),
        lambda found, at: found.running(at).filter(ends_at__lte=at + LAST_DAYS),
        tone="warn",
        order=BY_END,
    ),
    Chip(
        "extendable",
        _("Can be extended now"),
        lambda found, at: found.extendable(at),
        tone="info",
        order=BY_END,
    ),
    Chip("blocked", _("Upgrade blocked"), lambda found, at: found.blocked(at), order=BY_END),
    Chip("held", _("Held"), lambda found, at: found.held(at), tone="warn"),
    Chip("expired", _("Expired"), lambda found, at: found.expired(at), order=BY_END),
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
