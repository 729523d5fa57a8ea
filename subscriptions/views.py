"""The actions on subscriptions. Each is a rule, a verb and a form put together; `partnerapp.drawers` has the shape."""

import contextlib
from datetime import datetime
from typing import Any

from django.db.models import Count, Sum, prefetch_related_objects
from django.utils.translation import gettext_lazy as _

from partnerapp import dates, drawers
from partnerapp.actions import AlreadySo, Words
from partnerapp.models import Operator, Organization
from subscriptions import consequences, forms
from subscriptions.models import Product, Subscription, SubscriptionProduct
from subscriptions.terms import EXTENSION


def about(one: Words, many: Words) -> Any:
    """The sentence after success: `one` names the row, `many` counts the rows."""
    return lambda rows, data: (
        str(one).format(name=rows[0].name) if len(rows) == 1 else str(many).format(count=len(rows))
    )


def new_ends(organizations: list[Organization], at: datetime) -> dict[str, Any]:
    """The text boxes of Extend trial: computed and shown, not typed (R16); also before the window of a single one."""
    rules = [(o, o.subscription.extension(at)) for o in organizations]
    early = len(organizations) == 1 and not organizations[0].subscription.extended_at
    shown = [o for o, rule in rules if rule.allowed or (early and rule.opens)]
    ends = [(o.name, end) for o in shown if (end := o.subscription.ends_at)]
    rows = [{"name": name, "ends_at": end, "new_end": end + EXTENSION} for name, end in ends[: drawers.SHOWN]]
    note = _("{end} + 7 days. Each trial can be extended once.")
    return {
        "extension": rows,
        "more": len(ends) - len(rows),
        "note": note.format(end=dates.moment(ends[0][1])) if len(rows) == 1 else "",
    }


def billing(organizations: list[Organization], at: datetime) -> dict[str, Any]:
    """What a Partner's conversion makes billable from `at`: tenants and seats of its production customers, and SKUs."""
    if organizations[0].kind == Organization.Kind.CUSTOMER:
        return {}
    ids, shown = [row.pk for row in organizations], organizations[: drawers.SHOWN]
    below = Subscription.objects.filter(partner_id__in=ids, kind=Organization.Kind.CUSTOMER)
    counted = below.in_production(at).values("partner_id").annotate(tenants=Count("pk"), seats=Sum("seats", default=0))
    customers = {row["partner_id"]: row for row in counted}
    held = SubscriptionProduct.objects.filter(subscription__in=[row.pk for row in shown], until_at=None)
    skus: dict[int, list[str]] = {}
    for holding in held.filter(product__kind=Product.Kind.SKU).select_related("product").order_by("product"):
        skus.setdefault(holding.subscription_id, []).append(holding.product.name)
    nothing = {"tenants": 0, "seats": 0}
    rows = [
        {
            "name": row.name,
            "own_seats": row.subscription.seats,
            "tenants": customers.get(row.pk, nothing)["tenants"],
            "seats": customers.get(row.pk, nothing)["seats"],
            "skus": skus.get(row.pk, []),
        }
        for row in organizations
    ]
    total = {name: sum(row[name] for row in rows) for name in nothing}
    more = len(rows) - len(shown)
    return {"billing": rows[: len(shown)], "billed": total, "more": more, "billed_from": at}


def set_upgrade(organization: Organization, data: dict[str, Any], by: Operator, at: datetime) -> None:
    """Rows that are set so already stay as they are: a bulk choice says what shall hold, not what shall change."""
    subscription = organization.subscription
    verb = subscription.block_upgrade if data["upgrade"] == "block" else subscription.restore_upgrade
    with contextlib.suppress(AlreadySo):
        verb(by=by, at=at, reason=data["reason"])


def upgrade_set(organizations: list[Organization], data: dict[str, Any]) -> str:
    names = ", ".join(organization.name for organization in organizations[:3])
    names += " …" if len(organizations) > 3 else ""
    if data["upgrade"] == "block":
        return _("The automatic upgrade is blocked: {names}.").format(names=names)
    return _("The automatic upgrade is on: {names}.").format(names=names)


def upgrade_now(organization: Organization, at: datetime) -> dict[str, str]:
    return {"upgrade": "block" if organization.subscription.blocked_at else "keep"}


def load_holdings(organizations: list[Organization]) -> None:
    """What each holds now, and the names of all products, which are told of each row, at once."""
    prefetch_related_objects(organizations, SubscriptionProduct.held_now("subscription__"))
    names = Product.names()
    for organization in organizations:
        organization.subscription.product_names = names


def account(organization: Organization, at: datetime) -> dict[str, Any]:
    """A customer's SKU, add-ons and last day as they are."""
    products = Product.objects.filter(code__in=organization.subscription.held())
    codes = {kind: [p.code for p in products if p.kind == kind] for kind in Product.Kind}
    return {
        "sku": next(iter(codes[Product.Kind.SKU]), ""),
        "add_ons": codes[Product.Kind.ADDON],
        "expires_on": organization.subscription.expires_on,
    }


def convert(organization: Organization, data: dict[str, Any], by: Operator, at: datetime) -> None:
    subscription = organization.subscription
    if organization.kind != Organization.Kind.CUSTOMER:
        subscription.convert(by=by, at=at, reason=data.get("reason", ""))
        return
    products = forms.wanted(subscription, data)["products"]
    subscription.convert(by=by, at=at, reason=data.get("reason", ""), products=products, expires_on=data["expires_on"])


def edit(organization: Organization, data: dict[str, Any], by: Operator, at: datetime) -> None:
    """As with the upgrade: what shall hold, not what shall change."""
    wanted = forms.wanted(organization.subscription, data)
    with contextlib.suppress(AlreadySo):
        organization.subscription.edit(by=by, at=at, reason=data.get("reason", ""), **wanted)


def seen_with_products(organization: Organization, at: datetime) -> str:
    return f"{seen(organization, at)} {' '.join(sorted(organization.subscription.held()))}"


def seen(organization: Organization, at: datetime) -> str:
    return organization.subscription.seen(at)


EXTEND = drawers.Drawer(
    name="extend_trial",
    label=_("Extend trial"),
    icon="plus",
    seen=seen,
    rule=lambda o, at: o.subscription.extension(at),
    apply=lambda o, data, by, at: o.subscription.extend(by=by, at=at, reason=data.get("reason", "")),
    consequences=consequences.of_extension,
    details=new_ends,
    done=about(_("The trial of {name} was extended by 7 days."), _("{count} trials were extended by 7 days.")),
)
MANAGE_UPGRADE = drawers.Drawer(
    name="manage_subscription_upgrade",
    label=_("Manage subscription upgrade"),
    icon="circle-arrow-up",
    form=forms.SubscriptionUpgrade,
    initial=upgrade_now,
    seen=seen,
    rule=lambda o, at: o.subscription.upgrade_control(at),
    apply=set_upgrade,
    prepare=consequences.look_up_notices,
    consequences=consequences.of_blocking,
    done=upgrade_set,
)
CONVERT = drawers.Drawer(
    name="convert_to_production",
    label=_("Convert to production account"),
    icon="rocket",
    form=forms.convert,
    initial=account,
    load=load_holdings,
    seen=seen_with_products,
    rule=lambda o, at: o.subscription.conversion(at),
    apply=convert,
    foretell=consequences.of_converting,
    consequences=consequences.of_conversion,
    details=billing,
    done=about(_("{name} is in Production now."), _("{count} accounts are in Production now.")),
)
EDIT = drawers.Drawer(
    name="edit_skus_and_expiration_date",
    label=_("Edit SKUs and expiration date"),
    icon="edit",
    kinds=frozenset({Organization.Kind.CUSTOMER}),
    form=forms.EditAccount,
    initial=account,
    load=load_holdings,
    seen=seen_with_products,
    rule=lambda o, at: o.subscription.editing(at),
    apply=edit,
    foretell=consequences.of_change,
    consequences=consequences.of_editing,
    done=about(_("{name} was changed."), _("{count} customers were changed.")),
)
CANCEL = drawers.Drawer(
    name="cancel_trial",
    label=_("Cancel trial"),
    icon="circle-minus",
    danger=True,
    form=forms.CancelTrial,
    seen=seen,
    rule=lambda o, at: o.subscription.cancellation(at),
    apply=lambda o, data, by, at: o.subscription.cancel(by=by, at=at, reason=data["reason"]),
    consequences=consequences.of_cancellation,
    done=about(_("The trial of {name} was cancelled."), _("{count} trials were cancelled.")),
)
DRAWERS = [EXTEND, MANAGE_UPGRADE, CONVERT, EDIT, CANCEL]

extend_trial = drawers.view(EXTEND)
manage_subscription_upgrade = drawers.view(MANAGE_UPGRADE)
convert_to_production = drawers.view(CONVERT)
edit_skus_and_expiration_date = drawers.view(EDIT)
cancel_trial = drawers.view(CANCEL)
