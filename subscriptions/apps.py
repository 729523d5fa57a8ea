from django.apps import AppConfig
from django.db.models.signals import post_migrate


class SubscriptionsConfig(AppConfig):
    name = "subscriptions"

    def ready(self) -> None:
        from subscriptions.models import Product

        # Django's own signal, also sent by flush: a data migration's rows would vanish there.
        post_migrate.connect(Product.ensure_catalogue, sender=self)
