"""Staff sign in with a password of their own; operators never do, and staff never get into the portal."""

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from partnerapp import limits
from partnerapp.models import Event, Operator
from tests.factories import NOW, OperatorFactory
from tests.staff.conftest import PASSWORD


def test_a_password_lets_staff_in(stan, sign_in):
    answer = sign_in("stan", next="/admin/partnerapp/event/")
    assert (answer.status_code, answer.url) == (302, "/admin/partnerapp/event/")
    cookie = answer.cookies["__Host-session"]
    assert (cookie["secure"], cookie["httponly"], cookie["samesite"]) == (True, True, "Lax")


@pytest.mark.parametrize("target", ["//evil.example/", "https://evil.example/", "/\\evil.example"])
def test_nobody_is_sent_away(stan, sign_in, target):
    assert sign_in("stan", next=target).url in {"/admin/"}


@pytest.mark.parametrize(("username", "password"), [("stan", "another password"), ("nobody", PASSWORD), ("", "")])
def test_a_wrong_one_does_not_and_tells_nothing(stan, sign_in, username, password):
    answer = sign_in(username, password)
    assert answer.status_code == 200
    assert "__Host-session" not in answer.cookies
    known, unknown = (sign_in(name, "another password").content.decode() for name in ("stan", "stun"))
    assert "do not belong together" in known
    assert known.count("errornote") == unknown.count("errornote")


def test_an_operator_has_no_password_that_works(alice, sign_in):
    """Even if one were stored."""
    alice.set_password(PASSWORD)
    alice.save()
    assert sign_in(alice.username).status_code == 200
    assert not Client().login(username=alice.username, password=PASSWORD)


def test_a_disabled_account_is_out_at_once(stan, staff, sign_in):
    assert staff.get("/admin/").status_code == 200
    Operator.objects.filter(pk=stan.pk).update(disabled_at=NOW)
    assert staff.get("/admin/").status_code == 302
    assert sign_in("stan").status_code == 200


def test_passwords_are_not_tried_without_end(stan, sign_in):
    for _try in range(limits.PER_ACCOUNT):
        assert sign_in("stan", "another password").status_code == 200
    answer = sign_in("STAN")
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "60")
    assert sign_in("somebody else", "x").status_code == 200


def test_passwords_are_not_tried_for_many_names_from_one_address(stan, sign_in, monkeypatch):
    monkeypatch.setattr(limits, "PER_ADDRESS", 3)
    assert [sign_in(f"name {n}", "x").status_code for n in range(5)] == [200, 200, 200, 429, 429]


@pytest.mark.parametrize("password", ["short", "password1234", "stan@vendor.example", "Stan Stone 1"])
def test_the_password_policy(staff, password):
    form = {"username": "stan.two", "name": "Stan Stone", "email": "stan@vendor.example"}
    answer = staff.post("/admin/partnerapp/operator/add/", form | {"password1": password, "password2": password})
    assert answer.status_code == 200
    assert not Operator.objects.filter(username="stan.two").exists()


def test_the_own_password_is_changed_with_an_event(stan, staff, signed_in):
    elsewhere, new = signed_in(stan), "quite another one"
    form = {"old_password": PASSWORD, "new_password1": new, "new_password2": new}
    assert staff.get("/admin/password_change/").status_code == 200
    assert staff.post("/admin/password_change/", form).status_code == 302
    assert staff.get("/admin/").status_code == 200
    assert elsewhere.get("/admin/").status_code == 302  # other sessions end
    event = Event.objects.get(kind="staff_changed")
    assert (event.organization, event.actor, event.after) == (None, "Stan Stone", {"password": "stan"})


def test_signing_out(staff):
    assert staff.get("/admin/logout/").status_code == 405
    answer = staff.post("/admin/logout/")
    assert (answer.url, answer.headers["Clear-Site-Data"]) == ("/admin/login/", '"cache", "storage"')
    assert staff.get("/admin/").status_code == 302


def test_staff_are_nobody_in_the_portal(staff):
    for name in ("home", "preferences", "partners", "pending_partners_export", "extend_trial", "add_partner"):
        assert staff.get(reverse(name)).url.startswith("/signin/?next=")


def test_the_first_account_is_made_on_the_command_line(db, sign_in, monkeypatch):
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", PASSWORD)
    call_command("createsuperuser", "--no-input", username="first", email="first@vendor.example", name="First Person")
    first = Operator.objects.get(username="first")
    assert (first.is_staff, first.organization, first.name) == (True, None, "First Person")
    assert sign_in("first").url == "/admin/"


def test_who_signs_in_with_microsoft_is_not_staff(bob, signed_in):
    OperatorFactory(organization=bob.organization, name="Viewer", role="viewer")
    for person in Operator.objects.all():
        answer = signed_in(person).get("/admin/login/")
        assert answer.status_code == 200
        assert person.name in answer.content.decode()
