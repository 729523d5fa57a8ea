"""Organizations for staff: found among a million, shown whole, changed by the verbs of their models (R34)."""

from datetime import datetime
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.db.models.functions import Lower
from django.forms import Form
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from onboarding import add_customer
from onboarding.admin import VERBS as ONBOARDING_VERBS
from onboarding.forms import AddCustomer
from onboarding.models import Onboarding
from partnerapp import clock, drawers
from partnerapp.actions import Refused
from partnerapp.drawers import Drawer
from partnerapp.forms import AddDistributor
from partnerapp.mail import absolute
from partnerapp.models import Organization
from partnerapp.models.distributor import add_distributor
from partnerapp.models.organization import key_of
from partnerapp.pages.staff.sections import sections
from partnerapp.staff import verbs
from partnerapp.staff.lists import Choice, ReadOnlyAdmin, guid, reference
from partnerapp.staff.verbs import StaffRequest
from subscriptions.admin import VERBS as SUBSCRIPTION_VERBS

VERBS = [*SUBSCRIPTION_VERBS, *ONBOARDING_VERBS]


class Kind(Choice):
    title, parameter_name = gettext_lazy("kind"), "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return list(Organization.Kind.choices)


@admin.register(Organization)
class OrganizationAdmin(ReadOnlyAdmin):
    """A list in the order of names, and a page for each organization with all that can be done there."""

    list_display = ("ref", "name", "kind", "state", "owner", "tenant", "created")
    list_display_links = ("ref", "name")
    list_filter = (Kind,)
    by_url = ("parent",)
    list_select_related = ("parent", "subscription")
    ordering = ("name_key", "pk")
    search_fields = ("name_key",)
    search_help_text = gettext_lazy(
        "The beginning of the name, a reference (O-123) or number, an exact notification email, or a tenant id"
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).defer("search")

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, term: str) -> tuple[QuerySet, bool]:
        """Each way has its index, over all trees."""
        term = term.strip()
        if not term:
            return queryset, False
        if tid := guid(term):
            return queryset.filter(tid=tid), False
        if "@" in term:
            return queryset.alias(address=Lower("notification_email")).filter(address=term.lower()), False
        named = queryset.filter(name_key__startswith=key_of(term)) if key_of(term) else queryset.none()
        if number := reference(term):
            return (
                queryset.filter(pk=number) if term.upper().startswith("O") else queryset.filter(pk=number) | named
            ), False
        return named, False

    @admin.display(description=gettext_lazy("reference"))
    def ref(self, organization: Organization) -> str:
        return organization.reference

    @admin.display(description=gettext_lazy("state"))
    def state(self, organization: Organization) -> str:
        subscription = getattr(organization, "subscription", None)
        return str(subscription.state(clock.now()).label) if subscription else "–"

    @admin.display(description=gettext_lazy("owner"))
    def owner(self, organization: Organization) -> str:
        return organization.parent.name if organization.parent else "–"

    @admin.display(description=gettext_lazy("Microsoft 365 tenant"))
    def tenant(self, organization: Organization) -> str:
        return organization.default_domain or (str(organization.tid) if organization.tid else "–")

    @admin.display(description=gettext_lazy("created"))
    def created(self, organization: Organization) -> str:
        return f"{organization.created_at:%Y-%m-%d}"

    # Pages ----------------------------------------------------------------------------------------------------------

    def get_urls(self) -> list:
        view = self.admin_site.admin_view
        own = [
            path("<int:pk>/do/<slug:verb>/", view(self.verb), name="organization_verb"),
            path("<int:pk>/customers/add/", view(self.add_customer), name="organization_add_customer"),
        ]
        return own + super().get_urls()

    def has_add_permission(self, request: HttpRequest) -> bool:
        return admin.site.has_permission(request)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict | None = None
    ) -> HttpResponse:
        """All about one organization; to change it there are the verbs."""
        if request.method == "POST":
            raise PermissionDenied
        found = self.get_object(request, object_id)
        if found is None:
            raise Http404
        organization, at = load(found.pk), clock.now()
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": organization.name,
            "subtitle": f"{organization.get_kind_display()} {organization.reference}",
            "organization": organization,
            "sections": sections(organization, at),
            "verbs": offered(organization, at),
        }
        return TemplateResponse(request, "staff/organization.html", context)

    def verb(self, request: StaffRequest, pk: int, verb: str) -> HttpResponse:
        organization = load(pk)
        drawer = next((drawer for drawer in of_kind(organization) if drawer.name == verb), None)
        if drawer is None:
            raise Http404
        about = f"{organization.get_kind_display()} {organization.reference}"
        return verbs.answer(request, organization, drawer, page_of(organization), about=about)

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: dict | None = None) -> HttpResponse:
        """A distributor; Partners are added by it, customers on their Partner's page."""
        form = AddDistributor(request.POST or None)
        refusal = ""
        if request.method == "POST" and form.is_valid():
            try:
                return self.added(request, form)
            except Refused as refused:
                refusal = str(refused)
        return self.adding(request, form, refusal=refusal, title=_("Add a distributor"))

    def adding(self, request: HttpRequest, form: Form, *, refusal: str, **more: Any) -> HttpResponse:
        context = {**self.admin_site.each_context(request), "form": form, "refusal": refusal, **more}
        status = 422 if form.is_bound else 200
        return TemplateResponse(request, "staff/add.html", context, status=status)

    def add_customer(self, request: StaffRequest, pk: int) -> HttpResponse:
        """A Vendor-sourced customer of this Partner, with products that the Partner holds (R3); only staff convert it (R24)."""
        partner, at = load(pk), clock.now()
        if partner.kind != Organization.Kind.PARTNER:
            raise Http404
        form = AddCustomer(partner, request.POST if request.method == "POST" else None)
        refusal = add_customer.refusal(partner, at)
        if request.method == "POST" and not refusal and form.is_valid():
            facts = {**form.cleaned_data, "partner": partner, "source": Organization.Source.VENDOR}
            try:
                made = Onboarding.objects.add_customer(**facts, by=request.user, at=at).organization
            except Refused as refused:
                refusal = str(refused)
            else:
                words = _("{name} was added, and the activation link is on its way to {email}.")
                messages.success(request, words.format(name=made.name, email=made.notification_email))
                return HttpResponseRedirect(page_of(made), status=303)
        told = drawers.listed([] if refusal else add_customer.of_adding(partner, at))
        page = {"title": _("Add a customer"), "name": partner.name, "back": page_of(partner), "consequences": told}
        return self.adding(request, form, refusal=refusal, **page)

    def added(self, request: HttpRequest, form: AddDistributor) -> HttpResponse:
        first = add_distributor(**form.cleaned_data, by=request.user, at=clock.now())  # type: ignore[arg-type]
        link = absolute(reverse("invitation", args=[first.invitation_token()]))
        words = _("{name} was added, and {email} is invited by mail. The link, should you want to hand it on: {link}")
        messages.success(request, words.format(name=first.acts_for.name, email=first.email, link=link))
        return HttpResponseRedirect(page_of(first.acts_for), status=303)


def load(pk: int) -> Organization:
    """The organization with all that rules ask about, or 404."""
    rows = Organization.objects.select_related(
        "parent__subscription", "distributor", "created_by", "subscription", "onboarding__link_message"
    )
    organization = get_object_or_404(rows, pk=pk)
    if (
        organization.kind != Organization.Kind.DISTRIBUTOR
    ):  # what was loaded once is not loaded again from the other side
        organization.subscription.organization = organization.onboarding.organization = organization
    return organization


def page_of(organization: Organization) -> str:
    return reverse("admin:partnerapp_organization_change", args=[organization.pk])


def of_kind(organization: Organization) -> list[Drawer]:
    return [drawer for drawer in VERBS if organization.kind in drawer.kinds]


def offered(organization: Organization, at: datetime) -> list[dict[str, Any]]:
    """Every verb of this kind of organization; one that is refused says why (R30)."""
    offers = [verbs.offer(drawer, organization, at, "admin:organization_verb") for drawer in of_kind(organization)]
    if organization.kind == Organization.Kind.PARTNER:
        url = reverse("admin:organization_add_customer", args=[organization.pk])
        add = {"label": _("Add a customer"), "icon": "plus", "url": url, "danger": False}
        offers.insert(0, add | {"refusal": add_customer.refusal(organization, at)})
    return offers
