"""Add customer (R3): name, notification email, exactly one SKU and any add-ons, of those that the Partner holds."""

from datetime import datetime

from django.http import HttpResponse, QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from onboarding import adding, forms
from onboarding.models import Onboarding
from partnerapp.access import OperatorRequest, page
from partnerapp.drawers import Consequence
from partnerapp.models import Organization
from subscriptions.models import Product, Subscription


def refusal(partner: Organization, at: datetime) -> str:
    """R27, and that there is something to assign."""
    if inactive := partner.subscription.inactivity(at):
        return inactive
    if not Product.resold_by(partner).filter(kind=Product.Kind.SKU).exists():
        words = _("{partner} holds no SKU that can be assigned to a customer. Ask {distributor}.")
        return words.format(partner=partner.name, distributor=partner.owner.name)
    return ""


def of_adding(partner: Organization, at: datetime) -> list[Consequence]:
    upgrade = _("Then it upgrades to Production automatically, unless you block it. {billing}")
    new = Subscription(organization=Organization(parent=partner), kind=Organization.Kind.CUSTOMER)
    return [*adding.of_adding(), ("circle-arrow-up", upgrade.format(billing=new.billing(at)))]


def chosen(partner: Organization, asked: QueryDict) -> list[Product]:
    codes = {asked.get("sku"), *asked.getlist("add_ons")}
    return [product for product in Product.resold_by(partner) if product.code in codes]


CUSTOMER = adding.Adding(
    name="add_customer",
    pending="pending_customers",
    form=forms.AddCustomer,
    verb=Onboarding.objects.add_customer,
    consequences=of_adding,
    namesake=gettext_lazy("You have a customer with this name already: {name}, {email}."),
    included=chosen,
    refusal=refusal,
)


@require_http_methods(["GET", "HEAD", "POST"])
@page("add_customer")
def add_customer(request: OperatorRequest) -> HttpResponse:
    return adding.answer(request, CUSTOMER)
