"""Pytest's plugin (`-p tests.postgres`): a throwaway PostgreSQL and settings, before Django reads them."""

import contextlib
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from partnerapp.demo import directory, postgres, process, throwaway

RESOURCES = contextlib.ExitStack()


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests() -> None:
    if "PYTEST_XDIST_WORKER" in os.environ:
        return  # the controller's cluster and settings are inherited; each worker has a database of its own in it
    # Without this a SIGTERM would leave the cluster's files behind.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        os.environ.update(RESOURCES.enter_context(throwaway.settings()))
    except postgres.PostgresError as error:
        raise pytest.UsageError(str(error)) from None


def pytest_unconfigure() -> None:
    RESOURCES.close()


@pytest.fixture
def open_path() -> Iterator[Path]:
    """A temporary directory that PostgreSQL's user may enter, unlike pytest's own."""
    with tempfile.TemporaryDirectory(prefix="partnerapp-", ignore_cleanup_errors=True) as path:
        Path(path).chmod(0o711)
        yield Path(path)


def needed(program: str, package: str) -> str:
    """The program's path; without it the test is skipped, or fails where CI=true."""
    if found := shutil.which(program):
        return found
    reason = f"{program} is missing: apt install {package}"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a real Redis on loopback that keeps nothing."""
    port = directory.free_port()
    folder = tmp_path_factory.mktemp("redis")
    command = [needed("redis-server", "redis-server"), "--port", str(port), "--bind", "127.0.0.1"]
    server = process.Child(
        [*command, "--save", "", "--appendonly", "no"], log=folder / "log", environment=os.environ, cwd=folder
    )
    try:
        assert process.wait_until(redis.Redis(port=port).ping, 5)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        server.stop()
