"""The portal's tables as the peers read them, and the words of the columns: one row of their list is an organization."""

from datetime import UTC, datetime

from django.contrib.auth.models import AbstractBaseUser
from django.db import models
from django.db.models.functions import Coalesce


class PartnerQuerySet(models.QuerySet):
    def listed(self, operator: "Operator", *, indexed: bool) -> models.QuerySet:
        """The Partners whose import is complete, with all that a row shows, in a constant number of statements.

        `indexed`: the copies of the keys in `subscription` are asked for too, so that the portal's own index serves them.
        """
        below = Organization.objects.filter(parent=models.OuterRef("pk")).order_by().values("parent")
        customers = models.Subquery(below.annotate(number=models.Count("pk")).values("number"))
        current = SubscriptionProduct.objects.filter(until_at=None).select_related("product")
        facts = {
            "distributor_id": operator.organization_id,
            "kind": "partner",
            "subscription__imported_at__isnull": False,
        }
        if indexed:
            facts |= {"subscription__distributor_id": operator.organization_id, "subscription__kind": "partner"}
        joined = (
            self.filter(**facts)
            .select_related("subscription")
            .prefetch_related(models.Prefetch("subscription__holdings", current))
        )
        return joined.annotate(customers=Coalesce(customers, 0))


class Organization(models.Model):
    kind = models.CharField(max_length=12)
    distributor_id = models.BigIntegerField()
    parent = models.ForeignKey("self", models.DO_NOTHING, null=True)
    name = models.CharField(max_length=120)
    notification_email = models.EmailField()

    objects = PartnerQuerySet.as_manager()

    class Meta:
        managed = False
        db_table = "organization"

    def __str__(self) -> str:
        return self.name

    @property
    def level(self) -> str:
        trial = self.subscription
        if trial.converted_at:
            return "PRODUCTION"
        ended = trial.ends_at <= datetime.now(UTC)
        state = "Cancelled" if trial.cancelled_at else "Held" if trial.held_at else "Expired" if ended else ""
        return f"TRIAL {state}"

    @property
    def trial(self) -> str:
        trial = self.subscription
        if trial.converted_at or trial.cancelled_at:
            return "–"
        return f"{(trial.ends_at - datetime.now(UTC)).days} days left · {trial.ends_at:%-d %b %Y}"

    @property
    def after_trial(self) -> str:
        trial = self.subscription
        if trial.converted_at or trial.cancelled_at:
            return "–"
        return "Held" if trial.held_at else "Blocked — will expire" if trial.blocked_at else "Upgrades to Production"

    @property
    def skus(self) -> str:
        return ", ".join(holding.product.name for holding in self.subscription.holdings.all())


class IndexedOrganization(Organization):
    class Meta:
        proxy = True


class Operator(AbstractBaseUser):
    """Django's admin lets every operator in: the session is the portal's own."""

    organization = models.ForeignKey(Organization, models.DO_NOTHING, null=True)
    username = models.CharField(max_length=150, unique=True)
    name = models.CharField(max_length=150)

    USERNAME_FIELD = "username"
    is_staff = True

    class Meta:
        managed = False
        db_table = "operator"

    def __str__(self) -> str:
        return self.name

    def has_perm(self, permission: str, row: object = None) -> bool:
        return True

    def has_module_perms(self, app: str) -> bool:
        return True


class Product(models.Model):
    code = models.SlugField(primary_key=True)
    name = models.CharField(max_length=80)

    class Meta:
        managed = False
        db_table = "product"

    def __str__(self) -> str:
        return self.name


class Subscription(models.Model):
    organization = models.OneToOneField(Organization, models.DO_NOTHING, primary_key=True)
    distributor_id = models.BigIntegerField()
    kind = models.CharField(max_length=12)
    seats = models.PositiveIntegerField(null=True)
    imported_at = models.DateTimeField(null=True)
    ends_at = models.DateTimeField(null=True)
    extended_at = models.DateTimeField(null=True)
    blocked_at = models.DateTimeField(null=True)
    held_at = models.DateTimeField(null=True)
    cancelled_at = models.DateTimeField(null=True)
    converted_at = models.DateTimeField(null=True)
    sort_at = models.DateTimeField()

    class Meta:
        managed = False
        db_table = "subscription"

    def __str__(self) -> str:
        return str(self.organization)


class SubscriptionProduct(models.Model):
    subscription = models.ForeignKey(Subscription, models.DO_NOTHING, related_name="holdings")
    product = models.ForeignKey(Product, models.DO_NOTHING)
    until_at = models.DateTimeField(null=True)

    class Meta:
        managed = False
        db_table = "subscription_product"

    def __str__(self) -> str:
        return str(self.product)
