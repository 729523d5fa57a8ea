from django.urls import path

from onboarding import actions, add_customer, add_partner, views

urlpatterns = [
    path("activate/<str:token>/", views.activate, name="activate"),
    path("activate/<str:token>/consent/", views.ask_consent, name="activation_consent"),
    path("activate/<str:token>/again/", views.again, name="activation_again"),
    path("organizations/actions/add_partner/", add_partner.add_partner, name="add_partner"),
    path("organizations/actions/add_partners/", add_partner.add_partners, name="add_partners"),
    path("organizations/actions/add_customer/", add_customer.add_customer, name="add_customer"),
    path("organizations/actions/copy_activation_link/", actions.copy_activation_link, name="copy_activation_link"),
    path(
        "organizations/actions/resend_activation_link/", actions.resend_activation_link, name="resend_activation_link"
    ),
    path("organizations/actions/send_reminder/", actions.send_reminder, name="send_reminder"),
    path(
        "organizations/actions/change_notification_email/",
        actions.change_notification_email,
        name="change_notification_email",
    ),
    path("organizations/actions/reset_link/", actions.reset_link, name="reset_link"),
    path("organizations/actions/withdraw/", actions.withdraw, name="withdraw"),
    path("organizations/actions/try_again/", actions.try_again, name="try_again"),
]
