"""Sessions in the database, found by keys that Django itself makes."""

import re
from typing import Any

from django.contrib.sessions.backends import db

KEY = re.compile("[a-z0-9]{8,40}")


class SessionStore(db.SessionStore):
    """A cookie may hold anything, a NUL for one, of which Postgres wants to hear nothing."""

    def _validate_session_key(self, key: Any) -> bool:
        return bool(key and KEY.fullmatch(key))
