"""What a person with a browser does at the sandbox, in one call each: for tests, without a browser."""

from html.parser import HTMLParser
from urllib.parse import parse_qsl, urlsplit

import requests

from partnerapp.microsoft365.sandbox.directory import Person
from partnerapp.microsoft365.sandbox.transport import WSGIApp, call


class HiddenFields(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.values: dict[str, str] = {}
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        about = dict(attrs)
        if tag == "input" and about.get("type") == "hidden":
            self.values[about["name"] or ""] = about.get("value") or ""


def sign_in(app: WSGIApp, url: str, person: Person | None) -> dict[str, str]:
    """Pick `person` (None: press Cancel) at the address that the portal sent the browser to.

    Returns what the browser then posts to the portal.
    """
    return HiddenFields(press(app, url, account=person.oid if person else "").text).values


def consent(app: WSGIApp, url: str, person: Person, answer: str = "accept") -> str:
    """Answer (`accept`, `accept_all`, `cancel`) as `person`.

    Returns the address to which the browser is sent.
    """
    return press(app, url, account=person.oid, answer=answer).headers["Location"]


def press(app: WSGIApp, url: str, **pressed: str) -> requests.Response:
    """Post the parameters of `url`, which its page has as hidden fields, and the button that was pressed."""
    asked = dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))
    request = requests.Request("POST", url.partition("?")[0], data=asked | pressed).prepare()
    return call(app, request, url)
