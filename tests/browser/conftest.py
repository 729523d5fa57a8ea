"""A whole demo, as `./run demo` starts it, and Chromium in front of it."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, ConsoleMessage, Page

from partnerapp.demo.directory import free_port
from tests.browser.stage import ROOT, Demo, environment

CHROMIUM = "/usr/bin/chromium"
FLAGS = (  # the features are pages of the browser's own, two for each window, which take half of its time
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --disable-features=WebUIOmniboxPopup,WebUIOmniboxAimPopup"
)
SignedIn = Callable[[str], Page]
# Playwright's loop goes on in this process until its last test; the other tests that share the process use the database.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args):
    if not Path(CHROMIUM).exists():
        missing = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        missing("Chromium is missing: sudo apt-get install chromium")
    return {**browser_type_launch_args, "executable_path": CHROMIUM, "args": FLAGS.split()}


@pytest.fixture(scope="session")
def browser_context_args(browser_context_args, demo):
    return {
        **browser_context_args,
        "base_url": demo.url,
        "viewport": {"width": 1280, "height": 800},
        "reduced_motion": "reduce",
        "permissions": ["clipboard-read", "clipboard-write"],
    }


@pytest.fixture(scope="session")
def demo() -> Iterator[Demo]:
    """A demo of its own: Postgres, web, worker, beat, sandbox and mailbox, all real."""
    port, data = free_port(), Path("/var/tmp") / f"partnerapp-test-{os.getpid()}"
    command = [sys.executable, "-m", "partnerapp.demo.supervisor", "--port", str(port), "--data", str(data), "--fresh"]
    process = subprocess.Popen(command, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        url = f"http://localhost:{port}"
        wait_for(url, process.stdout)
        yield Demo(url, data)
    finally:
        process.terminate()
        process.wait(30)
        subprocess.run(["rm", "-rf", str(data)], check=False)


def wait_for(url: str, said) -> None:
    """Until the supervisor says that the portal runs; it ends by itself, with its reason, when it cannot."""
    heard = []
    for line in said:
        heard.append(line.decode())
        if url in heard[-1]:
            return
    pytest.fail("".join(heard))


@pytest.fixture(scope="module")
def first_day(demo: Demo) -> None:
    """The cast on its first day, whatever the tests before have done."""
    demo.begin()


@pytest.fixture(scope="module")
def any_day(demo: Demo) -> None:
    """The cast, whatever became of it; everybody has signed in."""
    if not demo.sessions:
        demo.begin()


@pytest.fixture
def complaints() -> Iterator[list[str]]:
    """What browsers complain about, the content security policy for one; they fail their test."""
    heard: list[str] = []
    yield heard
    assert heard == []


@pytest.fixture
def new_context(new_context, complaints) -> Callable[..., BrowserContext]:
    def listened_to(**options) -> BrowserContext:
        context = new_context(**options)
        context.on("console", lambda message: complaints.append(message.text) if is_complaint(message) else None)
        context.on("weberror", lambda error: complaints.append(str(error.error)))
        return context

    return listened_to


def is_complaint(message: ConsoleMessage) -> bool:
    """Errors, but for a 422: so the portal answers a form with an error in it."""
    return message.type == "error" and "the server responded with a status of 422" not in message.text


@pytest.fixture
def signed_in(demo, new_context, any_day) -> SignedIn:
    """A page of a person who has signed in, or of nobody: `signed_in("Alice Adler")`."""

    def as_(name: str) -> Page:
        context = new_context()
        context.add_cookies([demo.cookie(name)] if name else [])
        return context.new_page()

    return as_


@pytest.fixture
def alice(signed_in: SignedIn) -> Page:
    return signed_in("Alice Adler")
