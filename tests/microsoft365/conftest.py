"""The library is tested against the sandbox, in this process, without sockets."""

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from django.conf import settings

from partnerapp.microsoft365 import signin
from partnerapp.microsoft365.sandbox import directory, transport, visitor
from partnerapp.microsoft365.sandbox.app import Sandbox
from partnerapp.microsoft365.sandbox.world import World

CALLBACK = "http://localhost:8000/signin/callback/"
SETTINGS = {
    "M365_CLIENT_ID": "7f1b0c52-5a52-4d0e-9a55-0d6f6f9a1c01",
    "M365_CLIENT_SECRET": "sandbox-secret",
    "M365_CLIENT_CERTIFICATE": "",
    "M365_SANDBOX_URL": "http://127.0.0.1:9400",
}

if not settings.configured and "DJANGO_SETTINGS_MODULE" not in os.environ:
    settings.configure(USE_I18N=False, **SETTINGS)


@pytest.fixture(scope="session")
def one_sandbox() -> Sandbox:
    return Sandbox()


@pytest.fixture
def sandbox(one_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """The sandbox as at its start, and the settings that lead to it."""
    for name, value in SETTINGS.items():
        monkeypatch.setattr(settings, name, value)
    one_sandbox.world.reset()
    with transport.use(one_sandbox):
        yield one_sandbox


@pytest.fixture
def world(sandbox: Sandbox) -> World:
    return sandbox.world


@pytest.fixture
def sign_in(sandbox: Sandbox) -> Callable[..., signin.Identity]:
    """Go through the whole sign-in as somebody."""

    def go(person: directory.Person | None, tid: str | None = None, **shift: Any) -> signin.Identity:
        flow = signin.begin(CALLBACK, tid)
        posted = visitor.sign_in(sandbox, flow.url, person)
        return signin.complete(flow, CALLBACK, posted, datetime.now(UTC))

    return go


@pytest.fixture
def naps() -> list[float]:
    """How long a client would have slept, in seconds."""
    return []
