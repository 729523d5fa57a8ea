"""Manage › Customers: the two lists, of a Partner's own customers, or of all customers below a distributor (R29)."""

from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from partnerapp import access
from partnerapp.models import Operator, Organization
from partnerapp.pages import lists, rows
from partnerapp.pages.chips import SUSPENDED_CUSTOMERS, TRIAL_CHIPS
from partnerapp.pages.listed import imported_list, pending_list, with_owner, with_products
from partnerapp.pages.shell import standing
from subscriptions.models import Subscription

CUSTOMER, DISTRIBUTOR = Organization.Kind.CUSTOMER, Organization.Kind.DISTRIBUTOR
SPECIAL: dict[str, Any] = {
    "action": "see_customers",
    "kind": CUSTOMER,
    "add": "add_customer",
    "add_label": _("Add customer"),
    "adding": standing,
    "select_first": _("Select a customer first."),
    "for_distributors": [rows.PARTNER],
}


def customers_of(operator: Operator) -> QuerySet[Subscription]:
    """The subscriptions of the customers that this operator sees."""
    visible = access.visible_to(operator, Subscription.objects.all())
    key = "distributor_id" if operator.acts_for.kind == DISTRIBUTOR else "partner_id"  # of the lists' indexes
    return visible.filter(**{key: operator.organization_id}, kind=CUSTOMER)


def with_partner(found: QuerySet) -> QuerySet:
    """Each with its products and its Partner: one statement for a page."""
    return with_owner(with_products(found))


CUSTOMERS = imported_list(
    **SPECIAL,
    name="customers",
    title=_("Customers"),
    rows=lambda operator: customers_of(operator).filter(imported_at__isnull=False),
    shown=with_partner,
    row=rows.customer_row,
    headings=rows.CUSTOMER_HEADINGS,
    columns=rows.CUSTOMER_COLUMNS,
    chips=[*TRIAL_CHIPS, SUSPENDED_CUSTOMERS],
    icon="briefcase",
    empty=(
        _("No active customers yet"),
        _(
            "A customer gets an email with an activation link. Its 14-day trial starts when Microsoft 365 is connected and "
            "the import is complete; then it appears here."
        ),
    ),
)
PENDING_CUSTOMERS = pending_list(
    **SPECIAL,
    name="pending_customers",
    title=_("Pending customers"),
    rows=lambda operator: customers_of(operator).filter(imported_at=None),
    watched=customers_of,
    moves_to=CUSTOMERS,
    headings=rows.PENDING_CUSTOMER_HEADINGS,
    columns=rows.PENDING_CUSTOMER_COLUMNS,
    empty=(
        _("Nobody is waiting"),
        _(
            "A customer that was added is here until its import is complete, with what it waits for and its activation "
            "link."
        ),
    ),
)
TABS = [CUSTOMERS, PENDING_CUSTOMERS]

customers = lists.view(CUSTOMERS, TABS)
customers_selection = lists.choosing(CUSTOMERS)
customers_export = lists.exporting(CUSTOMERS)
pending_customers = lists.view(PENDING_CUSTOMERS, TABS)
pending_customers_selection = lists.choosing(PENDING_CUSTOMERS)
pending_customers_export = lists.exporting(PENDING_CUSTOMERS)
