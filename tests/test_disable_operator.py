"""Disable and Enable: access ends and begins with the next request; the row and what it did stay."""

import pytest

from partnerapp.models import Event, Message, Operator, team
from tests.factories import DAY, NOW, OperatorFactory


def disable(operator) -> str:
    return f"/operators/actions/disable_operator/?id={operator.pk}"


def enable(operator) -> str:
    return f"/operators/actions/enable_operator/?id={operator.pk}"


@pytest.fixture
def dora(contoso) -> Operator:
    return OperatorFactory(organization=contoso, name="Dora Doe", disabled_at=NOW - DAY)


def test_a_session_ends_with_the_next_request(signed_in, alice, victor):
    victors = signed_in(victor)
    assert victors.get("/operators/").status_code == 200
    answer = signed_in(alice, htmx=True).post(disable(victor))
    assert (answer.status_code, "Victor Vance is disabled." in answer.headers["HX-Trigger"]) == (204, True)
    assert victors.get("/operators/").url.startswith("/signin/")
    assert Operator.objects.get(pk=victor.pk).disabled_at == NOW


def test_enabled_again_the_same_account_gets_in(signed_in, alice, dora):
    assert signed_in(alice, htmx=True).post(enable(dora)).status_code == 204
    assert signed_in(Operator.objects.get(pk=dora.pk)).get("/operators/").status_code == 200
    assert Operator.objects.active().filter(tid=dora.tid, oid=dora.oid).exists()


def test_both_are_events_with_before_and_after(signed_in, alice, victor):
    signed_in(alice).post(disable(victor))
    signed_in(alice).post(enable(victor))
    off, on = Event.objects.order_by("pk")
    assert (off.kind, off.before, off.after["disabled_at"]) == (
        "operator_disabled", {"disabled_at": None}, "2026-12-01T09:00:00Z",
    )  # fmt: skip
    assert (on.kind, on.after["disabled_at"], on.actor) == ("operator_enabled", None, "Alice Adler")
    assert Operator.objects.get(pk=victor.pk).last_event == on


def test_past_mails_keep_whom_they_were_sent_to(signed_in, alice, victor, contoso):
    Message.queue("onboarding.stopped", contoso, about_at=NOW, to=[victor])
    signed_in(alice).post(disable(victor))
    assert Message.objects.get().operator == victor


def test_a_disabled_admin_gets_no_new_mails(alice, contoso):
    beate = OperatorFactory(organization=contoso, name="Beate Brandt")
    team.disable(beate, by=alice, at=NOW)
    assert list(Operator.objects.admins_of(contoso.pk)) == [alice]


def test_one_may_disable_oneself_while_there_is_another_admin(signed_in, alice, contoso):
    client = signed_in(alice, htmx=True)
    assert client.post(disable(alice)).status_code == 422
    OperatorFactory(organization=contoso, name="Beate Brandt")
    assert "This is you: you have no access from the next click on." in client.get(disable(alice)).content.decode()
    assert client.post(disable(alice)).status_code == 204
    assert client.get("/operators/").headers["HX-Redirect"].startswith("/signin/")


REFUSED = [
    (disable, "alice", "Alice Adler is the last Admin of Contoso Distribution. Make somebody else an Admin first."),
    (disable, "nina", "Nina New has not signed in yet. Withdraw the invitation instead."),
    (disable, "dora", "Dora Doe is disabled already."),
    (enable, "victor", "Victor Vance is not disabled."),
    (enable, "nina", "Nina New is not disabled."),
]


@pytest.mark.parametrize(("url", "name", "sentence"), REFUSED)
def test_the_drawer_and_the_server_say_why_not(signed_in, alice, victor, nina, dora, url, name, sentence):
    row, client = {"alice": alice, "victor": victor, "nina": nina, "dora": dora}[name], signed_in(alice, htmx=True)
    assert client.get(url(row)).context["refusal"] == sentence
    answer = client.post(url(row))
    assert (answer.status_code, answer.context["refusal"]) == (422, sentence)
    assert not Event.objects.exists()


@pytest.mark.parametrize("url", [disable, enable])
def test_a_viewer_reads_why_not(signed_in, victor, alice, url):
    answer = signed_in(victor).post(url(alice))
    assert (answer.status_code, "Your role is Viewer." in answer.content.decode()) == (403, True)


@pytest.mark.parametrize("url", [disable, enable])
def test_a_partners_operators_do_not_exist_for_its_distributor(signed_in, alice, bob, mallory, url):
    for foreign in (bob, mallory):
        assert signed_in(alice).post(url(foreign)).status_code == 404
    assert not Event.objects.exists()


def test_a_session_from_before_is_not_back_when_its_operator_is_enabled(signed_in, alice, victor):
    """Somebody may have been disabled because the session was stolen."""
    stolen = signed_in(victor)
    team.disable(victor, by=alice, at=NOW)
    team.enable(Operator.objects.get(pk=victor.pk), by=alice, at=NOW)
    assert stolen.get("/operators/").status_code == 302
