"""The demo shop at /shop/, built as a shop would build it on the public API.

Its pages read offers and report events from the browser by a publishable key
(config/static/storefront/); what needs a secret key, pricing, redeeming and the order's
event, is asked for here (demo.backend). It is served where STOREFRONT says so, never in
production: anybody may play anybody.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.http import HttpRequest, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import (
    require_GET,
    require_http_methods,
    require_POST,
)

from demo import backend, cart, deals, goods, shoppers, visits
from demo.aisles import SHELVED, label
from demo.clients import Refused

LISTED, SHOWN, BESIDE, MOST_LABELS = 48, 12, 6, 50
SOUGHT, LONGEST = 72, 200
"""Products that a search asks for: some may not be sold here."""
View = Callable[..., HttpResponseBase]


def page(view: View) -> View:
    """Serve a page of the shop; closed when its key is revoked."""

    @never_cache
    @wraps(view)
    def served(request: HttpRequest, **route: str) -> HttpResponseBase:
        try:
            return view(request, **route)
        except Refused as refused:
            if refused.status not in (401, 403):
                raise
            return render(request, "storefront/closed.html", status=503)

    return served


def shown(
    request: HttpRequest,
    visit: visits.Visit,
    name: str,
    *,
    status: int = 200,
    **context: Any,
) -> HttpResponseBase:
    """Render a page with what every page of the shop shows."""
    everywhere = {
        "visit": visit,
        "shopper": shoppers.named(visit.slug),
        "shoppers": shoppers.everybody(),
        "aisles": goods.shown_aisles(),
        "key": backend.publishable_key(),
        "patterns": deals.patterns(),
        "currency": settings.CURRENCY,
        "chinese": goods.chinese(),
    }
    template = f"storefront/{name}.html"
    return render(request, template, everywhere | context, status=status)


@page
@require_GET
def home(request: HttpRequest) -> HttpResponseBase:
    """Show offers, what this shopper may want, and the aisles."""
    visit = visits.read(request)
    wanted = backend.recommended(visit, most=SHOWN)
    why = {one["sku"]: one["reasons"] for one in wanted}
    found = [
        (one, _(why[one.sku][0]) if why[one.sku] else "")
        for one in goods.cards(list(why))
    ]
    return shown(request, visit, "home", recommended=found)


@page
@require_GET
def aisle(request: HttpRequest, slug: str) -> HttpResponseBase:
    """Show an aisle's best sellers, and its categories."""
    where = SHELVED.get(slug)
    if where is None:
        return _missing(request)
    return _list(request, where.name, goods.in_aisle(slug, most=LISTED), slug=slug)


@page
@require_GET
def category(request: HttpRequest, name: str) -> HttpResponseBase:
    """Show a category's products."""
    found = goods.in_category(name, most=LISTED)
    if not found:
        return _missing(request)
    slug = found[0].aisle.slug
    return _list(request, label(name), found, slug=slug, chosen=name)


@page
@require_GET
def search(request: HttpRequest) -> HttpResponseBase:
    """Show what words find, of either language."""
    words = request.GET.get("q", "").replace("\0", "").strip()[:LONGEST]
    skus, spelt = backend.search(words, most=SOUGHT) if words else ([], {})
    return shown(
        request,
        visits.read(request),
        "search",
        words=words,
        spelt=", ".join(spelt.values()),
        found=goods.cards(skus)[:LISTED],
    )


@page
@require_GET
def shelf_labels(request: HttpRequest) -> HttpResponseBase:
    """Say how the shop writes and draws categories; offers name them as feeds do."""
    asked = request.GET.getlist("category")[:MOST_LABELS]
    return JsonResponse({name: goods.shelf(name) for name in asked})


@page
@require_GET
def product(request: HttpRequest, sku: str) -> HttpResponseBase:
    """Show a product, what goes with it, and what could stand in for it."""
    one = goods.card(sku)
    if one is None:
        return _missing(request)
    return shown(
        request,
        visits.read(request),
        "product",
        product=one,
        together=goods.cards(backend.together([sku], most=BESIDE)),
        similar=goods.cards(backend.similar(sku, most=BESIDE)),
    )


@page
@require_GET
def show_cart(request: HttpRequest) -> HttpResponseBase:
    """Show the cart as the API prices it now."""
    return _cart(request, visits.read(request))


@page
@require_POST
def change_cart(request: HttpRequest) -> HttpResponseBase:
    """Put in, take out, enter a code or drop one; a script gets the cart alone."""
    visit = visits.read(request)
    sent, before = request.POST, visit.units
    if "add" in sent and goods.card(sent["add"]):
        visit.put(sent["add"], visit.lines.get(sent["add"], 0) + _whole(sent, 1))
    elif "sku" in sent and sent["sku"] in visit.lines:
        visit.put(sent["sku"], _whole(sent, 0))
    elif "code" in sent:
        visit.enter(sent["code"].strip().replace("\0", ""))
    elif "drop" in sent:
        visit.codes = [code for code in visit.codes if code != sent["drop"]]
    visits.keep(request, visit)
    if request.headers.get("Accept") == "application/json":
        return JsonResponse({"units": visit.units, "added": visit.units - before})
    if request.headers.get("X-Part") == "cart":
        return _cart(request, visit)
    return redirect("shop_cart")


@never_cache
@require_http_methods(["GET", "POST"])
def chat(request: HttpRequest) -> HttpResponseBase:
    """Ask the assistant, or read on; a script gets the questions alone."""
    visit, fault = visits.read(request), ""
    try:
        if request.method == "POST":
            visits.keep(request, visit)
        # First: a visit that is not kept draws another conversation each time.
        if request.method == "POST" and (text := request.POST.get("text", "").strip()):
            backend.ask(visit, text.replace("\0", "")[:1000], cart.asked(visit))
        found = backend.conversation(visit)
    except Refused as refused:
        found = []
        fault = (
            _("That was a lot of questions. Try again in some minutes.")
            if refused.status == 429
            else _("The assistant is not there now. Try again later.")
        )
    if request.headers.get("Accept") == "application/json":
        return JsonResponse({"questions": found, "fault": fault})
    if request.method == "POST" and not fault:
        return redirect("shop_chat")
    told: dict[str, Any] = {"questions": found, "fault": fault, "chat_page": True}
    return shown(request, visit, "chat", **told)


@page
@require_POST
def switch(request: HttpRequest) -> HttpResponseBase:
    """Go on as somebody else."""
    before = visits.read(request)
    visit = visits.switched(request.POST.get("shopper", ""), before)
    if visit.slug == shoppers.NEWCOMER:
        message = f"sign-up-{visit.customer}"
        backend.report(visit, "customer_identified", {}, message=message)
    visits.keep(request, visit)
    return redirect("storefront")


def _whole(sent: Any, otherwise: int) -> int:
    text = sent.get("quantity", "")
    return int(text) if text.isascii() and text.isdigit() and text else otherwise


def _list(
    request: HttpRequest,
    title: object,
    found: list[goods.Card],
    *,
    slug: str,
    chosen: str = "",
) -> HttpResponseBase:
    return shown(
        request,
        visits.read(request),
        "list",
        title=title,
        found=found,
        slug=slug,
        chosen=chosen,
        categories=goods.categories(slug, most=14),
    )


def _cart(request: HttpRequest, visit: visits.Visit) -> HttpResponseBase:
    name = "cart_part" if request.headers.get("X-Part") == "cart" else "cart"
    beside = backend.together(list(visit.lines), most=BESIDE) if visit.lines else []
    others = goods.cards(beside) if name == "cart" else []
    return shown(request, visit, name, cart=cart.priced(visit), together=others)


def _missing(request: HttpRequest) -> HttpResponseBase:
    return shown(request, visits.read(request), "missing", status=404)
