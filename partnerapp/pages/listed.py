"""What the lists of Partners and of customers have in common: what their rows load, and the two tables of each kind."""

from functools import partial

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Count, Exists, F, IntegerField, OuterRef, Prefetch, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from onboarding.models import ImportRun, Onboarding
from partnerapp.models import Event
from partnerapp.pages import rows
from partnerapp.tables import MOST, Chip, Order, OrganizationTable, instant
from subscriptions.models import Product, SubscriptionProduct

COUNT = "(SELECT count(*) FROM (%(subquery)s) AS counted)"
FAILED = Exists(Onboarding.objects.filter(pk=OuterRef("pk"), error_at__isnull=False))
NEWEST = Order("newest", _("Newest"), ("organization_id",), descending=True)
BY_NAME = Order("name", _("Name"), ("organization__name_key", "organization_id"))


def joined(found: QuerySet) -> QuerySet:
    """Each with its organization, but without the words that only a search reads."""
    return found.select_related("organization").defer("organization__search")


def with_owner(found: QuerySet) -> QuerySet:
    """Each with the organization that runs its subscription, and that one's own, of which the rules ask (R27)."""
    return found.select_related("organization__parent__subscription").defer("organization__parent__search")


def with_products(found: QuerySet) -> QuerySet:
    """Each with the names of its SKUs and add-ons: one statement for a page."""
    held = SubscriptionProduct.objects.filter(subscription=OuterRef("pk"), until_at=None).order_by("product__name")
    return joined(found).annotate(
        skus=ArraySubquery(held.filter(product__kind=Product.Kind.SKU).values("product__name")),
        add_ons=ArraySubquery(held.filter(product__kind=Product.Kind.ADDON).values("product__name")),
        blocker=F("blocked_by__name"),
    )


def with_onboarding(found: QuerySet) -> QuerySet:
    """Each with its onboarding, running import, and its part of the event log: how much there is, and the latest."""
    events = Event.objects.filter(organization=OuterRef("organization_id")).order_by("-pk")
    errors = events.filter(kind="pre_import_error").order_by().values("organization").annotate(number=Count("pk"))
    some = events.order_by().values("pk")[: MOST + 1]  # however often somebody pressed the button of a link
    runs = Prefetch("organization__import_runs", ImportRun.objects.filter(ImportRun.OPEN), to_attr="open_runs")
    more = with_owner(joined(found)).select_related("organization__onboarding__link_message")
    return more.prefetch_related(runs).annotate(
        log_kind=Subquery(events.values("kind")[:1]),
        log_at=Subquery(events.values("at")[:1]),
        log_count=Subquery(some, template=COUNT, output_field=IntegerField()),
        import_errors=Coalesce(Subquery(errors.values("number")), 0),
    )


# Those whose import is complete, and those on their way there; what differs from kind to kind is left open.
imported_list = partial(
    OrganizationTable,
    template="imported",
    orders=[
        Order("ends", _("Ends soonest"), ("sort_at", "organization_id"), read=instant),
        BY_NAME,
        NEWEST,
    ],
)
pending_list = partial(
    OrganizationTable,
    template="pending",
    pending=True,
    icon="inbox",
    shown=with_onboarding,
    row=rows.pending_row,
    chips=[
        Chip("all", _("All"), lambda found, at: found.filter(withdrawn_at=None)),
        Chip(
            "error",
            _("Pre-import error"),
            lambda found, at: found.filter(FAILED, withdrawn_at=None),
            tone="bad",
        ),
        Chip("withdrawn", _("Withdrawn"), lambda found, at: found.filter(withdrawn_at__isnull=False)),
    ],
    orders=[
        NEWEST,
        Order("oldest", _("Oldest"), ("organization_id",)),
        BY_NAME,
    ],
)
