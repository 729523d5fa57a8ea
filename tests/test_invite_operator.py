"""Invite operator (R14): a pending operator, the mail with the link, and the first sign-in that binds it."""

import re
import uuid

import pytest
from django.test import Client

from partnerapp import mail
from partnerapp.actions import Refused
from partnerapp.microsoft365.sandbox import visitor
from partnerapp.microsoft365.sandbox.directory import CONTOSO, EVE, NINA
from partnerapp.models import Event, Message, Operator, Organization, team
from tests.factories import DAY, NOW, OperatorFactory, customer
from tests.microsoft365.conftest import one_sandbox, sandbox, world  # noqa: F401 - fixtures

URL = "/operators/actions/invite_operator/"


def form(**fields) -> dict:
    return {"email": "nora@contoso.example", "name": "Nora", "role": "viewer", "request_key": uuid.uuid4()} | fields


def test_a_pending_operator_is_made_and_the_mail_queued(signed_in, alice, contoso):
    answer = signed_in(alice, htmx=True).post(URL, form())
    assert answer.status_code == 204
    assert (
        "Nora is invited as Viewer; the invitation is on its way to nora@contoso.example."
        in answer.headers["HX-Trigger"]
    )
    nora = Operator.objects.get(name="Nora")
    assert (nora.organization, nora.role, nora.standing) == (contoso, "viewer", "pending")
    assert (nora.invited_at, nora.invited_by) == (NOW, alice)
    message = Message.objects.get()
    assert (message.kind, message.operator, message.about_at) == ("partnerapp.operator_invitation", nora, NOW)


def test_without_htmx_it_leads_back_to_the_page(signed_in, alice):
    answer = signed_in(alice).post(URL, form(next="/operators/pending/"))
    assert (answer.status_code, answer.url) == (303, "/operators/pending/")


def test_the_event_says_who_invited_whom(signed_in, alice, contoso):
    signed_in(alice).post(URL, form(role="admin"))
    event, nora = Event.objects.get(), Operator.objects.get(name="Nora")
    assert (event.kind, event.organization, event.actor) == ("operator_invited", contoso, "Alice Adler")
    assert event.after == {"operator": nora.pk, "name": "Nora", "email": "nora@contoso.example", "role": "admin"}
    assert nora.last_event == event


def test_a_name_is_not_needed(signed_in, alice):
    signed_in(alice).post(URL, form(name=""))
    assert Operator.objects.get(email="nora@contoso.example").name == "nora@contoso.example"


def test_a_partner_invites_too(signed_in, bob):
    signed_in(bob).post(URL, form(email="n@northwind.example"))
    assert Operator.objects.get(email="n@northwind.example").organization == bob.organization


def test_the_drawer_tells_what_will_happen(signed_in, alice, contoso):
    Organization.objects.filter(pk=contoso.pk).update(default_domain="contoso.example")
    drawer = signed_in(alice, htmx=True).get(URL).content.decode()
    assert "What will happen" in drawer
    assert "It must be an account of the Microsoft 365 tenant of contoso.example" in drawer


# Once -----------------------------------------------------------------------------------------------------------------


def test_the_same_form_twice_invites_once(signed_in, alice):
    twice, client = form(), signed_in(alice, htmx=True)
    assert [client.post(URL, twice).status_code for _turn in range(2)] == [204, 204]
    assert (Operator.objects.filter(name="Nora").count(), Message.objects.count(), Event.objects.count()) == (1, 1, 1)


def test_the_key_of_another_organizations_form_is_another_one(signed_in, alice, mallory):
    key = uuid.uuid4()
    signed_in(alice).post(URL, form(request_key=key))
    signed_in(mallory).post(URL, form(request_key=key))
    names = Operator.objects.filter(name="Nora").values_list("organization__name", flat=True)
    assert sorted(names) == ["Contoso Distribution", "Litware"]


KNOWN = {
    "Victor Vance": "Victor Vance ({email}) is an operator already.",
    "Nina New": "Nina New ({email}) was invited on 30 Nov 2026, 09:00 UTC already. Send that invitation again instead.",
    "Dora Doe": "Dora Doe ({email}) is an operator already, but disabled. Enable Dora Doe instead.",
}


@pytest.mark.parametrize("name", KNOWN)
def test_an_address_that_is_known_here_is_refused_by_name(signed_in, alice, victor, nina, contoso, name):
    OperatorFactory(organization=contoso, name="Dora Doe", disabled_at=NOW)
    known, count = Operator.objects.get(name=name), Operator.objects.count()
    answer = signed_in(alice, htmx=True).post(URL, form(email=known.email.upper()))
    assert (answer.status_code, answer.context["refusal"]) == (422, KNOWN[name].format(email=known.email))
    assert (Operator.objects.count(), Message.objects.count()) == (count, 0)
    assert 'aria-disabled="true"' not in answer.content.decode()  # another address can be tried


def test_an_address_of_another_organization_tells_nothing(signed_in, alice, mallory):
    assert signed_in(alice, htmx=True).post(URL, form(email=mallory.email)).status_code == 204


def test_after_a_withdrawal_the_same_person_is_invited_anew(signed_in, alice, nina):
    """The row is the same, for the mails that were sent to it."""
    old = nina.invitation_token()
    team.withdraw(nina, by=alice, at=NOW - DAY / 2)
    assert signed_in(alice, htmx=True).post(URL, form(email=nina.email, name="", role="admin")).status_code == 204
    again = Operator.objects.get(pk=nina.pk)
    assert (again.standing, again.role, again.name, again.invited_at) == ("pending", "admin", nina.email, NOW)
    assert Operator.invited(old) is None
    assert Operator.invited(again.invitation_token()) == nina


def test_a_customer_has_no_operators(alice, bob):
    with pytest.raises(Refused, match="A customer has no operators"):
        team.invite(customer(bob.organization), email="c@c.example", role="viewer", by=bob, at=NOW)


# What people type -----------------------------------------------------------------------------------------------------


WRONG = [
    {"email": ""}, {"email": "nora"}, {"email": "a@b.example\r\nBcc: c@d.example"}, {"email": "a\u202e@b.example"},
    {"name": "x" * 151}, {"name": "a\x00b"}, {"role": ""}, {"role": "owner"}, {"request_key": "x"},
]  # fmt: skip


@pytest.mark.parametrize("wrong", WRONG)
def test_nonsense_is_refused_and_invites_nobody(signed_in, alice, wrong):
    answer = signed_in(alice, htmx=True).post(URL, form(**wrong))
    assert (answer.status_code, list(answer.context["form"].errors)) == (422, list(wrong))
    assert (Operator.objects.count(), Event.objects.count()) == (1, 0)


def test_a_viewer_reads_why_not(signed_in, victor):
    for answer in (signed_in(victor).get(URL), signed_in(victor).post(URL, form())):
        assert (answer.status_code, "Your role is Viewer." in answer.content.decode()) == (403, True)
    assert not Operator.objects.filter(name="Nora").exists()


# From the invitation to the first sign-in -------------------------------------------------------------------------------


@pytest.fixture
def portal() -> Client:
    return Client(HTTP_HOST="localhost:8000")


@pytest.fixture
def link(signed_in, alice, contoso) -> str:
    """The one in the mail of Nina's invitation."""
    Organization.objects.filter(pk=contoso.pk).update(tid=CONTOSO.tid)
    signed_in(alice).post(URL, form(email=NINA.username, name=""))
    composed = mail.compose(Message.objects.get())
    assert composed["Subject"] == "You are invited to Contoso Distribution in Partner App"
    (found,) = set(re.findall(r"http://localhost:8000(/invitations/\S+)", composed.get_body(("plain",)).get_content()))
    return found


def test_the_mails_link_leads_to_the_portal(sandbox, portal, link):  # noqa: F811
    page = portal.get(link).content.decode()
    assert "Alice Adler invited you as Viewer." in page
    answer = portal.post("/signin/callback/", visitor.sign_in(sandbox, portal.post(link).url, NINA))
    assert (answer.status_code, answer.url) == (303, "/")
    nina = Operator.objects.get(email=NINA.username)
    assert (nina.name, nina.standing, str(nina.oid)) == ("Nina Novak", "active", NINA.oid)
    assert (nina.last_event.kind, nina.last_event.actor) == ("operator_joined", "Nina Novak")
    rows = portal.get("/operators/").context["rows"]
    assert [row["name"] for row in rows] == ["Alice Adler", "Nina Novak"]


def test_nobody_of_another_tenant_accepts(sandbox, portal, link):  # noqa: F811
    """R14: whatever the account's email says."""
    posted = visitor.sign_in(sandbox, portal.post(link).url, NINA)
    Organization.objects.update(tid=EVE.tenant.tid)
    answer = portal.post("/signin/callback/", posted)
    assert answer.status_code == 403
    assert Operator.objects.get(email=NINA.username).standing == "pending"


def test_a_withdrawn_invitation_is_over(portal, link, alice):
    nina = Operator.objects.select_related("organization").get(email=NINA.username)
    team.withdraw(nina, by=alice, at=NOW)
    assert [portal.get(link).status_code, portal.post(link).status_code] == [410, 410]


def test_withdrawn_between_click_and_return(sandbox, portal, link, alice):  # noqa: F811
    posted = visitor.sign_in(sandbox, portal.post(link).url, NINA)
    nina = Operator.objects.select_related("organization").get(email=NINA.username)
    team.withdraw(nina, by=alice, at=NOW)
    assert portal.post("/signin/callback/", posted).status_code == 403
    assert Operator.objects.get(pk=nina.pk).standing == "withdrawn"
