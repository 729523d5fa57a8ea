import uuid

from django import forms
from django.utils.translation import gettext_lazy as _

from partnerapp.forms import Email, Reason, VisibleText


class AddPartner(forms.Form):
    """R1: exactly the name and the notification email. `request_key` makes the same form sent twice one Partner."""

    name = VisibleText(label=_("Organization name"), max_length=120)
    email = Email(label=_("Notification email"), help_text=_("The activation link is sent here."))
    request_key = forms.UUIDField(widget=forms.HiddenInput, initial=uuid.uuid4)


class NotificationEmail(forms.Form):
    email = Email(
        label=_("Notification email"), help_text=_("A new activation link is sent here; the old one stops working.")
    )


class Withdraw(forms.Form):
    reason = Reason()
