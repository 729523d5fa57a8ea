"""A demo as `./run demo` starts it, for tests: its address, its commands, and who has signed in there."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SESSION = "__Host-session"


@dataclass
class Demo:
    url: str
    data: Path
    sessions: dict[str, str] = field(default_factory=dict)  # a person's name → the session's cookie

    def begin(self, scale: int = 0) -> None:
        """The first day (again), with `scale` more trials; everybody has signed in."""
        code = f"from tests.browser import first_day; first_day.begin({scale})"
        self.sessions = json.loads(self.manage("shell", "--no-imports", "-c", code).splitlines()[-1])

    def manage(self, *command: str) -> str:
        """What a management command prints."""
        whole = [sys.executable, "-m", "partnerapp.demo.manage", "--data", str(self.data), *command]
        done = subprocess.run(whole, cwd=ROOT, env=environment(DATABASE_AS_OWNER="1"), capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode()

    def cookie(self, name: str) -> dict:
        place = {"domain": "localhost", "path": "/", "secure": True, "httpOnly": True}
        return {"name": SESSION, "value": self.sessions[name], **place}


def environment(**more: str) -> dict[str, str]:
    """The caller's, without the tests' own settings."""
    names = {"PATH", "HOME", "LANG"}
    return {name: value for name, value in os.environ.items() if name in names} | more
