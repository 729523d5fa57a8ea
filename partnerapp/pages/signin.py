"""Sign-in with Microsoft, invitations, and where Microsoft sends the browser back to."""

from django.conf import settings
from django.contrib.auth import login, logout
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from onboarding import views as onboarding
from partnerapp import clock, flows
from partnerapp.access import own_path, public
from partnerapp.actions import Refused
from partnerapp.limits import limited
from partnerapp.microsoft365.errors import SigninFailed
from partnerapp.microsoft365.signin import Identity
from partnerapp.models import Operator, SigninFlow, team

BACKEND = settings.AUTHENTICATION_BACKENDS[0]


def failed(request: HttpRequest, message: str, *, status: int = 400) -> HttpResponse:
    return render(request, "signin.html", {"refusal": message, "next": "/"}, status=status)


@public
@limited
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def signin(request: HttpRequest) -> HttpResponse:
    """GET: the page with one button. POST: to Microsoft."""
    target = own_path(request.POST.get("next") or request.GET.get("next") or "/")
    if request.method != "POST":
        return render(request, "signin.html", {"next": target})
    try:
        return flows.sign_in(request, SigninFlow.Purpose.SIGNIN, next_url=target[:500])
    except SigninFailed as error:
        return failed(request, str(error), status=503)


@public
@limited
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """An operator's invitation: the page, and (POST) to Microsoft, at the organization's tenant if it is known."""
    operator = Operator.invited(token)
    if operator is None:
        return failed(request, _("This invitation is not valid any more. Sign in, or ask for a new one."), status=410)
    if request.method != "POST":
        return render(request, "invitation.html", {"invitation": about(operator)})
    tid = operator.acts_for.tid
    try:
        return flows.sign_in(
            request, SigninFlow.Purpose.INVITATION, tid=str(tid) if tid else None,
            organization=operator.organization, subject=token,
        )  # fmt: skip
    except SigninFailed as error:
        return failed(request, str(error), status=503)


def about(operator: Operator) -> dict[str, str]:
    return {
        "organization": operator.acts_for.name,
        "role": operator.get_role_display(),
        "email": operator.email,
        "inviter": operator.invited_by.name if operator.invited_by else "",
    }


@public
@csrf_exempt  # Microsoft posts here; the one-time state and the flow's own cookie are the defence
@never_cache
@require_POST
def signin_callback(request: HttpRequest) -> HttpResponse:
    """Microsoft's answer, once and in the browser that began."""
    state = request.POST.get("state", "")
    flow = flows.returned(request, state)
    if flow is None:
        message = _("This sign-in was already used, took longer than 10 minutes, or began in another browser.")
        return failed(request, message)
    try:
        person = flows.identify(flow, state, request.POST.dict())
    except SigninFailed as error:
        return answer_failure(request, flow, str(error))
    return {
        SigninFlow.Purpose.SIGNIN: enter,
        SigninFlow.Purpose.INVITATION: accept,
        SigninFlow.Purpose.ACTIVATION: onboarding.signed_in,
    }[SigninFlow.Purpose(flow.purpose)](request, flow, person)


def answer_failure(request: HttpRequest, flow: SigninFlow, message: str) -> HttpResponse:
    if flow.purpose == SigninFlow.Purpose.ACTIVATION:
        return onboarding.stopped(request, flow.subject, message)
    return failed(request, message)


def enter(request: HttpRequest, flow: SigninFlow, person: Identity) -> HttpResponse:
    """Sign in the operator with this identity; nobody else gets in, whatever the email says."""
    operator = Operator.objects.active().filter(tid=person.tid, oid=person.oid).first()
    if operator is None:
        message = _("{username} has no access to this portal. Ask your organization's Admin for an invitation.")
        return failed(request, message.format(username=person.username or person.name), status=403)
    return welcome(request, operator, flow.next_url)


def welcome(request: HttpRequest, operator: Operator, target: str) -> HttpResponse:
    login(request, operator, backend=BACKEND)
    return HttpResponseRedirect(own_path(target or "/"), status=303)


def accept(request: HttpRequest, flow: SigninFlow, person: Identity) -> HttpResponse:
    try:
        operator = team.accept(flow.subject, person, at=clock.now())
    except Refused as refused:
        return failed(request, str(refused), status=403)
    return welcome(request, operator, "/")


@public
@require_GET
def consent_callback(request: HttpRequest) -> HttpResponse:
    """Back from Microsoft's consent page. What it says proves nothing; see `onboarding.views.consent_returned`."""
    flow = flows.returned(request, request.GET.get("state", ""), consent=True)
    if flow is None:
        message = _(
            "This step was already done, took longer than 10 minutes, or began in another browser. Open your link again."
        )
        return failed(request, message)
    return onboarding.consent_returned(request, flow)


@public
@require_POST
def signout(request: HttpRequest) -> HttpResponse:
    logout(request)
    response = redirect("signin")
    response["Clear-Site-Data"] = '"cache", "storage"'
    return response
