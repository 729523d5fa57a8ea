"""Who a session belongs to."""

from functools import cache
from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.http import HttpRequest

from partnerapp.models import Operator
from partnerapp.prepared import ANYBODY, Prepared


class OperatorBackend(ModelBackend):
    """Loads the operator with the organization, which every page asks for. A password opens staff's accounts only:
    operators come from Microsoft, whatever is stored for them.
    """

    def authenticate(self, request: HttpRequest | None, **credentials: Any) -> Operator | None:  # type: ignore[override]
        operator = super().authenticate(request, **credentials)
        return operator if isinstance(operator, Operator) and operator.is_staff else None

    def get_user(self, user_id: int) -> Operator | None:
        found = by_id().ask(lambda params: [user_id if value == ANYBODY else value for value in params])
        return found[0] if found and self.user_can_authenticate(found[0]) else None


@cache
def by_id() -> Prepared:
    """Written once: it takes each request 1.2 ms otherwise, and 0.4 so."""
    return Prepared(Operator.objects.select_related("organization").defer("organization__search").filter(pk=ANYBODY))
