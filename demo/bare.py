"""The yardstick of the bench: a bare DRF view that answers the same bytes.

Served by the same server and middleware, with ROOT_URLCONF=demo.bare.
"""

import os
from pathlib import Path

from django.http import HttpResponse
from django.urls import path
from rest_framework.request import Request
from rest_framework.views import APIView

BODY = Path(os.environ.get("BARE_BODY", os.devnull)).read_bytes()


class BareView(APIView):
    """Answers from memory, to anybody."""

    authentication_classes = ()
    permission_classes = ()

    def get(self, request: Request, customer: str) -> HttpResponse:
        return HttpResponse(BODY, content_type="application/json")


urlpatterns = [path("api/v1/customers/<str:customer>/offers", BareView.as_view())]
