"""The actions of the owner on a pending row: each a rule, a verb and a form put together (`partnerapp.drawers`)."""

from datetime import datetime

from django.conf import settings
from django.http import HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from onboarding import forms
from onboarding.models import Onboarding
from partnerapp import access, clock, dates, drawers, selection
from partnerapp.access import OperatorRequest, row_action
from partnerapp.drawers import Consequence
from partnerapp.models import Organization


def of_resending(organization: Organization, at: datetime) -> list[Consequence]:
    onboarding: Onboarding = organization.onboarding
    sent = _("{email} gets the email with the activation link once more.").format(email=organization.notification_email)
    if onboarding.link_live(at):
        text = _("The link stays the same and works until {when}.").format(
            when=dates.moment(onboarding.link_expires_at)
        )
    else:
        text = _("The old link has expired; the email has a new one that works {days} days.").format(
            days=settings.ACTIVATION_LINK_DAYS
        )
    return [("mail", sent), ("link", text)]


def of_reminding(organization: Organization, at: datetime) -> list[Consequence]:
    sent = _("{email} is reminded, in friendly words, that the trial is waiting.")
    expires_at = organization.onboarding.link_expires_at
    return [
        ("mail", sent.format(email=organization.notification_email)),
        ("link", _("The link stays the same and works until {when}.").format(when=dates.moment(expires_at))),
    ]


def of_new_link(organization: Organization, at: datetime) -> list[Consequence]:
    days = settings.ACTIVATION_LINK_DAYS
    return [
        ("link-off", _("The old activation link stops working at once.")),
        ("mail", _("A new link, which works {days} days, is sent by email.").format(days=days)),
    ]


def of_email(organization: Organization, at: datetime) -> list[Consequence]:
    if organization.onboarding.connected:
        return [("mail", _("Mails about {name} go to the new address from now on.").format(name=organization.name))]
    return of_new_link(organization, at)


def of_reset(organization: Organization, at: datetime) -> list[Consequence]:
    unbound = _("The previous sign-in is forgotten: {name} can start with another Microsoft 365 tenant.")
    return [("refresh", unbound.format(name=organization.name)), *of_new_link(organization, at)]


def of_withdrawal(organization: Organization, at: datetime) -> list[Consequence]:
    final = _("This is final: no trial starts and nothing is billed. To invite again, add the Partner again.")
    if organization.kind == Organization.Kind.CUSTOMER:
        final = _("This is final: no trial starts and nothing is billed. To invite again, add the customer again.")
    return [
        ("link-off", _("The activation link of {name} stops working at once.").format(name=organization.name)),
        ("ban", final),
        ("mail", _("Nobody is told by mail.")),
    ]


RESEND = drawers.Drawer(
    name="resend_activation_link",
    label=_("Resend activation link"),
    icon="send",
    rule=lambda o, at: o.onboarding.resending(at),
    apply=lambda o, data, by, at: o.onboarding.resend(by=by, at=at),
    consequences=of_resending,
    done=lambda rows, data: (
        _("The activation link is on its way to {email}.").format(email=rows[0].notification_email)
        if len(rows) == 1
        else _("{count} activation links are on their way.").format(count=len(rows))
    ),
)
REMIND = drawers.Drawer(
    name="send_reminder",
    label=_("Send a reminder"),
    icon="mail",
    rule=lambda o, at: o.onboarding.reminding(at),
    apply=lambda o, data, by, at: o.onboarding.remind(by=by, at=at),
    consequences=of_reminding,
    done=lambda rows, data: (
        _("A reminder is on its way to {email}.").format(email=rows[0].notification_email)
        if len(rows) == 1
        else _("{count} reminders are on their way.").format(count=len(rows))
    ),
)
CHANGE_EMAIL = drawers.Drawer(
    name="change_notification_email",
    label=_("Change notification email"),
    icon="at",
    one_by_one=True,
    form=forms.NotificationEmail,
    initial=lambda o, at: {"email": o.notification_email},
    rule=lambda o, at: o.onboarding.email_change(at),
    apply=lambda o, data, by, at: o.onboarding.change_email(data["email"], by=by, at=at),
    consequences=of_email,
    done=lambda rows, data: _("The notification email is {email} now.").format(email=data["email"]),
)
RESET = drawers.Drawer(
    name="reset_link",
    label=_("Reset link"),
    icon="refresh",
    rule=lambda o, at: o.onboarding.resetting(at),
    apply=lambda o, data, by, at: o.onboarding.reset(by=by, at=at),
    consequences=of_reset,
    done=lambda rows, data: _("The link was reset and a new one is on its way."),
)
WITHDRAW = drawers.Drawer(
    name="withdraw",
    label=_("Withdraw invitation"),
    icon="circle-x",
    danger=True,
    form=forms.Withdraw,
    rule=lambda o, at: o.onboarding.withdrawal(at),
    apply=lambda o, data, by, at: o.onboarding.withdraw(by=by, at=at, reason=data["reason"]),
    consequences=of_withdrawal,
    done=lambda rows, data: (
        _("The invitation of {name} was withdrawn.").format(name=rows[0].name)
        if len(rows) == 1
        else _("{count} invitations were withdrawn.").format(count=len(rows))
    ),
)
DRAWERS = [RESEND, REMIND, CHANGE_EMAIL, RESET, WITHDRAW]


resend_activation_link = drawers.view(RESEND)
send_reminder = drawers.view(REMIND)
change_notification_email = drawers.view(CHANGE_EMAIL)
reset_link = drawers.view(RESET)
withdraw = drawers.view(WITHDRAW)


def one_visible(request: OperatorRequest, action: str) -> tuple[Organization, str]:
    """The one row that the request names (else 404), and why this operator may not do this ("" when it may)."""
    organization = selection.rows(request, clock.now())[0]
    return organization, access.refusal(request.user, action, organization)


@require_POST
@row_action("copy_activation_link")
def copy_activation_link(request: OperatorRequest) -> HttpResponse:
    """R12: the link as JSON for the button, or a page with it. A POST, since it may renew the link and is logged."""
    organization, forbidden = one_visible(request, "copy_activation_link")
    if forbidden:
        return access.forbid(request, forbidden)
    onboarding = organization.onboarding.copy_link(by=request.user, at=clock.now())
    if "application/json" in request.headers.get("Accept", ""):
        announcement = _("Activation link of {name} copied").format(name=organization.name)
        return JsonResponse({"text": onboarding.link(), "announcement": announcement})
    context = {
        "organization": organization,
        "link": onboarding.link(),
        "expires_at": onboarding.link_expires_at,
        "next": drawers.safe_next(request),
    }
    return render(request, "organizations/copy_activation_link.html", context)


@require_POST
@row_action("try_again")
def try_again(request: OperatorRequest) -> HttpResponse:
    """R7: after a Pre-import error, by the owner's Admin."""
    organization, forbidden = one_visible(request, "try_again")
    if forbidden:
        return access.forbid(request, forbidden)
    organization.onboarding.try_again(by=request.user, at=clock.now(), wall=clock.wall())
    sentence = _("Trying again: the onboarding of {name} goes on.").format(name=organization.name)
    return drawers.changed(request, sentence, [organization])
