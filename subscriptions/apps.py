from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class SubscriptionsConfig(AppConfig):
    name = "subscriptions"
    verbose_name = _("Catalogue")

    def ready(self) -> None:
        from subscriptions.models import Product

        # Django's own signal, also sent by flush: a data migration's rows would vanish there.
        post_migrate.connect(Product.ensure_catalogue, sender=self)
