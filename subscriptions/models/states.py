"""The states of a subscription, and why an automatic upgrade is held: the words that people read."""

from django.db import models
from django.utils.translation import gettext_lazy


class State(models.TextChoices):
    PENDING = "pending", gettext_lazy("Pending")
    WITHDRAWN = "withdrawn", gettext_lazy("Withdrawn")
    TRIAL = "trial", gettext_lazy("Trial")
    HELD = "held", gettext_lazy("Trial — held")
    EXPIRED = "expired", gettext_lazy("Expired")
    CANCELLED = "cancelled", gettext_lazy("Cancelled")
    PRODUCTION = "production", gettext_lazy("Production")
    SUSPENDED = "suspended", gettext_lazy("Suspended")


WITH_ACCESS = {State.TRIAL, State.HELD, State.PRODUCTION}  # R28
INACTIVE = {State.EXPIRED, State.CANCELLED, State.SUSPENDED, State.WITHDRAWN}  # R21, R27: of a Partner


class HoldReason(models.TextChoices):
    """Why an automatic upgrade did not happen at its instant (R20, R21); the words stand behind "Held — "."""

    UNDELIVERED = "undelivered", gettext_lazy("no notice was delivered to an Admin")
    REFUSED = "refused", gettext_lazy("the mail server refused the notice")
    TOO_LATE = "too_late", gettext_lazy("the notice came less than 24 hours before")
    AWAY = "away", gettext_lazy("automatic upgrades were away for 48 hours")
    PARTNER = "partner", gettext_lazy("its Partner is not active")
    RESUMED = "resumed", gettext_lazy("its Partner was not active")
