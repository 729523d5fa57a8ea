"""A customer's conversion ∥ its Partner's, 400 times on two connections: nothing is lost, nothing billed too early (R25)."""

import threading
from contextlib import suppress

import pytest
from django.db import connection

from partnerapp.actions import Refused
from subscriptions import lifecycle
from subscriptions.invariants import broken
from subscriptions.models import Period
from subscriptions.models.period import billed_time
from tests.factories import DAY, HOUR, NOW, TICK, OperatorFactory, customer, fresh, notice, partner

pytestmark = [pytest.mark.faults, pytest.mark.django_db(transaction=True)]
ROUNDS = 400


def side_by_side(rounds, first, second):
    """Both in each round at the same moment, each on a connection of its own. Returns what neither of them may do."""
    barrier, failures = threading.Barrier(2), []

    def run(work):
        try:
            for each in rounds:
                barrier.wait(timeout=30)
                with suppress(Refused):  # the one that was too early or too late reads why
                    work(*each)
        except Exception as error:
            failures.append(error)
            barrier.abort()
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[work]) for work in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return failures


def pairs(contoso, number):
    """Partners in a trial, each with a customer whose upgrade is due and announced; and the instant of each conversion."""
    for n in range(number):
        above = partner(contoso, f"Partner {n}")
        below = customer(above, f"Customer {n}", ends_in=-HOUR)
        notice(below, OperatorFactory(organization=above), accepted_at=NOW - 2 * DAY)
        yield above, below, NOW + (n % 3) * TICK, NOW + (n % 5) * TICK


def test_both_conversions_at_once_are_billed_from_the_later_one(contoso, alice):
    """R25, 400 times: no conversion touches the other's row, so none of them can be lost."""
    rounds = list(pairs(contoso, ROUNDS))
    failures = side_by_side(
        rounds,
        lambda above, below, at, later: above.subscription.convert(by=alice, at=at),
        lambda above, below, at, later: lifecycle.sweep(later, NOW),
    )
    assert failures == []
    for above, below, _at, _later in rounds:
        starts = [Period.objects.get(organization=row, ends_at=None).starts_at for row in (above, below)]
        assert billed_time(fresh(below), NOW + DAY) == [(max(starts), NOW + DAY)]
    assert broken(NOW + DAY) == []


def test_by_hand_the_customers_is_done_or_refused_and_billed_if_done(contoso, alice):
    """R24: only an MSP in production converts, so the loser of the race reads why."""
    rounds = list(pairs(contoso, ROUNDS))
    failures = side_by_side(
        rounds,
        lambda above, below, at, later: above.subscription.convert(by=alice, at=at),
        lambda above, below, at, later: below.subscription.convert(by=alice, at=later),
    )
    assert failures == []
    done = {below.pk for _above, below, _at, _later in rounds if fresh(below).subscription.converted_at}
    assert set(Period.objects.filter(organization__kind="customer").values_list("organization", flat=True)) == done
    for above, below, at, later in rounds:
        assert billed_time(fresh(above), NOW + DAY) == [(at, NOW + DAY)]
        assert billed_time(fresh(below), NOW + DAY) == ([(max(at, later), NOW + DAY)] if below.pk in done else [])
    assert broken(NOW + DAY) == []
