"""Organizations in any state, made from facts (not by walking there), with hints as the verbs would set them."""

import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import factory
from django.db import connection
from django.db.models import QuerySet
from factory.django import DjangoModelFactory

from onboarding.models import Onboarding
from partnerapp.models import Message, Operator, Organization
from subscriptions.models import Period, Product, Subscription, SubscriptionProduct
from subscriptions.terms import EXTENDED_TRIAL, TRIAL

NOW = datetime(2026, 12, 1, 9, 0, tzinfo=UTC)
DAY, HOUR, TICK = timedelta(days=1), timedelta(hours=1), timedelta(microseconds=1)


class DistributorFactory(DjangoModelFactory):
    class Meta:
        model = Organization

    kind = Organization.Kind.DISTRIBUTOR
    name = factory.Sequence(lambda n: f"Distributor {n}")
    notification_email = factory.Sequence(lambda n: f"office@distributor{n}.example")
    tid = factory.LazyFunction(uuid.uuid4)
    created_at = NOW - 90 * DAY


class OperatorFactory(DjangoModelFactory):
    class Meta:
        model = Operator

    organization = factory.SubFactory(DistributorFactory)
    name = factory.Sequence(lambda n: f"Operator {n}")
    email = factory.LazyAttribute(lambda o: f"{o.name.split()[0].lower()}@{o.organization.pk}.example")
    tid = factory.LazyAttribute(lambda o: o.organization.tid or uuid.uuid4())
    oid = factory.LazyFunction(uuid.uuid4)
    invited_at = accepted_at = NOW - 60 * DAY
    password = "!unusable"


class PartnerFactory(DjangoModelFactory):
    """A Partner's organization alone; `partner` and `pending_partner` below add what belongs to it."""

    class Meta:
        model = Organization

    kind = Organization.Kind.PARTNER
    parent = factory.SubFactory(DistributorFactory)
    distributor = factory.SelfAttribute("parent")
    name = factory.Sequence(lambda n: f"Partner {n}")
    notification_email = factory.Sequence(lambda n: f"it@partner{n}.example")
    created_at = NOW - 30 * DAY


class CustomerFactory(PartnerFactory):
    kind = Organization.Kind.CUSTOMER
    source = Organization.Source.MSP
    parent = factory.SubFactory(PartnerFactory)
    distributor = factory.SelfAttribute("parent.distributor")
    name = factory.Sequence(lambda n: f"Customer {n}")
    notification_email = factory.Sequence(lambda n: f"it@customer{n}.example")


def pending_partner(distributor: Organization, name: str = "Adatum", **facts: object) -> Organization:
    """Added, the link sent, not connected; `facts` go to the onboarding, but `subscription__x` to the subscription."""
    return invited(PartnerFactory(parent=distributor, name=name, pending=True), facts)


def pending_customer(partner: Organization, name: str = "Coho", **facts: object) -> Organization:
    return invited(CustomerFactory(parent=partner, name=name, pending=True), facts)


def invited(organization: Organization, facts: dict[str, Any]) -> Organization:
    own = {k.removeprefix("subscription__"): facts.pop(k) for k in list(facts) if k.startswith("subscription__")}
    subscription = Subscription(organization=organization, **organization.branch, kind=organization.kind, **own)
    subscription.set_hints(NOW)
    subscription.save()
    SubscriptionProduct.provision(subscription, products_of(organization), NOW - DAY)
    facts = {"link_expires_at": NOW + 30 * DAY, "waiting_since": NOW - DAY, **facts}
    Onboarding.objects.create(organization=organization, **facts)
    return fresh(organization)


def partner(
    distributor: Organization, name: str = "Fabrikam", *, ends_in: timedelta = 5 * DAY, **facts: object
) -> Organization:
    """Connected and imported, in a trial that ends in `ends_in`; `facts` go to the subscription."""
    return imported(PartnerFactory(parent=distributor, name=name, tid=uuid.uuid4()), trial(ends_in, facts))


def customer(
    partner: Organization, name: str = "Woodgrove", *, ends_in: timedelta = 5 * DAY, **facts: object
) -> Organization:
    """As `partner`, one level below."""
    return imported(CustomerFactory(parent=partner, name=name, tid=uuid.uuid4()), trial(ends_in, facts))


def imported(organization: Organization, facts: dict[str, Any]) -> Organization:
    start = facts["imported_at"]
    subscription = Subscription(organization=organization, **organization.branch, kind=organization.kind, **facts)
    subscription.set_hints(NOW)
    subscription.save()
    SubscriptionProduct.provision(subscription, products_of(organization), start)
    if subscription.converted_at:
        over = subscription.suspended_at or subscription.cancelled_at
        Period.objects.create(organization=organization, starts_at=subscription.converted_at, ends_at=over)
    done = {"tid": organization.tid, "started_at": start, "started_oid": uuid.uuid4(), "consented_at": start}
    Onboarding.objects.create(
        organization=organization, link_expires_at=start + 30 * DAY, waiting_since=start, configured_at=start, **done
    )
    return fresh(organization)


def products_of(organization: Organization) -> QuerySet[Product]:
    """All for a Partner (R2); of the SKUs a customer has one (R3)."""
    every = Product.for_a_partner()
    return every.exclude(code="professional-msp-2025") if organization.kind == "customer" else every


def trial(ends_in: timedelta, facts: dict[str, Any]) -> dict[str, Any]:
    """What a subscription knows of a trial that ends in `ends_in`, and `facts`, which win."""
    end = NOW + ends_in
    start = end - (EXTENDED_TRIAL if facts.get("extended_at") else TRIAL)
    ran = {"imported_at": start, "started_at": start, "ends_at": end, "upgrade_at": end, "seats": 50, "seats_on": start}
    return ran | facts


Each = Callable[[int], dict[str, Any]]


def crowd(
    owner: Organization, number: int, each: Each = lambda n: {}, trials: Each | None = lambda n: {}
) -> list[Organization]:
    """Many Partners of a distributor, or customers of a Partner, at once, without products. `each(n)`: the n-th one's own
    facts; `trials(n)`: its subscription's, `ends_in` too; without `trials` they are pending.
    """
    made = [
        one_of_many(owner, n, ({"tid": uuid.uuid4()} if trials else {"pending": True}) | each(n)) for n in range(number)
    ]
    Organization.objects.bulk_create(made)
    facts = [{"ends_in": 5 * DAY} | trials(n) if trials else {} for n in range(number)]
    facts = [trial(known.pop("ends_in"), known) if known else {} for known in facts]
    subscriptions = [
        Subscription(organization=o, **o.branch, kind=o.kind, **f) for o, f in zip(made, facts, strict=True)
    ]
    for subscription in subscriptions:
        subscription.set_hints(NOW)
    Subscription.objects.bulk_create(subscriptions)
    waits = {"link_expires_at": NOW + 30 * DAY, "waiting_since": NOW - DAY}
    Onboarding.objects.bulk_create(Onboarding(organization=organization, **waits) for organization in made)
    if number > 100:  # Postgres plans for what it knows, and would learn of these some minutes later
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE organization, subscription, onboarding")
    return made


def one_of_many(owner: Organization, n: int, facts: dict[str, Any]) -> Organization:
    kind, source = ("partner", "") if owner.kind == Organization.Kind.DISTRIBUTOR else ("customer", "msp")
    known = {"kind": kind, "source": source, "name": f"{kind.title()} {n:04}", "created_at": NOW - 30 * DAY}
    known |= {"notification_email": f"it@{kind}{n:04}.example", "distributor_id": owner.distributor_id}
    made = Organization(parent=owner, **(known | facts))
    made.fold_words()
    return made


def fresh(organization: Organization) -> Organization:
    return Organization.objects.select_related("subscription", "onboarding", "parent").get(pk=organization.pk)


def notice(
    organization: Organization, to: Operator, *, accepted_at: datetime | None, days: int = 1, **facts: object
) -> Message:
    """An upgrade notice that names the subscription's very `upgrade_at`, accepted at this instant (None: still queued)."""
    about = {"about_at": organization.subscription.upgrade_at, "kind": f"subscriptions.upgrade_notice_{days}"}
    state = Message.State.SENT if accepted_at else Message.State.QUEUED
    return Message.objects.create(
        organization=organization, **organization.branch, operator=to, recipient=to.email,
        **({"state": state, "accepted_at": accepted_at} | about | facts),
    )  # fmt: skip
