"""Who a session belongs to."""

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.http import HttpRequest

from partnerapp.models import Operator


class OperatorBackend(ModelBackend):
    """Loads the operator with the organization, which every page asks for. A password opens staff's accounts only:
    operators come from Microsoft, whatever is stored for them.
    """

    def authenticate(self, request: HttpRequest | None, **credentials: Any) -> Operator | None:  # type: ignore[override]
        operator = super().authenticate(request, **credentials)
        return operator if isinstance(operator, Operator) and operator.is_staff else None

    def get_user(self, user_id: int) -> Operator | None:
        operator = Operator.objects.select_related("organization").filter(pk=user_id).first()
        return operator if operator and self.user_can_authenticate(operator) else None
