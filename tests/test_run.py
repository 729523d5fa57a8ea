"""`./run` and the demo refuse with one clear line and leave nothing running."""

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from partnerapp.demo.directory import free_port

CHECKOUT = Path(__file__).resolve().parents[1]
BARE = {"PATH": os.defpath, "PYTHONPATH": str(CHECKOUT)}


def python(module: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run one of the demo's modules without the test settings."""
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.run(command, env=BARE, cwd=CHECKOUT, capture_output=True, text=True, timeout=60)


def assert_refused(result: subprocess.CompletedProcess[str], reason: str) -> None:
    assert result.returncode == 1
    assert reason in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_a_port_in_use(tmp_path: Path, host: str):
    with socket.create_server((host, 0)) as other:
        port = other.getsockname()[1]
        result = python("partnerapp.demo.supervisor", "--port", str(port), "--data", tmp_path / "data")
    assert_refused(result, f"Port {port} is in use")
    assert not (tmp_path / "data").exists()


def test_a_data_directory_that_cannot_be_written(tmp_path: Path):
    (tmp_path / "file").touch()
    result = python("partnerapp.demo.supervisor", "--port", str(free_port()), "--data", tmp_path / "file" / "data")
    assert_refused(result, f"Cannot write to {tmp_path / 'file' / 'data'}: Not a directory.")


def test_a_management_commands_exit_code_is_passed_on(tmp_path: Path):
    result = python("partnerapp.demo.manage")
    assert result.returncode == 2
    assert "which command?" in result.stderr


def test_no_python_names_the_package(tmp_path: Path):
    """A version manager's dead shim counts as no Python."""
    for name in ("dirname", "cksum", "cat"):
        (tmp_path / name).symlink_to(shutil.which(name))
    shim = tmp_path / "python3"
    shim.write_text("#!/bin/sh\nexit 127\n")
    shim.chmod(0o755)
    shutil.copy(CHECKOUT / "run", tmp_path)
    result = subprocess.run([tmp_path / "run", "demo"], env={"PATH": str(tmp_path)}, capture_output=True, text=True)
    assert_refused(result, "apt install python3-venv")


def test_an_unknown_command_shows_the_usage():
    result = subprocess.run([CHECKOUT / "run", "dance"], capture_output=True, text=True)
    assert (result.returncode, result.stderr[:12]) == (2, "usage: ./run")
