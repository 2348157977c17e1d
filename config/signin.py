"""Signing in: who is let in, from where, and when again after too many wrong tries.

django-axes counts wrong passwords by name and address together: a stranger elsewhere
cannot lock an operator out. Its own log lines hold names, where people type passwords
by mistake, so they are off (settings.LOGGING); the one line here names the address.
"""

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta
from math import ceil

from axes.attempts import get_cool_off_threshold
from axes.models import AccessAttempt
from django.conf import settings
from django.contrib import admin
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import User
from django.db.models import Subquery
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django_otp.plugins.otp_totp.models import TOTPDevice

from analytics import clock
from analytics.access import address as address
from config import second_factor

log = logging.getLogger("django.security.sign_in")


class Backend(ModelBackend):
    """Django's; a request's user also knows their second factor, in the same query."""

    def get_user(self, user_id: int) -> User | None:
        factor = Subquery(second_factor.confirmed(TOTPDevice).values("pk")[:1])
        rows = User.objects.annotate(second_factor=factor)
        user = rows.filter(pk=user_id).first()
        return user if user and self.user_can_authenticate(user) else None


def locked_out(
    request: HttpRequest,
    response: HttpResponse | None,
    credentials: dict[str, str] | None,
) -> HttpResponse:
    """Answer 429, and say when one may try again."""
    now = clock.wall()
    until = _until(request, credentials or {}) or now + settings.AXES_COOLOFF_TIME
    wait = max((until - now).total_seconds(), 1)
    log.warning("Signing in is closed for %s", request.axes_ip_address)  # type: ignore[attr-defined]
    context = {
        **admin.site.each_context(request),
        "until": until,
        "minutes": ceil(wait / 60),
        "tries": settings.AXES_FAILURE_LIMIT,
    }
    answer = render(request, "admin/locked_out.html", context, status=429)
    answer["Retry-After"] = str(ceil(wait))
    return answer


def _until(request: HttpRequest, credentials: dict[str, str]) -> datetime | None:
    """Return when the name may be tried again from the request's address."""
    rows = AccessAttempt.objects.filter(
        username=credentials.get("username"),
        ip_address=request.axes_ip_address,  # type: ignore[attr-defined]
        attempt_time__gte=get_cool_off_threshold(request),
    )
    return opens(
        rows.values_list("attempt_time", "failures_since_start"),
        limit=settings.AXES_FAILURE_LIMIT,
        lasts=settings.AXES_COOLOFF_TIME,
    )


def opens(
    tries: Iterable[tuple[datetime, int]], *, limit: int, lasts: timedelta
) -> datetime | None:
    """Return when fewer than `limit` failures count; None if that is now.

    `tries` are (newest moment, failures) by browser; they count for `lasts`.
    """
    # The oldest tries leave the count first.
    known = sorted(tries)
    left = sum(failures for _, failures in known)
    for at, failures in known:
        if left < limit:
            return None
        left -= failures
        if left < limit:
            return at + lasts
    return None
