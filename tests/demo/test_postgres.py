"""The embedded PostgreSQL: its roles, and what it survives."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from partnerapp.demo import postgres, process
from partnerapp.demo.postgres import Cluster


def query(url: str, statement: str) -> list:
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


def test_the_data_survives_kill_9_and_a_pid_that_another_program_has_now(open_path: Path):
    data = open_path / "postgres"
    with Cluster(data) as cluster:
        query(cluster.owner_url, "CREATE TABLE kept AS SELECT 1")
        os.kill(cluster.server.pid, signal.SIGKILL)
    pid_file = data / "postmaster.pid"
    pid_file.write_text(pid_file.read_text().replace(str(cluster.server.pid), str(os.getpid()), 1))
    with Cluster(data) as again:
        assert query(again.owner_url, "SELECT * FROM kept") == [(1,)]
    assert not postgres.answers(again.app_url)


def test_the_owner_is_no_superuser_and_the_app_owns_nothing(open_path: Path):
    with Cluster(open_path / "postgres", throwaway=True) as cluster:
        roles = query(cluster.owner_url, "SELECT rolname FROM pg_roles WHERE rolsuper")
        assert roles == [("postgres",)]
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            query(cluster.app_url, "CREATE TABLE mine (id int)")


def test_a_server_that_does_not_start_says_why_in_one_line(open_path: Path):
    data = open_path / "postgres"
    with Cluster(data, throwaway=True):
        pass
    with (data / "postgresql.conf").open("a") as configuration:
        configuration.write("nonsense = 1\n")
    with pytest.raises(postgres.PostgresError, match=r"^PostgreSQL did not start: configuration file .*log\.$"):
        Cluster(data).start()


def test_data_where_nobody_may_enter_is_refused(open_path: Path):
    (open_path / "private").mkdir(mode=0o700)
    assert postgres.closed_parent(open_path / "private" / "postgres") == open_path / "private"
    assert postgres.closed_parent(open_path / "postgres") is None


def test_programs_come_from_pg_bin_when_it_is_set(monkeypatch):
    monkeypatch.setenv("PG_BIN", "/opt/postgres/bin")
    assert postgres.programs(as_root=False) == Path("/opt/postgres/bin")


@pytest.mark.skipif(process.LIBC is None, reason="only Linux tells a child that its parent died")
def test_a_child_dies_with_its_parent_after_kill_9(tmp_path: Path):
    program = (
        "import time, pathlib; from partnerapp.demo.process import Child;"
        "log = pathlib.Path('log').absolute();"
        "child = Child(['sleep', '60'], log=log, environment={}, cwd=log.parent);"
        "print(child.pid, flush=True); time.sleep(60)"
    )
    environment = os.environ | {"PYTHONPATH": str(Path.cwd())}
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True) as parent:
        pid = int(parent.stdout.readline())
        parent.kill()
    assert process.wait_until(lambda: not is_running(pid), 5)


def is_running(pid: int) -> bool:
    """Whether the process runs; a zombie that nobody has collected does not."""
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False
