"""The actions on an organization's own operators, and inviting one (`partnerapp.drawers` has the shape)."""

from collections.abc import Callable, Collection
from datetime import datetime

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse_lazy
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from partnerapp import access, clock, drawers, forms, selection
from partnerapp.access import OperatorRequest, page
from partnerapp.actions import Action, Refused
from partnerapp.drawers import Consequence
from partnerapp.models import Operator, Organization, team
from partnerapp.models.operator import two_admins

PENDING = reverse_lazy("pending_operators")


def find(request: OperatorRequest, at: datetime) -> list[Operator]:
    """The operators that a request names, each a colleague; 404 otherwise."""
    return selection.each(request, colleagues)


def colleagues(me: Operator, ids: Collection[int]) -> list[Operator]:
    return known_to(me, access.colleagues_of(me).filter(pk__in=ids).order_by("pk"))


def known_to(me: Operator, found: Collection[Operator]) -> list[Operator]:
    """Each with what its rules and words ask about, asked once for all."""
    admins = two_admins(me.organization_id)
    for row in found:
        row.organization, row.is_me, row.two_admins = me.organization, row.pk == me.pk, admins
    return list(found)


def inactivity(organization: Organization, at: datetime) -> str:
    """R27: why nothing is changed here while the own organization is an inactive Partner, or ""."""
    return organization.subscription.inactivity(at) if organization.kind == Organization.Kind.PARTNER else ""


def rule(name: str) -> Callable[[Operator, datetime], Action]:
    """The rule of an action, and before it R27, which leaves an inactive Partner nothing but withdrawing."""

    def asked(row: Operator, at: datetime) -> Action:
        inactive = "" if name == "withdraw_invitation" else inactivity(row.acts_for, at)
        return Action(name, inactive) if inactive else row.action(name)

    return asked


def about(words: str | Promise) -> Callable:
    """The sentence after success."""
    return lambda rows, data: str(words).format(name=rows[0].name, email=rows[0].email)


# What will happen ---------------------------------------------------------------------------------------------------


def of_role(row: Operator, at: datetime) -> list[Consequence]:
    if row.standing == "pending":
        return [
            ("user-check", _("{name} has the role that you choose from the first sign-in on.").format(name=row.name)),
            ("mail", _("The invitation that was sent stays valid. Nobody is told by mail.")),
        ]
    words = _("The new role counts from the next click of {name}, who stays signed in.")
    if row.is_me:
        words = _("This is you: as Viewer you can change nothing any more, your own role included.")
    return [("user-check", words.format(name=row.name)), ("mail", _("Mails about changes go to Admins only."))]


def of_disabling(row: Operator, at: datetime) -> list[Consequence]:
    words = _("{name} has no access from the next click on and gets no new mails.")
    if row.is_me:
        words = _("This is you: you have no access from the next click on.")
    return [
        ("user-off", words.format(name=row.name)),
        ("history", _("What {name} has done stays in the event log.").format(name=row.name)),
        ("restore", _("An Admin can enable {name} again at any time.").format(name=row.name)),
    ]


def of_enabling(row: Operator, at: datetime) -> list[Consequence]:
    words = _("{name} can sign in again at once, as {role}, with the same Microsoft account.")
    return [("user-check", words.format(name=row.name, role=row.get_role_display()))]


def of_resending(row: Operator, at: datetime) -> list[Consequence]:
    return [
        ("mail", _("{email} gets a new invitation by email.").format(email=row.email)),
        ("link-off", _("The link of the earlier email stops working at once.")),
    ]


def of_withdrawal(row: Operator, at: datetime) -> list[Consequence]:
    return [
        ("link-off", _("The link that {email} got stops working at once.").format(email=row.email)),
        ("mail", _("Nobody is told by mail. You can invite {email} again later.").format(email=row.email)),
    ]


def of_inviting(organization: Organization) -> list[Consequence]:
    account = _("The account that is used first is bound to the invitation.")
    if organization.tid:
        tenant = organization.default_domain or organization.name
        words = _("It must be an account of the Microsoft 365 tenant of {tenant}: nobody else can accept.")
        account = words.format(tenant=tenant)
    return [
        ("mail", _("An email with a link to sign in with Microsoft is sent at once.")),
        ("shield-check", account),
        ("link", _("The link works until it is used, sent again or withdrawn.")),
    ]


# The actions --------------------------------------------------------------------------------------------------------


def seen(row: Operator, at: datetime) -> str:
    """What a drawer shows of an operator: somebody else may be faster, and an invitation is sent again once a press."""
    return f"{row.role} {row.standing} {int(row.invited_at.timestamp()) if row.invited_at else ''}"


def drawer(name: str, label: str | Promise, **more: object) -> drawers.Drawer:
    right = lambda by, action, row: access.refusal(by, action)  # noqa: E731 - colleagues are all that it finds
    facts = {"folder": "operators", "one_by_one": True, "seen": seen, "find": find, "right": right, **more}
    return drawers.Drawer(name=name, label=label, rule=rule(name), **facts)  # type: ignore[arg-type]


CHANGE_ROLE = drawer(
    "change_role",
    gettext_lazy("Change role"),
    icon="user-edit",
    form=forms.OperatorRole,
    initial=lambda row, at: {"role": row.role},
    apply=lambda row, data, by, at: team.change_role(row, data["role"], by=by, at=at),
    consequences=of_role,
    done=lambda rows, data: _("{name} is {role} now.").format(
        name=rows[0].name, role=Operator.Role(data["role"]).label
    ),
)
DISABLE = drawer(
    "disable_operator",
    gettext_lazy("Disable"),
    icon="user-off",
    danger=True,
    apply=lambda row, data, by, at: team.disable(row, by=by, at=at),
    consequences=of_disabling,
    done=about(gettext_lazy("{name} is disabled.")),
)
ENABLE = drawer(
    "enable_operator",
    gettext_lazy("Enable"),
    icon="user-check",
    apply=lambda row, data, by, at: team.enable(row, by=by, at=at),
    consequences=of_enabling,
    done=about(gettext_lazy("{name} is enabled.")),
)
RESEND = drawer(
    "resend_invitation",
    gettext_lazy("Resend invitation"),
    icon="send",
    apply=lambda row, data, by, at: team.resend(row, by=by, at=at),
    consequences=of_resending,
    done=about(gettext_lazy("A new invitation is on its way to {email}.")),
)
WITHDRAW = drawer(
    "withdraw_invitation",
    gettext_lazy("Withdraw invitation"),
    icon="circle-x",
    danger=True,
    apply=lambda row, data, by, at: team.withdraw(row, by=by, at=at),
    consequences=of_withdrawal,
    done=about(gettext_lazy("The invitation of {name} was withdrawn.")),
)
DRAWERS = [CHANGE_ROLE, DISABLE, ENABLE, RESEND, WITHDRAW]

change_role = drawers.view(CHANGE_ROLE)
disable_operator = drawers.view(DISABLE)
enable_operator = drawers.view(ENABLE)
resend_invitation = drawers.view(RESEND)
withdraw_invitation = drawers.view(WITHDRAW)


@require_http_methods(["GET", "HEAD", "POST"])
@page("invite_operator")
def invite_operator(request: OperatorRequest) -> HttpResponse:
    """Email and role, and a name until the first sign-in tells it."""
    at, organization = clock.now(), request.user.acts_for
    form = forms.InviteOperator(request.POST if request.method == "POST" else None)
    inactive = inactivity(organization, at)
    if request.method != "POST":
        return show_form(request, form, refusal=inactive)
    if inactive or not form.is_valid():
        return show_form(request, form, refusal=inactive, status=422)
    try:
        invited = team.invite(organization, **form.cleaned_data, by=request.user, at=at)
    except Refused as refused:
        return show_form(request, form, refusal=str(refused), status=422)
    words = _("{name} is invited as {role}; the invitation is on its way to {email}.")
    words = words.format(name=invited.name, role=invited.get_role_display(), email=invited.email)
    return drawers.changed(request, words, [invited], href=PENDING)


def show_form(
    request: OperatorRequest, form: forms.InviteOperator, *, refusal: str = "", status: int = 200
) -> HttpResponse:
    context = {
        "drawer": drawers.frame(request),
        "form": form,
        "consequences": drawers.listed(of_inviting(request.user.acts_for)),
        "refusal": refusal,
        "refused": bool(refusal) and status == 422,
    }
    return render(request, "operators/invite_operator.html", context, status=status)
