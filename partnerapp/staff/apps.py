from django.contrib.admin import site
from django.contrib.admin.apps import AdminConfig
from django.utils.module_loading import autodiscover_modules


class StaffConfig(AdminConfig):
    """Django's admin as the Vendor staff's site; what the roof shows of several apps is found there."""

    default_site = "partnerapp.staff.site.StaffSite"

    def ready(self) -> None:
        super().ready()
        autodiscover_modules("pages.staff", register_to=site)
