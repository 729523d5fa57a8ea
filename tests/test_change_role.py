"""Change role (R14): Admin or Viewer, from the next request on; the last Admin stays one."""

import threading

import pytest
from django.db import connection

from partnerapp.actions import AlreadySo, Refused
from partnerapp.models import Event, Operator, team
from tests.factories import NOW, DistributorFactory, OperatorFactory
from tests.subscriptions.test_races import meanwhile

LAST = "Alice Adler is the last Admin of Contoso Distribution. Make somebody else an Admin first."


def url(operator) -> str:
    return f"/operators/actions/change_role/?id={operator.pk}"


@pytest.fixture
def beate(contoso, alice) -> Operator:
    return OperatorFactory(organization=contoso, name="Beate Brandt")


def test_a_viewer_becomes_an_admin_on_the_next_request(signed_in, alice, victor):
    victors = signed_in(victor)
    assert victors.get("/operators/actions/invite_operator/").status_code == 403
    answer = signed_in(alice, htmx=True).post(url(victor), {"role": "admin"})
    assert (answer.status_code, "Victor Vance is Admin now." in answer.headers["HX-Trigger"]) == (204, True)
    assert victors.get("/operators/actions/invite_operator/").status_code == 200


def test_an_admin_who_is_demoted_can_change_nothing_from_the_next_request_on(signed_in, alice, beate, fabrikam):
    beates, extend = signed_in(beate), f"/organizations/actions/extend_trial/?id={fabrikam.pk}"
    assert beates.get(extend).status_code == 200
    signed_in(alice).post(url(beate), {"role": "viewer"})
    answer = beates.post(extend)
    assert (answer.status_code, "Your role is Viewer." in answer.content.decode()) == (403, True)


def test_the_event_has_before_and_after(signed_in, alice, victor, contoso):
    signed_in(alice).post(url(victor), {"role": "admin"})
    event = Event.objects.get()
    assert (event.kind, event.organization, event.actor) == ("operator_role_changed", contoso, "Alice Adler")
    assert (event.before, event.after["role"]) == ({"role": "viewer"}, "admin")
    assert (event.after["operator"], event.after["name"]) == (victor.pk, "Victor Vance")
    assert Operator.objects.get(pk=victor.pk).last_event == event


def test_the_role_of_a_pending_operator_changes_and_its_link_stays(signed_in, alice, nina):
    link = nina.invitation_token()
    assert signed_in(alice, htmx=True).post(url(nina), {"role": "admin"}).status_code == 204
    assert Operator.invited(link).role == "admin"


def test_the_drawer_starts_with_the_present_role(signed_in, alice, victor):
    answer = signed_in(alice, htmx=True).get(url(victor))
    assert answer.context["form"]["role"].value() == "viewer"
    assert "The new role counts from the next click of Victor Vance" in answer.content.decode()


def test_the_same_role_again_is_refused(signed_in, alice, victor):
    answer = signed_in(alice, htmx=True).post(url(victor), {"role": "viewer"})
    assert (answer.status_code, answer.context["refusal"]) == (422, "Victor Vance is Viewer already.")
    with pytest.raises(AlreadySo):
        team.change_role(victor, "viewer", by=alice, at=NOW)


@pytest.mark.parametrize("role", ["", "owner", "ADMIN", "admin\x00"])
def test_other_roles_do_not_exist(signed_in, alice, victor, role):
    assert signed_in(alice, htmx=True).post(url(victor), {"role": role}).status_code == 422
    assert Operator.objects.get(pk=victor.pk).role == "viewer"


def test_who_changed_it_meanwhile_is_not_overruled(signed_in, alice, beate, victor):
    opened = signed_in(alice, htmx=True).get(url(victor)).context["drawer"]["rows"]
    team.disable(victor, by=beate, at=NOW)
    team.enable(victor, by=beate, at=NOW)
    team.change_role(victor, "admin", by=beate, at=NOW)
    seen = [f"{pk}:{shown}" for pk, shown in opened]
    answer = signed_in(alice, htmx=True).post(url(victor), {"role": "admin", "seen": seen})
    assert (answer.status_code, "changed since this was opened" in answer.context["refusal"]) == (422, True)


# The last Admin -------------------------------------------------------------------------------------------------------


def test_the_last_admin_cannot_demote_herself(signed_in, alice, victor, nina):
    """Neither a Viewer nor a pending or disabled Admin counts."""
    Operator.objects.filter(pk=nina.pk).update(role="admin")
    OperatorFactory(organization=alice.organization, name="Dora Doe", disabled_at=NOW)
    answer = signed_in(alice, htmx=True).post(url(alice), {"role": "viewer"})
    assert (answer.status_code, answer.context["refusal"]) == (422, LAST)
    assert Operator.objects.get(pk=alice.pk).role == "admin"


def test_an_admin_of_another_organization_does_not_count(signed_in, alice, bob, mallory):
    assert signed_in(alice, htmx=True).post(url(alice), {"role": "viewer"}).status_code == 422


def test_with_another_admin_one_may_demote_oneself(signed_in, alice, beate):
    client = signed_in(alice, htmx=True)
    assert "This is you: as Viewer you can change nothing any more" in client.get(url(alice)).content.decode()
    assert client.post(url(alice), {"role": "viewer"}).status_code == 204
    assert client.post(url(beate), {"role": "viewer"}).status_code == 403


VERBS = {
    "demote": lambda row, by: team.change_role(row, "viewer", by=by, at=NOW),
    "disable": lambda row, by: team.disable(row, by=by, at=NOW),
}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("second", VERBS)
@pytest.mark.parametrize("first", VERBS)
def test_two_admins_do_it_to_each_other_at_once(alice, beate, first, second):
    other = meanwhile(lambda: VERBS[first](beate, alice), lambda: VERBS[second](alice, beate))
    assert (isinstance(other, Refused), str(other)) == (True, LAST)
    assert list(Operator.objects.admins_of(alice.organization_id)) == [alice]


@pytest.mark.django_db(transaction=True)
def test_fifty_rounds_without_a_referee():
    """Both begin at the same instant: exactly one wins, each time."""
    assert [one_round(turn) for turn in range(50)] == [(1, 1)] * 50


def one_round(turn: int) -> tuple[int, int]:
    """How many of two Admins succeeded against the other one, and how many Admins are left."""
    contoso = DistributorFactory(name=f"Contoso {turn}")
    alice, beate = (OperatorFactory(organization=contoso, name=name) for name in ("Alice Adler", "Beate Brandt"))
    verbs = list(VERBS.values())
    won = at_once(lambda: verbs[turn % 2](beate, alice), lambda: verbs[turn // 2 % 2](alice, beate))
    return won, Operator.objects.admins_of(contoso.pk).count()


def at_once(*attempts) -> int:
    """How many of them were not refused; anything but a refusal is an error."""
    start, done, errors = threading.Barrier(len(attempts)), [], []

    def run(attempt):
        start.wait()
        try:
            done.append(attempt())
        except Refused:
            pass
        except Exception as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[attempt]) for attempt in attempts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    return len(done)
