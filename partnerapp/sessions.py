"""Sessions in the database, found by keys that Django itself makes."""

import re
from functools import cache
from typing import Any

from django.contrib.sessions.backends import db
from django.contrib.sessions.models import Session

from partnerapp import clock
from partnerapp.prepared import ANYBODY, ONCE, STAND_INS, Prepared, actual

KEY = re.compile("[a-z0-9]{8,40}")


class SessionStore(db.SessionStore):
    """A cookie may hold anything, a NUL for one, of which Postgres wants to hear nothing."""

    def _validate_session_key(self, key: Any) -> bool:
        return bool(key and KEY.fullmatch(key))

    def load(self) -> dict[str, Any]:
        key = {STAND_INS[str]: self.session_key}
        found = by_key().ask(lambda params: actual(params, ANYBODY, clock.wall(), key))
        if found:
            return self.decode(found[0].session_data)
        self._session_key = None
        return {}


@cache
def by_key() -> Prepared:
    return Prepared(Session.objects.filter(session_key=STAND_INS[str], expire_date__gt=ONCE))
