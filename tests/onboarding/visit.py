"""A person with a browser who follows an activation link: each method is one thing that people do, through real URLs."""

from urllib.parse import urlsplit

from django.http import HttpResponse
from django.test import Client

from partnerapp.microsoft365.sandbox import visitor
from partnerapp.microsoft365.sandbox.app import Sandbox
from partnerapp.microsoft365.sandbox.directory import Person
from partnerapp.models import Organization


class Visit:
    """One browser with the link that is in it. Methods return the portal's answer, unfollowed."""

    def __init__(self, sandbox: Sandbox, organization: Organization) -> None:
        self.sandbox = sandbox
        self.link = urlsplit(organization.onboarding.link()).path
        self.browser = Client(HTTP_HOST="localhost:8000")

    def open(self) -> HttpResponse:
        return self.browser.get(self.link)

    def words(self) -> str:
        return self.open().content.decode()

    def connect(self) -> HttpResponse:
        """Press "Connect Microsoft 365"."""
        return self.browser.post(self.link)

    def picked(self, person: Person | None) -> dict[str, str]:
        """Press, pick this account at Microsoft (None: Cancel): what the browser is about to post to the portal."""
        return visitor.sign_in(self.sandbox, self.connect().url, person)

    def come_back(self, posted: dict[str, str]) -> HttpResponse:
        return self.browser.post("/signin/callback/", posted)

    def sign_in(self, person: Person | None) -> HttpResponse:
        return self.come_back(self.picked(person))

    def ask_consent(self) -> str:
        """Press "Grant consent": the address at Microsoft."""
        return self.browser.post(f"{self.link}consent/").url

    def answered(self, person: Person, answer: str = "accept") -> str:
        """Press, answer at Microsoft: the address of the portal to which the browser is sent."""
        return visitor.consent(self.sandbox, self.ask_consent(), person, answer).removeprefix("http://localhost:8000")

    def consent(self, person: Person, answer: str = "accept") -> HttpResponse:
        return self.browser.get(self.answered(person, answer))

    def go_through(self, person: Person) -> None:
        """Sign in and consent; then it is the job's turn."""
        self.sign_in(person)
        self.consent(person)

    def try_again(self) -> HttpResponse:
        return self.browser.post(f"{self.link}again/")
