"""What must never be, the database refuses: every CHECK, UNIQUE, trigger and composite key of the three apps."""

import uuid
from datetime import UTC, datetime

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from onboarding.models import ImportRun, Onboarding
from partnerapp.models import Event, Message, Operator, Organization
from partnerapp.models.clock import ClockOffset
from subscriptions.models import Period, Product, Subscription, SubscriptionProduct
from tests.factories import (
    DAY,
    HOUR,
    NOW,
    TICK,
    DistributorFactory,
    OperatorFactory,
    PartnerFactory,
    customer,
    fresh,
    notice,
    partner,
)

CONSTRAINTS = """
    SELECT conname FROM pg_constraint WHERE contype IN ('c', 'u') AND conrelid IN (
      SELECT c.oid FROM pg_class c WHERE relname = ANY (%s))
    UNION SELECT indexrelid::regclass::text FROM pg_index WHERE indisunique AND NOT indisprimary
      AND indrelid IN (SELECT c.oid FROM pg_class c WHERE relname = ANY (%s))
"""
TABLES = [
    "organization", "operator", "event", "message", "job", "clock", "signin_flow", "attempt", "subscription",
    "subscription_product", "product", "period", "onboarding", "import_run",
]  # fmt: skip


@pytest.fixture
def running(contoso):
    return partner(contoso, "Fabrikam", ends_in=2 * DAY)


def refused(name, work):
    """`work` is refused by the constraint of this name, at once or when the transaction ends."""
    with pytest.raises(IntegrityError, match=name):
        at_once(work)


@transaction.atomic
def at_once(work):
    work()
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def change(row, **facts):
    return lambda: type(row).objects.filter(pk=row.pk).update(**facts)


ORGANIZATION = [
    ("distributor_has_no_parent", {"kind": "distributor"}),
    ("distributor_has_no_parent", {"parent": None}),
    ("customer_has_a_source", {"kind": "customer"}),
    ("customer_has_a_source", {"source": "msp"}),
    ("organization_is_named", {"name": ""}),
    ("released_tenant_was_connected", {"tid": None, "tid_released_at": NOW}),
]


@pytest.mark.parametrize(("name", "facts"), ORGANIZATION)
def test_an_organization_is_what_its_kind_says(running, name, facts):
    refused(name, change(running, **facts))


def test_a_distributor_is_its_own_tree(contoso, mallory):
    refused("distributor_has_no_parent", change(contoso, distributor=mallory.organization))


def test_a_partner_hangs_below_its_distributor_alone(running, contoso):
    other = PartnerFactory(parent=contoso)
    refused("partner_hangs_below_its_distributor", change(other, parent=running))


def test_a_parent_is_of_the_same_tree(running, mallory):
    """The composite key: a customer cannot hang below another tree's Partner."""
    other = PartnerFactory(parent=mallory.organization)
    customer = {"kind": "customer", "source": "msp", "parent": other}
    refused("parent_in_the_same_tree", change(running, **customer))


def test_a_tenant_belongs_to_one_organization_until_it_is_released(running, contoso):
    other = partner(contoso, "Tailspin")
    refused("tenant_belongs_to_one_organization", change(other, tid=running.tid))
    change(running, tid_released_at=NOW)()
    assert change(other, tid=running.tid)() == 1


def test_one_form_adds_one_organization(contoso):
    key = uuid.uuid4()
    PartnerFactory(parent=contoso, request_key=key)
    refused("organization_request_key", lambda: PartnerFactory(parent=contoso, request_key=key))


SUBSCRIPTION = [
    ("trial_lasts_336_or_504_hours", {"ends_at": NOW + 2 * DAY + TICK, "upgrade_at": NOW + 3 * DAY}),
    ("trial_lasts_336_or_504_hours", {"ends_at": NOW + 9 * DAY, "upgrade_at": NOW + 9 * DAY}),
    ("trial_lasts_336_or_504_hours", {"extended_at": NOW}),
    ("trial_lasts_336_or_504_hours", {"ends_at": None}),
    ("trial_and_upgrade_start_together", {"upgrade_at": None}),
    ("trial_and_upgrade_start_together", {"upgrade_at": NOW + 2 * DAY - TICK}),
    ("held_with_a_reason", {"held_at": NOW}),
    ("held_with_a_reason", {"hold_reason": "refused"}),
    ("trial_needs_an_import", {"imported_at": None}),
    ("who_needs_when", {"extended_by": True}),
    ("who_needs_when", {"blocked_by": True}),
    ("who_needs_when", {"cancelled_by": True}),
    ("who_needs_when", {"converted_by": True}),
    ("who_needs_when", {"suspended_by": True}),
    ("only_production_is_suspended", {"suspended_at": NOW, "suspended_reason": "Unpaid"}),
    ("expiration_dates_are_of_customers_in_production", {"expires_on": NOW.date()}),
]


@pytest.mark.parametrize(("name", "facts"), SUBSCRIPTION)
def test_the_facts_of_a_subscription_fit_together(running, alice, name, facts):
    facts = {key: alice if value is True else value for key, value in facts.items()}
    refused(name, change(running.subscription, **facts))


def test_a_partner_in_production_has_no_date_and_is_suspended_with_a_reason(contoso):
    """R26, R27."""
    row = partner(contoso, converted_at=NOW).subscription
    refused("expiration_dates_are_of_customers_in_production", change(row, expires_on=NOW.date()))
    refused("a_partner_is_suspended_with_a_reason", change(row, suspended_at=NOW))


def test_a_customer_is_suspended_by_its_date_alone(running):
    """R26."""
    row = customer(running, converted_at=NOW - DAY).subscription
    refused("a_customer_is_suspended_by_its_date", change(row, suspended_at=NOW))
    assert change(row, suspended_at=NOW, expires_on=NOW.date())() == 1


@pytest.mark.parametrize("value", [None, NOW, NOW - 12 * DAY + TICK])
def test_the_start_of_a_trial_is_written_once(running, value):
    refused("written once", change(running.subscription, started_at=value))


@pytest.mark.parametrize("value", [None, NOW + TICK])
def test_a_conversion_is_written_once(contoso, value):
    """R27: no way back."""
    converted = partner(contoso, converted_at=NOW)
    refused("written once", change(converted.subscription, converted_at=value))


def test_at_most_one_period_is_open(running):
    Period.objects.create(organization=running, starts_at=NOW - DAY, ends_at=NOW)
    Period.objects.create(organization=running, starts_at=NOW)
    refused("one_open_period", lambda: Period.objects.create(organization=running, starts_at=NOW + DAY))


@pytest.mark.parametrize("facts", [{"starts_at": NOW + TICK}, {"ends_at": None}, {"ends_at": NOW + 2 * DAY}])
def test_a_period_keeps_its_start_and_ends_once(running, facts):
    """R25."""
    period = Period.objects.create(organization=running, starts_at=NOW, ends_at=NOW + DAY)
    refused("a period keeps its organization and its start", change(period, **facts))


@pytest.mark.parametrize("ends_at", [NOW, NOW - TICK])
def test_a_period_ends_after_it_starts(running, ends_at):
    refused("period_ends", lambda: Period.objects.create(organization=running, starts_at=NOW, ends_at=ends_at))


def test_a_product_is_held_once_at_a_time(running):
    held = running.subscription.holdings.first()
    again = {"subscription": running.subscription, "product": held.product, "from_at": NOW}
    refused("product_held_once", lambda: SubscriptionProduct.objects.create(**again))
    SubscriptionProduct.objects.filter(pk=held.pk).update(until_at=NOW)
    assert SubscriptionProduct.objects.create(**again)


def test_a_product_has_a_name_of_its_own(db):
    refused("product_name", lambda: Product.objects.create(code="other", name="Audit 2025", kind="addon"))


MESSAGE = [{"state": "sent"}, {"accepted_at": NOW}, {"state": "refused", "accepted_at": NOW}]


@pytest.mark.parametrize("facts", MESSAGE)
def test_sent_means_accepted(running, alice, facts):
    refused("sent_means_accepted", change(notice(running, alice, accepted_at=None), **facts))


def test_each_mail_is_there_once(running, alice):
    notice(running, alice, accepted_at=None)
    refused("each_mail_once", lambda: notice(running, alice, accepted_at=NOW))


OPERATOR = [
    ("staff_or_organization", {"is_staff": True}),
    ("staff_or_organization", {"organization": None}),
    ("identity_is_whole", {"tid": None}),
    ("identity_is_whole", {"oid": None, "accepted_at": None}),
    ("accepted_operator_has_an_identity", {"tid": None, "oid": None}),
    ("operator_role_known", {"role": "owner"}),
]


@pytest.mark.parametrize(("name", "facts"), OPERATOR)
def test_an_operator_is_whole(alice, name, facts):
    refused(name, change(alice, **facts))


def test_one_operator_per_microsoft_identity(alice, victor):
    refused("one_operator_per_microsoft_identity", change(victor, tid=alice.tid, oid=alice.oid))


def test_one_operator_per_address_and_organization_however_it_is_written(alice, victor):
    refused("one_operator_per_email_and_organization", change(victor, email=alice.email.upper()))


def test_the_same_address_may_work_for_two_organizations(alice, mallory):
    assert change(mallory, email=alice.email)() == 1


def test_a_username_is_unique(alice, victor):
    refused("operator_username", change(victor, username=alice.username))


@pytest.mark.parametrize("work", ["update", "delete"])
def test_an_event_is_never_changed_or_deleted(running, work):
    event = Event.record(running, "added", at=NOW, by=None)
    rewrite = {"update": change(event, reason="Otherwise"), "delete": lambda: Event.objects.all().delete()}
    refused("never changed or deleted", rewrite[work])


ONBOARDING = [
    ("error_has_a_code_and_an_instant", {"error_code": "missing_permission"}),
    ("error_has_a_code_and_an_instant", {"error_at": NOW}),
    ("onboarding_steps_in_order", {"consented_at": None}),
    ("onboarding_steps_in_order", {"configured_at": NOW - 90 * DAY}),
    ("onboarding_steps_in_order", {"started_at": None, "tid": None, "started_oid": None}),
    ("another_trial_is_allowed_with_a_reason", {"repeat_trial_allowed_at": NOW}),
    ("started_means_bound", {"tid": None}),
    ("started_means_bound", {"started_oid": None}),
    ("started_means_bound", {"started_at": None, "configured_at": None}),
]


@pytest.mark.parametrize(("name", "facts"), ONBOARDING)
def test_the_steps_of_an_onboarding_are_in_order(running, name, facts):
    refused(name, change(Onboarding.objects.get(pk=running.pk), **facts))


def run_of(organization, **facts):
    wall = timezone.now()
    return ImportRun.objects.create(
        **{"organization": organization, "tid": organization.tid, "ready_at": wall, "started_at": NOW} | facts
    )


def test_one_import_of_a_tenant_runs_at_a_time(running):
    run_of(running, failed_at=NOW)
    run_of(running, finished_at=NOW)
    run_of(running)
    refused("one_running_import_per_tenant", lambda: run_of(running))


def test_an_import_ends_once(running):
    refused("import_ends_once", lambda: run_of(running, finished_at=NOW, failed_at=NOW))


def test_there_is_one_clock_and_it_runs_forward(db):
    refused("one_clock", lambda: ClockOffset.objects.create(id=2))
    refused("clock_runs_forward", lambda: ClockOffset.objects.create(offset=-TICK))


@pytest.mark.parametrize(
    ("model", "organization"),
    [(Subscription, "organization"), (Onboarding, "organization"), (Period, "organization"), (Event, "organization")],
)
def test_a_row_about_nobody_is_refused(contoso, running, model, organization):
    refused("foreign key", lambda: cloned(model, running, organization))


def cloned(model, running, organization):
    facts = {
        Subscription: {"distributor_id": 1, "kind": "partner"},
        Onboarding: {"link_expires_at": NOW, "waiting_since": NOW},
        Period: {"starts_at": NOW},
        Event: {"distributor_id": 1, "at": NOW, "actor": "System", "actor_kind": "system", "kind": "added"},
    }[model]
    return model.objects.create(**{f"{organization}_id": 999_999} | facts)


def test_a_tree_is_not_cut_down_while_somebody_hangs_in_it(contoso, running):
    with connection.cursor() as cursor:
        refused("foreign key", lambda: cursor.execute("DELETE FROM organization WHERE id = %s", [contoso.pk]))


@pytest.mark.parametrize(
    "facts", [{"actor_kind": "system"}, {"actor_kind": "operator"}, {"distributor_id": 1}, {"partner_id": 1}]
)
def test_an_event_stands_in_a_tree_or_is_the_vendors(db, facts):
    """Only staff change what belongs to no organization."""
    known = {"at": NOW, "actor": "Stan", "actor_kind": "staff", "kind": "product_added"}
    refused("event_stands_in_a_tree_or_is_the_vendors", lambda: Event.objects.create(**(known | facts)))
    Event.objects.create(**known)


TRIED = {name for table in (ORGANIZATION, SUBSCRIPTION, OPERATOR, ONBOARDING) for name, facts in table} | {
    "a_customer_is_suspended_by_its_date", "event_stands_in_a_tree_or_is_the_vendors", "a_partner_is_suspended_with_a_reason",
    "partner_hangs_below_its_distributor", "tenant_belongs_to_one_organization", "organization_request_key_key",
    "one_open_period", "period_ends_after_it_starts", "product_held_once", "product_name_key", "sent_means_accepted",
    "each_mail_once", "one_operator_per_microsoft_identity", "one_operator_per_email_and_organization",
    "operator_username_key", "one_running_import_per_tenant", "import_ends_once", "one_clock", "clock_runs_forward",
}  # fmt: skip
KEYS = {"organization_tree_key"}  # what the composite key refers to; ids are unique already


def test_no_constraint_is_left_untried(db):
    with connection.cursor() as cursor:
        cursor.execute(CONSTRAINTS, [TABLES, TABLES])
        named = {name for (name,) in cursor.fetchall() if not name.endswith("_check")}
    assert named - TRIED - KEYS == set()


def test_every_table_of_the_apps_is_looked_at(db):
    ours = {"partnerapp", "subscriptions", "onboarding"}
    from django.apps import apps

    tables = {model._meta.db_table for model in apps.get_models() if model._meta.app_label in ours}
    assert tables == set(TABLES)


def test_the_factories_make_what_is_allowed(contoso):
    DistributorFactory()
    OperatorFactory()
    partner(contoso)
    assert Organization.objects.count() == 4
    assert Operator.objects.count() == Subscription.objects.count() == 1
    assert not Message.objects.exists()


def test_a_trial_across_the_change_to_summer_time_is_336_hours_in_any_session(contoso):
    """A restore runs in the time zone of whoever restores: a day is 24 hours there too (R33)."""
    spring = datetime(2027, 4, 1, 9, tzinfo=UTC)  # clocks in Berlin changed on 28 March
    with connection.cursor() as cursor:
        cursor.execute("SET TIME ZONE 'Europe/Berlin'")
        made = partner(contoso, ends_in=spring - NOW)
        cursor.execute("SET TIME ZONE 'UTC'")
    assert fresh(made).subscription.ends_at == spring
    assert fresh(made).subscription.started_at == spring - 336 * HOUR
