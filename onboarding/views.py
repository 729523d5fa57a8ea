"""The activation page: from the link to the completed import. GET and HEAD change nothing (R8)."""

from contextlib import suppress

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from onboarding import links, visitor
from onboarding.models import Onboarding, tenancy
from onboarding.problems import TENANT_WORDS
from onboarding.steps import journey, progress
from partnerapp import clock, flows
from partnerapp.access import HtmxRequest, public
from partnerapp.actions import Refused
from partnerapp.limits import limited
from partnerapp.microsoft365.errors import Microsoft365Error, SigninFailed
from partnerapp.microsoft365.signin import Identity
from partnerapp.models import Event, Organization, SigninFlow


def find(token: str) -> tuple[Onboarding, int]:
    """The onboarding of an activation link and the link's version; 404 for a link that we did not make."""
    pk, version = links.read(token) or (None, 0)
    rows = Onboarding.objects.select_related("organization__parent", "organization__subscription")
    onboarding = rows.prefetch_related("organization__import_runs").filter(pk=pk).first()
    if onboarding is None:
        raise Http404(
            _("This activation link is not valid. Check that you copied all of it, or ask the sender for a new one.")
        )
    return onboarding, version


@public
@limited
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def activate(request: HtmxRequest, token: str) -> HttpResponse:
    """The page of an activation link; a press of its button (POST) leads to Microsoft's sign-in."""
    onboarding, version = find(token)
    person = visitor.person_of(request, onboarding)
    kind = dead(onboarding, version)
    if kind and not (kind == "used" and person and request.method != "POST"):  # who connected it watches the import
        return stop(request, onboarding, kind)
    if request.method == "POST":
        return connect(request, onboarding, token)
    context = page(onboarding, token, person)
    fragment = request.htmx and request.htmx.target == "progress"
    return render(request, "onboarding/progress.html" if fragment else "onboarding/activate.html", context)


def dead(onboarding: Onboarding, version: int) -> str:
    """Why this link does not work any more, as the page's kind, or ""."""
    if onboarding.subscription.withdrawn_at:
        return "withdrawn"
    if version != onboarding.link_version:
        return "replaced"
    if onboarding.connected:
        return "" if onboarding.recovering else "used"
    return "" if onboarding.link_live(clock.now()) else "expired"


def stop(request: HttpRequest, onboarding: Onboarding, kind: str, *, status: int = 410, **more: str) -> HttpResponse:
    context = {"kind": kind, "inviter": onboarding.organization.owner.name, **more}
    return render(request, "onboarding/stopped.html", context, status=status)


def connect(request: HttpRequest, onboarding: Onboarding, token: str) -> HttpResponse:
    onboarding.press(at=clock.now())
    tid = str(onboarding.tid) if onboarding.tid else None
    try:
        return flows.sign_in(
            request, SigninFlow.Purpose.ACTIVATION, tid=tid, organization=onboarding.organization, subject=token
        )
    except SigninFailed as error:
        return stopped(request, token, str(error))


def page(onboarding: Onboarding, token: str, person: Identity | None) -> dict:
    """The context of the activation page, for a person who signed in here or for anybody with the link."""
    organization = onboarding.organization
    here = reverse("activate", args=[token])
    return {
        "activation": {
            "organization": organization.name,
            "inviter": organization.owner.name,
            "product_name": settings.PRODUCT_NAME,
            "expires_at": onboarding.link_expires_at,
            "included": [h.product.name for h in onboarding.subscription.holdings.select_related("product")],
            "link": onboarding.link(),
        },
        "stage": stage(onboarding, person),
        "steps": journey(onboarding),
        "connect_url": here,
        "consent_url": reverse("activation_consent", args=[token]),
        "account": {"name": person.name, "tenant": person.username.rpartition("@")[2] or person.tid}
        if person
        else None,
        "reads": reads(),
        "progress": {"url": here, **(progress(onboarding) or {})},
        "error": error(onboarding, token) if person else None,
        "done": done(onboarding),
    }


def error(onboarding: Onboarding, token: str) -> dict | None:
    """The Pre-import error, for the tenant's own people: they may read why their tenant is refused (R13)."""
    problem = onboarding.problem
    if problem is None:
        return None
    cause = (
        TENANT_WORDS.get(tenancy.refusal(onboarding, onboarding.tid), problem.cause)
        if onboarding.tid
        else problem.cause
    )
    again = reverse("activation_again", args=[token])
    return {"cause": cause, "remedy": problem.remedy, "code": onboarding.error_code, "retry_url": again}


def stage(onboarding: Onboarding, person: Identity | None) -> str:
    if onboarding.subscription.imported_at:
        return "done"
    if person is None:
        return "connect"
    return "running" if onboarding.waits_for_us else "consent"


def done(onboarding: Onboarding) -> dict | None:
    """What there is to say when the import is complete: until when the trial runs, if it still does."""
    subscription = onboarding.subscription
    if subscription.imported_at is None:
        return None
    runs = subscription.under_trial(clock.now())
    after = _(
        "Your {product} trial then upgrades to Production, unless {owner} decides otherwise. You will be told before."
    )
    if subscription.blocked_at:
        after = _("Your {product} trial ends then; {owner} has blocked the automatic upgrade.")
    after = after.format(product=settings.PRODUCT_NAME, owner=onboarding.organization.owner.name)
    url = reverse("signin") if onboarding.organization.kind == Organization.Kind.PARTNER else ""
    return {"ends_at": subscription.ends_at if runs else None, "after": after if runs else "", "url": url}


def reads() -> list[dict[str, str]]:
    return [
        {
            "what": _("Organization.Read.All: your tenant and its licences"),
            "why": _("To show which licences there are and how many are in use."),
        },
        {
            "what": _("User.Read.All: your users' status and licences"),
            "why": _("To count the enabled users with a licence: the seats."),
        },
    ]


@public
@limited
@never_cache
@require_POST
def ask_consent(request: HttpRequest, token: str) -> HttpResponse:
    """To Microsoft's consent page of the tenant of the person who signed in here."""
    onboarding, version = find(token)
    person = visitor.person_of(request, onboarding)
    if kind := dead(onboarding, version):
        return stop(request, onboarding, kind)
    if person is None:
        return HttpResponseRedirect(reverse("activate", args=[token]), status=303)
    try:
        return flows.ask_consent(request, onboarding.organization, person.tid, token)
    except Microsoft365Error as error:
        return stopped(request, token, str(error))


@public
@limited
@never_cache
@require_POST
def again(request: HttpRequest, token: str) -> HttpResponse:
    """Try again after a Pre-import error, by a person of the tenant."""
    onboarding, _version = find(token)
    person = visitor.person_of(request, onboarding)
    if person:
        with suppress(Refused):  # somebody else pressed it a moment ago; the page shows what goes on
            onboarding.try_again(by=person.name, at=clock.now(), wall=clock.wall())
    return HttpResponseRedirect(reverse("activate", args=[token]), status=303)


def signed_in(request: HttpRequest, flow: SigninFlow, person: Identity) -> HttpResponse:
    """Back from Microsoft's sign-in: bind the onboarding to the person's tenant (R8, R9)."""
    onboarding, version = find(flow.subject)
    bound = onboarding.tid and str(onboarding.tid) != person.tid
    if kind := dead(onboarding, version):
        return stop(request, onboarding, kind)
    try:
        onboarding.start(person, version=version, at=clock.now())
    except Refused as refused:
        onboarding.refuse_tenant(person, at=clock.now())
        kind, back = "wrong_tenant" if bound else "error", reverse("activate", args=[flow.subject])
        remedy = ask_the_sender(onboarding)
        return stop(request, onboarding, kind, status=409, cause=str(refused), remedy=remedy, back_url=back)
    response = HttpResponseRedirect(reverse("activate", args=[flow.subject]), status=303)
    return visitor.remember(response, onboarding, person)


def ask_the_sender(onboarding: Onboarding) -> str:
    return _("Start again with another account, or ask {owner} for help.").format(
        owner=onboarding.organization.owner.name
    )


def stopped(request: HttpRequest, token: str, message: str) -> HttpResponse:
    """A sign-in or consent that came to nothing: why, and the way back to the link."""
    onboarding, _version = find(token)
    back = reverse("activate", args=[token])
    return stop(request, onboarding, "error", status=400, cause=message, remedy="", back_url=back)


def consent_returned(request: HttpRequest, flow: SigninFlow) -> HttpResponse:
    """Back from Microsoft's consent page. An error is said first: `admin_consent=True` comes along with errors too."""
    onboarding, version = find(flow.subject)
    person = visitor.person_of(request, onboarding)
    back = HttpResponseRedirect(reverse("activate", args=[flow.subject]), status=303)
    if person is None or dead(onboarding, version):
        return back
    if request.GET.get("error") or request.GET.get("admin_consent", "").lower() != "true":
        return declined(request, onboarding, person, flow.subject)
    if request.GET.get("tenant", "").lower() != str(flow.tid):
        Event.record(onboarding.organization, "consent_of_another_tenant", at=clock.now(), by=person.name)
        return stop(request, onboarding, "wrong_tenant", status=409)
    with suppress(Refused):  # proved, reset or withdrawn meanwhile: the page shows how far it is
        onboarding.consent_returned(person, version=version, at=clock.now(), wall=clock.wall())
    return back


def declined(request: HttpRequest, onboarding: Onboarding, person: Identity, token: str) -> HttpResponse:
    """Consent was not given: an event for the owner's log, and a page with the ways on."""
    error = "".join(c for c in request.GET.get("error", "") if c.isprintable())[:100]
    description = request.GET.get("error_description", "")
    kind = "not_administrator" if "AADSTS9009" in description else "declined"
    Event.record(onboarding.organization, "consent_declined", at=clock.now(), by=person.name, after={"error": error})
    retry = reverse("activation_consent", args=[token])
    return stop(request, onboarding, kind, status=200, retry_url=retry, link=onboarding.link(), code=error)
