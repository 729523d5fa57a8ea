"""`python -m partnerapp.microsoft365.sandbox --port 9400`: the sandbox as a process of its own."""

import argparse
import logging
import signal
import sys
from contextlib import suppress
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from partnerapp.microsoft365.sandbox.app import Sandbox


class Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    request_queue_size = 64


class Handler(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        logging.getLogger("partnerapp.microsoft365.sandbox").debug(format, *args)

    def address_string(self) -> str:
        return str(self.client_address[0])  # no reverse look-up


def main() -> int:
    options = arguments()
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))
    try:
        server = make_server(options.host, options.port, Sandbox(options.state), Server, Handler)
    except OSError as failure:
        print(
            f"The sandbox cannot listen on {options.host}:{options.port}: {failure.strerror}.",
            file=sys.stderr,
        )
        return 1
    with server, suppress(KeyboardInterrupt):
        server.serve_forever()
    return 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="sandbox", description="A stand-in for Microsoft's sign-in and Graph.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--state", type=Path, help="keep consents, settings and keys in this file")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
