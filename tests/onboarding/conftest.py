"""Adatum, which is pending; its people with their browsers; and Microsoft 365 as the sandbox plays it in this process."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from onboarding.models import ImportRun
from partnerapp import clock
from partnerapp.microsoft365.sandbox.app import Sandbox
from partnerapp.models import Organization
from tests.factories import pending_partner
from tests.microsoft365.conftest import one_sandbox, sandbox, world  # noqa: F401 - fixtures
from tests.onboarding.visit import Visit


@pytest.fixture
def adatum(contoso) -> Organization:
    """Added a day ago; the link was sent and nobody has opened it."""
    return pending_partner(contoso)


@pytest.fixture
def visit(sandbox: Sandbox, adatum) -> Callable[..., Visit]:  # noqa: F811
    """A new browser with Adatum's link in it (or another organization's)."""
    return lambda organization=adatum: Visit(sandbox, organization)


@pytest.fixture
def ada(visit) -> Visit:
    """The browser of Ada, who administers Adatum's tenant."""
    return visit()


@pytest.fixture
def wall(monkeypatch) -> Callable[[float], datetime]:
    """The machine's clock stands still; `wall(15)` is 15 seconds later."""
    instants = [clock.wall()]

    def later(seconds: float = 0) -> datetime:
        instants.append(instants[-1] + timedelta(seconds=seconds))
        return instants[-1]

    monkeypatch.setattr(clock, "wall", lambda: instants[-1])
    return later


@pytest.fixture
def after_first_page(monkeypatch) -> Callable[[Callable[[], object]], None]:
    """Let something happen once, right after the first page of users was saved."""

    def arrange(happens: Callable[[], object]) -> None:
        save, left = ImportRun.checkpoint, [happens]

        def checkpoint(run: ImportRun, **lease: datetime) -> bool:
            kept = save(run, **lease)
            if run.done and left:
                left.pop()()
            return kept

        monkeypatch.setattr(ImportRun, "checkpoint", checkpoint)

    return arrange
