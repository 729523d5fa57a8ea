"""The SQL forms of the subscription's rules, for lists and for the sweep: same constants as the methods they mirror.

`tests/subscriptions/test_boundaries.py` proves that both agree at every edge instant ± 1 µs.
"""

from datetime import datetime, timedelta

from django.db.models import (
    BigIntegerField,
    Case,
    DateTimeField,
    Exists,
    ExpressionWrapper,
    F,
    Func,
    IntegerField,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
    When,
)
from django.db.models.functions import Coalesce, Least

from partnerapp.models import Message
from subscriptions.models.states import HoldReason
from subscriptions.terms import (
    EXPIRATION_NOTICES,
    EXTENSION_WINDOW,
    NOTICE_LEAD,
    NOTICES,
    UPGRADE_GRACE,
    UPGRADE_NOTICES,
    WAIT,
)

DEADLINE = Case(When(blocked_at__isnull=False, then=F("ends_at")), default=F("upgrade_at"))
# R26: `Subscription.expiry`, 24:00 UTC of the expiration date.
EXPIRY = Func(
    F("expires_on"), template="((%(expressions)s + 1)::timestamp AT TIME ZONE 'UTC')", output_field=DateTimeField()
)
PRODUCTION = Q(withdrawn_at=None, cancelled_at=None, converted_at__isnull=False)
RUNS = Q(started_at__isnull=False, withdrawn_at=None, converted_at=None, cancelled_at=None)
# The Partners that can be inactive at some instant: few, so that they are looked up in an index of them. A Partner is its own,
# a customer's is older than the customer. Only customers have an expiration date. (It names no kind: that would be a value, and
# the plan of a prepared statement does not know whether the index is right for it; of "=" it would make something else.)
MAY_BE_INACTIVE = Q(partner_id__gte=F("organization_id")) & (
    Q(withdrawn_at__isnull=False)
    | Q(cancelled_at__isnull=False)
    | Q(suspended_at__isnull=False)
    | Q(blocked_at__isnull=False)
)
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
        return self.filter(withdrawn_at=None, cancelled_at__isnull=False)

    def in_production(self, at: datetime) -> "SubscriptionQuerySet":
        """`State.PRODUCTION`."""
        lasts = Q(expires_on=None) | Q(expiry__gt=at)
        return self.alias(expiry=EXPIRY).filter(PRODUCTION, lasts, suspended_at=None)

    def suspended(self, at: datetime) -> "SubscriptionQuerySet":
        """`State.SUSPENDED`."""
        over = Q(suspended_at__isnull=False) | Q(expires_on__isnull=False, expiry__lte=at)
        return self.alias(expiry=EXPIRY).filter(PRODUCTION, over)

    def inactive(self, at: datetime) -> "SubscriptionQuerySet":
        """`Subscription.inactive`."""
        expired = RUNS & Q(ends_at__lte=at, blocked_at__isnull=False)
        suspended = Q(converted_at__isnull=False) & (Q(suspended_at__isnull=False) | Q(expiry__lte=at))
        ended = Q(withdrawn_at__isnull=False) | Q(cancelled_at__isnull=False)
        return self.alias(expiry=EXPIRY).filter(ended | suspended | expired)

    def partner_inactive(self, at: datetime) -> Q:
        """`Subscription.partner_inactive`, as a condition."""
        return Q(kind="customer") & Q(Exists(self.inactive_partner(at)))

    def inactive_partner(self, at: datetime) -> "SubscriptionQuerySet":
        """The Partner of an outer subscription (a Partner's own is its own), if it is inactive."""
        return type(self)(self.model, using=self.db).filter(MAY_BE_INACTIVE, pk=OuterRef("partner_id")).inactive(at)

    def with_own_access(self, at: datetime) -> "SubscriptionQuerySet":
        """R28: Trial, Held or Production, whatever the Partner above is."""
        trial = RUNS & (Q(ends_at__gt=at) | Q(blocked_at=None))
        lasts = Q(expires_on=None) | Q(expiry__gt=at)
        return self.alias(expiry=EXPIRY).filter(trial | PRODUCTION & lasts & Q(suspended_at=None))

    def extendable(self, at: datetime) -> "SubscriptionQuerySet":
        """`Subscription.extension` allowed.

        The Partner (a Partner's own, while its trial runs, is active) is looked up row by row: a list shows a few of them, and
        for an `Exists` Postgres would read all subscriptions first; for `IS NULL` it would expect hardly any.
        """
        inactive = Coalesce(Subquery(self.inactive_partner(at).values("pk")[:1]), 0, output_field=BigIntegerField())
        window = Q(ends_at__gt=at, ends_at__lte=at + EXTENSION_WINDOW, extended_at=None)
        return self.under_trial(at).alias(inactive_partner=inactive).filter(window, inactive_partner__lt=1)

    def notice_due(self, at: datetime) -> "SubscriptionQuerySet":
        """`Subscription.notice_due`: annotated with `notice` (days) and `deadline`."""
        told = Q(blocked_at__isnull=False) | ~self.partner_inactive(at)
        rows = self.under_trial(at).annotate(deadline=DEADLINE).filter(told, deadline__gt=at)
        return rows.nearest(NOTICES, at)

    def expiration_notice_due(self, at: datetime) -> "SubscriptionQuerySet":
        """`Subscription.expiration_notice_due`: annotated with `notice` (days) and `deadline`."""
        rows = self.in_production(at).filter(expires_on__isnull=False).annotate(deadline=EXPIRY)
        return rows.nearest(EXPIRATION_NOTICES, at)

    def nearest(self, notices: dict[int, timedelta], at: datetime) -> "SubscriptionQuerySet":
        """Rows with a `deadline` of which one of these notices is due: annotated with the nearest (`notice`, days)."""
        reached = [When(deadline__lte=at + before, then=Value(days)) for days, before in sorted(notices.items())]
        return self.annotate(notice=Case(*reached, output_field=IntegerField())).filter(notice__isnull=False)

    def upgrade_due(self, at: datetime) -> "SubscriptionQuerySet":
        """Trials whose upgrade instant has come: they are converted, or else held."""
        return self.under_trial(at).filter(blocked_at=None, upgrade_at__lte=at)

    def convertible(self, at: datetime) -> "SubscriptionQuerySet":
        """R20, R21: of those due, the ones that were announced in time and are not more than 48 hours late."""
        in_time = Q(announced(at)) & Q(upgrade_at__gt=at - UPGRADE_GRACE)
        return self.upgrade_due(at).exclude(hold_reason=HoldReason.PARTNER).filter(in_time, ~self.partner_inactive(at))

    def to_hold(self, at: datetime) -> "SubscriptionQuerySet":
        """R20: of those due, the others whose Partner is active; annotated with the `reason`."""
        missed = ~announced(at) | Q(upgrade_at__lte=at - UPGRADE_GRACE) | Q(hold_reason=HoldReason.PARTNER)
        return self.upgrade_due(at).filter(missed, ~self.partner_inactive(at)).annotate(
            reason=Case(
                When(hold_reason=HoldReason.PARTNER, then=Value("resumed")),
                When(upgrade_at__lte=at - UPGRADE_GRACE, then=Value("away")),
                When(Exists(notices().filter(accepted_at__isnull=False)), then=Value("too_late")),
                When(Exists(notices().filter(state=Message.State.REFUSED)), then=Value("refused")),
                default=Value("undelivered"),
            )
        )  # fmt: skip

    def to_keep_waiting(self, at: datetime) -> "SubscriptionQuerySet":
        """R21: of those due, the ones whose Partner has become inactive; they are held until it is active again."""
        return self.upgrade_due(at).filter(self.partner_inactive(at)).exclude(hold_reason=HoldReason.PARTNER)

    def waiting_for_partner(self, at: datetime) -> "SubscriptionQuerySet":
        """`Subscription.waits_for_partner`: annotated with `look_again`, when the sweep looks next."""
        waiting = Q(upgrade_at__gt=at) | Q(hold_reason=HoldReason.PARTNER)
        rows = self.under_trial(at).filter(waiting, self.partner_inactive(at), blocked_at=None)
        rows = rows.annotate(deadline=DEADLINE).with_next_boundary(NOTICES, at)
        later = Value(at + WAIT, output_field=DateTimeField())
        coming = When(deadline__gt=at, then=Least(later, F("next_boundary")))
        return rows.annotate(look_again=Case(coming, default=later, output_field=DateTimeField()))

    def to_suspend(self, at: datetime) -> "SubscriptionQuerySet":
        """R26: customers whose expiration date is over and that are not suspended yet; annotated with the instant (`over_at`)."""
        rows = self.filter(PRODUCTION, suspended_at=None, expires_on__isnull=False)
        return rows.annotate(over_at=EXPIRY).filter(over_at__lte=at)

    def to_expire(self, at: datetime) -> "SubscriptionQuerySet":
        """Blocked trials whose end has come and that nobody was told about yet."""
        facts = {"withdrawn_at": None, "converted_at": None, "cancelled_at": None, "expired_at": None}
        return self.filter(**facts, blocked_at__isnull=False, ends_at__lte=at)

    def with_next_boundary(self, notices: dict[int, timedelta], at: datetime) -> "SubscriptionQuerySet":
        """Annotate `next_boundary`: the first of `Subscription.boundaries` after `at` (rows with a `deadline` to come)."""
        passed = Value(None, output_field=DateTimeField())
        marks = [
            Case(
                When(deadline__gt=at + before, then=ExpressionWrapper(F("deadline") - before, DateTimeField())),
                default=passed,
            )
            for before in notices.values()
        ]
        return self.annotate(next_boundary=Least(*marks, F("deadline")))


def notices() -> QuerySet[Message]:
    """The notices, to Admins of the owner, that name the outer subscription's very `upgrade_at`."""
    names_it = Q(organization=OuterRef("pk"), kind__in=UPGRADE_NOTICES, about_at=OuterRef("upgrade_at"))
    return Message.objects.filter(names_it, operator__isnull=False)


def announced(at: datetime | OuterRef) -> Exists:
    """A notice of this very instant was accepted for an owner Admin at least 24 hours ago (R20)."""
    return Exists(notices().filter(accepted_at__lte=at - NOTICE_LEAD))
