"""The drawers that add one organization: what Add Partner and Add customer share. Rule and verb are the manager's."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.forms import Form
from django.http import HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from onboarding import emails
from onboarding.models import Onboarding
from onboarding.models.invitation import link_lifetime
from onboarding.models.manager import namesakes
from partnerapp import clock, drawers, mail
from partnerapp.access import OperatorRequest
from partnerapp.actions import Refused, Words
from partnerapp.drawers import Consequence
from partnerapp.models import Organization
from subscriptions.models import Product


@dataclass(frozen=True)
class Adding:
    """What is special about adding one kind of organization below an owner.

    `name` is the action's, its URL's and its template's; `pending` the URL of the list in which the new row is then;
    `included` the products that the form as it is typed would give.
    """

    name: str
    pending: str
    form: Callable[[Organization, QueryDict | None], Form]
    verb: Callable[..., Onboarding]
    consequences: Callable[[Organization, datetime], list[Consequence]]
    namesake: Words
    included: Callable[[Organization, QueryDict], list[Product]]
    details: Callable[[Organization], dict[str, Any]] = lambda owner: {}
    refusal: Callable[[Organization, datetime], str] = lambda owner, at: ""


def answer(request: OperatorRequest, adding: Adding) -> HttpResponse:
    """The drawer on GET, one organization more on POST (R4)."""
    owner, at = request.user.acts_for, clock.now()
    form = adding.form(owner, request.POST if request.method == "POST" else None)
    refusal = adding.refusal(owner, at)
    if request.method != "POST":
        return show(request, adding, form, refusal=refusal)
    if refusal or not form.is_valid():
        return show(request, adding, form, refusal=refusal, status=422)
    data = form.cleaned_data
    try:
        added = adding.verb(**data, by=request.user, at=at)
    except Refused as refused:
        return show(request, adding, form, refusal=str(refused), status=422)
    sentence = _("{name} was added; the activation link is on its way to {email}.")
    made = added.organization  # of the same form sent twice, the first one's
    words = sentence.format(name=made.name, email=made.notification_email)
    return drawers.changed(request, words, [added.organization], href=reverse(adding.pending))


def show(request: OperatorRequest, adding: Adding, form: Form, *, refusal: str, status: int = 200) -> HttpResponse:
    owner, asked = request.user.acts_for, request.POST or request.GET
    typed = {name: asked.get(name, "")[:120].strip() for name in ("name", "email")}
    new = Organization(name=typed["name"] or _("the organization"), parent=owner)
    told = [*similar(adding, owner, typed["name"]), *adding.consequences(owner, clock.now())]
    context = {
        "drawer": drawers.frame(request, preview_url=request.path),
        "form": form,
        "mail": preview(new, typed["email"], adding.included(owner, asked)),
        "consequences": drawers.listed(told),
        "refusal": refusal,
        "refused": bool(refusal) and status == 422,
        **adding.details(owner),
    }
    return render(request, f"organizations/{adding.name}.html", context, status=status)


def of_adding() -> list[Consequence]:
    """What happens whoever is added."""
    sent = _("An email with an activation link that works {days} days goes to the notification email.")
    return [
        ("mail", sent.format(days=settings.ACTIVATION_LINK_DAYS)),
        ("clock", _("The 14-day trial starts when Microsoft 365 is connected and the import is complete.")),
        ("receipt", _("Nothing is billed during the trial.")),
    ]


def similar(adding: Adding, owner: Organization, name: str) -> list[Consequence]:
    """R6: a hint, as soon as the name is typed, when the owner has one with this name already."""
    twins = namesakes(owner, [name]) if name else []
    return [("alert-triangle", namesake(adding, twin)) for twin in twins[:1]]


def namesake(adding: Adding, twin: Organization) -> str:
    return str(adding.namesake).format(name=twin.name, email=twin.notification_email)


def preview(new: Organization, email: str, included: list[Product]) -> dict[str, Any]:
    """The welcome mail as it will be sent, in the time zone in which people outside read it (R33)."""
    names = [product.name for product in included]
    with timezone.override(timezone.get_default_timezone()):
        context = emails.invitation(new, names, expires_at=clock.now() + link_lifetime(), url="")
    subject, paragraphs = mail.words("emails/onboarding/activation_link", context | {"product": settings.PRODUCT_NAME})
    return {"to": email, "subject": subject, "paragraphs": paragraphs, **context}
