"""./run bench pages: the lists with 10,000 Partners and 1,000,000 customers. Speed (P1), SQL (P2), weight (P3).

Everything happens on a cluster and servers of its own; the exit code is 1 when a goal is missed.
"""

import signal
import subprocess
import sys

from django.test import Client

from bench import stage
from bench.serve import gunicorn
from partnerapp.demo import postgres


def main() -> int:
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with stage.production() as here:
            return measure(here)
    except (postgres.PostgresError, subprocess.CalledProcessError) as error:
        print(error, file=sys.stderr)
    except KeyboardInterrupt:
        return 130
    return 1


def measure(here: stage.Stage) -> int:
    from bench import data, speed, statements, weight  # they import models, which need Django set up

    print("Writing the data …", flush=True)
    operator, msp = data.fill(here.superuser_url)
    client, below, peer = (Client(HTTP_HOST="localhost") for _ in range(3))
    client.force_login(operator)
    below.force_login(msp)
    peer.force_login(operator, "django.contrib.auth.backends.ModelBackend")  # the peers have Django's own
    (cookie,), (bobs,), (theirs,) = client.cookies.values(), below.cookies.values(), peer.cookies.values()
    own = {"Host": "localhost", "Cookie": f"{cookie.key}={cookie.value}", "X-Forwarded-Proto": "https"}
    headers = own | {"Cookie": f"{own['Cookie']}; peers-session={theirs.value}"}
    with gunicorn("partnerapp.wsgi", here.path / "portal.log") as portal:
        goals = speed.measure(portal, headers, f"{bobs.key}={bobs.value}", here.path, here.postgres)
        goals += [*statements.measure(client, operator), *statements.measure(below, msp)]
        goals += weight.measure(portal, own)
    print("\nGoals\n", *goals, sep="\n")
    return int(any(not goal.met for goal in goals))


if __name__ == "__main__":
    sys.exit(main())
