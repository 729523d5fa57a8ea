"""The demo's mail server: real SMTP on loopback that keeps each accepted message as one file.

Recipients at three domains meet a mail server's moods: refused.example is refused for good, later.example
for now, and silent.example loses the connection after DATA, so that the sender cannot know what became of it.
"""

import argparse
import contextlib
import itertools
import signal
import time
from collections.abc import Iterator
from pathlib import Path

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

REPLIES = {
    "refused.example": "550 5.1.1 No such mailbox",
    "later.example": "451 4.7.1 Try again later",
}
SILENT = "silent.example"


class Mailbox:
    """Stores what it accepts in `folder`; the files' names sort by arrival."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.numbers = itertools.count()
        folder.mkdir(parents=True, exist_ok=True)

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        refusal = REPLIES.get(domain(address))
        if refusal is None:
            envelope.rcpt_tos.append(address)
        return refusal or "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        if SILENT in map(domain, envelope.rcpt_tos):
            if server.transport is not None:
                server.transport.close()
            return "421 Gone"
        self.keep(envelope.original_content or b"")
        return "250 Message accepted"

    def keep(self, message: bytes) -> Path:
        """Write the message under a name that sorts after all before; a reader never sees half of one."""
        path = self.folder / f"{time.time_ns()}-{next(self.numbers):06d}.eml"
        draft = path.with_suffix(".part")
        draft.write_bytes(message)
        return draft.rename(path)


def domain(address: str) -> str:
    return address.rpartition("@")[2].lower()


@contextlib.contextmanager
def running(folder: Path, port: int) -> Iterator[Controller]:
    """The server on 127.0.0.1, in a thread. Raises OSError when the port is taken."""
    server = Controller(Mailbox(folder), hostname="127.0.0.1", port=port, server_hostname="localhost")
    server.start()
    try:
        yield server
    finally:
        server.stop()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m partnerapp.demo.mailbox", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--dir", type=Path, required=True)
    options = parser.parse_args()
    stop = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, stop)
    with running(options.dir, options.port):
        signal.sigwait(stop)


if __name__ == "__main__":
    main()
