import uuid
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from partnerapp.forms import ActionForm, Email, Reason, VisibleText
from partnerapp.models import Organization
from subscriptions.forms import one_sku
from subscriptions.models import Product


class AddPartner(forms.Form):
    """R1: exactly the name and the notification email. `request_key` makes the same form sent twice one Partner."""

    name = VisibleText(label=_("Organization name"), max_length=120)
    email = Email(label=_("Notification email"), help_text=_("The activation link is sent here."))
    request_key = forms.UUIDField(widget=forms.HiddenInput, initial=uuid.uuid4)


class AddCustomer(AddPartner):
    """R3: and exactly one SKU and any add-ons, of those that the Partner holds."""

    sku = forms.ChoiceField(label=_("SKU assignment"), widget=forms.RadioSelect)
    add_ons = forms.MultipleChoiceField(
        label=_("Add-on assignment"), required=False, widget=forms.CheckboxSelectMultiple
    )

    def __init__(self, partner: Organization, data: QueryDict | None = None) -> None:
        super().__init__(data)
        offered = list(Product.resold_by(partner))
        for name, kind in (("sku", Product.Kind.SKU), ("add_ons", Product.Kind.ADDON)):
            field: Any = self.fields[name]
            field.choices = [(product.code, product.name) for product in offered if product.kind == kind]
            not_held = gettext("{partner} does not hold {products}.")
            words = not_held.format(partner=partner.name.replace("%", "%%"), products="%(value)s")
            field.error_messages |= {"invalid_choice": words, "required": _("Choose exactly one SKU.")}

    def clean_sku(self) -> str:
        return one_sku(self)


class AddPartners(forms.Form):
    """R1 for several: a name and an email in each line. `checked` says which of them were shown before."""

    MOST = 100

    lines = forms.CharField(
        label=_("Partners"),
        max_length=40_000,
        help_text=_("One per line: Name <email>, or both with a comma or a tab between, as pasted from a spreadsheet."),
        widget=forms.Textarea(attrs={"rows": 8, "spellcheck": "false"}),
    )
    checked = forms.CharField(required=False, max_length=64, widget=forms.HiddenInput)
    request_key = forms.UUIDField(widget=forms.HiddenInput, initial=uuid.uuid4)

    def clean_lines(self) -> str:
        text = self.cleaned_data["lines"]
        if (count := sum(1 for line in text.splitlines() if line.strip())) > self.MOST:
            words = _("These are %(count)d lines; %(most)d can be added at once.")
            raise forms.ValidationError(words, params={"count": count, "most": self.MOST})
        return text


class NotificationEmail(ActionForm):
    email = Email(label=_("Notification email"), help_text=_("Mails about the organization are sent here."))


class Withdraw(ActionForm):
    reason = Reason()
