from django.contrib import admin
from django.urls import path

from bench.peers.views import Partners

urlpatterns = [
    path("admin/", admin.site.urls),
    path("partners/", Partners.as_view()),
    path("indexed/", Partners.as_view(indexed=True)),
]
