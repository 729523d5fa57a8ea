"""The environment that a demo's or a test's processes get: every setting of the portal, named once."""

import os
from collections.abc import Mapping
from pathlib import Path

from partnerapp.demo.directory import DataDirectory

CLIENT_ID = "7f1b0c52-5a52-4d0e-9a55-0d6f6f9a1c01"


def demo(data: DataDirectory, ports: Mapping[str, int], *, owner_url: str, app_url: str) -> dict[str, str]:
    """The caller's environment with the demo's settings; REDIS_URL stays as the caller has it.

    The sandbox is on 127.0.0.1 and the portal on localhost, so that cookies cross sites as with Microsoft.
    """
    return (
        os.environ
        | shared(data.path)
        | {
            "SECRET_KEY": data.secret_key(),
            "DATABASE_URL": app_url,
            "DATABASE_OWNER_URL": owner_url,
            "BASE_URL": f"http://localhost:{ports['web']}",
            "EMAIL_URL": f"smtp://127.0.0.1:{ports['smtp']}",
            "M365_SANDBOX_URL": f"http://127.0.0.1:{ports['sandbox']}",
        }
    )


def test(data: Path, *, owner_url: str, app_url: str) -> dict[str, str]:
    """Settings for tests, which create a database and so run as the owner; nothing listens on the ports."""
    return shared(data) | {
        "SECRET_KEY": "test-secret-key-that-is-long-enough-for-every-check-of-its-length",
        "DATABASE_URL": app_url,
        "DATABASE_APP_URL": app_url,
        "DATABASE_OWNER_URL": owner_url,
        "DATABASE_AS_OWNER": "1",
        "BASE_URL": "http://localhost:8000",
        "EMAIL_URL": "smtp://127.0.0.1:9",
        "M365_SANDBOX_URL": "http://127.0.0.1:9400",
    }


def shared(data: Path) -> dict[str, str]:
    return {
        "DJANGO_SETTINGS_MODULE": "partnerapp.settings",
        "PYTHONUNBUFFERED": "1",
        "DEMO": "1",
        "DEMO_DIR": str(data),
        "TEST_CLOCK": "1",
        "ALLOWED_HOSTS": "localhost,127.0.0.1",
        "EMAIL_FROM": "Partner App <no-reply@partnerapp.example>",
        "M365_CLIENT_ID": CLIENT_ID,
        "M365_CLIENT_SECRET": "sandbox-secret",
    }
