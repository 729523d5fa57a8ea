"""The person on the activation page: signed in with Microsoft, but no operator. Known by a signed cookie of its own.

Not the session: Microsoft's cross-site answer arrives without the portal's Lax session cookie, so writing a session there
would sign out an operator who opens a link in the same browser.
"""

from dataclasses import asdict

from django.core import signing
from django.http import HttpRequest, HttpResponse

from onboarding.models import Onboarding
from partnerapp.microsoft365.signin import Identity

COOKIE = "__Host-activation"
SALT = "onboarding.visitor"
AGE = 24 * 3600  # seconds


def remember(response: HttpResponse, onboarding: Onboarding, person: Identity) -> HttpResponse:
    facts = {"onboarding": onboarding.pk, "person": asdict(person)}
    value = signing.dumps(facts, salt=SALT, compress=True)
    response.set_cookie(COOKIE, value, max_age=AGE, secure=True, httponly=True, samesite="Lax", path="/")
    return response


def person_of(request: HttpRequest, onboarding: Onboarding) -> Identity | None:
    """Who signed in for this onboarding in this browser, as long as it is bound to that person's tenant."""
    try:
        facts = signing.loads(request.COOKIES.get(COOKIE, ""), salt=SALT, max_age=AGE)
    except signing.BadSignature:
        return None
    person = Identity(**facts["person"])
    ours = facts["onboarding"] == onboarding.pk and str(onboarding.tid) == person.tid
    return person if ours else None
