"""The back office tells times as the operator's own clock shows them.

A browser says its zone in a cookie (static/zone.js), from the sign-in page on; without
one, and everywhere else, times are UTC. Days of reports stay UTC days: they are sums.
A campaign's own times are in its own zone, and say so.
"""

from collections.abc import Callable
from zoneinfo import ZoneInfo

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone

from config.languages import PAGES

COOKIE = "zone"
LONGEST = 64


def middleware(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """Let a page's times be of its reader's zone."""

    def answer(request: HttpRequest) -> HttpResponseBase:
        if not request.path_info.startswith(PAGES):
            return get_response(request)
        with timezone.override(known(request.COOKIES.get(COOKIE, ""))):
            return get_response(request)

    return answer


def known(name: str) -> ZoneInfo | None:
    """Return a zone by its name; None for what is none."""
    try:
        return ZoneInfo(name) if 0 < len(name) <= LONGEST else None
    except (KeyError, ValueError, OSError):  # no zone, a path, a directory
        return None
