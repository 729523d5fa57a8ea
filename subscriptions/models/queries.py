"""The SQL forms of the subscription's rules, for lists and for the sweep: same constants as the methods they mirror.

`tests/subscriptions/test_boundaries.py` proves that both agree at every edge instant ± 1 µs.
"""

from datetime import datetime

from django.db.models import Case, DateTimeField, Exists, F, IntegerField, OuterRef, Q, QuerySet, Value, When
from django.db.models.functions import Least

from partnerapp.models import Message
from subscriptions.terms import (
    EXTENSION_WINDOW,
    NOTICE_LEAD,
    NOTICES,
    UPGRADE_GRACE,
    UPGRADE_NOTICES,
)

DEADLINE = Case(When(blocked_at__isnull=False, then=F("ends_at")), default=F("upgrade_at"))
RUNS = Q(started_at__isnull=False, withdrawn_at=None, converted_at=None, cancelled_at=None)
OWNER = Case(When(kind="customer", then=F("partner_id")), default=F("distributor_id"))


class SubscriptionQuerySet(QuerySet):
    """Every method takes the instant `at` (UTC) and mirrors the method of `Subscription` that it names."""

    def under_trial(self, at: datetime) -> "SubscriptionQuerySet":
        """`Subscription.under_trial`."""
        return self.filter(RUNS, Q(ends_at__gt=at) | Q(blocked_at=None))

    def running(self, at: datetime) -> "SubscriptionQuerySet":
        """`Subscription.running`."""
        return self.filter(RUNS, ends_at__gt=at)

    def blocked(self, at: datetime) -> "SubscriptionQuerySet":
        """`Subscription.running`, and it will expire."""
        return self.running(at).filter(blocked_at__isnull=False)

    def held(self, at: datetime) -> "SubscriptionQuerySet":
        """`State.HELD`."""
        return self.filter(RUNS, ends_at__lte=at, blocked_at=None, held_at__isnull=False)

    def expired(self, at: datetime) -> "SubscriptionQuerySet":
        """`State.EXPIRED`."""
        return self.filter(RUNS, ends_at__lte=at, blocked_at__isnull=False)

    def cancelled(self, at: datetime) -> "SubscriptionQuerySet":
        """`State.CANCELLED`."""
        return self.filter(withdrawn_at=None, converted_at=None, cancelled_at__isnull=False)

    def in_production(self, at: datetime) -> "SubscriptionQuerySet":
        """`State.PRODUCTION`."""
        return self.filter(withdrawn_at=None, converted_at__isnull=False)

    def extendable(self, at: datetime) -> "SubscriptionQuerySet":
        """`Subscription.extension` allowed."""
        window = Q(ends_at__gt=at, ends_at__lte=at + EXTENSION_WINDOW)
        return self.under_trial(at).filter(window, extended_at=None)

    def notice_due(self, at: datetime) -> "SubscriptionQuerySet":
        """`Subscription.notice_due`: annotated with `notice` (days) and `deadline`."""
        nearest = [When(deadline__lte=at + before, then=Value(days)) for days, before in sorted(NOTICES.items())]
        rows = self.under_trial(at).annotate(deadline=DEADLINE).filter(deadline__gt=at)
        return rows.annotate(notice=Case(*nearest, output_field=IntegerField())).filter(notice__isnull=False)

    def upgrade_due(self, at: datetime) -> "SubscriptionQuerySet":
        """Trials whose upgrade instant has come: they are converted, or else held."""
        return self.under_trial(at).filter(blocked_at=None, upgrade_at__lte=at)

    def convertible(self, at: datetime) -> "SubscriptionQuerySet":
        """R20: of those due, the ones that were announced in time and are not more than 48 hours late."""
        return self.upgrade_due(at).filter(announced(at), upgrade_at__gt=at - UPGRADE_GRACE)

    def to_hold(self, at: datetime) -> "SubscriptionQuerySet":
        """R20: of those due, the others; annotated with the `reason`."""
        missed = ~announced(at) | Q(upgrade_at__lte=at - UPGRADE_GRACE)
        return self.upgrade_due(at).filter(missed).annotate(
            reason=Case(
                When(upgrade_at__lte=at - UPGRADE_GRACE, then=Value("away")),
                When(Exists(notices().filter(accepted_at__isnull=False)), then=Value("too_late")),
                When(Exists(notices().filter(state=Message.State.REFUSED)), then=Value("refused")),
                default=Value("undelivered"),
            )
        )  # fmt: skip

    def to_expire(self, at: datetime) -> "SubscriptionQuerySet":
        """Blocked trials whose end has come and that nobody was told about yet."""
        facts = {"withdrawn_at": None, "converted_at": None, "cancelled_at": None, "expired_at": None}
        return self.filter(**facts, blocked_at__isnull=False, ends_at__lte=at)

    def with_next_boundary(self, at: datetime) -> "SubscriptionQuerySet":
        """Annotate `next_boundary`: the first of `Subscription.boundaries` after `at` (rows with a `deadline` to come)."""
        passed = Value(None, output_field=DateTimeField())
        marks = [
            Case(When(deadline__gt=at + before, then=F("deadline") - before), default=passed)
            for before in NOTICES.values()
        ]
        return self.annotate(next_boundary=Least(*marks, F("deadline")))


def notices() -> QuerySet[Message]:
    """The notices, to Admins of the owner, that name the outer subscription's very `upgrade_at`."""
    names_it = Q(organization=OuterRef("pk"), kind__in=UPGRADE_NOTICES, about_at=OuterRef("upgrade_at"))
    return Message.objects.filter(names_it, operator__isnull=False)


def announced(at: datetime | OuterRef) -> Exists:
    """A notice of this very instant was accepted for an owner Admin at least 24 hours ago (R20)."""
    return Exists(notices().filter(accepted_at__lte=at - NOTICE_LEAD))
