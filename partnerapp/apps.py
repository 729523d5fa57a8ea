from django.apps import AppConfig
from django.db.models.signals import post_migrate


class PartnerAppConfig(AppConfig):
    name = "partnerapp"

    def ready(self) -> None:
        from partnerapp import checks  # noqa: F401 -- registers them
        from partnerapp.grants import grant_to_app_role

        post_migrate.connect(grant_to_app_role, sender=self)
