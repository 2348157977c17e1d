"""Every address in demo mode: the platform's, and those of a program that moves time.

Elsewhere they do not exist (config.settings chooses), so no key can approve.
"""

from django.urls import include, path

from analytics.clock_api import ClockView
from config import urls
from promotions.approving import ApprovalView, RejectionView

decisions = "strategies/<uuid:strategy>"
api = [
    path("clock", ClockView.as_view(), name="clock"),
    path(f"{decisions}/approval", ApprovalView.as_view(), name="approval"),
    path(f"{decisions}/rejection", RejectionView.as_view(), name="rejection"),
]
urlpatterns = [path("api/v1/", include(api)), *urls.urlpatterns]
handler404, handler500 = urls.handler404, urls.handler500
