"""What every benchmark stands on: a Postgres cluster of its own (never DATABASE_URL's) and production settings."""

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import django

from partnerapp.demo import directory, environment, postgres

ONLY_IN_A_DEMO = {"DEMO", "DEMO_DIR", "TEST_CLOCK", "M365_SANDBOX_URL", "DATABASE_AS_OWNER"}


@dataclass(frozen=True)
class Stage:
    """The running cluster, and a directory for what is made during the benchmark."""

    path: Path
    cluster: postgres.Cluster

    @property
    def postgres(self) -> int:
        """The pid of the database's first process."""
        assert self.cluster.server is not None
        return self.cluster.server.pid

    @property
    def superuser_url(self) -> str:
        return postgres.url(self.cluster.socket, postgres.SUPERUSER)


@contextlib.contextmanager
def production() -> Iterator[Stage]:
    """A migrated, empty database and collected static files; Django is set up. Raises PostgresError."""
    with tempfile.TemporaryDirectory(prefix="partnerapp-bench-", ignore_cleanup_errors=True) as scratch:
        path = Path(scratch)
        path.chmod(0o711)
        with postgres.Cluster(path / "postgres", throwaway=True) as cluster:
            os.environ.update(settings(path, cluster))
            for name in ONLY_IN_A_DEMO:
                os.environ.pop(name, None)
            manage("migrate")
            manage("collectstatic")
            django.setup()
            yield Stage(path, cluster)


def settings(path: Path, cluster: postgres.Cluster) -> dict[str, str]:
    """Production behind a proxy that ends TLS; nothing listens where Redis and the mail server would be."""
    return environment.test(path, owner_url=cluster.owner_url, app_url=cluster.app_url) | {
        "DJANGO_SETTINGS_MODULE": "bench.settings",
        "BASE_URL": "https://localhost",
        "REDIS_URL": "redis://127.0.0.1:9/0",
        "TRUSTED_PROXIES": "1",
        "STATIC_ROOT": str(path / "static"),
    }


def manage(command: str) -> None:
    arguments = [sys.executable, "manage.py", command, "--no-input", "--verbosity=0"]
    subprocess.run(arguments, cwd=directory.CHECKOUT, check=True)
