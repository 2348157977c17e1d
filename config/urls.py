"""Every address of the platform, but for those of config/probes.py."""

from django.contrib import admin
from django.templatetags.static import static
from django.urls import include, path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularAPIView, SpectacularRedocView

from analytics.api import EventsView
from catalog.api import ProductsView
from promotions.api import OffersView, QualificationsView, RedemptionsView

docs = SpectacularRedocView.as_view(url_name="schema", template_name="api/docs.html")
api = [
    path("events", EventsView.as_view(), name="events"),
    path("products", ProductsView.as_view(), name="products"),
    path("customers/<str:customer>/offers", OffersView.as_view(), name="offers"),
    path("qualifications", QualificationsView.as_view(), name="qualifications"),
    path("redemptions", RedemptionsView.as_view(), name="redemptions"),
    path("schema", SpectacularAPIView.as_view(), name="schema"),
    path("docs", docs, name="docs"),
]
urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("favicon.ico", RedirectView.as_view(url=static("favicon.svg"))),
    path("admin/", admin.site.urls),
    path("api/v1/", include(api)),
]
handler404 = "analytics.problems.not_found"
handler500 = "analytics.problems.server_error"
