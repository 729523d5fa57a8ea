"""Manage › Operators: who works for the own organization, who is invited, and what the rows' menus say (R14, R30)."""

import re
import uuid

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from onboarding.models import tenancy
from partnerapp.models import Message, Operator, team
from tests.factories import DAY, NOW, OperatorFactory, partner, pending_partner

PAGE, PENDING = "/operators/", "/operators/pending/"


@pytest.fixture
def beate(contoso, alice) -> Operator:
    return OperatorFactory(organization=contoso, name="Beate Brandt")


@pytest.fixture
def listed(signed_in):
    """The rows of a page by their names, as its template gets them."""

    def ask(operator, url=PAGE) -> dict[str, dict]:
        answer = signed_in(operator).get(url)
        assert answer.status_code == 200
        return {row["name"]: row for row in answer.context["rows"]}

    return ask


def reasons(row) -> dict[str, str]:
    """Why each action of a row is refused, "" where it is not."""
    return {item["name"]: item["refusal"] for item in row["menu"]}


def text(answer) -> str:
    return answer.content.decode()


# Who is where ---------------------------------------------------------------------------------------------------------


def test_each_is_in_one_of_two_tabs_with_counts(signed_in, listed, alice, victor, nina):
    gone = OperatorFactory(organization=alice.organization, name="Gone", accepted_at=None, tid=None, oid=None)
    team.withdraw(gone, by=alice, at=NOW)
    assert list(listed(alice)) == ["Alice Adler", "Victor Vance"]
    assert list(listed(alice, PENDING)) == ["Nina New"]
    page = text(signed_in(alice).get(PAGE))
    assert re.findall(r'id="count-(\w+)">(\d+)', page) == [("operators", "2"), ("pending_operators", "1")]


def test_one_sees_ones_own_organizations_only(listed, bob, charlie, alice, mallory):
    for person in (bob, charlie, alice, mallory):
        assert list(listed(person)) == [person.name]


def test_nobody_is_invited(signed_in, alice):
    assert "Nobody is invited at the moment" in text(signed_in(alice).get(PENDING))


def test_ones_own_row_is_marked(listed, alice, victor):
    assert {name: row["is_me"] for name, row in listed(victor).items()} == {"Alice Adler": False, "Victor Vance": True}


def test_role_status_and_last_change(listed, alice, victor):
    team.disable(victor, by=alice, at=NOW - DAY)
    rows = listed(alice)
    assert rows["Alice Adler"]["role"] == {"word": "Admin", "icon": "shield-check"}
    assert rows["Victor Vance"]["role"] == {"word": "Viewer", "icon": "eye"}
    assert [row["disabled_at"] for row in rows.values()] == [None, NOW - DAY]
    assert rows["Alice Adler"]["changed"]["words"] == "Signed in for the first time"
    assert rows["Victor Vance"]["changed"] == {"words": "Disabled", "by": "Alice Adler", "at": NOW - DAY}


MAILS = [
    ({"state": "queued"}, "Invitation: sending…"),
    ({"state": "sent", "accepted_at": NOW}, "Invitation sent"),
    ({"state": "refused", "last_error": "550 No such user"}, "Invitation not delivered: 550 No such user"),
    ({"state": "ambiguous", "last_error": "silent"}, "Invitation not delivered: silent"),
    ({"state": "obsolete"}, "Invited"),
]


@pytest.mark.parametrize(("facts", "said"), MAILS)
def test_a_pending_row_says_how_its_mail_fares(signed_in, alice, nina, facts, said):
    invited = team.resend(nina, by=alice, at=NOW)
    Message.objects.filter(about_at=invited.invited_at).update(**facts)
    page = text(signed_in(alice).get(PENDING))
    assert said in page
    assert "1 Dec 2026</time> · Alice Adler" in page
    assert ("data-poll" in page) == (facts["state"] == "queued")


@pytest.mark.parametrize(("attempts", "every"), [(0, 2), (1, 10)])
def test_it_asks_again_soon_at_the_first_try_and_later_afterwards(signed_in, alice, nina, attempts, every):
    team.resend(nina, by=alice, at=NOW)
    Message.objects.update(attempts=attempts)
    answer = signed_in(alice).get(PENDING)
    assert answer.context["poll"] == {"seconds": every, "ids": [str(nina.pk)]}
    assert f'hx-select-oob="#status-{nina.pk}"' in text(answer)


def test_who_comes_along_from_another_organization_brings_no_past(listed, contoso, charlie):
    """R13: the former organization's log stays there."""
    dora = OperatorFactory(organization=charlie.organization, name="Dora Doe")
    team.disable(dora, by=charlie, at=NOW - DAY)
    started = {"started_at": NOW, "started_oid": dora.oid, "consenter_oid": dora.oid, "consenter_name": "Dora Doe"}
    other = pending_partner(contoso, tid=dora.tid, **started)
    tenancy.first_admin(other.onboarding, NOW)
    dora = Operator.objects.get(pk=dora.pk)
    assert listed(dora)["Dora Doe"]["changed"] == {"words": "Signed in for the first time", "by": "", "at": NOW}


def test_names_are_shown_as_they_are(signed_in, alice, contoso):
    awkward = '<b>{0.__class__}</b> %s "x'
    for n, accepted in enumerate([NOW, None]):
        facts = {"email": f"x{n}@contoso.example", "accepted_at": accepted, "oid": uuid.uuid4() if accepted else None}
        tid = contoso.tid if accepted else None
        OperatorFactory(organization=contoso, name=awkward, invited_by=alice, tid=tid, **facts)
    Operator.objects.filter(pk=alice.pk).update(name=awkward)
    for url in (PAGE, PENDING):
        page = text(signed_in(alice).get(url))
        assert "&lt;b&gt;{0.__class__}&lt;/b&gt; %s &quot;x" in page
        assert "<b>" not in page


# What may be done -----------------------------------------------------------------------------------------------------


def test_of_two_admins_each_may_be_demoted_and_disabled(listed, alice, beate):
    for row in listed(alice).values():
        refused = reasons(row)
        assert (refused["change_role"], refused["disable_operator"]) == ("", "")
        assert refused["enable_operator"] == f"{row['name']} is not disabled."
        assert refused["resend_invitation"] == f"{row['name']} has signed in already."
        assert refused["withdraw_invitation"] == f"{row['name']} has signed in already. Disable {row['name']} instead."


def test_the_last_admin_stays(listed, alice, victor, nina):
    """R14; a pending Admin does not count."""
    Operator.objects.filter(pk=nina.pk).update(role="admin")
    last = "Alice Adler is the last Admin of Contoso Distribution. Make somebody else an Admin first."
    refused = reasons(listed(alice)["Alice Adler"])
    assert (refused["change_role"], refused["disable_operator"]) == (last, last)
    assert reasons(listed(alice)["Victor Vance"])["change_role"] == ""


def test_what_a_pending_operator_allows(listed, alice, nina):
    assert reasons(listed(alice, PENDING)["Nina New"]) == {
        "change_role": "",
        "disable_operator": "Nina New has not signed in yet. Withdraw the invitation instead.",
        "enable_operator": "Nina New is not disabled.",
        "resend_invitation": "",
        "withdraw_invitation": "",
    }


def test_what_a_disabled_operator_allows(listed, alice, victor):
    team.disable(victor, by=alice, at=NOW)
    assert reasons(listed(alice)["Victor Vance"]) == {
        "change_role": "Victor Vance is disabled. Enable Victor Vance first.",
        "disable_operator": "Victor Vance is disabled already.",
        "enable_operator": "",
        "resend_invitation": "Victor Vance has signed in already.",
        "withdraw_invitation": "Victor Vance has signed in already.",
    }


def test_a_viewer_sees_everything_grey_and_why(signed_in, listed, victor, alice, nina):
    sentence = "Your role is Viewer. Ask an Admin of Contoso Distribution to do this."
    for url in (PAGE, PENDING):
        assert {why for row in listed(victor, url).values() for why in reasons(row).values()} == {sentence}
        answer = signed_in(victor).get(url)
        assert (answer.context["listing"]["add"]["refusal"], answer.context["menu_hint"]) == (sentence, sentence)
        assert 'hx-get="/operators/actions' not in text(answer)


@pytest.fixture
def expired(contoso) -> Operator:
    """The Admin of a Partner whose trial expired."""
    gone = partner(contoso, "Wingtip", ends_in=-DAY, blocked_at=NOW - 2 * DAY)
    return OperatorFactory(organization=gone, name="Will Weber")


def test_operators_of_an_inactive_partner_read_and_withdraw(listed, signed_in, expired):
    """R27: their sentence names what is left to them."""
    OperatorFactory(organization=expired.organization, name="Wanda", accepted_at=None, tid=None, oid=None)
    refused = reasons(listed(expired, PENDING)["Wanda"])
    assert refused.pop("withdraw_invitation") == ""
    assert {why.partition(" Until")[0] for why in refused.values()} == {
        "The trial of Wingtip expired on 30 Nov 2026, 09:00 UTC."
    }
    answer = signed_in(expired).get(PAGE)
    assert answer.context["listing"]["add"]["refusal"].startswith("The trial of Wingtip expired")


def test_an_inactive_partner_is_refused_by_the_server(signed_in, expired):
    will, pending = (
        expired,
        OperatorFactory(organization=expired.organization, name="Wanda", accepted_at=None, tid=None, oid=None),
    )
    client = signed_in(will, htmx=True)
    for action, row in {"change_role": will, "disable_operator": will, "resend_invitation": pending}.items():
        answer = client.post(f"/operators/actions/{action}/?id={row.pk}", {"role": "viewer"})
        assert (answer.status_code, "The trial of Wingtip expired" in text(answer)) == (422, True)
    form = {"email": "w@wingtip.example", "role": "viewer", "request_key": uuid.uuid4()}
    answer = client.post("/operators/actions/invite_operator/", form)
    assert (answer.status_code, "The trial of Wingtip expired" in text(answer)) == (422, True)
    assert client.post(f"/operators/actions/withdraw_invitation/?id={pending.pk}").status_code == 204


# Many -----------------------------------------------------------------------------------------------------------------


@pytest.fixture
def many(contoso, alice) -> list[Operator]:
    """250 more, whose names begin in both cases."""
    names = [f"{'Op' if n % 2 else 'op'} {n:03}" for n in range(250)]
    made = [
        Operator(
            organization=contoso, name=name, email=f"{n}@x.example", tid=contoso.tid, oid=uuid.uuid4(), accepted_at=NOW
        )
        for n, name in enumerate(names)
    ]
    return Operator.objects.bulk_create(made)


def test_a_page_has_a_hundred_by_name_and_leads_to_the_next(signed_in, alice, many):
    seen, url, client = [], PAGE, signed_in(alice)
    while url:
        answer = client.get(url)
        seen.append([row["name"] for row in answer.context["rows"]])
        url = answer.context["pager"]["next"]
    assert [len(names) for names in seen] == [100, 100, 51]
    assert [name for names in seen for name in names] == [
        "Alice Adler",
        *sorted((row.name for row in many), key=str.lower),
    ]
    back = client.get(answer.context["pager"]["previous"])
    assert [row["name"] for row in back.context["rows"]] == seen[1]


def test_however_many_it_asks_the_database_as_often(signed_in, alice, many, nina):
    counts = {}
    for url in (PAGE, PENDING):
        client = signed_in(alice)
        client.get(url)
        with CaptureQueriesContext(
            connection,
        ) as asked:
            client.get(url)
        counts[url] = len(asked)
    assert max(counts.values()) <= 8, counts


def test_the_next_page_comes_as_a_fragment_with_its_address(signed_in, alice, many):
    client = signed_in(alice, htmx=True)
    url = client.get(PAGE).context["pager"]["next"]
    answer = client.get(url, headers={"HX-Current-URL": f"http://localhost{PAGE}"})
    assert text(answer).lstrip().startswith('<div id="list"')
    assert answer.headers["HX-Push-Url"] == url


def test_it_is_in_the_navigation(signed_in, alice, bob):
    for person in (alice, bob):
        assert '<a class="rail-link" href="/operators/" aria-current="page">' in text(signed_in(person).get(PENDING))
