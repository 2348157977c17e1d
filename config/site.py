"""The back office's site: unfold's, behind the second factor.

`Site.has_permission` is the one gate of every page; a session whose password was right
gets no further than the page that asks for a code.
"""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth import REDIRECT_FIELD_NAME, logout
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path, reverse
from django.utils.decorators import method_decorator
from django.utils.formats import date_format
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.safestring import mark_safe
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.defaults import permission_denied
from unfold.sites import UnfoldAdminSite

from analytics import health
from analytics.languages import said
from config import second_factor

Next = REDIRECT_FIELD_NAME
secret = method_decorator([sensitive_post_parameters("code"), never_cache])


class Site(UnfoldAdminSite):  # type: ignore[misc]
    """Unfold's site with the pages of the second factor."""

    index_title = gettext_lazy("Overview")

    def has_permission(self, request: HttpRequest) -> bool:
        return bool(super().has_permission(request)) and second_factor.passed(request)

    def get_sidebar_list(self, request: HttpRequest) -> list[dict[str, Any]]:
        """Return no page that would be refused, and no empty group."""
        groups: list[dict[str, Any]] = super().get_sidebar_list(request)
        for group in groups:
            group["items"] = [one for one in group["items"] if one["has_permission"]]
        return [group for group in groups if group["items"]]

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        """Tell every page when nothing is computed any more: one look at the cache."""
        context: dict[str, Any] = super().each_context(request)
        if self.has_permission(request):
            verdict = health.verdicts({"worker": health.CHECKS["worker"]})["worker"]
            context["worker_down"] = "" if verdict == "ok" else said(verdict)
        return context

    def extra_urls(self) -> list[URLPattern]:
        return [
            path("code/", self.code, name="code"),
            path("second-factor/", self.second_factor, name="second_factor"),
        ]

    def login(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if request.method == "GET" and self._half_way(request):
            page = "code" if second_factor.has(request) else "second_factor"
            onward = urlencode({Next: _onward(request)})
            return redirect(f"{reverse(f'admin:{page}')}?{onward}")
        answer: HttpResponse = super().login(request, extra_context)
        return answer

    @secret
    def code(self, request: HttpRequest) -> HttpResponse:
        """Ask who gave the right password for a code."""
        if "leave" in request.POST:
            logout(request)
        if not self._half_way(request) or not second_factor.has(request):
            return redirect("admin:index")
        error = ""
        if request.method == "POST":
            error = _tried(second_factor.enter, request, request.POST.get("code", ""))
            if not error:
                return redirect(_onward(request))
        return render(request, "admin/code.html", self._page(request, error=error))

    @secret
    def second_factor(self, request: HttpRequest) -> HttpResponse:
        """Turn one's own second factor on and off."""
        may = self.has_permission(request)
        if "leave" in request.POST:
            logout(request)
        if not may and (not self._half_way(request) or second_factor.has(request)):
            return redirect("admin:login")
        told = _did(request) if request.method == "POST" else {}
        if request.method == "POST" and not told:
            # A reload of the page must not do it again.
            return redirect(request.get_full_path())
        return render(request, "admin/second_factor.html", self._page(request, **told))

    def _half_way(self, request: HttpRequest) -> bool:
        """Whether the password was right, and a code is still to come."""
        return bool(super().has_permission(request)) and not second_factor.passed(
            request
        )

    def _page(self, request: HttpRequest, **more: Any) -> dict[str, Any]:
        begun = second_factor.begun(request.user)  # type: ignore[arg-type]
        inside = self.has_permission(request)
        return {
            **self.each_context(request),
            "title": _("Second factor"),
            "layout": "admin/base_site.html"
            if inside
            else "unfold/layouts/unauthenticated.html",
            "inside": inside,
            "required": settings.SECOND_FACTOR == "required",
            "has": second_factor.has(request),
            "picture": mark_safe(second_factor.picture(begun)) if begun else "",  # noqa: S308
            "spelled": second_factor.spelled(begun) if begun else "",
            "left": second_factor.codes_left(request.user),  # type: ignore[arg-type]
            "onward": _onward(request),
            **more,
        }


def _did(request: HttpRequest) -> dict[str, Any]:
    """Do what was asked for; return what is to be shown at once, if anything."""
    code, user = request.POST.get("code", ""), request.user
    codes: list[str] = []
    has, must = second_factor.has(request), settings.SECOND_FACTOR == "required"
    match request.POST.get("do"), has:
        case "begin", False:
            second_factor.begin(user)  # type: ignore[arg-type]
            return {}
        case "on", False:
            error = _tried(lambda: codes.extend(second_factor.turn_on(request, code)))
        case "renew", True:
            error = _tried(lambda: codes.extend(second_factor.renew_codes(user, code)))  # type: ignore[arg-type]
        case "off", True if not must:
            error = _tried(second_factor.turn_off, user, code)
            if not error:
                messages.success(request, _("The second factor is off."))
        case _:
            return {}
    return {"error": error, "codes": codes} if error or codes else {}


def _tried(do: Callable[..., object], *args: object) -> str:
    """Do it; return what is wrong with the code, if anything is."""
    try:
        do(*args)
    except second_factor.WrongCode:
        return _("This code is wrong or was used before. Try the next one.")
    except second_factor.TooSoon as soon:
        at = date_format(localtime(soon.until), "H:i:s")
        return _("Too many wrong codes. Try again after %s.") % at
    return ""


def _onward(request: HttpRequest) -> str:
    """Return where to go on, of this server alone."""
    asked = request.POST.get(Next) or request.GET.get(Next) or ""
    ours = url_has_allowed_host_and_scheme(
        asked, {request.get_host()}, require_https=request.is_secure()
    )
    return asked if ours else reverse("admin:index")


def refused(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer who may not see a page: by whom they may be helped, and the way back."""
    if not request.path.startswith("/admin/"):
        return permission_denied(request, exception)
    context = {**admin.site.each_context(request), "title": _("Not for your role")}
    return render(request, "admin/refused.html", context, status=403)
