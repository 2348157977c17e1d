"""Let browsers call what a publishable key may call: events and words in, offers out.

Any site may ask; the key says which sites it works for (analytics.access).
"""

import re
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import patch_vary_headers

OPEN = re.compile(
    r"/(p/)?(v1|beacon/v1|sourceConfig)(/|$)"
    r"|/api/v1/(events|consent|prices|promotions|customers/.+/offers|search)$"
    r"|/api/features/[^/]+$"
    r"|/api/v1/offers/[^/]+/feedback$"
    r"|/api/v1/(questions|conversations/[^/]+)$"
)
A_DAY = "86400"


class Middleware:
    """Answer preflights, and mark answers as readable for the asking site."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        origin = request.headers.get("Origin")
        if origin is None or not OPEN.match(request.path):
            return self.get_response(request)
        asked = request.headers.get("Access-Control-Request-Headers")
        if request.method == "OPTIONS":
            response: HttpResponseBase = HttpResponse()
            response["Access-Control-Allow-Methods"] = "GET, POST, OPTIONS"
            # Every event of Segment's browser library would cost a preflight.
            response["Access-Control-Max-Age"] = A_DAY
            if asked:
                # Echoed: RudderStack sends anonymousid and sentat besides what Segment
                # does.
                response["Access-Control-Allow-Headers"] = asked
        else:
            response = self.get_response(request)
        response["Access-Control-Allow-Origin"] = origin
        response["Access-Control-Allow-Credentials"] = "true"
        patch_vary_headers(response, ["Origin"])
        return response
