"""Going to Microsoft and coming back: one-time flow records bound to the browser."""

import secrets
from types import SimpleNamespace

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from partnerapp import clock
from partnerapp.mail import absolute
from partnerapp.microsoft365 import consent, signin
from partnerapp.models import Organization, SigninFlow
from partnerapp.models.signin import LIFETIME

# Chromium sends no Lax cookie with Microsoft's cross-site form_post, so the flow has a cookie of its own.
COOKIE = "__Host-m365-flow"


def sign_in(
    request: HttpRequest,
    purpose: str,
    *,
    tid: str | None = None,
    organization: Organization | None = None,
    subject: str = "",
    next_url: str = "",
) -> HttpResponse:
    """Send the browser to Microsoft's sign-in, at the tenant `tid` if it is known. Raises SigninFailed."""
    started = signin.begin(absolute(reverse("signin_callback")), tid)
    facts = {"nonce": started.nonce, "verifier": started.verifier, "tid": started.tid, "next_url": next_url}
    return away(request, purpose, started.url, started.state, organization=organization, subject=subject, **facts)


def ask_consent(request: HttpRequest, organization: Organization, tid: str, subject: str) -> HttpResponse:
    """Send the browser to Microsoft's consent page of this tenant. Raises Unavailable."""
    state = secrets.token_urlsafe(32)
    url = consent.url(tid, state, absolute(reverse("consent_callback")))
    return away(request, SigninFlow.Purpose.CONSENT, url, state, organization=organization, subject=subject, tid=tid)


def away(request: HttpRequest, purpose: str, url: str, state: str, **facts: object) -> HttpResponse:
    browser = request.COOKIES.get(COOKIE) or secrets.token_urlsafe(32)  # two tabs share it, so both work
    SigninFlow.start(state=state, browser=browser, wall=clock.wall(), purpose=purpose, **facts)
    response = HttpResponseRedirect(url, status=303)
    age = int(LIFETIME.total_seconds())
    response.set_cookie(COOKIE, browser, max_age=age, secure=True, httponly=True, samesite="None", path="/")
    return response


def returned(request: HttpRequest, state: str, *, consent: bool = False) -> SigninFlow | None:
    """The flow that this browser began with this state, once; None: unknown, used, too late, another browser's, or one
    that leads elsewhere (a sign-in's state at the consent page's address, or the other way round).
    """
    flow = SigninFlow.take(state=state, browser=request.COOKIES.get(COOKIE, ""), wall=clock.wall())
    return flow if flow and (flow.purpose == SigninFlow.Purpose.CONSENT) == consent else None


def identify(flow: SigninFlow, state: str, posted: dict[str, str]) -> signin.Identity:
    """Who came back. Raises SigninFailed."""
    tid = str(flow.tid) if flow.tid else None
    begun = SimpleNamespace(state=state, nonce=flow.nonce, verifier=flow.verifier, tid=tid)
    return signin.complete(begun, absolute(reverse("signin_callback")), posted, clock.wall())
