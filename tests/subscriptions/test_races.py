"""Verbs against verbs, on two connections: what waited for a lock asks again, and sees what the other has done."""

import threading

import pytest
from django.db import connection, transaction

from onboarding import tenant_import
from onboarding.models import ImportRun
from partnerapp.actions import Refused
from partnerapp.models import Organization
from subscriptions.invariants import broken
from subscriptions.models import Period
from tests.factories import DAY, NOW, fresh, partner, pending_partner

pytestmark = pytest.mark.django_db(transaction=True)


def meanwhile(first, second):
    """`second` on another connection, begun while `first` has done its work but not yet committed. Returns its answer."""
    answers, begun = [], threading.Event()

    def run():
        begun.set()
        try:
            answers.append(second())
        except Refused as refused:
            answers.append(refused)
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    with transaction.atomic():
        first()
        thread.start()
        begun.wait()
        thread.join(0.3)  # it runs into the lock
    thread.join()
    return answers[0]


@pytest.fixture
def importing(contoso):
    """Connected, the import running."""
    at = NOW - DAY
    facts = {"started_at": at, "consented_at": at, "configured_at": at}
    tid = partner(contoso, "Template").tid
    Organization.objects.filter(name="Template").update(tid_released_at=at, name="Gone")
    made = pending_partner(contoso, "Importing", tid=tid, started_oid=tid, consenter_oid=tid, **facts)
    Organization.objects.filter(pk=made.pk).update(tid=tid)
    ImportRun.objects.create(organization=made, tid=tid, ready_at=NOW, started_at=at)
    return fresh(made)


def test_withdraw_after_convert_is_refused(importing, alice):
    other = meanwhile(
        lambda: importing.subscription.convert(by=alice, at=NOW),
        lambda: fresh(importing).onboarding.withdraw(by=alice, at=NOW),
    )
    assert isinstance(other, Refused)
    assert broken(NOW) == []


def test_convert_after_withdraw_is_refused(importing, alice):
    other = meanwhile(
        lambda: importing.onboarding.withdraw(by=alice, at=NOW),
        lambda: fresh(importing).subscription.convert(by=alice, at=NOW),
    )
    assert isinstance(other, Refused)
    assert not Period.objects.exists()


def test_convert_after_cancel_claims_the_tenant_again(alice, contoso):
    trial = partner(contoso)
    other = meanwhile(
        lambda: trial.subscription.cancel(by=alice, at=NOW),
        lambda: fresh(trial).subscription.convert(by=alice, at=NOW),
    )
    assert other.converted_at == NOW
    assert fresh(trial).tid_released_at is None


def test_cancel_after_convert_is_refused(alice, contoso):
    trial = partner(contoso)
    other = meanwhile(
        lambda: trial.subscription.convert(by=alice, at=NOW),
        lambda: fresh(trial).subscription.cancel(by=alice, at=NOW),
    )
    assert isinstance(other, Refused)
    assert broken(NOW) == []


def test_the_import_does_not_finish_what_was_withdrawn(importing, alice):
    run = ImportRun.objects.get(organization=importing)
    other = meanwhile(lambda: importing.onboarding.withdraw(by=alice, at=NOW), lambda: tenant_import.finish(run, NOW))
    assert other == "waiting"
    assert fresh(importing).subscription.imported_at is None


def test_withdraw_after_the_import_finished_is_refused(importing, alice):
    run = ImportRun.objects.get(organization=importing)
    other = meanwhile(
        lambda: tenant_import.finish(run, NOW), lambda: fresh(importing).onboarding.withdraw(by=alice, at=NOW)
    )
    assert isinstance(other, Refused)
    assert broken(NOW) == []


def test_two_conversions_make_one_period(alice, contoso):
    trial = partner(contoso)
    other = meanwhile(
        lambda: trial.subscription.convert(by=alice, at=NOW),
        lambda: fresh(trial).subscription.convert(by=alice, at=NOW),
    )
    assert isinstance(other, Refused)
    assert Period.objects.filter(organization=trial).count() == 1
