"""The Actions menu: every action, the refused ones grey with their reason (R30)."""

from datetime import datetime

from django.utils.translation import gettext as _

from onboarding.actions import DRAWERS as ONBOARDING_DRAWERS
from partnerapp import access
from partnerapp.actions import Words
from partnerapp.drawers import Drawer
from partnerapp.models import Operator, Organization
from partnerapp.pages.rows import address
from partnerapp.tables import OrganizationTable
from subscriptions.views import DRAWERS as SUBSCRIPTION_DRAWERS

DRAWERS: list[Drawer] = [*SUBSCRIPTION_DRAWERS, *ONBOARDING_DRAWERS]


def menu(operator: Operator, table: OrganizationTable, rows: list[Organization], at: datetime, add: dict) -> list[dict]:
    """What can be done with the selected rows of a list, "Add" first."""
    first = {
        "name": table.add,
        "icon": "plus",
        **add,
        "note": "",
        "danger": False,
        "divider": False,
        "takes_selection": False,
    }
    items = actions(operator, rows, at, table.kind, nothing_selected=str(table.select_first))
    items[0]["divider"] = True
    return [first, *items]


def actions(
    operator: Operator, rows: list[Organization], at: datetime, kind: str, *, nothing_selected: Words = ""
) -> list[dict]:
    """What can be done with these rows of this kind."""
    drawers = [drawer for drawer in DRAWERS if kind in drawer.kinds]
    items = [menu_item(drawer, operator, rows, at, nothing_selected=nothing_selected) for drawer in drawers]
    items[-len(ONBOARDING_DRAWERS)]["divider"] = True
    return items


def menu_item(
    drawer: Drawer, operator: Operator, rows: list[Organization], at: datetime, *, nothing_selected: Words
) -> dict:
    """One action for the selected rows: "Extend trial (3 of 5)"; grey with the first reason when none qualifies."""
    refusals = [drawer.refusal(operator, row, at, among=len(rows)) for row in rows]
    allowed = refusals.count("")
    label = str(drawer.label)
    if len(rows) > 1 and allowed:
        label = _("{action} ({count} of {total})").format(action=label, count=allowed, total=len(rows))
    reason = next(filter(None, refusals), "") if rows else nothing_selected
    opens = len(rows) == 1 and access.may(operator, drawer.name, rows[0]) and drawer.rule(rows[0], at).openable
    usable = bool(allowed or opens)
    return {
        "name": drawer.name,
        "label": label,
        "url": address(drawer.name),
        "icon": drawer.icon,
        "refusal": "" if usable else reason,
        "note": reason if usable and not allowed else "",
        "danger": drawer.danger,
        "divider": False,
        "takes_selection": True,
    }
