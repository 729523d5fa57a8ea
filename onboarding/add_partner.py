"""Add Partner: one by a form, or several from pasted lines, which are checked and shown before anything is added."""

import hashlib
import re
import uuid
from dataclasses import dataclass, replace
from typing import Any

from django.conf import settings
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse, reverse_lazy
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from onboarding import emails, forms
from onboarding.models import Onboarding
from onboarding.models.manager import adding, namesakes
from onboarding.models.onboarding import link_lifetime
from partnerapp import clock, drawers, mail
from partnerapp.access import OperatorRequest, page
from partnerapp.actions import Refused
from partnerapp.drawers import Consequence
from partnerapp.models import Organization
from partnerapp.models.organization import key_of
from subscriptions.models import Product

LINE = re.compile(r"""["']?(?P<name>.*?)["']?[\s,;]*[\s,;<(](?P<email>[^\s,;<>()@]+@[^\s,;<>()@]+)[>)]?[\s,;]*""")

PENDING = reverse_lazy("pending_partners")


@require_http_methods(["GET", "HEAD", "POST"])
@page("add_partner")
def add_partner(request: OperatorRequest) -> HttpResponse:
    """R1–R6: name and email; everything else is given."""
    form = forms.AddPartner(request.POST if request.method == "POST" else None)
    if request.method != "POST":
        return show_one(request, form)
    if not form.is_valid():
        return show_one(request, form, status=422)
    data = form.cleaned_data
    try:
        added = Onboarding.objects.add_partner(**data, by=request.user, at=clock.now())
    except Refused as refused:
        return show_one(request, form, refusal=str(refused), status=422)
    sentence = _("{name} was added; the activation link is on its way to {email}.")
    words = sentence.format(name=data["name"], email=data["email"])
    return drawers.changed(request, words, [added.organization], href=PENDING)


def show_one(request: OperatorRequest, form: forms.AddPartner, *, refusal: str = "", status: int = 200) -> HttpResponse:
    typed = {name: (request.POST or request.GET).get(name, "")[:120].strip() for name in ("name", "email")}
    context = {
        "drawer": drawers.frame(request, preview_url=request.path),
        "form": form,
        "several_url": reverse("add_partners"),
        "mail": preview(request, **typed),
        "consequences": drawers.listed([*similar(request, typed["name"]), *of_adding()]),
        "refusal": refusal,
        "refused": bool(refusal),
        **products(),
    }
    return render(request, "organizations/add_partner.html", context, status=status)


def products() -> dict[str, list[str]]:
    """R2: what every Partner gets."""
    given = list(Product.for_a_partner())
    return {
        "skus": [product.name for product in given if product.kind == Product.Kind.SKU],
        "add_ons": [product.name for product in given if product.kind == Product.Kind.ADDON],
    }


def of_adding() -> list[Consequence]:
    sent = _("The Partner gets an email with an activation link that works {days} days.")
    return [
        ("mail", sent.format(days=settings.ACTIVATION_LINK_DAYS)),
        ("clock", _("Its 14-day trial starts when Microsoft 365 is connected and the import is complete.")),
        ("receipt", _("Nothing is billed during the trial.")),
        (
            "circle-arrow-up",
            _("Then it upgrades to Production automatically and billing to you starts, unless you block it."),
        ),
    ]


def similar(request: OperatorRequest, name: str) -> list[Consequence]:
    """R6: a hint, as soon as the name is typed, when there is a Partner with this name already."""
    twins = namesakes(request.user.acts_for, [name]) if name else []
    return [("alert-triangle", namesake(twin)) for twin in twins[:1]]


def namesake(twin: Organization) -> str:
    words = _("You have a Partner with this name already: {name}, {email}.")
    return words.format(name=twin.name, email=twin.notification_email)


def preview(request: OperatorRequest, *, name: str, email: str) -> dict[str, Any]:
    """The welcome mail as it will be sent, in the time zone in which people outside read it (R33)."""
    organization = Organization(name=name or _("the organization"), parent=request.user.acts_for)
    included = [product.name for product in Product.for_a_partner()]
    with timezone.override(timezone.get_default_timezone()):
        context = emails.invitation(organization, included, expires_at=clock.now() + link_lifetime(), url="")
    subject, paragraphs = mail.words("emails/onboarding/activation_link", context | {"product": settings.PRODUCT_NAME})
    return {"to": email, "subject": subject, "paragraphs": paragraphs, **context}


# Several ------------------------------------------------------------------------------------------------------------


LONGEST_LINE = 400  # characters: a name and an address


@dataclass(frozen=True)
class Line:
    """One pasted line: the form for one Partner filled with it, and why it cannot be added ("" when it can)."""

    text: str
    data: dict[str, Any]
    refusal: str = ""
    hint: str = ""


@require_http_methods(["GET", "HEAD", "POST"])
@page("add_partner")
def add_partners(request: OperatorRequest) -> HttpResponse:
    """Several at once: the first press shows what would be added, the second one adds what was shown."""
    form = forms.AddPartners(request.POST if request.method == "POST" else None)
    if request.method != "POST":
        return show_several(request, form, [])
    if not form.is_valid():
        return show_several(request, form, [], status=422)
    lines = read(form.cleaned_data["lines"], form.cleaned_data["request_key"], request.user.acts_for)
    good = [line for line in lines if not line.refusal]
    if not good or form.cleaned_data["checked"] != digest(good):
        return show_several(request, form, lines)
    try:
        with transaction.atomic():
            added = [Onboarding.objects.add_partner(**line.data, by=request.user, at=clock.now()) for line in good]
    except Refused as refused:
        return show_several(request, form, lines, refusal=str(refused), status=422)
    words = ngettext(
        "%(n)d Partner was added; its activation link is on its way.",
        "%(n)d Partners were added; their activation links are on their way.",
        len(added),
    )
    return drawers.changed(request, words % {"n": len(added)}, [row.organization for row in added], href=PENDING)


def show_several(
    request: OperatorRequest, form: forms.AddPartners, lines: list[Line], *, refusal: str = "", status: int = 200
) -> HttpResponse:
    good = [line for line in lines if not line.refusal]
    context = {
        "drawer": drawers.frame(request),
        "form": form,
        "lines": lines,
        "good": len(good),
        "checked": digest(good) if good else "",
        "one_url": reverse("add_partner"),
        "consequences": drawers.listed(of_adding()) if good else [],
        "refusal": refusal,
        "refused": bool(refusal),
        **products(),
    }
    return render(request, "organizations/add_partners.html", context, status=status)


def read(text: str, key: uuid.UUID, distributor: Organization) -> list[Line]:
    """Each line judged like the form for one, against the lines above it and against the Partners that exist (R6)."""
    parsed = [parse(line.strip(), key) for line in text.splitlines() if line.strip()]
    twins = namesakes(distributor, [line.data["name"] for line in parsed if not line.refusal])
    seen: set[tuple[str, str]] = set()
    return [line if line.refusal else judge(line, twins, seen) for line in parsed]


def parse(text: str, key: uuid.UUID) -> Line:
    found = LINE.fullmatch(text) if len(text) <= LONGEST_LINE else None
    if not found or set("<>@") & set(found["name"]):  # two in one line would become one with the other's name
        return Line(text[:LONGEST_LINE], {}, _("No single name with one email was found in this line."))
    form = forms.AddPartner({**found.groupdict(), "request_key": uuid.uuid5(key, text)})
    wrong = [f"{form.fields[name].label}: {error}" for name, errors in form.errors.items() for error in errors]
    return Line(text, form.cleaned_data, " ".join(wrong))


def judge(line: Line, twins: list[Organization], seen: set[tuple[str, str]]) -> Line:
    name, email = line.data["name"], line.data["email"]
    here = (key_of(name), email.lower())
    if here in seen:
        return replace(line, refusal=_("The same name and email stand in a line above."))
    seen.add(here)
    same = [twin for twin in twins if twin.name_key == here[0]]
    return replace(line, refusal=adding(name, email, twins).refusal, hint=namesake(same[0]) if same else "")


def digest(lines: list[Line]) -> str:
    """What the second press must still find: the same Partners to add as were shown."""
    shown = [(line.data["name"], line.data["email"]) for line in lines]
    return hashlib.sha256(repr(shown).encode()).hexdigest()
