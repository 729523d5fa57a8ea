"""The catalogue (SKUs and add-ons), and what a subscription holds."""

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from django.db import models
from django.utils.translation import gettext_lazy as _

from partnerapp.models import Organization

if TYPE_CHECKING:
    from subscriptions.models.subscription import Subscription

CATALOGUE = [
    ("essentials-msp-2025", "Essentials MSP 2025", "sku"),
    ("professional-msp-2025", "Professional MSP 2025", "sku"),
    ("delegation-2025", "Delegation 2025", "addon"),
    ("audit-2025", "Audit 2025", "addon"),
    ("hybrid-2025", "Hybrid 2025", "addon"),
]


class Product(models.Model):
    """A SKU or an add-on that the Vendor sells. Staff edit the catalogue; its first lines are ensured after migrate."""

    class Kind(models.TextChoices):
        SKU = "sku", _("SKU")
        ADDON = "addon", _("Add-on")

    code = models.SlugField(primary_key=True, max_length=40)
    name = models.CharField(max_length=80, unique=True)
    kind = models.CharField(max_length=5, choices=Kind)
    active = models.BooleanField(default=True)

    class Meta:
        db_table = "product"
        ordering = ["-kind", "name"]

    def __str__(self) -> str:
        return self.name

    @classmethod
    def ensure_catalogue(cls, **_signal: object) -> None:
        """Add the catalogue's first lines where they are missing; what staff changed stays."""
        rows = [Product(code=code, name=name, kind=kind) for code, name, kind in CATALOGUE]
        Product.objects.bulk_create(rows, ignore_conflicts=True)

    @classmethod
    def names(cls) -> dict[str, str]:
        """The name of each code, SKUs first."""
        return dict(cls.objects.values_list("code", "name"))

    @classmethod
    def resold_by(cls, partner: Organization) -> models.QuerySet["Product"]:
        """What a Partner holds now and may give its customers (R3): active products only."""
        held = SubscriptionProduct.objects.filter(subscription=partner.pk, until_at=None).values("product")
        return cls.objects.filter(active=True, code__in=held)

    @classmethod
    def for_a_partner(cls) -> models.QuerySet["Product"]:
        """What a new Partner gets and may resell (R2): every active SKU and add-on."""
        return cls.objects.filter(active=True)


class SubscriptionProduct(models.Model):
    """A product that a subscription holds from `from_at` until `until_at` (UTC; NULL: still)."""

    subscription = models.ForeignKey("subscriptions.Subscription", models.CASCADE, related_name="holdings")
    product = models.ForeignKey(Product, models.PROTECT, related_name="+")
    from_at = models.DateTimeField()
    until_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "subscription_product"
        constraints = [
            models.UniqueConstraint(
                fields=["subscription", "product"], condition=models.Q(until_at=None), name="product_held_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.subscription_id} {self.product_id}"

    @classmethod
    def held_now(cls, path: str = "") -> models.Prefetch:
        """A prefetch of what is held now, for `Subscription.held`; `path` leads to the subscription."""
        return models.Prefetch(f"{path}holdings", cls.objects.filter(until_at=None), to_attr="held_now")

    @classmethod
    def provision(cls, subscription: "Subscription", products: Iterable[Product], at: datetime) -> None:
        rows = [SubscriptionProduct(subscription=subscription, product=p, from_at=at) for p in products]
        SubscriptionProduct.objects.bulk_create(rows)
