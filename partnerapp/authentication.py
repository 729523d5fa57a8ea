"""Who a session belongs to."""

from django.contrib.auth.backends import ModelBackend

from partnerapp.models import Operator


class OperatorBackend(ModelBackend):
    """Loads the operator with the organization, which every page asks for."""

    def get_user(self, user_id: int) -> Operator | None:
        operator = Operator.objects.select_related("organization").filter(pk=user_id).first()
        return operator if operator and self.user_can_authenticate(operator) else None
