"""The sweep: what is due at an instant, done by itself. Set-based, in slices, safe to run twice, at once, late or after a
crash.

Each rule is one statement over a slice: it asks the rule again (the compiled queryset of `models/queries.py`), locks with
SKIP LOCKED, and writes subscription, period, event and mails together. `wake_at` only finds candidates.
"""

import logging
from collections.abc import Iterator
from datetime import datetime
from time import monotonic
from typing import Any

from django.db import DataError, Error, IntegrityError, connection, transaction
from django.db.models import Case, CharField, QuerySet, Value, When

from partnerapp.models import Job
from subscriptions.models import Subscription
from subscriptions.models.queries import OWNER
from subscriptions.terms import ANNOUNCEMENTS, EXPIRATION_NOTICES, HOLD, NOTICES, WAIT

logger = logging.getLogger(__name__)
SLICE = 5_000
FAMILY = Case(
    When(blocked_at__isnull=False, then=Value("subscriptions.trial_will_expire_")),
    default=Value("subscriptions.upgrade_notice_"),
    output_field=CharField(),
)
EXPIRATION_FAMILY = Value("subscriptions.production_expires_", output_field=CharField())


def admins(owner: str) -> str:
    """The condition under which an operator is told: an active Admin of `owner`."""
    return (
        f"operator.organization_id = due.{owner} AND operator.role = 'admin' "
        "AND operator.accepted_at IS NOT NULL AND operator.disabled_at IS NULL"
    )


def mails(source: str, kind: str, about_at: str, *, to: str = "owner_id", admins_only: bool = False) -> str:
    """Queue a mail to the Admins of the owner (or of `to`) of each row of the CTE `source`, and to its notification email.

    A mail that a verb made obsolete holds again; any other of the same kind and instant is there already.
    """
    others = f"""
    UNION ALL
    SELECT due.organization_id, due.distributor_id, due.partner_id, NULL, {kind}, {about_at}, o.notification_email
    FROM {source} due JOIN organization o ON o.id = due.organization_id
    WHERE NOT EXISTS (SELECT FROM operator WHERE {admins(to)} AND lower(operator.email) = lower(o.notification_email))
    """  # noqa: S608 -- every part is a constant of this file
    return f"""
    INSERT INTO message (organization_id, distributor_id, partner_id, operator_id, kind, about_at, recipient)
    SELECT due.organization_id, due.distributor_id, due.partner_id, operator.id, {kind}, {about_at}, operator.email
    FROM {source} due JOIN operator ON {admins(to)}
    {"" if admins_only else others}
    ON CONFLICT (organization_id, kind, about_at, recipient)
    DO UPDATE SET state = 'queued', ready_at = excluded.ready_at WHERE message.state = 'obsolete'
    """  # noqa: S608 -- every part is a constant of this file


def transition(event: str, change: str, before: str, after: str, *also: str) -> str:
    """One statement: the due rows change, one event each, their notices become pointless, and what `also` adds."""
    extra = "".join(f", also_{n} AS ({statement})" for n, statement in enumerate(also))
    return f"""
    WITH due AS ({{due}}),
    to_tell AS (SELECT * FROM due WHERE kind = 'customer'),
    changed AS (UPDATE subscription s SET {change} FROM due WHERE s.organization_id = due.organization_id),
    logged AS (
      INSERT INTO event (organization_id, distributor_id, partner_id, at, actor, actor_kind, kind, before, after, reason)
      SELECT organization_id, distributor_id, partner_id, %(now)s, 'System', 'system', '{event}',
        jsonb_build_object({before}), jsonb_build_object({after}), '' FROM due),
    retired AS (
      UPDATE message m SET state = 'obsolete' FROM due
      WHERE m.organization_id = due.organization_id AND m.state = 'queued' AND m.kind = ANY (%(announcements)s))
    {extra}
    SELECT count(*) FROM due
    """  # noqa: S608


def announcement(*, admins_only: bool) -> str:
    """One statement: the nearest notice of each due row is queued, the ones before it are overtaken (R22)."""
    return f"""
    WITH due AS ({{due}}),
    woken AS (UPDATE subscription s SET wake_at = due.next_boundary FROM due WHERE s.organization_id = due.organization_id),
    overtaken AS (
      UPDATE message m SET state = 'obsolete' FROM due, unnest(%(days)s) days
      WHERE m.organization_id = due.organization_id AND m.about_at = due.deadline AND m.state = 'queued'
        AND days > due.notice AND m.kind = due.family || days),
    missing AS (
      SELECT due.* FROM due WHERE NOT EXISTS (
        SELECT FROM message m, unnest(%(days)s) days
        WHERE m.organization_id = due.organization_id AND m.about_at = due.deadline AND m.state <> 'obsolete'
          AND days <= due.notice AND m.kind = due.family || days)
      OR EXISTS (
        SELECT FROM message m
        WHERE m.organization_id = due.organization_id AND m.about_at = due.deadline AND m.state = 'obsolete'
          AND m.kind = due.family || due.notice)),
    mailed AS (
      {mails("missing", "due.family || due.notice", "due.deadline", admins_only=admins_only)} RETURNING organization_id)
    SELECT count(DISTINCT organization_id) FROM mailed
    """  # noqa: S608


ANNOUNCE, ANNOUNCE_EXPIRATION = announcement(admins_only=False), announcement(admins_only=True)
OVER = "wake_at = NULL, sort_at = '9999-12-31 00:00:00+00'"
LOOK_AGAIN = """
    WITH due AS ({due}),
    woken AS (UPDATE subscription s SET wake_at = due.look_again FROM due WHERE s.organization_id = due.organization_id)
    SELECT count(*) FROM due
"""
CONVERT = transition(
    "converted",
    f"converted_at = %(now)s, {OVER}",
    "'converted_at', NULL",
    "'converted_at', %(now)s",
    "INSERT INTO period (organization_id, starts_at, cause) SELECT organization_id, %(now)s, 'converted' FROM due",
    mails("due", "'subscriptions.converted'", "%(now)s"),
    mails("to_tell", "'subscriptions.customer_converted'", "%(now)s", to="distributor_id", admins_only=True),
)
POSTPONE = transition(
    "upgrade_held",
    "held_at = COALESCE(s.held_at, %(now)s), hold_reason = due.reason, "
    "upgrade_at = %(retry)s, sort_at = %(retry)s, wake_at = %(retry_notice)s",
    "'upgrade_at', upgrade_at, 'held_at', held_at, 'hold_reason', hold_reason",
    "'upgrade_at', %(retry)s, 'held_at', COALESCE(held_at, %(now)s), 'hold_reason', reason",
    mails("due", "'subscriptions.upgrade_held'", "%(now)s"),
    mails("due", "'subscriptions.upgrade_notice_1'", "%(retry)s"),
)
WAIT_FOR_PARTNER = transition(
    "upgrade_held",
    "held_at = COALESCE(s.held_at, %(now)s), hold_reason = 'partner', wake_at = %(look_again)s",
    "'held_at', held_at, 'hold_reason', hold_reason",
    "'held_at', COALESCE(held_at, %(now)s), 'hold_reason', 'partner'",
    mails("due", "'subscriptions.upgrade_held'", "%(now)s"),
)
SUSPEND = transition(
    "suspended",
    f"suspended_at = due.over_at, {OVER}",
    "'suspended_at', NULL",
    "'suspended_at', due.over_at",
    "UPDATE period p SET ends_at = due.over_at FROM due WHERE p.organization_id = due.organization_id AND p.ends_at IS NULL",
    mails("due", "'subscriptions.production_suspended'", "due.over_at", admins_only=True),
)
EXPIRE = transition(
    "trial_expired",
    f"expired_at = %(now)s, {OVER}",
    "'expired_at', NULL",
    "'expired_at', %(now)s",
    mails("due", "'subscriptions.trial_expired'", "due.ends_at"),
)


def sweep(at: datetime, wall: datetime) -> dict[str, int]:
    """Do what is due at `at` (UTC): announce, convert or hold, expire, suspend. Returns how many of each, and `ms`.

    Raises the last database error after everything else is done: a broken row stops nobody else.
    """
    started = monotonic()
    rows = Subscription.objects
    upgrades = rows.notice_due(at).with_next_boundary(NOTICES, at).annotate(family=FAMILY)
    expirations = rows.expiration_notice_due(at).with_next_boundary(EXPIRATION_NOTICES, at)
    work = [
        ("notices", upgrades, ANNOUNCE),
        ("notices", expirations.annotate(family=EXPIRATION_FAMILY), ANNOUNCE_EXPIRATION),
        ("converted", rows.convertible(at), CONVERT),
        ("held", rows.to_hold(at), POSTPONE),
        ("held", rows.to_keep_waiting(at), WAIT_FOR_PARTNER),
        ("waiting", rows.waiting_for_partner(at), LOOK_AGAIN),
        ("expired", rows.to_expire(at), EXPIRE),
        ("suspended", rows.to_suspend(at), SUSPEND),
    ]
    failures: list[Error] = []
    counts = dict.fromkeys(["notices", "converted", "held", "expired", "suspended"], 0)
    for name, due, statement in work:
        done = run(due, statement, at, failures)
        if name in counts:
            counts[name] += done
    if failures:
        raise failures[-1]
    Job.finished("sweep", wall=wall, counts=counts, oldest_overdue_s=overdue(at))
    return counts | {"ms": round((monotonic() - started) * 1000)}


def run(due: QuerySet, statement: str, at: datetime, failures: list[Error]) -> int:
    """Apply one rule to all that is due, slice by slice, each in its own transaction."""
    due = due.filter(wake_at__lte=at).annotate(owner_id=OWNER).order_by("pk")
    return sum(run_part(due, ids, statement, at, failures) for ids in slices(due))


def run_part(due: QuerySet, ids: list[int], statement: str, at: datetime, failures: list[Error]) -> int:
    """These rows in one transaction; if their data break it, each half in its own, down to the broken row."""
    try:
        return run_slice(due.filter(pk__gte=ids[0], pk__lte=ids[-1]), statement, at)
    except Error as error:
        if len(ids) > 1 and isinstance(error, IntegrityError | DataError):
            halves = ids[: len(ids) // 2], ids[len(ids) // 2 :]
            return sum(run_part(due, half, statement, at, failures) for half in halves)
        logger.exception("the rows %s-%s failed; the others go on", ids[0], ids[-1])
        failures.append(error)
        return 0


def run_slice(due: QuerySet, statement: str, at: datetime) -> int:
    parameters: dict[str, Any] = {
        "now": at, "retry": at + HOLD, "retry_notice": at + HOLD - NOTICES[1], "look_again": at + WAIT,
        "days": sorted(NOTICES | EXPIRATION_NOTICES), "announcements": ANNOUNCEMENTS,
    }  # fmt: skip
    with transaction.atomic(), connection.cursor() as cursor:
        locked = due.select_for_update(no_key=True, skip_locked=True, of=("self",))
        sql, values = locked.query.sql_with_params()
        embedded = cursor.mogrify(sql, values).replace("%", "%%")
        cursor.execute(statement.format(due=embedded), parameters)
        return cursor.fetchone()[0]


def slices(due: QuerySet) -> Iterator[list[int]]:
    """The ids of each slice, in primary-key order."""
    ids = list(due.values_list("pk", flat=True))
    for start in range(0, len(ids), SLICE):
        yield ids[start : start + SLICE]


def overdue(at: datetime) -> int:
    """How long (seconds) the oldest due work has been waiting for a sweep."""
    waiting = Subscription.objects.filter(wake_at__lte=at).order_by("wake_at")
    oldest = waiting.values_list("wake_at", flat=True).first()
    return int((at - oldest).total_seconds()) if oldest else 0


def next_due(at: datetime) -> datetime | None:
    """The next instant after `at` at which the sweep will have something to do: the test clock's next stop.

    What waits for a Partner is looked at each hour, but something is done only when its upgrade is due (R21).
    """
    waiting = Subscription.objects.waiting_for_partner(at)
    others = Subscription.objects.filter(wake_at__gt=at).exclude(pk__in=waiting.values("pk"))
    coming = [
        others.order_by("wake_at").values_list("wake_at", flat=True).first(),
        waiting.filter(upgrade_at__gt=at).order_by("upgrade_at").values_list("upgrade_at", flat=True).first(),
    ]
    return min(filter(None, coming), default=None)
