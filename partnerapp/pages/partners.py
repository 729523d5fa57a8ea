"""Invoice › Partners: the two lists and what is special about them."""

from typing import Any

from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from partnerapp import access
from partnerapp.models import Operator, Organization
from partnerapp.pages import lists, rows
from partnerapp.pages.chips import SUSPENDED_PARTNERS, TRIAL_CHIPS
from partnerapp.pages.listed import imported_list, pending_list, with_products
from subscriptions.models import Subscription

PARTNER = Organization.Kind.PARTNER
SPECIAL: dict[str, Any] = {
    "action": "see_partners",
    "kind": PARTNER,
    "add": "add_partner",
    "add_label": _("Add Partner"),
    "select_first": _("Select a Partner first."),
}


def partners_of(operator: Operator) -> QuerySet[Subscription]:
    """The subscriptions of the Partners that this operator sees."""
    visible = access.visible_to(operator, Subscription.objects.all())
    return visible.filter(distributor_id=operator.organization_id, kind=PARTNER)  # the keys of the lists' indexes


def with_customers(found: QuerySet) -> QuerySet:
    """Each with its products and the number of its customers: one statement for a page."""
    below = Organization.objects.filter(parent=OuterRef("pk")).order_by()
    customers = below.values("parent").annotate(number=Count("pk")).values("number")
    return with_products(found).annotate(customers=Coalesce(Subquery(customers), 0))


PARTNERS = imported_list(
    **SPECIAL,
    name="partners",
    title=_("Partners"),
    rows=lambda operator: partners_of(operator).filter(imported_at__isnull=False),
    shown=with_customers,
    row=rows.partner_row,
    headings=rows.PARTNER_HEADINGS,
    columns=rows.PARTNER_COLUMNS,
    chips=[*TRIAL_CHIPS, SUSPENDED_PARTNERS],
    icon="building",
    empty=(
        _("No active Partners yet"),
        _(
            "A Partner gets an email with an activation link. Its 14-day trial starts when Microsoft 365 is connected and "
            "the import is complete; then it appears here."
        ),
    ),
)
PENDING_PARTNERS = pending_list(
    **SPECIAL,
    name="pending_partners",
    title=_("Pending Partners"),
    rows=lambda operator: partners_of(operator).filter(imported_at=None),
    watched=partners_of,
    moves_to=PARTNERS,
    headings=rows.PENDING_PARTNER_HEADINGS,
    columns=rows.PENDING_PARTNER_COLUMNS,
    empty=(
        _("Nobody is waiting"),
        _(
            "A Partner that you add is here until its import is complete. You see what it waits for and can copy its "
            "activation link."
        ),
    ),
)
TABS = [PARTNERS, PENDING_PARTNERS]

partners = lists.view(PARTNERS, TABS)
partners_selection = lists.choosing(PARTNERS)
partners_export = lists.exporting(PARTNERS)
pending_partners = lists.view(PENDING_PARTNERS, TABS)
pending_partners_selection = lists.choosing(PENDING_PARTNERS)
pending_partners_export = lists.exporting(PENDING_PARTNERS)
