"""Stan of the Vendor's staff, and his browser."""

import pytest

from partnerapp.models import Operator

PASSWORD = "long enough for a policy"


@pytest.fixture
def stan(db) -> Operator:
    return Operator.objects.create_superuser("stan", "stan@vendor.example", PASSWORD, name="Stan Stone")


@pytest.fixture
def staff(signed_in, stan):
    """The browser of Stan, who has signed in."""
    return signed_in(stan)


@pytest.fixture
def sign_in(client):
    """Sign in as people do: `sign_in("stan")` is the answer to the form."""

    def press(username: str, password: str = PASSWORD, **more):
        return client.post("/admin/login/", {"username": username, "password": password, **more}, HTTP_HOST="localhost")

    return press
