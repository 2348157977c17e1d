"""The page for who connects a shop: keys, snippets that run, what comes in right now.

A key is shown once, in the answer that made it, and filled into the snippets there.
What comes in is what the tables of events, rejections and wrong keys show already, to
who may view them; the page asks for it every two seconds.
"""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Max
from django.http import HttpRequest, HttpResponse, JsonResponse, QueryDict
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET

from analytics import access
from analytics.models import ApiKey, Rejection, StoredEvent, WrongKey
from analytics.snippets import SNIPPETS

SHOWN = 25
NEAR = 2000
"""Among so many newest events of the log, those that shops sent are looked for."""
VIEWS = ("view_apikey", "view_storedevent", "view_rejection", "view_wrongkey")
USUAL = frozenset(("events", "offers", "recommendations", "carts"))
USES = {
    "events": gettext_lazy("report what customers do"),
    "offers": gettext_lazy("read customers' offers, and pass on what they think"),
    "recommendations": gettext_lazy("read what to show to whom"),
    "search": gettext_lazy("find products by words"),
    "questions": gettext_lazy("ask the assistant"),
    "carts": gettext_lazy("price carts and redeem"),
    "codes": gettext_lazy("make, list, export and stop codes"),
    "webhooks": gettext_lazy("say where to tell what happens"),
    "catalog": gettext_lazy("send products and prices"),
    "reviews": gettext_lazy("send what people say of products, and read it"),
    "strategies": gettext_lazy("propose strategies, read what became of them"),
    "reports": gettext_lazy("read what was earned"),
    "privacy": gettext_lazy("export and erase customers"),
}
TOLD = USES | {
    "calendar": gettext_lazy("read the calendar by its address"),
    "clock": gettext_lazy("move the clock, in demo mode alone"),
}
"""Those too that no form gives."""


class Wrong(ValueError):
    """The form cannot be taken as it is; the words are for the operator."""


def connect(request: HttpRequest) -> HttpResponse:
    """Show the page; make a key or revoke one."""
    if not any(_may(request, name) for name in VIEWS):
        raise PermissionDenied
    if request.method != "POST":
        return _page(request)
    if "revoke" in request.POST:
        return _revoke(request)
    if not _may(request, "add_apikey"):
        raise PermissionDenied
    try:
        return _page(request, made=_made(request))
    except Wrong as fault:
        messages.error(request, str(fault))
        return _page(request, typed=request.POST)


@require_GET
def newest(request: HttpRequest) -> JsonResponse:
    """Return the newest of what was taken and refused, as far as one may view it."""
    if not any(_may(request, name) for name in VIEWS[1:]):
        raise PermissionDenied
    rows = [
        *(_accepted() if _may(request, "view_storedevent") else ()),
        *(_rejected() if _may(request, "view_rejection") else ()),
        *(_strangers() if _may(request, "view_wrongkey") else ()),
    ]
    rows.sort(key=lambda row: (row["at"], row["id"]), reverse=True)
    return JsonResponse({"rows": rows[:SHOWN]})


def _page(
    request: HttpRequest,
    made: tuple[str, bool] | None = None,
    typed: QueryDict | None = None,
) -> HttpResponse:
    """Show the page; `typed`: what was refused stays in the form."""
    ticked = set(typed.getlist("scopes")) if typed else set(USUAL)
    key, public = made or (None, False)
    address = request.build_absolute_uri("/").rstrip("/")
    keys = ApiKey.objects.order_by("revoked_at", "name", "created_at")
    page = {
        **admin.site.each_context(request),
        "title": _("Connect a shop"),
        "typed": typed,
        "typed_public": typed is not None and typed.get("kind") == "publishable",
        "keys": [(one, _told(one)) for one in keys[:100]]
        if _may(request, "view_apikey")
        else None,
        "may_add": _may(request, "add_apikey"),
        "may_revoke": _may(request, "change_apikey"),
        "may_watch": any(_may(request, name) for name in VIEWS[1:]),
        "key": key,
        "public": public,
        "scopes": [(name, USES[name], name in ticked) for name in USES],
        "address": address,
        "snippets": [
            (one, one.filled(address, key if public == one.publishable else None))
            for one in SNIPPETS
        ],
        "chosen": "browser" if public else "curl",
    }
    return TemplateResponse(request, "admin/connect.html", page)


def _told(key: ApiKey) -> list[tuple[str, Any]]:
    """Return a key's scopes with what they allow."""
    return [(name, TOLD.get(name, name)) for name in key.scopes]


def _made(request: HttpRequest) -> tuple[str, bool]:
    """Make the key that the form asks for; return it, and whether browsers may see it.

    :raises Wrong: there is no name, no scope, or an origin that is none.
    """
    name = request.POST.get("name", "").strip().replace("\0", "")[:100]
    public = request.POST.get("kind") == "publishable"
    if not name:
        raise Wrong(_("Give the key a name: the log says by which key events came."))
    # What a form says of a browser's key does not count: it gets what all of them get.
    scopes = access.PUBLIC if public else set(request.POST.getlist("scopes"))
    if not scopes or set(scopes) - USES.keys():
        raise Wrong(_("Choose what the key may do."))
    origins = list(_origins(request.POST.get("origins", ""))) if public else []
    key = access.create_key(name, scopes, publishable=public, origins=origins)
    return key, public


def _origins(text: str) -> Iterator[str]:
    for origin in text.replace(",", " ").split():
        parts = urlsplit(origin)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise Wrong(_("“%s” is no site: write https://shop.example.") % origin)
        # Browsers send no path with an origin.
        yield f"{parts.scheme}://{parts.netloc}"


def _revoke(request: HttpRequest) -> HttpResponse:
    if not _may(request, "change_apikey"):
        raise PermissionDenied
    found = [
        one
        for one in ApiKey.objects.filter(revoked_at=None)
        # As texts: filter(pk=…) raises for what is no UUID, and forms may send
        # anything.
        if str(one.pk) == request.POST["revoke"]
    ]
    for key in found:
        access.revoke_key(key.pk)
        said = _("The key “%s” is revoked: it stopped working now.")
        messages.success(request, said % key.name)
    return redirect("connect")


Row = dict[str, Any]


def _accepted() -> Iterator[Row]:
    last = StoredEvent.objects.aggregate(last=Max("position"))["last"] or 0
    near = StoredEvent.objects.filter(position__gt=last - NEAR, source__isnull=False)
    for one in near.defer("data").order_by("-position")[:SHOWN]:
        yield {
            "id": f"event-{one.position}",
            "state": "accepted",
            "at": one.recorded_at.isoformat(),
            "what": one.type,
            "source": one.source,
            "who": str(one.customer or ""),
            "link": reverse("admin:analytics_storedevent_change", args=[one.pk]),
        }


def _rejected() -> Iterator[Row]:
    for one in Rejection.objects.defer("body").order_by("-received_at")[:SHOWN]:
        yield {
            "id": f"rejection-{one.pk}",
            "state": "rejected",
            "at": one.received_at.isoformat(),
            "what": f"{one.reason} {one.path}".strip(),
            "source": one.source,
            "who": "",
            "link": reverse("admin:analytics_rejection_change", args=[one.pk]),
        }


def _strangers() -> Iterator[Row]:
    for one in WrongKey.objects.order_by("-last_at")[:SHOWN]:
        yield {
            "id": f"key-{one.pk}-{one.attempts}",
            "state": "refused",
            "at": one.last_at.isoformat(),
            "what": _("A key that is unknown or revoked"),
            "source": f"{one.hint}…",
            "who": "",
            "link": reverse("admin:analytics_wrongkey_change", args=[one.pk]),
        }


def _may(request: HttpRequest, name: str) -> bool:
    return request.user.has_perm(f"analytics.{name}")
