"""The list with django-tables2 and django-filter."""

import django_filters
from django.contrib.auth.mixins import LoginRequiredMixin
from django_filters.views import FilterView
from django_tables2 import CheckBoxColumn, Column, SingleTableMixin, Table

from bench.peers.models import Organization


class PartnerTable(Table):
    pick = CheckBoxColumn(accessor="pk")
    level = Column(orderable=False)
    trial = Column(orderable=False)
    after_trial = Column(orderable=False)
    skus = Column(orderable=False)
    customers = Column()
    seats = Column(accessor="subscription__seats")
    extended = Column(accessor="subscription__extended_at")

    class Meta:
        model = Organization
        fields = ["name", "notification_email"]
        sequence = [
            "pick", "name", "notification_email", "level", "trial", "after_trial", "skus", "customers", "seats", "extended",
        ]  # fmt: skip


class PartnerFilter(django_filters.FilterSet):
    class Meta:
        model = Organization
        fields = {
            "name": ["icontains"],
            "subscription__converted_at": ["isnull"],
            "subscription__blocked_at": ["isnull"],
            "subscription__held_at": ["isnull"],
        }


class Partners(LoginRequiredMixin, SingleTableMixin, FilterView):
    table_class = PartnerTable
    filterset_class = PartnerFilter
    template_name = "partners.html"
    paginate_by = 25
    indexed = False

    def get_queryset(self):
        rows = Organization.objects.listed(self.request.user, indexed=self.indexed)
        return rows.order_by("subscription__sort_at", "pk")
