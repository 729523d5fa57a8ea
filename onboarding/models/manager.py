"""Adding an organization: everything that a new Partner or customer needs, in one transaction."""

import uuid
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from django.db import models, transaction
from django.utils.translation import gettext as _

from partnerapp.actions import Refused
from partnerapp.models import Event, Operator, Organization
from partnerapp.models.organization import key_of
from subscriptions.models import Product, Subscription, SubscriptionProduct

if TYPE_CHECKING:
    from onboarding.models.onboarding import Onboarding


class OnboardingManager(models.Manager["Onboarding"]):
    def add_partner(self, *, name: str, email: str, request_key: uuid.UUID, by: Operator, at: datetime) -> "Onboarding":
        """R1, R2: below the operator's distributor, with all products that may be resold. See `_add`. Raises Refused."""
        partner = Organization(kind=Organization.Kind.PARTNER, parent=by.acts_for, name=name, notification_email=email)
        return self._add(partner, Product.for_a_partner, request_key=request_key, by=by, at=at)

    def add_customer(
        self,
        *,
        name: str,
        email: str,
        sku: str,
        add_ons: Iterable[str] = (),
        request_key: uuid.UUID,
        by: Operator,
        at: datetime,
        partner: Organization | None = None,
        source: str = Organization.Source.MSP,
    ) -> "Onboarding":
        """R3, R27: below the operator's Partner, or (staff) this one, with these products, named by their codes, of those
        that the Partner holds. See `_add`. Raises Refused.
        """
        owner = partner or by.acts_for
        customer = Organization(
            kind=Organization.Kind.CUSTOMER, parent=owner, source=source, name=name, notification_email=email
        )

        def products() -> list[Product]:
            if refusal := Subscription.objects.get(pk=owner.pk).inactivity(at):
                raise Refused(refusal)
            return assigned(owner, sku, add_ons)

        return self._add(customer, products, request_key=request_key, by=by, at=at)

    @transaction.atomic
    def _add(
        self,
        new: Organization,
        products: Callable[[], Iterable[Product]],
        *,
        request_key: uuid.UUID,
        by: Operator,
        at: datetime,
    ) -> "Onboarding":
        """R4: organization, subscription (TRIAL, not started), products and onboarding, and the welcome mail queued.

        The same form sent twice (`request_key`) returns the organization that the first one made. Raises Refused when
        the same name and email are pending already (R6).
        """
        owner = new.owner
        new.request_key = uuid.uuid5(request_key, str(owner.pk))  # another owner's form is another one
        Organization.objects.hold(owner.pk)  # one Add at a time (R6)
        earlier = self.filter(organization__request_key=new.request_key, organization__parent=owner)
        if made := earlier.select_related("organization__subscription").first():
            return made
        if refusal := pending_already(new.name, new.notification_email, namesakes(owner, [new.name])):
            raise Refused(refusal)
        held = list(products())
        new.distributor_id, new.created_at, new.created_by, new.pending = owner.distributor_id, at, by, True
        new.save()
        return self.open(new, held, by=by, at=at)

    def open(
        self, organization: Organization, products: Iterable[Product], *, by: Operator, at: datetime
    ) -> "Onboarding":
        """Give a new organization its subscription, products and onboarding, and send the link."""
        facts = {**organization.branch, "kind": organization.kind}
        subscription = Subscription.objects.create(organization=organization, **facts)
        SubscriptionProduct.provision(subscription, products, at)
        onboarding = self.model(organization=organization, waiting_since=at)
        onboarding.send_first_link(at)
        after = {"name": organization.name, "notification_email": organization.notification_email}
        Event.record(
            organization, "added", at=at, by=by, after=after | {"products": [product.code for product in products]}
        )
        return onboarding


def assigned(partner: Organization, sku: str, add_ons: Iterable[str]) -> list[Product]:
    """R3: the SKU and the add-ons with these codes, of those that the Partner holds. Raises Refused."""
    offered = Product.resold_by(partner)
    by_kind = {kind: {product.code: product for product in offered if product.kind == kind} for kind in Product.Kind}
    wanted = [(Product.Kind.SKU, sku), *((Product.Kind.ADDON, code) for code in dict.fromkeys(add_ons))]
    for kind, code in wanted:
        if code not in by_kind[kind]:
            raise Refused(_("{partner} does not hold {products}.").format(partner=partner.name, products=code))
    return [by_kind[kind][code] for kind, code in wanted]


def pending_already(name: str, email: str, among: Iterable[Organization]) -> str:
    """R6: why nothing is added while one with the same name, however it is written, and the same email is pending."""
    twins = [o for o in among if o.name_key == key_of(name) and o.notification_email.lower() == email.lower()]
    pending = any(not (o.subscription.imported_at or o.subscription.withdrawn_at) for o in twins)
    return _("{name} with this notification email is pending already.").format(name=name) if pending else ""


def namesakes(owner: Organization, names: Iterable[str]) -> list[Organization]:
    """The organizations of this owner with one of these names, however they are written (R6)."""
    keys = {key_of(name) for name in names}
    return list(Organization.objects.filter(parent=owner, name_key__in=keys).select_related("subscription"))
