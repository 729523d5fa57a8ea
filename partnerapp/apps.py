from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class PartnerAppConfig(AppConfig):
    name = "partnerapp"
    verbose_name = _("Accounts and records")

    def ready(self) -> None:
        from partnerapp import checks  # noqa: F401 -- registers them
        from partnerapp.grants import grant_to_app_role

        post_migrate.connect(grant_to_app_role, sender=self)
