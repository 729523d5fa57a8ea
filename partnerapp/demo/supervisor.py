"""Runs the whole demo: database, sandbox, mail server, worker, beat and web server, until Ctrl-C or SIGTERM.

Every process runs in a session of its own, its output in the data directory's logs. They are stopped in
reverse order; when one ends by itself, all are. Nothing here uses Django: settings need what this sets up.
"""

import argparse
import contextlib
import http.client
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import FrameType

from partnerapp.demo import directory, environment, postgres, process

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
READY_SECONDS = 60.0


class Failed(Exception):
    """The demo cannot start or go on; the message is one line for people."""


class Stopped(Exception):
    """Somebody asked the demo to stop."""


class Stage:
    """The running processes, in the order of their start, and whether a signal asked to stop."""

    def __init__(self, data: directory.DataDirectory) -> None:
        self.data = data
        self.running: dict[str, process.Child] = {}
        self.environment: Mapping[str, str] = os.environ
        self.asked_to_stop = False

    def ask_to_stop(self, number: int, frame: FrameType | None) -> None:
        self.asked_to_stop = True

    def start(self, name: str, *arguments: str) -> process.Child:
        """Run Python with these arguments."""
        command = [sys.executable, *arguments]
        child = process.Child(command, log=self.data.log(name), environment=self.environment, cwd=directory.CHECKOUT)
        self.running[name] = child
        return child

    def step(self, name: str, *arguments: str) -> None:
        """Run a management command to its end."""
        step = self.start(name, "manage.py", *arguments)
        self.wait(step.ended, f"{name} took too long", step=name)
        if step.failed():
            raise Failed(f"{name} failed{step.last_words()}: see {step.log}.")
        del self.running[name]

    def wait(self, ready: Callable[[], bool], too_late: str, step: str = "") -> None:
        """Wait until `ready()`, one minute at most, as long as everything runs and nobody asks to stop."""
        end = time.monotonic() + READY_SECONDS
        while not ready():
            self.check(step)
            if time.monotonic() > end:
                raise Failed(f"{too_late}: see {self.data.path / 'logs'}.")
            time.sleep(0.05)

    def check(self, step: str = "") -> None:
        """Raise Stopped after a signal, and Failed when a process that should run has ended."""
        if self.asked_to_stop:
            raise Stopped
        for name, child in self.running.items():
            if name != step and child.ended():
                raise Failed(f"{name} ended by itself{child.last_words()}: see {child.log}.")

    def stop_all(self) -> None:
        while self.running:
            self.running.popitem()[1].stop()


def port_number(text: str) -> int:
    """A TCP port from the command line. Raises ValueError."""
    if not 0 < int(text) < 65536:
        raise ValueError(text)
    return int(text)


def check_port(port: int) -> None:
    """Fail unless the web server can listen on the port, and `localhost` leads nowhere else."""
    with contextlib.suppress(OSError), socket.create_connection(("localhost", port), 1):
        raise Failed(f"Port {port} is in use: stop what listens there, or choose another with --port.")
    if not directory.is_free(port):
        raise Failed(f"Port {port} cannot be used: choose another with --port.")


def answers_ok(port: int) -> bool:
    """Whether the portal says that it is healthy."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/healthz", headers={"Host": f"localhost:{port}"})
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def listens(port: int) -> bool:
    """Whether a server accepts connections on the loopback port."""
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


@contextlib.contextmanager
def database(stage: Stage) -> Iterator[tuple[str, str]]:
    """The URLs of the owner and of the app: the caller's DATABASE_URL, else an embedded cluster's."""
    if given := os.environ.get("DATABASE_URL"):
        yield os.environ.get("DATABASE_OWNER_URL", given), given
        return
    cluster = postgres.Cluster(stage.data.path / "postgres", log=stage.data.log("postgres"))
    stage.running["postgres"] = cluster.start()
    try:
        yield cluster.owner_url, cluster.app_url
    finally:
        cluster.stop()


def perform(stage: Stage, port: int) -> None:
    """Start everything in order and stay until something ends."""
    with database(stage) as (owner_url, app_url):
        try:
            ports = stage.data.choose_ports(port)
            stage.environment = environment.demo(stage.data, ports, owner_url=owner_url, app_url=app_url)
            start(stage, ports)
            welcome(stage.data.path, port)
            while True:
                stage.check()
                time.sleep(0.2)
        finally:
            stage.stop_all()


def start(stage: Stage, ports: Mapping[str, int]) -> None:
    """Everything above the database, until all of it answers; what needs no tables starts while they are made."""
    commands = servers(stage.data.path, ports)
    for name in ("sandbox", "mailbox", "web"):
        stage.start(name, "-m", *commands[name])
    stage.step("migrate", "migrate", "--no-input")
    stage.step("seed_demo", "seed_demo")
    for name in ("worker", "beat"):
        stage.start(name, "-m", *commands[name])
    stage.wait(lambda: answers_ok(ports["web"]), "The portal did not answer")
    stage.wait(lambda: listens(ports["sandbox"]), "The sandbox did not answer")
    stage.wait(lambda: listens(ports["smtp"]), "The mail server did not answer")


def servers(data: Path, ports: Mapping[str, int]) -> dict[str, list[str]]:
    """Module and arguments of each server."""
    sandbox = ["--port", str(ports["sandbox"]), "--state", str(data / "sandbox.json")]
    mailbox = ["--port", str(ports["smtp"]), "--dir", str(data / "mail")]
    worker = ["--queues=celery,lifecycle", "--pool=threads", "--concurrency=4", "--without-gossip", "--without-mingle"]
    worker += ["--loglevel=info"]
    beat = [f"--schedule={data / 'beat'}", "--pidfile=", "--loglevel=info"]
    web = [f"--bind=127.0.0.1:{ports['web']}", "--workers=2", "--threads=4", "--no-control-socket"]
    web.append("--limit-request-line=0")  # the address of a list names each selected row
    return {
        "sandbox": ["partnerapp.microsoft365.sandbox", *sandbox],
        "mailbox": ["partnerapp.demo.mailbox", *mailbox],
        "worker": ["celery", "-A", "partnerapp", "worker", *worker],
        "beat": ["celery", "-A", "partnerapp", "beat", *beat],
        "web": ["gunicorn", "partnerapp.wsgi", *web],
    }


def welcome(data: Path, port: int) -> None:
    """The portal's address and whom to sign in as."""
    say(f"\nThe portal runs at http://localhost:{port}\n")
    credentials = data / "credentials.txt"
    if credentials.exists():
        say(credentials.read_text())
    say(f"Data and logs: {data}. Stop with Ctrl-C.")


def say(text: str) -> None:
    with contextlib.suppress(BrokenPipeError, OSError):
        print(text, flush=True)


def run(options: argparse.Namespace) -> None:
    """Hold the data directory and perform. Raises Failed, Stopped, DirectoryError, PostgresError."""
    check_port(options.port)
    data = directory.DataDirectory(options.data)
    stage = Stage(data)
    with data.lock("The demo"):
        for number in STOP_SIGNALS:
            signal.signal(number, stage.ask_to_stop)
        if options.fresh:
            data.clear()
        directory.remove(data.folder("broker"))
        perform(stage, options.port)


def main() -> int:
    parser = argparse.ArgumentParser(prog="./run demo", description="Run the whole portal on this machine.")
    parser.add_argument("--port", type=port_number, default=8000, help="of the web server on localhost (default 8000)")
    parser.add_argument("--data", type=Path, default=directory.default(), help="directory (default %(default)s)")
    parser.add_argument("--fresh", action="store_true", help="forget all data first")
    try:
        run(parser.parse_args())
    except (Stopped, KeyboardInterrupt):
        say("Stopped.")
        return 0
    except (Failed, directory.DirectoryError, postgres.PostgresError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
