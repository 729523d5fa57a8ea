"""The demo's data directory: where it is, whose it is, who uses it now, and what it remembers."""

import contextlib
import fcntl
import hashlib
import json
import os
import secrets
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
MARKER = "partnerapp-demo"


class DirectoryError(Exception):
    """The data directory cannot be used; the message is one line for people."""


def default() -> Path:
    """`data` in the checkout; for root below /var/tmp, as PostgreSQL's user cannot enter a private home."""
    if os.geteuid():
        return CHECKOUT / "data"
    return Path("/var/tmp") / f"partnerapp-{hashlib.sha256(str(CHECKOUT).encode()).hexdigest()[:8]}"  # noqa: S108


class DataDirectory:
    """One demo's files. Creating it makes the directory and its marker. Raises DirectoryError."""

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        try:
            self._claim()
        except OSError as error:
            raise DirectoryError(
                f"Cannot write to {self.path}: {error.strerror}. Choose another with --data."
            ) from None

    def _claim(self) -> None:
        self.path.mkdir(parents=True, exist_ok=True)
        marker = self.path / MARKER
        if not marker.exists() and any(self.path.iterdir()):
            raise DirectoryError(f"{self.path} is not empty and not a demo's: choose another with --data.")
        if self.path.stat().st_uid != os.geteuid():
            raise DirectoryError(f"{self.path} belongs to another user: choose another with --data.")
        # Root's PostgreSQL runs as nobody, who must get through.
        self.path.chmod(0o700 if os.geteuid() else 0o711)
        marker.touch()
        self.folder("logs")

    def folder(self, name: str) -> Path:
        """A private directory in here, made when it is missing."""
        path = self.path / name
        path.mkdir(mode=0o700, exist_ok=True)
        return path

    def log(self, name: str) -> Path:
        return self.folder("logs") / f"{name}.log"

    def clear(self, *keep: str) -> None:
        """Remove everything but the lock, the marker and what is named."""
        for path in self.path.iterdir():
            if path.name not in {MARKER, "lock", *keep}:
                remove(path)

    def secret_key(self) -> str:
        """The key of this demo, so that sessions and links survive a restart."""
        path = self.path / "secret_key"
        if not path.exists():
            path.touch(mode=0o600)
            path.write_text(secrets.token_urlsafe(50))
        return path.read_text()

    def known_ports(self) -> dict[str, int]:
        """The ports of the demo that ran here last, or runs now."""
        try:
            ports: dict[str, int] = json.loads((self.path / "ports.json").read_text())
        except (OSError, ValueError):
            return {}
        return ports

    def choose_ports(self, web: int) -> dict[str, int]:
        """Remember and return a port for every server: the known ones where they are free, else new ones."""
        known = self.known_ports()
        ports = {"web": web} | {name: free_port(known.get(name, 0)) for name in ("sandbox", "smtp")}
        (self.path / "ports.json").write_text(json.dumps(ports))
        return ports

    @contextlib.contextmanager
    def lock(self, holder: str) -> Iterator[None]:
        """Be the only one that runs servers on this directory. Raises Locked."""
        with (self.path / "lock").open("a+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                file.seek(0)
                raise Locked(self.path, file.read()) from None
            file.truncate(0)
            file.write(holder)
            file.flush()
            yield


class Locked(DirectoryError):
    """Another process runs on the directory."""

    def __init__(self, path: Path, holder: str) -> None:
        self.holder = holder
        super().__init__(f"{holder} is running on {path}: stop it first, or choose another directory with --data.")


def remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def is_free(port: int) -> bool:
    """Whether a server could listen on the port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port(wanted: int = 0) -> int:
    """The wanted port of 127.0.0.1 when it is free, else another one that is."""
    if wanted and is_free(wanted):
        return wanted
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
