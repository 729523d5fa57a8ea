"""Child processes that never outlive us."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None
GRACE = 8.0


class Child:
    """A process in a session of its own, so that Ctrl-C reaches only us; its output is added to `log`."""

    def __init__(
        self,
        command: Sequence[str | Path],
        *,
        log: Path,
        environment: Mapping[str, str],
        cwd: Path,
        user: int | None = None,
        group: int | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
    ) -> None:
        self.stop_signal = stop_signal
        self.log = log
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment,
                cwd=cwd,
                umask=0o077,
                preexec_fn=die_with_parent(stop_signal),
                start_new_session=True,
                **as_user(user, group),
            )

    @property
    def pid(self) -> int:
        return self.process.pid

    def ended(self) -> bool:
        return self.process.poll() is not None

    def failed(self) -> bool:
        return self.process.poll() not in {0, None}

    def stop(self) -> None:
        """Ask it to stop, wait 8 seconds at most, then kill whatever is left of its group. Safe to repeat."""
        if not self.ended():
            self.process.send_signal(self.stop_signal)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(GRACE)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        self.process.wait()

    def last_words(self) -> str:
        """The last line of its log that says something, in brackets, or nothing."""
        lines = [line.strip() for line in self.log.read_text(errors="replace").splitlines() if line.strip()]
        return f" ({lines[-1]})" if lines else ""


def as_user(user: int | None, group: int | None) -> dict[str, Any]:
    """Arguments for subprocess that give up root's rights, or none."""
    return {} if user is None else {"user": user, "group": group, "extra_groups": []}


def die_with_parent(stop_signal: signal.Signals) -> Callable[[], None] | None:
    """What a child runs first, so that the kernel sends it `stop_signal` when we die (Linux only)."""
    if LIBC is None:
        return None
    parent, libc = os.getpid(), LIBC

    def run() -> None:
        libc.prctl(PR_SET_PDEATHSIG, stop_signal)
        if os.getppid() != parent:
            os.kill(os.getpid(), signal.SIGKILL)

    return run


def wait_until(ready: Callable[[], object], seconds: float) -> bool:
    """Whether `ready()` became true, or stopped to raise, within so many seconds."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with contextlib.suppress(Exception):
            if ready():
                return True
        time.sleep(0.02)
    return False
