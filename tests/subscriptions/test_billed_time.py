"""R25: billed time is an organization's own production periods; a customer's ∩ its Partner's."""

import pytest

from subscriptions.models.period import Period, billed_time
from tests.factories import DAY, HOUR, NOW, TICK, customer, fresh, partner

LATER = NOW + 30 * DAY
DAYS = {  # own periods, its Partner's, what is billed by NOW + 30 days: from and to, in days after NOW; None: still open
    "customer first": ([(0, None)], [(5, None)], [(5, 30)]),
    "Partner first": ([(5, None)], [(0, None)], [(5, 30)]),
    "same instant": ([(3, None)], [(3, None)], [(3, 30)]),
    "Partner never": ([(0, None)], [], []),
    "customer never": ([], [(0, None)], []),
    "Partner suspended": ([(0, None)], [(0, 10)], [(0, 10)]),
    "Partner suspended and reinstated": ([(0, None)], [(0, 10), (20, None)], [(0, 10), (20, 30)]),
    "customer suspended": ([(2, 8)], [(0, None)], [(2, 8)]),
    "customer suspended and reinstated": ([(2, 8), (12, None)], [(0, None)], [(2, 8), (12, 30)]),
    "both, the gaps overlap": ([(0, 10), (15, None)], [(0, 12), (20, None)], [(0, 10), (20, 30)]),
    "both, one within the other's gap": ([(0, 10), (20, None)], [(12, 18)], []),
    "the one ends where the other begins": ([(0, 10)], [(10, None)], []),
    "over before": ([(0, 1)], [(0, 2), (3, 4)], [(0, 1)]),
    "begins when it is asked": ([(30, None)], [(0, None)], []),
}


def days(spans):
    return [tuple(None if n is None else NOW + n * DAY for n in span) for span in spans]


def set_periods(organization, spans):
    Period.objects.filter(organization=organization).delete()
    for start, end in days(spans):
        Period.objects.create(organization=organization, starts_at=start, ends_at=end)


@pytest.mark.parametrize("case", DAYS)
def test_billed_is_what_both_were_in_production(contoso, case):
    own, above, billed = DAYS[case]
    northwind = partner(contoso, "Northwind")
    woodgrove = customer(northwind, "Woodgrove")
    set_periods(woodgrove, own)
    set_periods(northwind, above)
    assert billed_time(woodgrove, LATER) == days(billed)
    assert billed_time(northwind, LATER) == days([(a, 30 if b is None else b) for a, b in above])


def test_the_end_of_a_date_is_the_end_of_billing_before_any_sweep(contoso):
    """R26: swept or not."""
    northwind = partner(contoso, "Northwind", converted_at=NOW - 9 * DAY)
    row = customer(northwind, converted_at=NOW - 8 * DAY, expires_on=NOW.date())
    midnight = NOW.replace(hour=0) + DAY
    assert billed_time(row, midnight - TICK) == [(NOW - 8 * DAY, midnight - TICK)]
    assert billed_time(row, midnight + 5 * DAY) == [(NOW - 8 * DAY, midnight)]


def test_what_verbs_and_sweeps_do_is_billed_so(contoso, alice, charlie, fabrikam):
    """A customer first, its Partner later; the Partner suspended and reinstated."""
    woodgrove = customer(fabrikam, "Woodgrove", converted_at=NOW - DAY)
    fabrikam.subscription.convert(by=alice, at=NOW)
    fabrikam.subscription.suspend(by=alice, at=NOW + DAY, reason="Unpaid")
    fabrikam.subscription.reinstate(by=alice, at=NOW + 3 * DAY, reason="Paid")
    fabrikam.subscription.end(by=alice, at=NOW + 4 * DAY, reason="Gave up")
    billed = [(NOW, NOW + DAY), (NOW + 3 * DAY, NOW + 4 * DAY)]
    assert billed_time(fresh(woodgrove), NOW + 9 * DAY) == billed
    assert billed_time(fresh(fabrikam), NOW + 9 * DAY) == billed
    assert not fresh(woodgrove).subscription.has_access(NOW + 2 * DAY)
    assert fresh(woodgrove).subscription.state(NOW + 5 * DAY + HOUR) == "production"
