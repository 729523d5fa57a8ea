"""The whole demo: it starts, stops when asked, and leaves no process behind even when it is killed."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from partnerapp.demo import process, supervisor
from partnerapp.demo.directory import CHECKOUT, free_port

pytestmark = [pytest.mark.faults, pytest.mark.xdist_group("demo")]


@contextmanager
def demo(data: Path, port: int) -> Iterator[tuple[psutil.Process, list[psutil.Process]]]:
    """A demo that answers, and all its processes."""
    command = [sys.executable, "-m", "partnerapp.demo.supervisor", "--port", str(port), "--data", str(data)]
    with subprocess.Popen(command, env={"PATH": os.defpath}, cwd=CHECKOUT, stdout=subprocess.PIPE) as running:
        try:
            assert process.wait_until(lambda: supervisor.answers_ok(port), 60)
            itself = psutil.Process(running.pid)
            assert process.wait_until(lambda: b"Stop with Ctrl-C" in running.stdout.readline(), 60)
            yield itself, itself.children(recursive=True)
        finally:
            running.terminate()


def test_a_killed_demo_leaves_nothing_and_starts_again(open_path: Path):
    port = free_port()
    with demo(open_path, port) as (itself, children):
        itself.kill()
        assert psutil.wait_procs(children, timeout=15)[1] == []
    with demo(open_path, port) as (itself, children):
        itself.send_signal(signal.SIGINT)
        assert psutil.wait_procs([itself, *children], timeout=15)[1] == []


def test_one_dead_process_stops_all_the_others(open_path: Path):
    with demo(open_path, free_port()) as (itself, children):
        worker = next(child for child in children if "worker" in child.cmdline())
        worker.kill()
        assert psutil.wait_procs([itself, *children], timeout=15)[1] == []
