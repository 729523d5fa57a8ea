"""Edit SKUs and expiration date (R26): dated products, a last day, suspension by it, reinstatement by a later one."""

from datetime import UTC, date, datetime

import pytest

from partnerapp.actions import AlreadySo, Refused
from partnerapp.models import Event, Message
from subscriptions import invariants, lifecycle
from subscriptions.models import Period, Product, SubscriptionProduct
from subscriptions.models.period import billed_time
from tests.factories import DAY, HOUR, NOW, TICK, customer, fresh, partner

URL = "/organizations/actions/edit_skus_and_expiration_date/"
ESSENTIALS, PROFESSIONAL, AUDIT = "essentials-msp-2025", "professional-msp-2025", "audit-2025"
TODAY, LATER = NOW.date(), date(2026, 12, 31)
MIDNIGHT = datetime(2026, 12, 2, tzinfo=UTC)  # the end of TODAY


@pytest.fixture
def northwind(bob):
    return fresh(bob.organization)


@pytest.fixture
def woodgrove(northwind):
    """In production since a week, with one SKU."""
    return holding(customer(northwind, "Woodgrove", converted_at=NOW - 7 * DAY), {ESSENTIALS})


def holding(row, codes):
    row.subscription.holdings.all().delete()
    SubscriptionProduct.provision(row.subscription, Product.objects.filter(code__in=codes), NOW - 7 * DAY)
    return fresh(row)


def edit(row, by, *, at=NOW, products=(ESSENTIALS,), expires_on=None):
    return row.subscription.edit(by=by, at=at, products=set(products), expires_on=expires_on)


def test_products_are_dated(woodgrove, bob):
    """The set at a day's end counts for that day: nothing is overwritten."""
    edit(woodgrove, bob, products=[PROFESSIONAL, AUDIT])
    held = {(row.product_id, row.until_at) for row in woodgrove.subscription.holdings.all()}
    assert held == {(ESSENTIALS, NOW), (PROFESSIONAL, None), (AUDIT, None)}
    event = Event.objects.get(organization=woodgrove, kind="edited")
    assert (event.before["products"], event.after["products"]) == ([ESSENTIALS], [AUDIT, PROFESSIONAL])
    assert event.actor == "Bob Berg"


@pytest.mark.parametrize("products", [[], [AUDIT], [ESSENTIALS, PROFESSIONAL], [ESSENTIALS, PROFESSIONAL, AUDIT]])
def test_exactly_one_sku(woodgrove, bob, products):
    with pytest.raises(Refused, match="Choose exactly one SKU"):
        edit(woodgrove, bob, products=products)


def test_only_what_the_partner_holds(woodgrove, bob, northwind):
    """R3; what the customer has already may stay."""
    SubscriptionProduct.objects.filter(subscription=northwind.pk, product__in=[PROFESSIONAL, ESSENTIALS]).update(
        until_at=NOW
    )
    with pytest.raises(Refused, match="Northwind does not hold Professional MSP 2025"):
        edit(woodgrove, bob, products=[PROFESSIONAL])
    assert edit(woodgrove, bob, products=[ESSENTIALS, AUDIT]).held() == {ESSENTIALS, AUDIT}


def test_a_code_that_is_none_is_refused(woodgrove, bob):
    with pytest.raises(Refused, match="does not hold nonsense"):
        edit(woodgrove, bob, products=[ESSENTIALS, "nonsense"])


def test_products_may_change_in_a_trial_but_it_has_no_date(northwind, bob):
    row = holding(customer(northwind, "Alpine"), {ESSENTIALS})
    assert edit(row, bob, products=[PROFESSIONAL]).held() == {PROFESSIONAL}
    with pytest.raises(Refused, match="Only a production account has an expiration date"):
        edit(row, bob, products=[PROFESSIONAL], expires_on=LATER)


@pytest.mark.parametrize(("day", "fine"), [(date(2026, 11, 30), False), (TODAY, True), (date(2020, 1, 1), False)])
def test_a_date_lies_in_the_future(woodgrove, bob, day, fine):
    """It ends at 24:00 UTC, so today's end is still to come."""
    if fine:
        assert edit(woodgrove, bob, expires_on=day).expiry == MIDNIGHT
    else:
        with pytest.raises(Refused, match="must lie in the future"):
            edit(woodgrove, bob, expires_on=day)


def test_nothing_to_change_is_said(woodgrove, bob):
    with pytest.raises(AlreadySo):
        edit(woodgrove, bob)
    assert not Event.objects.filter(kind="edited").exists()


@pytest.mark.parametrize(("at", "state"), [(MIDNIGHT - TICK, "production"), (MIDNIGHT, "suspended")])
def test_it_is_suspended_from_the_end_of_the_day_without_any_sweep(woodgrove, bob, at, state):
    row = edit(woodgrove, bob, expires_on=TODAY)
    assert (row.state(at), row.has_access(at)) == (state, state == "production")


def test_the_sweep_writes_the_instant_of_the_date_and_not_its_own(woodgrove, bob):
    edit(woodgrove, bob, expires_on=TODAY)
    assert lifecycle.sweep(MIDNIGHT - TICK, NOW)["suspended"] == 0
    assert lifecycle.sweep(MIDNIGHT + 9 * HOUR, NOW)["suspended"] == 1
    assert lifecycle.sweep(MIDNIGHT + 9 * HOUR, NOW)["suspended"] == 0
    assert fresh(woodgrove).subscription.suspended_at == MIDNIGHT
    assert Period.objects.get(organization=woodgrove).ends_at == MIDNIGHT
    mail = Message.objects.get(organization=woodgrove, kind="subscriptions.production_suspended")
    assert (mail.recipient, mail.about_at) == (bob.email, MIDNIGHT)


@pytest.mark.parametrize("swept", [False, True])
@pytest.mark.parametrize("day", [LATER, None])
def test_a_later_date_reinstates_from_that_instant_and_the_gap_is_not_billed(woodgrove, bob, swept, day):
    edit(woodgrove, bob, expires_on=TODAY)
    back = MIDNIGHT + 3 * DAY
    if swept:
        lifecycle.sweep(MIDNIGHT, NOW)
    row = edit(woodgrove, bob, at=back, expires_on=day)
    assert (row.state(back), row.suspended_at, row.expires_on) == ("production", None, day)
    assert billed_time(fresh(woodgrove), back + DAY)[-2:] == [(NOW, MIDNIGHT), (back, back + DAY)]
    assert Event.objects.get(organization=woodgrove, kind="reinstated").actor == "Bob Berg"
    assert Message.objects.get(kind="subscriptions.production_reinstated").recipient == bob.email


def test_notices_go_to_the_owners_admins_30_7_and_1_days_before(woodgrove, bob):
    """R26; nobody else is told."""
    expiry = edit(woodgrove, bob, expires_on=date(2027, 1, 31)).expiry
    for days in (30, 7, 1):
        at = expiry - days * DAY
        assert [lifecycle.sweep(at + tick, NOW)["notices"] for tick in (-TICK, 0 * TICK, HOUR)] == [0, 1, 0]
        told = Message.objects.filter(kind=f"subscriptions.production_expires_{days}", about_at=expiry)
        assert [mail.recipient for mail in told] == [bob.email]


def test_notices_that_are_past_are_skipped_and_a_new_date_arms_them_anew(woodgrove, bob):
    edit(woodgrove, bob, expires_on=date(2026, 12, 5))
    assert lifecycle.sweep(NOW, NOW)["notices"] == 1
    assert [m.kind[-2:] for m in Message.objects.filter(kind__contains="expires")] == ["_7"]
    row = edit(woodgrove, bob, at=NOW + HOUR, expires_on=date(2026, 12, 20))
    assert Message.objects.get(kind__contains="expires").state == "obsolete"
    lifecycle.sweep(NOW + 2 * HOUR, NOW)
    assert Message.objects.get(kind__contains="expires", state="queued").about_at == row.expiry


def test_invariants_hold_all_along(woodgrove, bob):
    Event.record(woodgrove, "converted", at=NOW - 7 * DAY, by=bob)
    Event.record(bob.organization, "converted", at=NOW, by=bob)
    for at, day in ((NOW, TODAY), (MIDNIGHT + DAY, date(2026, 12, 9)), (MIDNIGHT + 2 * DAY, None)):
        edit(woodgrove, bob, at=at, expires_on=day)
        lifecycle.sweep(at, NOW)
        assert invariants.broken(at) == []
        lifecycle.sweep(at + DAY, NOW)
        assert invariants.broken(at + DAY) == []


# The drawer -------------------------------------------------------------------------------------------------------------


def post(client, row, **form):
    return client.post(URL, {"id": row.pk, "sku": ESSENTIALS} | form)


def test_the_drawer_shows_what_is_and_what_would_change(signed_in, bob, woodgrove):
    client = signed_in(bob, htmx=True)
    page = client.get(f"{URL}?id={woodgrove.pk}").content.decode()
    assert "The SKU and add-ons at the end of a day (UTC) count for that day." in page
    assert "→" not in page
    filled = f"{URL}?id={woodgrove.pk}&seen=x&sku={PROFESSIONAL}&add_ons={AUDIT}&expires_on=2026-12-31"
    page = client.get(filled).content.decode()
    assert "SKU and add-ons of Woodgrove: Essentials MSP 2025 → Professional MSP 2025, Audit 2025." in page
    assert "Expiration date of Woodgrove: none → 31 Dec 2026." in page
    assert fresh(woodgrove).subscription.held() == {ESSENTIALS}


def test_apply_changes_both(signed_in, bob, woodgrove):
    answer = post(signed_in(bob, htmx=True), woodgrove, sku=PROFESSIONAL, add_ons=[AUDIT], expires_on="2026-12-31")
    assert answer.status_code == 204
    row = fresh(woodgrove).subscription
    assert (row.held(), row.expires_on) == ({PROFESSIONAL, AUDIT}, LATER)


@pytest.mark.parametrize(
    "form",
    [
        {"sku": "nonsense"},
        {"sku": ""},
        {"sku": [ESSENTIALS, PROFESSIONAL]},
        {"add_ons": ["x"]},
        {"expires_on": "2020-01-01"},
        {"expires_on": "nonsense"},
        {"expires_on": "9999-99-99"},
    ],
)
def test_nonsense_is_answered_by_the_form(signed_in, bob, woodgrove, form):
    answer = post(signed_in(bob, htmx=True), woodgrove, **form)
    assert (answer.status_code, bool(answer.context["form"].errors)) == (422, True)


@pytest.mark.parametrize("day", ["9999-12-31", "0001-01-01"])
def test_the_ends_of_the_calendar_do_no_harm(signed_in, bob, woodgrove, day):
    assert post(signed_in(bob, htmx=True), woodgrove, expires_on=day).status_code == 422


def test_of_several_each_keeps_what_is_not_chosen(signed_in, bob, northwind, woodgrove):
    """R32, R24: as they are, also in bulk."""
    alpine = holding(customer(northwind, "Alpine"), {PROFESSIONAL, AUDIT})
    form = {"id": [woodgrove.pk, alpine.pk], "sku": "", "several": "True", "expires_on": "2026-12-31"}
    assert signed_in(bob, htmx=True).post(URL, form).status_code == 204
    rows = [fresh(row).subscription for row in (woodgrove, alpine)]
    assert [(row.held(), row.expires_on) for row in rows] == [({ESSENTIALS}, LATER), ({PROFESSIONAL, AUDIT}, None)]
    form = {"id": [woodgrove.pk, alpine.pk], "sku": PROFESSIONAL, "several": "True"}
    assert signed_in(bob, htmx=True).post(URL, form).status_code == 204
    rows = [fresh(row).subscription for row in (woodgrove, alpine)]
    assert [(row.held(), row.expires_on) for row in rows] == [({PROFESSIONAL}, LATER), ({PROFESSIONAL}, None)]


def test_a_change_meanwhile_is_not_overwritten(signed_in, bob, woodgrove):
    """Two tabs: an old drawer does not put an old SKU back."""
    client = signed_in(bob, htmx=True)
    rows = client.get(f"{URL}?id={woodgrove.pk}").context["drawer"]["rows"]
    edit(woodgrove, bob, products=[PROFESSIONAL])
    answer = post(client, woodgrove, seen=f"{rows[0][0]}:{rows[0][1]}", expires_on="2026-12-31")
    assert answer.status_code == 422
    assert "changed since this was opened" in answer.content.decode()


def test_it_is_not_for_partners(signed_in, alice, contoso):
    answer = signed_in(alice, htmx=True).post(URL, {"id": partner(contoso).pk, "sku": ESSENTIALS})
    assert answer.status_code == 422
    assert "A Partner has all SKUs and add-ons" in answer.content.decode()


def test_add_ons_of_several_go_with_a_sku(signed_in, bob, northwind, woodgrove):
    """Alone they would change nothing, and nobody would be told."""
    form = {"id": [woodgrove.pk, customer(northwind, "Alpine").pk], "sku": "", "add_ons": [AUDIT], "several": "True"}
    answer = signed_in(bob, htmx=True).post(URL, form)
    assert (answer.status_code, list(answer.context["form"].errors)) == (422, ["add_ons"])


def test_the_only_one_of_two_that_qualifies_opens_as_it_is(signed_in, bob, northwind, woodgrove):
    """R32: what is not touched stays."""
    edit(woodgrove, bob, expires_on=LATER)
    gone = customer(northwind, "Alpine", withdrawn_at=NOW)
    client = signed_in(bob, htmx=True)
    drawer = client.get(f"{URL}?id={woodgrove.pk}&id={gone.pk}").context
    assert drawer["form"].initial["expires_on"] == LATER
    assert [pk for pk, _seen in drawer["drawer"]["rows"]] == [woodgrove.pk]


def test_a_form_for_two_stays_one_when_one_changed_meanwhile(signed_in, bob, northwind, woodgrove):
    edit(woodgrove, bob, expires_on=LATER)
    alpine, client = customer(northwind, "Alpine", converted_at=NOW - DAY), signed_in(bob, htmx=True)
    rows = client.get(f"{URL}?id={woodgrove.pk}&id={alpine.pk}").context["drawer"]["rows"]
    edit(alpine, bob, products=alpine.subscription.held(), expires_on=LATER)
    seen = [f"{pk}:{shown}" for pk, shown in rows]
    form = {"id": [woodgrove.pk, alpine.pk], "seen": seen, "sku": PROFESSIONAL, "several": "True", "expires_on": ""}
    assert client.post(URL, form).status_code == 204
    row = fresh(woodgrove).subscription
    assert (row.held(), row.expires_on) == ({PROFESSIONAL}, LATER)


def test_what_is_not_chosen_is_read_behind_the_lock(woodgrove, bob):
    """A colleague's change that came a moment before is not put back."""
    stale = fresh(woodgrove)
    edit(woodgrove, bob, products=[PROFESSIONAL])
    row = stale.subscription.edit(by=bob, at=NOW, expires_on=LATER)
    assert (row.held(), row.expires_on) == ({PROFESSIONAL}, LATER)
