"""Adding an organization: everything that a new Partner needs, in one transaction."""

import uuid
from datetime import datetime
from typing import TYPE_CHECKING

from django.db import models, transaction
from django.utils.translation import gettext as _

from partnerapp.actions import Refused
from partnerapp.models import Event, Operator, Organization
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
        if pending_like(distributor, name).filter(notification_email__iexact=email).exists():
            raise Refused(_("{name} with this notification email is pending already.").format(name=name))
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


def pending_like(owner: Organization, name: str) -> models.QuerySet[Organization]:
    """Pending organizations of this owner with the same name, however it is written (R6)."""
    rows = Organization.objects.like(name).filter(parent=owner)
    return rows.filter(subscription__imported_at=None, subscription__withdrawn_at=None)
