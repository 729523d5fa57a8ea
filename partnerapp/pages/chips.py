"""The chips of a list of trials and accounts. The rule decides; `sort_at` (a hint) only leads the index to its rows."""

from django.utils.translation import gettext_lazy as _

from partnerapp.tables import Chip
from subscriptions.terms import EXTENSION_WINDOW, FAR

LAST_DAYS = EXTENSION_WINDOW  # "Trial ending ≤ 3 days"

TRIAL_CHIPS = [
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
    Chip("suspended", _("Suspended"), lambda found, at: found.suspended(at), tone="warn"),
]
