from django.urls import path

from subscriptions import views

urlpatterns = [
    path("organizations/actions/extend_trial/", views.extend_trial, name="extend_trial"),
    path(
        "organizations/actions/manage_subscription_upgrade/",
        views.manage_subscription_upgrade,
        name="manage_subscription_upgrade",
    ),
    path("organizations/actions/convert_to_production/", views.convert_to_production, name="convert_to_production"),
    path(
        "organizations/actions/edit_skus_and_expiration_date/",
        views.edit_skus_and_expiration_date,
        name="edit_skus_and_expiration_date",
    ),
    path("organizations/actions/cancel_trial/", views.cancel_trial, name="cancel_trial"),
]
