"""The site map. Every view carries its access label (a system check fails for one without)."""

from django.conf import settings
from django.urls import include, path

from partnerapp.pages import (
    customers,
    events,
    health,
    home,
    operator_actions,
    operators,
    organization,
    partners,
    signin,
)

handler400 = "partnerapp.pages.errors.bad_request"
handler404 = "partnerapp.pages.errors.not_found"
urlpatterns = [
    path("", home.home, name="home"),
    path("preferences/", home.preferences, name="preferences"),
    path("signin/", signin.signin, name="signin"),
    path("signin/callback/", signin.signin_callback, name="signin_callback"),
    path("signout/", signin.signout, name="signout"),
    path("consent/callback/", signin.consent_callback, name="consent_callback"),
    path("invitations/<str:token>/", signin.invitation, name="invitation"),
    path("invoice/partners/", partners.partners, name="partners"),
    path("invoice/partners/selection/", partners.partners_selection, name="partners_selection"),
    path("invoice/partners/export/", partners.partners_export, name="partners_export"),
    path("invoice/partners/pending/", partners.pending_partners, name="pending_partners"),
    path(
        "invoice/partners/pending/selection/",
        partners.pending_partners_selection,
        name="pending_partners_selection",
    ),
    path("invoice/partners/pending/export/", partners.pending_partners_export, name="pending_partners_export"),
    path("manage/customers/", customers.customers, name="customers"),
    path("manage/customers/selection/", customers.customers_selection, name="customers_selection"),
    path("manage/customers/export/", customers.customers_export, name="customers_export"),
    path("manage/customers/pending/", customers.pending_customers, name="pending_customers"),
    path(
        "manage/customers/pending/selection/",
        customers.pending_customers_selection,
        name="pending_customers_selection",
    ),
    path("manage/customers/pending/export/", customers.pending_customers_export, name="pending_customers_export"),
    path("organizations/<int:pk>/", organization.organization, name="organization"),
    path("events/", events.events, name="events"),
    path("events/export/", events.events_export, name="events_export"),
    path("events/<int:pk>/", events.event, name="event"),
    path("operators/", operators.operators, name="operators"),
    path("operators/pending/", operators.pending_operators, name="pending_operators"),
    path("operators/actions/invite_operator/", operator_actions.invite_operator, name="invite_operator"),
    path("operators/actions/change_role/", operator_actions.change_role, name="change_role"),
    path("operators/actions/disable_operator/", operator_actions.disable_operator, name="disable_operator"),
    path("operators/actions/enable_operator/", operator_actions.enable_operator, name="enable_operator"),
    path("operators/actions/resend_invitation/", operator_actions.resend_invitation, name="resend_invitation"),
    path("operators/actions/withdraw_invitation/", operator_actions.withdraw_invitation, name="withdraw_invitation"),
    path("", include("subscriptions.urls")),
    path("", include("onboarding.urls")),
    path("healthz", health.process, name="healthz"),
    path("readyz", health.ready, name="readyz"),
    path("health/jobs", health.jobs, name="health_jobs"),
]
if settings.DEMO:
    urlpatterns.append(path("demo/", include("partnerapp.demo.urls")))
