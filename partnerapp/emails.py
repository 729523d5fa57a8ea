"""The foundation's own mail: an operator's invitation."""

from django.urls import reverse
from django.utils.translation import gettext as _

from partnerapp.mail import absolute
from partnerapp.models import Message


def operator_invitation(message: Message) -> dict:
    operator = message.operator
    assert operator is not None
    url = absolute(reverse("invitation", args=[operator.invitation_token()]))
    return {
        "role": operator.get_role_display(),
        "button": {"label": _("Accept the invitation"), "url": url},
        "why": _("You get this because you were invited to {name} in Partner App.").format(
            name=message.organization.name
        ),
    }
