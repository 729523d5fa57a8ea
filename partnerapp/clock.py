"""The two clocks. `now` for business instants (trials, notices, links), `wall` for machinery (leases, back-off, sessions).

They differ only with `TEST_CLOCK=1`. Called in views, admin, tasks and commands; models are passed `at`.
"""

from datetime import UTC, datetime, timedelta

from django.conf import settings

LAST = datetime(9000, 1, 1, tzinfo=UTC)  # some centuries before Python's calendar ends


def wall() -> datetime:
    """The machine's time (UTC)."""
    return datetime.now(UTC)


def now() -> datetime:
    """The business instant (UTC): the wall's, or with the test clock as far ahead of it as somebody has set it."""
    return wall() + offset()


def offset() -> timedelta:
    """How far business time is ahead of wall time."""
    if not settings.TEST_CLOCK:
        return timedelta()
    from partnerapp.models import ClockOffset

    row = ClockOffset.objects.first()
    return row.offset if row else timedelta()


def require_test_clock() -> None:
    """Raises ValueError in production, where nobody may move time or empty the database."""
    if not settings.TEST_CLOCK:
        raise ValueError("There is no test clock here: it exists only with TEST_CLOCK=1.")


def move_to(at: datetime) -> None:
    """Set the test clock. Raises ValueError without a test clock, or when `at` lies in its past or too far ahead."""
    from partnerapp.models import ClockOffset

    require_test_clock()
    if at >= LAST:
        raise ValueError(f"The test clock goes no further than the year {LAST.year}.")
    if at < now():
        raise ValueError(f"The test clock stands at {now():%Y-%m-%dT%H:%M:%SZ} and only moves forward.")
    ClockOffset.objects.update_or_create(id=1, defaults={"offset": at - wall()})
