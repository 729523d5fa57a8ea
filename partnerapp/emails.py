"""The foundation's own mail: an operator's invitation."""

from django.urls import reverse
from django.utils.translation import gettext as _

from partnerapp.mail import Pointless, absolute
from partnerapp.models import Message


def operator_invitation(message: Message) -> dict:
    """Raises Pointless when the link would lead nowhere: used, withdrawn or sent anew meanwhile."""
    operator = message.operator
    if operator is None or operator.standing != "pending" or operator.invited_at != message.about_at:
        raise Pointless
    url = absolute(reverse("invitation", args=[operator.invitation_token()]))
    return {
        "role": operator.get_role_display(),
        "button": {"label": _("Accept the invitation"), "url": url},
        "why": _("You get this because you were invited to {name} in Partner App.").format(
            name=message.organization.name
        ),
    }
