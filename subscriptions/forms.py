from datetime import date
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from partnerapp.forms import ActionForm, Reason
from partnerapp.models import Organization
from subscriptions.models import Product, Subscription
from subscriptions.models.production import KEPT, unfit


class SubscriptionUpgrade(ActionForm):
    """R17: keep the automatic upgrade, or block it."""

    upgrade = forms.ChoiceField(
        label=_("At the end of the trial"),
        choices=[("keep", _("Upgrade to Production automatically")), ("block", _("Block the automatic upgrade"))],
        widget=forms.RadioSelect,
    )
    reason = Reason()


class ConvertPartner(ActionForm):
    """R23: the level changes from Trial to Production."""

    level = forms.ChoiceField(
        label=_("Subscription level"), choices=[("trial", _("Trial")), ("production", _("Production"))], initial="trial"
    )

    def clean_level(self) -> str:
        if self.cleaned_data["level"] != "production":
            raise forms.ValidationError(_("Change the subscription level to Production to convert the account."))
        return self.cleaned_data["level"]


class Account(ActionForm):
    """What a customer holds and until when (R24, R26). Of several, what is not chosen stays as it is for each; a form that
    was opened for several stays one, also when only one of them still qualifies.
    """

    sku = forms.ChoiceField(label=_("SKU assignment"), widget=forms.RadioSelect)
    add_ons = forms.MultipleChoiceField(
        label=_("Add-on assignment"), required=False, widget=forms.CheckboxSelectMultiple
    )
    expires_on = forms.DateField(
        label=_("Expiration date"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text=_("Access and billing end at 24:00 UTC of this day. Empty: no end."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.several = len(self.rows) > 1 or "several" in self.data
        if self.several:
            self.fields["several"] = forms.BooleanField(required=False, initial=True, widget=forms.HiddenInput)
        sku, add_ons, offered = self.fields["sku"], self.fields["add_ons"], self.offered()
        sku.required = not self.several
        skus: list[tuple[str, Any]] = [(p.code, p.name) for p in offered if p.kind == Product.Kind.SKU]
        if self.several:
            skus.insert(0, ("", _("As they are")))
        sku.choices = skus  # type: ignore[attr-defined]
        add_ons.choices = [(p.code, p.name) for p in offered if p.kind == Product.Kind.ADDON]  # type: ignore[attr-defined]
        if self.several:
            sku.help_text = _("As they are: each keeps its SKU and its add-ons.")
            add_ons.help_text = _("With the SKU that is chosen above, for all of them.")

    def offered(self) -> list[Product]:
        """What the Partner holds; a single customer may also keep what it has already."""
        kept = set() if self.several else self.rows[0].subscription.held()
        return list(Product.resold_by(self.rows[0].owner) | Product.objects.filter(code__in=kept))

    def clean_sku(self) -> str:
        return one_sku(self)

    def clean_add_ons(self) -> list[str]:
        """Of several, add-ons go with a SKU: alone they would change nothing, and nobody would be told."""
        if self.cleaned_data["add_ons"] and self.cleaned_data.get("sku") == "":
            raise forms.ValidationError(_("Choose a SKU to go with these add-ons, or leave both as they are."))
        return self.cleaned_data["add_ons"]

    def clean_expires_on(self) -> date | None:
        expires_on = self.cleaned_data["expires_on"]
        kept = not self.several and expires_on == self.rows[0].subscription.expires_on
        if not kept and (refusal := unfit(expires_on, self.at)):
            raise forms.ValidationError(refusal)
        return expires_on


class EditAccount(Account):
    """R26. The date is asked where there is one in production."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not any(row.subscription.converted_at for row in self.rows):
            del self.fields["expires_on"]
        elif self.several:
            self.fields["expires_on"].help_text = _(
                "For those in production. Access and billing end at 24:00 UTC of this day. Empty: each keeps its date."
            )


def one_sku(form: forms.Form) -> str:
    """R3: the one SKU that was chosen; a forged form may name two."""
    data: Any = form.data
    if hasattr(data, "getlist") and len(data.getlist("sku")) > 1:
        raise forms.ValidationError(_("Choose exactly one SKU."))
    return form.cleaned_data["sku"]


def wanted(subscription: Subscription, data: dict[str, Any]) -> dict[str, Any]:
    """The products (codes) and the last day that a customer shall have, as the verbs take them: as filled in, the rest kept."""
    asked = subscription.converted_at and "expires_on" in data
    dated = asked and (data["expires_on"] or "several" not in data)
    products = {data["sku"], *data["add_ons"]} if data["sku"] else None
    return {"products": products, "expires_on": data["expires_on"] if dated else KEPT}


class PartnerProducts(ActionForm):
    """R2: what a Partner holds and may resell; what it has already may stay, active or not."""

    products = forms.MultipleChoiceField(label=_("SKUs and add-ons"), widget=forms.CheckboxSelectMultiple)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        held = self.rows[0].subscription.held()
        offered = Product.objects.filter(active=True) | Product.objects.filter(code__in=held)
        self.fields["products"].choices = [(p.code, p.name) for p in offered]  # type: ignore[attr-defined]


class CancelTrial(ActionForm):
    reason = Reason()


def convert(*args: Any, rows: list[Organization], **kwargs: Any) -> forms.Form:
    """A Partner's panel asks for the level, a customer's for what it gets."""
    customers = rows[0].kind == Organization.Kind.CUSTOMER
    return (Account if customers else ConvertPartner)(*args, rows=rows, **kwargs)
