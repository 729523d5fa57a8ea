"""What must always hold, whatever was killed or came late. Each finding is one line that names the rows."""

from collections.abc import Callable, Iterable
from datetime import datetime

from django.db.models import Count, Exists, F, OuterRef, Q, Subquery, TextField, Value
from django.db.models.functions import Cast, Coalesce, Concat, Left

from partnerapp.models import Event, Message, Organization
from partnerapp.models.organization import WAITING
from subscriptions.models import Period, Subscription
from subscriptions.models.states import State
from subscriptions.terms import NOTICE_LEAD, UPGRADE_GRACE, UPGRADE_NOTICES


def broken(at: datetime) -> list[str]:
    """The invariants that do not hold at `at` (UTC), as lines; empty when all is well."""
    lines = [(words, list(find(at))[:10]) for words, find in INVARIANTS.items()]
    return [f"{words}: organizations {', '.join(map(str, ids))}" for words, ids in lines if ids]


def not_billed(at: datetime) -> Iterable[int]:
    has_open = Exists(Period.objects.filter(organization=OuterRef("pk"), ends_at=None))
    return Subscription.objects.in_production(at).filter(~has_open).values_list("pk", flat=True)


def billed_without_production(at: datetime) -> Iterable[int]:
    """One that is over by its date counts from the sweep on, which closes its period at the very end of the date."""
    subscription = "organization__subscription__"
    over = Q(**{f"{subscription}converted_at": None}) | Q(**{f"{subscription}suspended_at__isnull": False})
    over |= Q(**{f"{subscription}cancelled_at__isnull": False})
    return Period.objects.filter(over, ends_at=None).values_list("organization", flat=True)


def billed_beyond_the_end(at: datetime) -> Iterable[int]:
    """R26, R27: the last period of one that is suspended ended when it was suspended."""
    last = Period.objects.filter(organization=OuterRef("pk")).order_by("-starts_at").values("ends_at")[:1]
    suspended = Subscription.objects.filter(suspended_at__isnull=False, cancelled_at=None).annotate(last=Subquery(last))
    return suspended.exclude(last=F("suspended_at")).values_list("pk", flat=True)


def period_elsewhere(at: datetime) -> Iterable[int]:
    first = Period.objects.filter(cause=Period.Cause.CONVERTED)
    return first.exclude(starts_at=F("organization__subscription__converted_at")).values_list("organization", flat=True)


def unannounced(at: datetime) -> Iterable[int]:
    """R20, read from the facts: who converted by the System without a notice 24 h before, early, late or blocked."""
    notice = Message.objects.filter(
        organization=OuterRef("pk"), kind__in=UPGRADE_NOTICES, about_at=OuterRef("upgrade_at"), operator__isnull=False,
        accepted_at__lte=OuterRef("converted_at") - NOTICE_LEAD,
    )  # fmt: skip
    by_hand = Exists(Event.objects.filter(organization=OuterRef("pk"), kind="converted").exclude(actor_kind="system"))
    wrong = Q(converted_at__lt=F("upgrade_at")) | Q(converted_at__gte=F("upgrade_at") + UPGRADE_GRACE)
    automatic = Subscription.objects.filter(~by_hand, converted_at__isnull=False)
    return automatic.filter(wrong | Q(blocked_at__isnull=False) | ~Exists(notice)).values_list("pk", flat=True)


def converted_twice(at: datetime) -> Iterable[int]:
    events = Event.objects.filter(kind="converted").values("organization").annotate(times=Count("pk"))
    return events.filter(times__gt=1).values_list("organization", flat=True)


def wrong_hints(at: datetime) -> Iterable[int]:
    """`wake_at` may lag behind (a sweep is due), but never lies behind the next boundary nor misses one."""
    return [row.pk for row in Subscription.objects.iterator() if not hints_hold(row, at)]


def hints_hold(row: Subscription, at: datetime) -> bool:
    marks = row.boundaries(at)
    coming = next((mark for mark in marks if mark > at), None)
    woken = (row.wake_at is not None) == bool(marks)
    in_time = row.wake_at is None or coming is None or row.wake_at <= coming
    stored, was = row.sort_at, row.wake_at
    row.set_hints(at)
    sorted_right, row.wake_at = row.sort_at == stored, was
    unswept = row.state(at) in {State.EXPIRED, State.SUSPENDED} and not (row.expired_at or row.suspended_at)
    return woken and in_time and (sorted_right or unswept)


def withdrawn_and_alive(at: datetime) -> Iterable[int]:
    alive = Q(converted_at__isnull=False) | Q(imported_at__isnull=False)
    return Subscription.objects.filter(alive, withdrawn_at__isnull=False).values_list("pk", flat=True)


def production_without_its_tenant(at: datetime) -> Iterable[int]:
    released = Q(organization__tid=None) | Q(organization__tid_released_at__isnull=False)
    suspended = Q(kind="customer", suspended_at__isnull=False)  # which staff may have released
    alive = Subscription.objects.filter(converted_at__isnull=False, cancelled_at=None).exclude(suspended)
    return alive.filter(released).values_list("pk", flat=True)


def another_branch(at: datetime) -> Iterable[int]:
    """The keys by which lists find a row and keep it within its tree."""
    partner = Q(organization__kind="partner", partner_id=F("organization_id"))
    customer = Q(organization__kind="customer", partner_id=F("organization__parent_id"))
    right = Q(distributor_id=F("organization__distributor_id"), kind=F("organization__kind")) & (partner | customer)
    return Subscription.objects.exclude(right).values_list("pk", flat=True)


def searched_elsewhere(at: datetime) -> Iterable[int]:
    """The copy of `imported_at`, and the key before each word, which follows from it."""
    rows = Organization.objects.filter(subscription__isnull=False).annotate(
        first=Coalesce("search__0", Value(""), output_field=TextField())
    )
    key = Concat(Cast("distributor_id", TextField()), Left("kind", 1), output_field=TextField())
    pending_key = Concat(key, Value(WAITING))
    waits = Q(pending=True, subscription__imported_at=None, first__startswith=pending_key)
    over = Q(pending=False, subscription__imported_at__isnull=False, first__startswith=key)
    over &= ~Q(first__startswith=pending_key)
    return rows.exclude(waits | over).values_list("pk", flat=True)


INVARIANTS: dict[str, Callable[[datetime], Iterable[int]]] = {
    "in production without an open period": not_billed,
    "an open period without production": billed_without_production,
    "a period that does not start with its conversion": period_elsewhere,
    "converted automatically against R20": unannounced,
    "converted more than once": converted_twice,
    "withdrawn, and yet imported or converted": withdrawn_and_alive,
    "in production without a claim on its Microsoft 365 tenant": production_without_its_tenant,
    "hints that differ from their recomputation": wrong_hints,
    "suspended, and billed beyond it": billed_beyond_the_end,
    "keys of another branch than the organization's": another_branch,
    "searched among the pending, or not, unlike its import": searched_elsewhere,
}
