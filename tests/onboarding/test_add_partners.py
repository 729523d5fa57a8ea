"""Add several Partners: pasted lines are checked and shown before anything is added (R1, R4, R6)."""

import re
import time
import uuid

import pytest

from onboarding.add_partner import parse
from partnerapp.models import Message, Organization
from tests.factories import pending_partner

URL = "/organizations/actions/add_partners/"
TWO = "Adatum <it@adatum.example>\nProseware, admin@proseware.example"


@pytest.fixture
def send(signed_in, alice):
    """Alice presses the button with these lines, and what the drawer that she sees holds."""
    client, key = signed_in(alice, htmx=True), str(uuid.uuid4())
    return lambda lines, checked="": client.post(URL, {"lines": lines, "checked": checked, "request_key": key})


def checked(answer) -> str:
    return answer.context["checked"]


def verdicts(answer) -> list[tuple[str, str]]:
    return [(line.data.get("name", line.text), line.refusal) for line in answer.context["lines"]]


@pytest.mark.parametrize(
    "line",
    [
        "Fabrikam Ltd. <it@fabrikam.example>",
        "Fabrikam Ltd., it@fabrikam.example",
        "Fabrikam Ltd.;it@fabrikam.example",
        "Fabrikam Ltd.\tit@fabrikam.example",
        '"Fabrikam Ltd." <it@fabrikam.example>,',
        "Fabrikam Ltd. it@fabrikam.example",
    ],
)
def test_a_line_is_read_as_people_write_it(db, line):
    read = parse(line, uuid.uuid4())
    assert (read.data["name"], read.data["email"], read.refusal) == ("Fabrikam Ltd.", "it@fabrikam.example", "")


@pytest.mark.parametrize(
    ("line", "refusal"),
    [
        ("Fabrikam", "No single name with one email was found in this line."),
        ("<it@fabrikam.example>", "Organization name: This field is required."),
        ("A <a@a.example>, B <b@b.example>", "No single name with one email was found in this line."),
        ("Fabrikam <it@fabrikam>", "Notification email: Enter a valid email address."),
        ("x" * 130 + " <it@fabrikam.example>", "Organization name: Ensure this value has at most 120 characters (it has 130)."),
        ("x" * 500, "No single name with one email was found in this line."),
        ("Fab\u202erikam it@f.test", "Organization name: This contains control or invisible characters. Please type it again."),
    ],
)  # fmt: skip
def test_a_line_that_is_none_says_why(db, line, refusal):
    assert parse(line, uuid.uuid4()).refusal == refusal


def test_the_first_press_shows_and_adds_nothing(send):
    answer = send(TWO)
    assert (answer.status_code, verdicts(answer)) == (200, [("Adatum", ""), ("Proseware", "")])
    assert "Add 2 Partners" in answer.content.decode()
    assert not Organization.objects.filter(kind="partner").exists()


def test_the_second_press_adds_what_was_shown(send):
    answer = send(TWO, checked(send(TWO)))
    assert answer.status_code == 204
    assert "2 Partners were added" in answer.headers["HX-Trigger"]
    assert set(Organization.objects.filter(kind="partner").values_list("name", flat=True)) == {"Adatum", "Proseware"}
    assert Message.objects.filter(kind="onboarding.activation_link").count() == 2


def test_the_same_press_twice_adds_once(send):
    seen = checked(send(TWO))
    send(TWO, seen)
    send(TWO, seen)
    assert Organization.objects.filter(kind="partner").count() == 2


def test_lines_changed_after_the_check_are_checked_again(send):
    answer = send(TWO + "\nTrey <it@trey.example>", checked(send(TWO)))
    assert (answer.status_code, len(answer.context["lines"])) == (200, 3)
    assert not Organization.objects.filter(kind="partner").exists()


def test_lines_that_cannot_be_added_are_left_out_with_the_reason(send, contoso):
    """R6."""
    pending_partner(contoso, "Adatum")
    Organization.objects.filter(name="Adatum").update(notification_email="it@adatum.example")
    lines = TWO + "\nproseware <ADMIN@proseware.example>\nnobody"
    answer = send(lines)
    assert verdicts(answer) == [
        ("Adatum", "Adatum with this notification email is pending already."),
        ("Proseware", ""),
        ("proseware", "The same name and email stand in a line above."),
        ("nobody", "No single name with one email was found in this line."),
    ]
    assert "1 of 4 can be added" in answer.content.decode()
    assert send(lines, checked(answer)).status_code == 204
    assert Organization.objects.filter(kind="partner").count() == 2


def test_a_namesake_is_a_hint(send, contoso):
    pending_partner(contoso, "Adatum")
    (line, _other) = send(TWO).context["lines"]
    assert line.hint.startswith("You have a Partner with this name already: Adatum,")
    assert line.refusal == ""


def test_somebody_added_one_of_them_meanwhile(send, contoso):
    seen = checked(send(TWO))
    pending_partner(contoso, "Adatum")
    Organization.objects.filter(name="Adatum").update(notification_email="it@adatum.example")
    answer = send(TWO, seen)
    assert verdicts(answer)[0] == ("Adatum", "Adatum with this notification email is pending already.")
    assert Organization.objects.filter(kind="partner").count() == 1


@pytest.mark.parametrize("lines", ["", "   \n  "])
def test_no_lines_are_refused(send, lines):
    assert send(lines).status_code == 422


def test_more_than_a_hundred_lines_are_refused(send):
    answer = send("\n".join(f"P{n} <it@p{n}.example>" for n in range(101)))
    assert answer.status_code == 422
    assert "These are 101 lines; 100 can be added at once." in answer.content.decode()


@pytest.mark.parametrize(
    "line", ["a@" * 19_000, "\n".join(["x" + " " * 199 + "@" * 198 + "()"] * 99)], ids=["one", "many"]
)
def test_lines_made_to_be_slow_cost_no_time(send, line):
    started = time.process_time()
    assert send(line).status_code == 200
    assert time.process_time() - started < 5


def test_the_preview_is_the_mail_that_is_sent(signed_in, alice):
    page = signed_in(alice).get("/organizations/actions/add_partner/?name=Adatum&email=it@adatum.example")
    letter = re.search(r'id="mail-preview">(.+?)</details>', page.content.decode(), re.DOTALL)[1]
    assert "Contoso Distribution invited you: start your 14-day CoreView trial" in letter
    assert "To it@adatum.example" in letter
    assert "The link works until 31 Dec 2026, 09:00 UTC." in letter
