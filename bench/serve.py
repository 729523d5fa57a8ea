"""Servers side by side, and what a page of theirs costs: time for who waits, CPU for who pays."""

import contextlib
import http.client
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from statistics import median, quantiles

from partnerapp.demo import directory, process, supervisor

PEERS = Path(__file__).with_name("peers.txt")
HOME = directory.CHECKOUT / ".venv-bench"  # what only benchmarks need; git ignores it
ROUNDS = 5
REQUESTS, SECONDS = 40, 3  # of one page in one round, whatever comes first
TICKS = os.sysconf("SC_CLK_TCK")  # of CPU time, per second


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes
    ms: float


@dataclass(frozen=True)
class Server:
    port: int
    pid: int

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)

    def get(self, path: str, headers: Mapping[str, str]) -> Answer:
        with contextlib.closing(self.connect()) as connection:
            return ask(connection, path, headers)


def ask(connection: http.client.HTTPConnection, path: str, headers: Mapping[str, str]) -> Answer:
    started = time.perf_counter()
    connection.request("GET", path, headers=dict(headers))
    response = connection.getresponse()
    body = response.read()
    return Answer(response.status, body, (time.perf_counter() - started) * 1000)


@contextlib.contextmanager
def gunicorn(application: str, log: Path, python: Path = Path(sys.executable), **settings: str) -> Iterator[Server]:
    """One worker with one thread, which keeps connections open."""
    port = directory.free_port()
    options = ["--workers=1", "--worker-class=gthread", "--threads=1", "--keep-alive=60", "--no-control-socket"]
    command = [str(python), "-m", "gunicorn", application, f"--bind=127.0.0.1:{port}", *options]
    child = process.Child(command, log=log, environment=os.environ | settings, cwd=directory.CHECKOUT)
    try:
        if not process.wait_until(lambda: supervisor.listens(port), 20):
            raise RuntimeError(f"{application} did not start{child.last_words()}")
        yield Server(port, child.pid)
    finally:
        child.stop()


def peers() -> Path:
    """The Python of the peers' environment, which is installed anew when something else is wanted there."""
    same = [f"{name}=={version(name)}" for name in ("django", "gunicorn", "psycopg", "psycopg-binary")]
    wanted, stamp, python = "\n".join([*same, PEERS.read_text()]), HOME / "installed", HOME / "bin/python"
    if not stamp.exists() or stamp.read_text() != wanted:
        print("Installing bench/peers.txt into .venv-bench …", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", "--clear", HOME], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "-qq", *same, "-r", str(PEERS)], check=True)
        stamp.write_text(wanted)
    return python


@dataclass
class Page:
    """A page of one of the servers, and what it took in each round (ms of one page)."""

    name: str
    server: Server
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)  # its own
    bytes: int = 0
    rounds: list[dict[str, float]] = field(default_factory=list)

    def __getitem__(self, measure: str) -> float:
        return median(a_round[measure] for a_round in self.rounds)


def race(pages: list[Page], headers: Mapping[str, str], postgres: int) -> None:
    """Ask for the pages in turn. `postgres` is the pid of the database's first process."""
    for page in pages:
        run(page, headers, postgres)
        page.rounds.clear()  # it was cold
    for _ in range(ROUNDS):
        for page in pages:
            run(page, headers, postgres)


def run(page: Page, headers: Mapping[str, str], postgres: int) -> None:
    """One round of a page, over one connection."""
    answers: list[Answer] = []
    with contextlib.closing(page.server.connect()) as connection:
        web, database = cpu_ms(page.server.pid), cpu_ms(postgres)
        while len(answers) < 2 or (len(answers) < REQUESTS and sum(answer.ms for answer in answers) < SECONDS * 1000):
            answers.append(ask(connection, page.path, {**headers, **page.headers}))
        web, database = cpu_ms(page.server.pid) - web, cpu_ms(postgres) - database
    assert {answer.status for answer in answers} == {200}, f"{page.name} failed"
    page.bytes = len(answers[-1].body)
    times = [answer.ms for answer in answers]
    took = {"p50": median(times), "p95": quantiles(times, n=20, method="inclusive")[-1]}
    page.rounds.append(took | {"web": web / len(times), "database": database / len(times)})


def cpu_ms(pid: int) -> float:
    """CPU time so far: of a process, of its children, and of those of them that ended."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    used = sum(map(int, fields[11:15])) * 1000 / TICKS
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        with contextlib.suppress(OSError):  # it has just ended
            used += cpu_ms(int(child))
    return used
