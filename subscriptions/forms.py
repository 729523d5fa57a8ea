from django import forms
from django.utils.translation import gettext_lazy as _

from partnerapp.forms import Reason


class SubscriptionUpgrade(forms.Form):
    """R17: keep the automatic upgrade, or block it."""

    upgrade = forms.ChoiceField(
        label=_("At the end of the trial"),
        choices=[("keep", _("Upgrade to Production automatically")), ("block", _("Block the automatic upgrade"))],
        widget=forms.RadioSelect,
    )
    reason = Reason()


class ConvertPartner(forms.Form):
    """R23: the level changes from Trial to Production."""

    level = forms.ChoiceField(
        label=_("Subscription level"), choices=[("trial", _("Trial")), ("production", _("Production"))], initial="trial"
    )

    def clean_level(self) -> str:
        if self.cleaned_data["level"] != "production":
            raise forms.ValidationError(_("Change the subscription level to Production to convert the account."))
        return self.cleaned_data["level"]


class CancelTrial(forms.Form):
    reason = Reason()
