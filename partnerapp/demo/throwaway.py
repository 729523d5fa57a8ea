"""A throwaway cluster and the test settings for the duration of a block, or of one command:
`python -m partnerapp.demo.throwaway COMMAND …`.
"""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from partnerapp.demo import environment, postgres


@contextlib.contextmanager
def settings() -> Iterator[dict[str, str]]:
    """The test environment, on a new cluster or the caller's DATABASE_URL. Raises PostgresError."""
    with tempfile.TemporaryDirectory(prefix="partnerapp-", ignore_cleanup_errors=True) as scratch:
        data = Path(scratch)
        data.chmod(0o711)
        if given := os.environ.get("DATABASE_URL"):
            yield environment.test(data, owner_url=os.environ.get("DATABASE_OWNER_URL", given), app_url=given)
            return
        with postgres.Cluster(data / "postgres", throwaway=True) as cluster:
            yield environment.test(data, owner_url=cluster.owner_url, app_url=cluster.app_url)


def main() -> int:
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with settings() as values:
            return subprocess.run(sys.argv[1:], env=os.environ | values).returncode
    except postgres.PostgresError as error:
        print(error, file=sys.stderr)
    except KeyboardInterrupt:
        return 130
    return 1


if __name__ == "__main__":
    sys.exit(main())
