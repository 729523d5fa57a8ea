"""Adding an organization: everything that a new Partner needs, in one transaction."""

import uuid
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from django.db import models, transaction
from django.utils.translation import gettext as _

from partnerapp.actions import Action
from partnerapp.models import Event, Operator, Organization
from partnerapp.models.organization import key_of
from subscriptions.models import Product, Subscription, SubscriptionProduct

if TYPE_CHECKING:
    from onboarding.models.onboarding import Onboarding


class OnboardingManager(models.Manager["Onboarding"]):
    @transaction.atomic
    def add_partner(self, *, name: str, email: str, request_key: uuid.UUID, by: Operator, at: datetime) -> "Onboarding":
        """R4: organization, subscription (TRIAL, not started), products (R2) and onboarding, and the welcome mail queued.

        The same form sent twice (`request_key`) returns the Partner that the first one made. Raises Refused when the same
        name and email are pending already (R6).
        """
        distributor = by.acts_for
        request_key = uuid.uuid5(request_key, str(distributor.pk))  # another tree's form is another one
        Organization.objects.select_for_update(no_key=True).get(pk=distributor.pk)  # one Add at a time (R6)
        earlier = self.filter(organization__request_key=request_key, organization__parent=distributor)
        if made := earlier.select_related("organization__subscription").first():
            return made
        adding(name, email, namesakes(distributor, [name])).require()
        partner = Organization.objects.create(
            kind=Organization.Kind.PARTNER, distributor=distributor, parent=distributor, name=name,
            notification_email=email, request_key=request_key, created_at=at, created_by=by,
        )  # fmt: skip
        return self.open(partner, Product.for_a_partner(), by=by, at=at)

    def open(
        self, organization: Organization, products: models.QuerySet[Product], *, by: Operator, at: datetime
    ) -> "Onboarding":
        """Give a new organization its subscription, products and onboarding, and send the link."""
        facts = {**organization.branch, "kind": organization.kind}
        subscription = Subscription.objects.create(organization=organization, **facts)
        SubscriptionProduct.provision(subscription, products, at)
        onboarding = self.model(organization=organization, waiting_since=at)
        onboarding.send_first_link(at)
        after = {"name": organization.name, "notification_email": organization.notification_email}
        Event.record(organization, "added", at=at, by=by, after=after)
        return onboarding


def adding(name: str, email: str, among: Iterable[Organization]) -> Action:
    """R6: refused while one with the same name, however it is written, and the same email is pending."""
    twins = [o for o in among if o.name_key == key_of(name) and o.notification_email.lower() == email.lower()]
    pending = any(not (o.subscription.imported_at or o.subscription.withdrawn_at) for o in twins)
    refusal = _("{name} with this notification email is pending already.").format(name=name) if pending else ""
    return Action("add_partner", refusal)


def namesakes(owner: Organization, names: Iterable[str]) -> list[Organization]:
    """The organizations of this owner with one of these names, however they are written (R6)."""
    keys = {key_of(name) for name in names}
    return list(Organization.objects.filter(parent=owner, name_key__in=keys).select_related("subscription"))
