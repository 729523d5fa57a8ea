"""The Graph client: patience, distrust, and what it does when consent or a token goes."""

import logging
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
import requests

from partnerapp.microsoft365 import consent, graph
from partnerapp.microsoft365.errors import (
    ConsentRevoked,
    CredentialsExpired,
    MissingPermission,
    PageExpired,
    Throttled,
    Unavailable,
    UnexpectedAnswer,
)
from partnerapp.microsoft365.graph import Client
from partnerapp.microsoft365.sandbox import licences
from partnerapp.microsoft365.sandbox.control import apply
from partnerapp.microsoft365.sandbox.directory import CONTOSO, FOURTH_COFFEE, HUMONGOUS, PROSEWARE


@pytest.fixture
def client(sandbox, naps):
    return Client(HUMONGOUS.tid, sleep=naps.append)


def broken(*args, **options):
    raise requests.ConnectionError("reset by peer")


def faults(world, count, status=429, retry_after=None):
    apply(world, {"graph_faults": {"count": count, "status": status, "retry_after": retry_after}})


def test_organization_and_licences(client):
    assert client.organization()["id"] == HUMONGOUS.tid
    found = {licence.part_number: licence for licence in client.licences()}
    assert found["SPE_E3"].sku_id == licences.SKUS["SPE_E3"]
    assert found["SPE_E3"].consumed == licences.consumed(HUMONGOUS.users)["SPE_E3"]
    assert found["SPE_E3"].enabled == found["SPE_E3"].consumed + 5


def test_users_come_in_pages(client, world):
    pages = list(client.user_pages())
    assert [len(page.users) for page in pages] == [999, 999, 402]
    assert [page.next_link is None for page in pages] == [False, False, True]
    assert world.calls["users"] == 3
    assert set(pages[0].users[0]) == {"id", "accountEnabled", "assignedLicenses"}
    assert len({user["id"] for page in pages for user in page.users}) == 2400


def test_the_seats_that_the_sandbox_promises(client):
    users = [user for page in client.user_pages() for user in page.users]
    counted = sum(1 for user in users if user["accountEnabled"] and user["assignedLicenses"])
    assert counted == licences.seats(HUMONGOUS.users)


def test_going_on_from_a_kept_link(client, sandbox):
    kept = next(client.user_pages()).next_link
    assert [len(page.users) for page in Client(HUMONGOUS.tid).user_pages(kept)] == [999, 402]


def test_one_request_per_page_and_none_ahead(client, world):
    pages = client.user_pages()
    next(pages)
    assert world.calls["users"] == 1


def test_a_tenant_of_fifty_thousand(sandbox, world):
    apply(world, {"tenants": {"Alpine": {"consented": True}}})
    client = Client(world.tenant("Alpine").tid)
    assert sum(len(page.users) for page in client.user_pages()) == client.user_count() == 50_000


def test_the_count_is_read_in_spite_of_its_byte_order_mark(client):
    assert client.user_count() == 2400


def test_a_count_that_is_no_number(client, world):
    apply(world, {"tenants": {"Humongous": {"users": "many"}}})
    assert client.user_count() is None


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_retry_after_in_seconds_is_kept(client, world, naps, status):
    faults(world, 2, status, "7")
    assert client.organization()
    assert naps == [7, 7]


def test_retry_after_as_a_date(client, world, naps):
    faults(world, 1, 429, format_datetime(datetime.now(UTC) + timedelta(seconds=10), usegmt=True))
    client.organization()
    assert 8 < naps[0] <= 10


@pytest.mark.parametrize("nonsense", [None, "", "soon", "-3", "٣"])
def test_without_a_useful_retry_after_each_wait_is_longer(client, world, naps, nonsense):
    faults(world, 4, 503, nonsense and nonsense.encode().decode("latin-1"))
    client.organization()
    assert [2**number <= nap < 2**number + 1 for number, nap in enumerate(naps)] == [True] * 4


def test_zero_seconds_in_a_storm_is_no_endless_loop(client, world, naps):
    faults(world, 10_000, 429, "0")
    with pytest.raises(Throttled):
        client.organization()
    assert 25 <= len(naps) <= 30


def test_a_long_wait_is_handed_back_at_once(client, world, naps):
    faults(world, 1, 429, "120")
    with pytest.raises(Throttled) as caught:
        client.organization()
    assert (caught.value.retry_after, naps) == (120, [])


def test_a_storm_is_handed_back_and_continues_from_the_kept_link(client, world, naps):
    first = next(client.user_pages())
    faults(world, 100, 429, "9")
    with pytest.raises(Throttled) as caught:
        list(client.user_pages(first.next_link))
    assert (caught.value.retry_after, sum(naps)) == (9, 27)
    faults(world, 0)
    assert [len(page.users) for page in client.user_pages(first.next_link)] == [999, 402]


def test_a_broken_connection_is_tried_again_and_then_handed_back(client, naps, monkeypatch):
    client.organization()
    monkeypatch.setattr(client.http, "send", broken)
    with pytest.raises(Throttled):
        client.organization()
    assert len(naps) == 4


def test_a_busy_token_endpoint_is_handed_back(client, world):
    apply(world, {"token_faults": {"count": 1, "status": 503, "retry_after": "40"}})
    with pytest.raises(Unavailable) as caught:
        client.organization()
    assert caught.value.retry_after == 40


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.example/v1.0/users?$skiptoken=1",
        "http://graph.microsoft.com/v1.0/users?$skiptoken=1",
        "https://graph.microsoft.com/beta/users",
        "https://graph.microsoft.com.evil.example/v1.0/users",
        "https://graph.microsoft.com@evil.example/v1.0/users",
        "//evil.example/v1.0/users",
    ],
)
def test_a_next_link_to_another_place_gets_no_token(client, world, link):
    apply(world, {"tenants": {"Humongous": {"next_link": link}}})
    with pytest.raises(UnexpectedAnswer):
        list(client.user_pages())
    with pytest.raises(UnexpectedAnswer):
        list(client.user_pages(link))
    assert world.calls["users"] == 1


def test_a_list_without_end(client, world):
    apply(world, {"tenants": {"Humongous": {"next_link": f"{graph.API}users?$skiptoken=5"}}})
    with pytest.raises(UnexpectedAnswer):
        list(client.user_pages())
    assert world.calls["users"] == 2


def test_a_loop_is_seen_also_by_a_job_that_asks_page_by_page(client, world):
    first, second = f"{graph.API}users?$skiptoken=1", f"{graph.API}users?$skiptoken=2"
    for here, there in [(None, first), (first, second)]:
        apply(world, {"tenants": {"Humongous": {"next_link": there}}})
        assert next(client.user_pages(here)).next_link == there
    apply(world, {"tenants": {"Humongous": {"next_link": first}}})
    with pytest.raises(UnexpectedAnswer):
        next(client.user_pages(second))


def test_reading_again_is_no_loop(client):
    first = next(client.user_pages())
    assert list(client.user_pages(first.next_link)) == list(client.user_pages(first.next_link))
    assert len(list(client.user_pages())) == 3


def test_slow_failures_use_up_the_patience_too(client, naps, monkeypatch):
    """A lease is counted on: 20 s of silence per attempt must not come on top of the waits."""
    client.organization()
    clock = iter(range(0, 1000, 20))
    monkeypatch.setattr(graph.time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(client, "once", lambda *args: None)
    with pytest.raises(Throttled):
        client.organization()
    assert len(naps) == 1


def test_a_redirect_is_not_followed(client, monkeypatch):
    client.organization()
    moved = requests.Response()
    moved.status_code, moved.headers["Location"], moved.url = 302, "https://evil.example/", graph.API
    monkeypatch.setattr(client.http.get_adapter(graph.API), "send", lambda *args, **options: moved)
    with pytest.raises(UnexpectedAnswer):
        client.organization()


def test_an_answer_that_is_no_json(client, monkeypatch):
    page = requests.Response()
    page.status_code, page._content, page.url = 200, b"<html>", graph.API
    client.organization()
    monkeypatch.setattr(client.http.get_adapter(graph.API), "send", lambda *args, **options: page)
    with pytest.raises(UnexpectedAnswer):
        client.organization()


def test_a_token_that_expires_on_the_way_is_replaced(client, world):
    pages = client.user_pages()
    next(pages)
    world.skew = 2 * 3600
    assert [len(page.users) for page in pages] == [999, 402]
    assert world.calls["token"] == 2


def test_a_key_rollover_on_the_way_changes_nothing(client, world):
    pages = client.user_pages()
    next(pages)
    world.roll_over()
    assert len(list(pages)) == 2
    assert world.calls["token"] == 1


def test_consent_revoked_on_the_way(client, world):
    pages = client.user_pages()
    next(pages)
    world.revoke(HUMONGOUS)
    with pytest.raises(ConsentRevoked):
        next(pages)


def test_a_run_that_begins_after_consent_was_revoked(sandbox, world):
    world.revoke(CONTOSO)
    with pytest.raises(ConsentRevoked):
        Client(CONTOSO.tid).licences()


def test_a_refused_token_is_replaced_once_only(client, world, monkeypatch):
    client.token = "stale"
    monkeypatch.setattr(graph, "app_token", lambda tid: "stale too")
    with pytest.raises(ConsentRevoked):
        client.organization()
    assert world.calls["organization"] == 2


def test_a_permission_lost_on_the_way(client, world):
    pages = client.user_pages()
    next(pages)
    apply(world, {"tenants": {"Humongous": {"withheld": "User.Read.All"}}})
    client.token = ""
    with pytest.raises(MissingPermission) as caught:
        next(pages)
    assert caught.value.name == "User.Read.All"


def test_licences_are_readable_without_the_permission_for_users(sandbox, world):
    world.grant(PROSEWARE)
    client = Client(PROSEWARE.tid)
    assert client.licences()
    for ask in (client.one_user, client.user_count, lambda: next(client.user_pages())):
        with pytest.raises(MissingPermission):
            ask()


def test_our_secret_expires_on_the_way(client, world):
    next(client.user_pages())
    world.skew, world.secret_expired = 2 * 3600, True
    with pytest.raises(CredentialsExpired):
        client.organization()


def test_a_kept_link_that_is_too_old(client):
    with pytest.raises(PageExpired):
        list(client.user_pages(f"{graph.API}users?$top=999&$skiptoken=expired"))


def test_each_request_is_logged_with_its_id_and_no_token(client, caplog):
    caplog.set_level(logging.DEBUG)
    next(client.user_pages())
    text = caplog.text
    assert "client-request-id" in text
    assert client.token not in text
    assert client.token.split(".")[2] not in text
    assert "skiptoken" not in text


def test_slow_pages(sandbox, world, monkeypatch):
    slept: list[float] = []
    monkeypatch.setattr("partnerapp.microsoft365.sandbox.graph.time.sleep", slept.append)
    world.grant(FOURTH_COFFEE)
    assert sum(len(page.users) for page in Client(FOURTH_COFFEE.tid).user_pages()) == 1030
    assert slept == [1.5, 1.5]


def test_a_proof_uses_one_token(sandbox, world):
    consent.prove(CONTOSO.tid)
    assert world.calls["token"] == 1
