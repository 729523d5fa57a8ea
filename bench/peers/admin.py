"""The list as Django's admin shows it."""

from django.contrib import admin

from bench.peers.models import IndexedOrganization, Organization


@admin.register(Organization)
class PartnerAdmin(admin.ModelAdmin):
    indexed = False
    list_display = [
        "name", "notification_email", "level", "trial", "after_trial", "skus", "customers", "seats", "extended",
    ]  # fmt: skip
    list_filter = [
        (f"subscription__{name}", admin.EmptyFieldListFilter) for name in ("converted_at", "blocked_at", "held_at")
    ]
    search_fields = ["name", "notification_email"]
    list_per_page = 25
    ordering = ["subscription__sort_at", "pk"]

    def get_queryset(self, request):
        return self.model.objects.listed(request.user, indexed=self.indexed)

    @admin.display(ordering="customers")
    def customers(self, partner):
        return partner.customers

    @admin.display(ordering="subscription__seats")
    def seats(self, partner):
        return partner.subscription.seats

    @admin.display(ordering="subscription__extended_at")
    def extended(self, partner):
        return partner.subscription.extended_at


@admin.register(IndexedOrganization)
class IndexedPartnerAdmin(PartnerAdmin):
    indexed = True
