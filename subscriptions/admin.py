"""The catalogue, and what staff do to a subscription beside what operators can (R13, R27)."""

from typing import Any

from django import forms as fields
from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from partnerapp import drawers
from partnerapp.forms import VisibleText
from partnerapp.models import Organization
from partnerapp.staff.lists import StaffAdmin
from subscriptions import consequences, forms
from subscriptions.models import Product
from subscriptions.views import DRAWERS, about, seen, seen_with_products

PARTNERS = frozenset({Organization.Kind.PARTNER})

SUSPEND = drawers.Drawer(
    name="suspend",
    label=_("Suspend"),
    icon="player-pause",
    kinds=PARTNERS,
    danger=True,
    seen=seen,
    rule=lambda o, at: o.subscription.suspension(at),
    apply=lambda o, data, by, at: o.subscription.suspend(by=by, at=at, reason=data["reason"]),
    consequences=consequences.of_suspension,
    done=about(_("{name} is suspended."), _("{count} Partners are suspended.")),
)
REINSTATE = drawers.Drawer(
    name="reinstate",
    label=_("Reinstate"),
    icon="restore",
    kinds=PARTNERS,
    seen=seen,
    rule=lambda o, at: o.subscription.reinstatement(at),
    apply=lambda o, data, by, at: o.subscription.reinstate(by=by, at=at, reason=data["reason"]),
    consequences=consequences.of_reinstatement,
    done=about(_("{name} is in production again."), _("{count} Partners are in production again.")),
)
END = drawers.Drawer(
    name="end",
    label=_("End production account"),
    icon="circle-x",
    kinds=PARTNERS,
    danger=True,
    seen=seen,
    rule=lambda o, at: o.subscription.ending(at),
    apply=lambda o, data, by, at: o.subscription.end(by=by, at=at, reason=data["reason"]),
    consequences=consequences.of_ending,
    done=about(_("The production account of {name} is ended."), _("{count} production accounts are ended.")),
)
RELEASE_TENANT = drawers.Drawer(
    name="release_tenant",
    label=_("Release Microsoft 365 tenant"),
    icon="link-off",
    danger=True,
    seen=seen,
    rule=lambda o, at: o.subscription.tenant_release(at),
    apply=lambda o, data, by, at: o.subscription.release_tenant(by=by, at=at, reason=data["reason"]),
    consequences=consequences.of_release,
    done=about(_("The Microsoft 365 tenant of {name} is free."), _("{count} Microsoft 365 tenants are free.")),
)
CHANGE_PRODUCTS = drawers.Drawer(
    name="change_products",
    label=_("Change products to resell"),
    icon="list-details",
    kinds=PARTNERS,
    form=forms.PartnerProducts,
    initial=lambda o, at: {"products": sorted(o.subscription.held())},
    seen=seen_with_products,
    rule=lambda o, at: o.subscription.resale(at),
    apply=lambda o, data, by, at: o.subscription.resell(by=by, at=at, products=data["products"], reason=data["reason"]),
    foretell=consequences.of_other_resale,
    consequences=consequences.of_resale,
    done=about(_("The products of {name} were changed."), _("The products of {count} Partners were changed.")),
)
VERBS = [*DRAWERS, SUSPEND, REINSTATE, END, CHANGE_PRODUCTS, RELEASE_TENANT]


class ProductForm(fields.ModelForm):
    name = VisibleText(label=_("Name"), max_length=80)

    class Meta:
        model = Product
        fields = ("code", "name", "kind", "active")


@admin.register(Product)
class ProductAdmin(StaffAdmin):
    """A product that somebody holds, or held, is billed by its code: it is renamed or set inactive, never removed."""

    form = ProductForm
    list_display = ("name", "kind", "code", "active")
    ordering = ("-kind", "name")
    fields = ("code", "name", "kind", "active")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("code", "kind") if obj else ()
