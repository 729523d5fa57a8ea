"""The settings of production: what is missing or makes no sense stops the start with one line that names it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.xdist_group("settings")  # its cases are run once, not once a core
CHECKOUT = Path(__file__).resolve().parents[1]
VALID = {
    "PATH": os.defpath,
    "SECRET_KEY": "k3-" + "correct horse battery staple Zyx9876 +/=" * 2,
    "DATABASE_URL": "postgres://app:secret@127.0.0.1:1/partnerapp",
    "BASE_URL": "https://portal.example.com",
    "EMAIL_URL": "smtp+tls://user:secret@mail.example.com:587",
    "EMAIL_FROM": "Partner App <portal@example.com>",
    "M365_CLIENT_ID": "7f1b0c52-5a52-4d0e-9a55-0d6f6f9a1c01",
    "M365_CLIENT_SECRET": "secret",
    "REDIS_URL": "redis://127.0.0.1:1/0",
}
# Django and what it needs are imported once; each case then is a process of its own that runs manage.py.
RUNNER = """
import json, os, runpy, sys, tempfile, traceback
import celery, csp.constants, django.core.management, environ, partnerapp.celery
for variables, command in json.load(sys.stdin):
    sys.stdout.flush()
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        if not (pid := os.fork()):
            os.dup2(out.fileno(), 1), os.dup2(err.fileno(), 2)
            os.environ.clear(), os.environ.update(variables)
            sys.argv = ["manage.py", *command]
            code = 0
            try:
                runpy.run_path("manage.py", run_name="__main__")
            except SystemExit as end:
                code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
                print(end.code if isinstance(end.code, str) else "", end="", file=sys.stderr)
            except BaseException:
                code = traceback.print_exc() or 1
            sys.stdout.flush(), sys.stderr.flush(), os._exit(code)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        out.seek(0), err.seek(0)
        print(json.dumps([code, out.read().decode(), err.read().decode()]))
"""


def run(cases):
    """(exit code, stdout, stderr) of manage.py in each of these environments."""
    command = [sys.executable, "-c", RUNNER]
    done = subprocess.run(
        command, input=json.dumps(cases), cwd=CHECKOUT, env={"PATH": os.defpath}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


NONSENSE = {
    "SECRET_KEY": ["", "short"],
    "DATABASE_URL": [
        "",
        "mysql://a:b@c/d",
        "postgres://",
        "postgres://host/name",
        "postgres://u:p@h:port/name",
        "nonsense",
    ],
    "BASE_URL": [
        "",
        "http://portal.example.com",
        "portal.example.com",
        "https://",
        "https://[",
        "https://a/path",
        "https://a:x",
    ],
    "ALLOWED_HOSTS": ["*"],
    "EMAIL_URL": ["", "mail.example.com", "https://mail.example.com", "smtp://mail.example.com:port"],
    "EMAIL_FROM": ["", "nonsense", "a@b\r\nBcc: c@d.example"],
    "M365_CLIENT_ID": ["", "nonsense", "7f1b0c52"],
    "M365_CLIENT_CERTIFICATE": ["/nowhere.pem", str(CHECKOUT / "manage.py")],
    "REDIS_URL": ["", "http://127.0.0.1", "nonsense"],
    "ACTIVATION_LINK_DAYS": ["0", "-1", "abc", "²", "1.5", "99999999999"],
    "TRUSTED_PROXIES": ["-1", "yes"],
    "DEMO": ["maybe"],
    "TEST_CLOCK": ["1", "maybe"],
    "M365_SANDBOX_URL": ["http://127.0.0.1:9400"],
}
CASES = [(name, value) for name, values in NONSENSE.items() for value in values]


CHECK = ["check", "--deploy", "--fail-level", "INFO"]
URLS = "from django.urls import get_resolver; print([str(p.pattern) for p in get_resolver().url_patterns])"
OTHERS = {
    "valid": (VALID, CHECK),
    "the host of BASE_URL": (VALID | {"ALLOWED_HOSTS": ""}, CHECK),
    "a week": (VALID | {"ACTIVATION_LINK_DAYS": "7"}, CHECK),
    "a bare sender": (VALID | {"EMAIL_FROM": "a@b.example"}, CHECK),
    "urls": (VALID, ["shell", "-v0", "-c", URLS]),
    "demo": (
        VALID | {"DEMO": "1", "DEMO_DIR": "/tmp", "BASE_URL": "http://localhost:8000"},
        ["shell", "-v0", "-c", URLS],
    ),
    "clock": (VALID, ["clock", "advance", "3d"]),
}


@pytest.fixture(scope="module")
def said():
    """What manage.py says to each nonsensical setting, to each missing one, and to the commands of OTHERS."""
    missing = {(name, None): ({k: v for k, v in VALID.items() if k != name}, ["check"]) for name in VALID}
    nonsense = {(name, value): (VALID | {name: value}, ["check"]) for name, value in CASES}
    every = nonsense | missing | OTHERS
    return dict(zip(every, run(list(every.values())), strict=True))


@pytest.mark.parametrize(
    "case", [*CASES, *((name, None) for name in VALID if name != "PATH")], ids=lambda case: "=".join(map(str, case))
)
def test_nonsense_stops_the_start_with_one_line_that_names_the_setting(said, case):
    code, out, err = said[case]
    named = {"M365_CLIENT_SECRET": "M365_CLIENT_CERTIFICATE"}.get(case[0], case[0])
    assert (code, out) == (1, "")
    assert err.startswith(named), err
    assert len(err.strip().splitlines()) == 1
    assert "secret@" not in err


def test_a_valid_environment_is_clean_and_nothing_is_silenced(said):
    code, out, err = said["valid"]
    assert (code, out.strip(), err) == (0, "System check identified no issues (0 silenced).", "")


@pytest.mark.parametrize("case", ["the host of BASE_URL", "a week", "a bare sender"])
def test_what_may_be_left_out_or_set(said, case):
    code, _out, err = said[case]
    assert (code, err) == (0, "")


def test_the_demos_addresses_exist_in_the_demo_only(said):
    assert "invoice/partners/" in said["urls"][1]
    assert "demo/" not in said["urls"][1]
    assert "demo/" in said["demo"][1]


def test_the_commands_of_the_test_clock_are_refused_in_production(said):
    code, _out, err = said["clock"]
    assert code == 1
    assert "TEST_CLOCK=1" in err
    assert len(err.strip().splitlines()) == 1


def test_the_real_command_prints_one_line():
    done = subprocess.run(
        [sys.executable, "manage.py", "migrate"], cwd=CHECKOUT, env={"PATH": os.defpath}, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "SECRET_KEY is missing: set it to a long random string.\n"


@pytest.mark.parametrize(("module", "code"), [("partnerapp.wsgi", 3), ("partnerapp.celery", 1)])
def test_the_server_and_the_worker_say_the_same(module, code):
    """3 is gunicorn's "failed to boot", after which it stops."""
    use = f"import {module} as m; getattr(m, 'app', None) and m.app.conf.broker_url"
    done = subprocess.run(
        [sys.executable, "-c", use], cwd=CHECKOUT, env={"PATH": os.defpath}, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (code, "SECRET_KEY is missing: set it to a long random string.\n")
