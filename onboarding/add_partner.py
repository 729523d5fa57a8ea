"""Add Partner: one by a form, or several from pasted lines, which are checked and shown before anything is added."""

import hashlib
import re
import uuid
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_http_methods

from onboarding import adding, forms
from onboarding.models import Onboarding
from onboarding.models.manager import namesakes, pending_already
from partnerapp import clock, drawers
from partnerapp.access import OperatorRequest, page
from partnerapp.actions import Refused
from partnerapp.drawers import Consequence
from partnerapp.models import Organization
from partnerapp.models.organization import key_of
from subscriptions.models import Product

LINE = re.compile(r"""["']?(?P<name>.*?)["']?[\s,;]*[\s,;<(](?P<email>[^\s,;<>()@]+@[^\s,;<>()@]+)[>)]?[\s,;]*""")


def details(distributor: Organization) -> dict[str, Any]:
    """R2: what every Partner gets; and the way to add several at once."""
    given = list(Product.for_a_partner())
    return {
        "skus": [product.name for product in given if product.kind == Product.Kind.SKU],
        "add_ons": [product.name for product in given if product.kind == Product.Kind.ADDON],
        "several_url": reverse("add_partners"),
    }


def of_adding(distributor: Organization, at: datetime) -> list[Consequence]:
    upgrade = _("Then it upgrades to Production automatically and billing to you starts, unless you block it.")
    return [*adding.of_adding(), ("circle-arrow-up", upgrade)]


PARTNER = adding.Adding(
    name="add_partner",
    pending="pending_partners",
    form=lambda distributor, data: forms.AddPartner(data),
    verb=Onboarding.objects.add_partner,
    consequences=of_adding,
    namesake=gettext_lazy("You have a Partner with this name already: {name}, {email}."),
    included=lambda distributor, asked: list(Product.for_a_partner()),
    details=details,
)


@require_http_methods(["GET", "HEAD", "POST"])
@page("add_partner")
def add_partner(request: OperatorRequest) -> HttpResponse:
    """R1–R6: name and email; everything else is given."""
    return adding.answer(request, PARTNER)


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
    made = [row.organization for row in added]
    return drawers.changed(request, words % {"n": len(added)}, made, href=reverse(PARTNER.pending))


def show_several(
    request: OperatorRequest, form: forms.AddPartners, lines: list[Line], *, refusal: str = "", status: int = 200
) -> HttpResponse:
    good, distributor = [line for line in lines if not line.refusal], request.user.acts_for
    context = {
        "drawer": drawers.frame(request),
        "form": form,
        "lines": lines,
        "good": len(good),
        "checked": digest(good) if good else "",
        "one_url": reverse("add_partner"),
        "consequences": drawers.listed(of_adding(distributor, clock.now())) if good else [],
        "refusal": refusal,
        "refused": bool(refusal),
        **details(distributor),
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
    hint = adding.namesake(PARTNER, same[0]) if same else ""
    return replace(line, refusal=pending_already(name, email, twins), hint=hint)


def digest(lines: list[Line]) -> str:
    """What the second press must still find: the same Partners to add as were shown."""
    shown = [(line.data["name"], line.data["email"]) for line in lines]
    return hashlib.sha256(repr(shown).encode()).hexdigest()
