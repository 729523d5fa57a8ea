"""Runs a management command with the demo's settings: `./run manage [--data DIR] COMMAND …`.

It uses the running demo's database, else starts the embedded PostgreSQL for the duration.
"""

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from partnerapp.demo import directory, environment, postgres

WAIT_SECONDS = 30.0
DEFAULT_PORT = 8000
USAGE = "./run manage [--data DIR] COMMAND [ARGUMENTS]"


@contextlib.contextmanager
def settings(data: directory.DataDirectory) -> Iterator[dict[str, str]]:
    """The demo's environment with a database that answers. Raises DirectoryError, PostgresError."""
    cluster = postgres.Cluster(data.path / "postgres", log=data.log("postgres"))
    owner_url, app_url = cluster.owner_url, cluster.app_url
    ports = data.known_ports() or data.choose_ports(DEFAULT_PORT)
    with contextlib.ExitStack() as stack:
        if given := os.environ.get("DATABASE_URL"):
            owner_url, app_url = os.environ.get("DATABASE_OWNER_URL", given), given
        elif not join_demo(data, stack, app_url):
            stack.enter_context(cluster)
        yield environment.demo(data, ports, owner_url=owner_url, app_url=app_url)


def join_demo(data: directory.DataDirectory, stack: contextlib.ExitStack, app_url: str) -> bool:
    """True when a demo runs there and its database answers; False when the directory's lock is ours now."""
    end = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < end:
        try:
            stack.enter_context(data.lock("./run manage"))
            return False
        except directory.Locked as taken:
            if taken.holder == "The demo" and postgres.answers(app_url):
                return True
        time.sleep(0.1)
    raise postgres.PostgresError(f"The database in {data.path} does not answer: see {data.log('postgres')}.")


def run(command: list[str], values: Mapping[str, str]) -> int:
    """Run manage.py and pass its exit code on; Ctrl-C and SIGTERM are the command's to answer."""
    child = subprocess.Popen([sys.executable, "manage.py", *command], env=values, cwd=directory.CHECKOUT)
    signal.signal(signal.SIGINT, lambda *_: None)
    signal.signal(signal.SIGTERM, lambda *_: child.terminate())
    return child.wait()


def main() -> int:
    parser = argparse.ArgumentParser(prog="./run manage", usage=USAGE)
    parser.add_argument("--data", type=Path, default=directory.default(), help="directory (default %(default)s)")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    if not options.command:
        parser.error("which command?")
    try:
        with settings(directory.DataDirectory(options.data)) as values:
            return run(options.command, values)
    except (directory.DirectoryError, postgres.PostgresError) as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
