"""Adatum, which is pending, and Microsoft 365 as the sandbox plays it in this process."""

import pytest

from partnerapp.models import Organization
from tests.factories import pending_partner
from tests.microsoft365.conftest import one_sandbox, sandbox, world  # noqa: F401 - fixtures


@pytest.fixture
def adatum(contoso) -> Organization:
    """Added a day ago; the link was sent and nobody has opened it."""
    return pending_partner(contoso)
