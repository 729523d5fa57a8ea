"""What staff do to an onboarding: the owner's actions, Try again, and another trial for a tenant (R13)."""

from datetime import datetime

from django.utils.translation import gettext_lazy as _

from onboarding.actions import DRAWERS
from partnerapp import clock, drawers
from partnerapp.drawers import Consequence
from partnerapp.models import Organization


def of_trying_again(organization: Organization, at: datetime) -> list[Consequence]:
    return [
        ("refresh", _("The onboarding goes on where it stopped, within a minute.")),
        ("alert-triangle", _("If the cause is still there, it stops with the same error.")),
        ("mail", _("Nobody is told by mail, unless it stops again.")),
    ]


def of_another_trial(organization: Organization, at: datetime) -> list[Consequence]:
    words = _(
        "{name} can connect a Microsoft 365 tenant that had a trial already, and starts a trial of 14 days with it."
    )
    return [
        ("user-check", str(words).format(name=organization.name)),
        ("link", _("A tenant that another organization has now stays refused: release it there first.")),
        ("send", _("The way goes on with the activation link, or with Try again if it stopped later.")),
        ("mail", _("Nobody is told by mail.")),
    ]


TRY_AGAIN = drawers.Drawer(
    name="try_again",
    label=_("Try again"),
    icon="refresh",
    rule=lambda o, at: o.onboarding.retrying(at),
    apply=lambda o, data, by, at: o.onboarding.try_again(by=by, at=at, wall=clock.wall(), reason=data["reason"]),
    consequences=of_trying_again,
    done=lambda rows, data: _("The onboarding of {name} goes on.").format(name=rows[0].name),
)
ALLOW_ANOTHER_TRIAL = drawers.Drawer(
    name="allow_another_trial",
    label=_("Allow another trial"),
    icon="user-check",
    rule=lambda o, at: o.onboarding.repetition(at),
    apply=lambda o, data, by, at: o.onboarding.allow_another_trial(by=by, at=at, reason=data["reason"]),
    consequences=of_another_trial,
    done=lambda rows, data: _("{name} may start another trial.").format(name=rows[0].name),
)
VERBS = [*DRAWERS, TRY_AGAIN, ALLOW_ANOTHER_TRIAL]
