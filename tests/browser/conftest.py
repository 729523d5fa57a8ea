"""A whole demo, as `./run demo` starts it, and Chromium in front of it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from partnerapp.demo.directory import free_port

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = "/usr/bin/chromium"
FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
)


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args):
    if not Path(CHROMIUM).exists():
        missing = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        missing("Chromium is missing: sudo apt-get install chromium")
    return {**browser_type_launch_args, "executable_path": CHROMIUM, "args": FLAGS.split()}


@pytest.fixture(scope="session")
def demo(tmp_path_factory):
    """The URL of a demo of its own: Postgres, web, worker, beat, sandbox and mailbox, all real."""
    port, data = free_port(), Path("/var/tmp") / f"partnerapp-test-{os.getpid()}"
    command = [sys.executable, "-m", "partnerapp.demo.supervisor", "--port", str(port), "--data", str(data), "--fresh"]
    names = {"PATH", "HOME", "LANG"}
    environment = {name: value for name, value in os.environ.items() if name in names}
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        url = f"http://localhost:{port}"
        wait_for(url, process.stdout)
        yield url
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


@pytest.fixture
def context(context):
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    return context


@pytest.fixture
def page(page):
    """A page that fails its test when the browser complains, about the content security policy for one."""
    complaints = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    assert complaints == []


@pytest.fixture
def sign_in(demo):
    def as_(page, name: str) -> None:
        page.goto(f"{demo}/")
        page.get_by_role("button", name="Sign in with Microsoft").click()
        page.get_by_role("button", name=name).first.click()
        page.wait_for_url(f"{demo}/**")

    return as_
