"""Invoice › Partners: the two lists and what is special about them."""

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Count, F, OuterRef, Prefetch, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from onboarding.models import ImportRun
from partnerapp import access
from partnerapp.models import Event, Operator, Organization
from partnerapp.pages import lists, rows
from partnerapp.pages.chips import TRIAL_CHIPS
from partnerapp.tables import Chip, Order, Table, instant
from subscriptions.models import Product, Subscription, SubscriptionProduct

PARTNER = Organization.Kind.PARTNER
BY_NAME = Order("name", _("Name"), ("organization__name_key", "organization_id"))


def partners_of(operator: Operator) -> QuerySet[Subscription]:
    """The subscriptions of the Partners that this operator sees."""
    visible = access.visible_to(operator, Subscription.objects.all())
    return visible.filter(distributor_id=operator.organization_id, kind=PARTNER)  # the keys of the lists' indexes


def with_products_and_customers(found: QuerySet) -> QuerySet:
    """Each with the names of its SKUs and add-ons, and the number of its customers: one statement for a page."""
    held = SubscriptionProduct.objects.filter(subscription=OuterRef("pk"), until_at=None).order_by("product__name")
    below = Organization.objects.filter(parent=OuterRef("pk")).order_by()
    customers = below.values("parent").annotate(number=Count("pk")).values("number")
    return joined(found).annotate(
        skus=ArraySubquery(held.filter(product__kind=Product.Kind.SKU).values("product__name")),
        add_ons=ArraySubquery(held.filter(product__kind=Product.Kind.ADDON).values("product__name")),
        customers=Coalesce(Subquery(customers), 0),
        blocker=F("blocked_by__name"),
    )


def joined(found: QuerySet) -> QuerySet:
    """Each with its organization, which confirms the copied keys (so its own indexes give the other orders), but without
    the words that only a search reads.
    """
    confirmed = found.filter(organization__distributor_id=F("distributor_id"), organization__kind=F("kind"))
    return confirmed.select_related("organization").defer("organization__search", "organization__search_text")


def with_onboarding(found: QuerySet) -> QuerySet:
    events = Event.objects.filter(organization=OuterRef("organization_id")).order_by("-pk")
    errors = events.filter(kind="pre_import_error").order_by().values("organization").annotate(number=Count("pk"))
    runs = Prefetch("organization__import_runs", ImportRun.objects.filter(ImportRun.OPEN))
    more = joined(found).select_related("organization__onboarding__link_message", "organization__parent")
    return more.prefetch_related(runs).annotate(
        log_kind=Subquery(events.values("kind")[:1]),
        log_at=Subquery(events.values("at")[:1]),
        import_errors=Coalesce(Subquery(errors.values("number")), 0),
    )


PARTNERS = Table(
    name="partners",
    title=_("Partners"),
    action="see_partners",
    kind=PARTNER,
    rows=lambda operator: partners_of(operator).filter(imported_at__isnull=False),
    shown=with_products_and_customers,
    row=rows.partner_row,
    headings=rows.PARTNER_HEADINGS,
    columns=rows.PARTNER_COLUMNS,
    chips=[Chip("all", _("All"), lambda found, at: found), *TRIAL_CHIPS],
    orders=[
        Order("ends", _("Ends soonest"), ("sort_at", "organization_id"), read=instant),
        BY_NAME,
        Order("newest", _("Newest"), ("organization__created_at", "organization_id"), descending=True, read=instant),
    ],
)
PENDING_PARTNERS = Table(
    name="pending_partners",
    title=_("Pending Partners"),
    action="see_partners",
    kind=PARTNER,
    rows=lambda operator: partners_of(operator).filter(imported_at=None),
    watched=partners_of,
    shown=with_onboarding,
    row=rows.pending_row,
    headings=rows.PENDING_HEADINGS,
    columns=rows.PENDING_COLUMNS,
    chips=[
        Chip("all", _("All"), lambda found, at: found.filter(withdrawn_at=None)),
        Chip(
            "error",
            _("Pre-import error"),
            lambda found, at: found.filter(withdrawn_at=None, organization__onboarding__error_at__isnull=False),
            tone="bad",
        ),
        Chip("withdrawn", _("Withdrawn"), lambda found, at: found.filter(withdrawn_at__isnull=False)),
    ],
    orders=[
        Order("newest", _("Newest"), ("organization_id",), descending=True),
        Order("oldest", _("Oldest"), ("organization_id",)),
        BY_NAME,
    ],
)
TABS = [PARTNERS, PENDING_PARTNERS]

partners = lists.view(PARTNERS, TABS)
partners_selection = lists.choosing(PARTNERS)
partners_export = lists.exporting(PARTNERS)
pending_partners = lists.view(PENDING_PARTNERS, TABS)
pending_partners_selection = lists.choosing(PENDING_PARTNERS)
pending_partners_export = lists.exporting(PENDING_PARTNERS)
