"""The demo's data directory: it takes only its own, one process at a time, and remembers."""

import socket
from pathlib import Path

import pytest

from partnerapp.demo.directory import DataDirectory, DirectoryError, Locked


def test_somebody_elses_files_are_never_touched(tmp_path: Path):
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(DirectoryError, match="is not empty and not a demo's"):
        DataDirectory(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_clear_forgets_everything_but_whose_it_is(tmp_path: Path):
    data = DataDirectory(tmp_path / "data")
    key = data.secret_key()
    data.clear()
    assert DataDirectory(data.path).secret_key() != key


def test_a_second_process_is_told_who_holds_the_lock(tmp_path: Path):
    data = DataDirectory(tmp_path)
    reason = r"^The demo is running on .* --data\.$"
    with data.lock("The demo"), pytest.raises(Locked, match=reason), data.lock("Another"):
        pass
    with data.lock("Another"):
        pass


def test_ports_are_kept_while_they_are_free(tmp_path: Path):
    data = DataDirectory(tmp_path)
    ports = data.choose_ports(web=8000)
    assert data.choose_ports(web=8000) == ports == data.known_ports()
    with socket.socket() as other:
        other.bind(("127.0.0.1", ports["smtp"]))
        assert data.choose_ports(web=8000)["smtp"] != ports["smtp"]


def test_unreadable_ports_are_chosen_anew(tmp_path: Path):
    data = DataDirectory(tmp_path)
    (tmp_path / "ports.json").write_text("{")
    assert data.choose_ports(web=1)["web"] == 1
