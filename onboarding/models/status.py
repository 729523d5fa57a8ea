"""The words of the onboarding's statuses (R7)."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy


class Status(models.TextChoices):
    """R7, in the product's words; `%s` is PRODUCT_NAME."""

    LINK_SENT = "link_sent", gettext_lazy("%s Activation link sent")
    STARTED = "started", gettext_lazy("Onboarding started")
    CONSENTED = "consented", gettext_lazy("Consent granted")
    CONFIGURED = "configured", gettext_lazy("Management configuration")
    FAILED = "failed", gettext_lazy("Pre-import error")
    IMPORTING = "importing", gettext_lazy("Running import")
    COMPLETED = "completed", gettext_lazy("Import completed")

    @property
    def words(self) -> str:
        return self.label.replace("%s", settings.PRODUCT_NAME)
