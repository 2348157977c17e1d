"""The content security policy: browsers load from this server, and run no inline code.

What the back office's theme and the API's viewer need beyond that is allowed on their
pages only: Alpine, the theme's script library, evaluates its attributes, and both set
styles on elements. A test opens every page and fails on whatever a browser refuses.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

from csp.constants import HEADER, NONE, SELF, UNSAFE_EVAL, UNSAFE_INLINE
from csp.utils import build_policy
from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase

EVERYWHERE: dict[str, Any] = {
    "default-src": [SELF],
    "base-uri": [SELF],
    "form-action": [SELF],
    "frame-ancestors": [NONE],
    "object-src": [NONE],
}
BACK_OFFICE = {
    "script-src": [SELF, UNSAFE_EVAL],
    "style-src": [SELF, UNSAFE_INLINE],
}
VIEWER = {
    "style-src": [SELF, UNSAFE_INLINE],
    "img-src": [SELF, "data:"],
    "worker-src": [SELF, "blob:"],
}
MORE: dict[str, dict[str, Any]] = {"/admin/": BACK_OFFICE, "/api/v1/docs": VIEWER}
"""By the beginning of the address."""


class Middleware:
    """Says the policy with every answer, static files' too.

    django-csp's own middleware would build it anew each time, which took half as long
    as taking in an event. Django's pages of errors while DEBUG is on have inline code.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if not (settings.DEBUG and response.status_code in (404, 500)):
            response[HEADER] = of(request.path_info)
        return response


def of(address: str) -> str:
    """Return the policy of an address, as the header says it."""
    return _written(next((begins for begins in MORE if address.startswith(begins)), ""))


@cache
def _written(begins: str) -> str:
    built = build_policy(config=EVERYWHERE, update=MORE.get(begins))
    return "; ".join(sorted(built.split("; ")))  # the same from every process
