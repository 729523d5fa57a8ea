"""Resend and Withdraw invitation: a newer one kills the older link; a withdrawn one is over."""

import pytest

from partnerapp.models import Event, Message, Operator, team
from tests.factories import NOW, OperatorFactory

INVITATION = "partnerapp.operator_invitation"


def resend(operator) -> str:
    return f"/operators/actions/resend_invitation/?id={operator.pk}"


def withdraw(operator) -> str:
    return f"/operators/actions/withdraw_invitation/?id={operator.pk}"


@pytest.fixture
def sent(nina) -> str:
    """The token in the mail that was queued with Nina's invitation."""
    Message.queue(INVITATION, nina.organization, about_at=nina.invited_at, to=[nina])
    return nina.invitation_token()


def states() -> dict:
    return dict(Message.objects.values_list("about_at", "state"))


def test_a_new_invitation_replaces_the_earlier_one(signed_in, alice, nina, sent, client):
    answer = signed_in(alice, htmx=True).post(resend(nina))
    assert (answer.status_code, f"A new invitation is on its way to {nina.email}." in answer.headers["HX-Trigger"]) == (
        204,
        True,
    )
    again = Operator.objects.get(pk=nina.pk)
    assert (again.invited_at, again.invited_by) == (NOW, alice)
    assert client.get(f"/invitations/{sent}/").status_code == 410
    assert client.get(f"/invitations/{again.invitation_token()}/").status_code == 200
    assert states() == {nina.invited_at: "obsolete", NOW: "queued"}


def test_the_mails_of_others_still_go_out(signed_in, alice, contoso, nina, sent):
    other = OperatorFactory(organization=contoso, name="Otto", accepted_at=None, tid=None, oid=None)
    Message.queue(INVITATION, contoso, about_at=other.invited_at, to=[other])
    signed_in(alice).post(resend(nina))
    signed_in(alice).post(withdraw(nina))
    assert Message.objects.get(operator=other).state == "queued"


def test_one_press_is_one_mail(signed_in, alice, nina, sent, monkeypatch):
    """The drawer names the invitation that it showed; the second press finds a newer one."""
    client = signed_in(alice, htmx=True)
    seen = [f"{pk}:{shown}" for pk, shown in client.get(resend(nina)).context["drawer"]["rows"]]
    assert [client.post(resend(nina), {"seen": seen}).status_code for _turn in range(2)] == [204, 422]
    assert Message.objects.filter(state="queued").count() == 1


def test_a_withdrawn_invitation_is_dead_and_its_mail_not_sent(signed_in, alice, nina, sent, client):
    answer = signed_in(alice, htmx=True).post(withdraw(nina))
    assert (answer.status_code, "The invitation of Nina New was withdrawn." in answer.headers["HX-Trigger"]) == (
        204,
        True,
    )
    assert client.get(f"/invitations/{sent}/").status_code == 410
    assert states() == {nina.invited_at: "obsolete"}
    assert Operator.objects.get(pk=nina.pk).standing == "withdrawn"


def test_both_are_events(signed_in, alice, nina):
    signed_in(alice).post(resend(nina))
    signed_in(alice).post(withdraw(nina))
    again, gone = Event.objects.order_by("pk")
    assert (again.kind, again.after["invited_at"]) == ("operator_invitation_resent", "2026-12-01T09:00:00Z")
    assert (gone.kind, gone.after["name"], gone.actor) == ("operator_invitation_withdrawn", "Nina New", "Alice Adler")


@pytest.mark.parametrize("url", [resend, withdraw])
def test_who_has_signed_in_has_no_invitation(signed_in, alice, victor, url):
    answer = signed_in(alice, htmx=True).post(url(victor))
    assert (answer.status_code, "Victor Vance has signed in already." in answer.context["refusal"]) == (422, True)


def test_after_a_withdrawal_everything_is_refused(signed_in, alice, nina):
    team.withdraw(nina, by=alice, at=NOW)
    for action in ("change_role", "disable_operator", "enable_operator", "resend_invitation", "withdraw_invitation"):
        answer = signed_in(alice, htmx=True).post(f"/operators/actions/{action}/?id={nina.pk}", {"role": "admin"})
        sentence = "The invitation of Nina New was withdrawn. Invite Nina New again."
        assert (action, answer.status_code, answer.context["refusal"]) == (action, 422, sentence)


@pytest.mark.parametrize("url", [resend, withdraw])
def test_a_viewer_reads_why_not(signed_in, victor, nina, url):
    answer = signed_in(victor).post(url(nina))
    assert (answer.status_code, "Your role is Viewer." in answer.content.decode()) == (403, True)
    assert not Event.objects.exists()
