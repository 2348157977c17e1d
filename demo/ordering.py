"""Ordering in the demo shop: check out, thanks, the orders so far, taking one back.

An order is redeemed at the total that its shopper saw and reported when it is placed.
Cancelled, its redemptions are rolled back, whole, before that is reported too. Both are
safe when sent twice: ids and keys are made of the order's id.
"""

from datetime import datetime
from typing import Any
from uuid import uuid4

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.views.decorators.http import require_GET, require_POST

from analytics import clock
from demo import backend, cart, deals, goods, visits
from demo.clients import Refused
from demo.storefront import page, shown

LONGEST = 64
"""Of an order's id: an event's, which is made of it, has 100 letters at most."""


@page
@require_GET
def checkout(request: HttpRequest) -> HttpResponseBase:
    """Show what will be ordered; the order has its id from here on."""
    visit = visits.read(request)
    if not visit.lines:
        return redirect("shop_cart")
    return shown(
        request, visit, "checkout", cart=cart.priced(visit), order=f"shop-{uuid4()}"
    )


@page
@require_POST
def place_order(request: HttpRequest) -> HttpResponseBase:
    """Redeem at the total that the shopper saw, then report the order."""
    visit = visits.read(request)
    order_id, total = request.POST.get("order", ""), request.POST.get("total", "")
    # A second click on the same form: it is placed already.
    if visit.ordered(order_id):
        return redirect("shop_thanks")
    if not visit.lines or not order_id.startswith("shop-") or len(order_id) > LONGEST:
        return redirect("shop_cart")
    before = cart.priced(visit)
    try:
        redeemed = backend.redeem(cart.order(before, order_id, total))
    except Refused as refused:
        if refused.status in (401, 403):
            raise
        context: dict[str, Any] = {
            "fault": deals.not_ordered(refused.code),
            "order": order_id,
        }
        return shown(request, visit, "checkout", cart=before, **context)
    event = cart.completed(redeemed, order_id)
    backend.report(visit, "order_completed", event, message=f"order-{order_id}")
    visit.place(_receipt(order_id, before, redeemed))
    visits.keep(request, visit)
    return redirect("shop_thanks")


@page
@require_GET
def thanks(request: HttpRequest) -> HttpResponseBase:
    """Confirm the order, and say what it used."""
    visit = visits.read(request)
    if not visit.orders:
        return redirect("storefront")
    return shown(request, visit, "thanks", order=visit.orders[0])


@page
@require_GET
def orders(request: HttpRequest) -> HttpResponseBase:
    """Show what this shopper ordered in this browser, the newest first."""
    visit = visits.read(request)
    told = [one | {"at": datetime.fromisoformat(one["at"])} for one in visit.orders]
    return shown(request, visit, "orders", orders=told)


@page
@require_POST
def cancel_order(request: HttpRequest) -> HttpResponseBase:
    """Take back what an order redeemed, then report that it is cancelled."""
    visit = visits.read(request)
    order = visit.ordered(request.POST.get("order", ""))
    if order and not order["cancelled"]:
        for redemption in order["redemptions"]:
            backend.roll_back(redemption)
        told = {"order_id": order["id"]}
        message = f"cancelled-{order['id']}"
        backend.report(visit, "order_cancelled", told, message=message)
        order["cancelled"] = True
        visits.keep(request, visit)
    return redirect("shop_orders")


def _receipt(
    order_id: str, before: cart.Priced, redeemed: dict[str, Any]
) -> dict[str, Any]:
    """Return what is said of an order later, as it was at that moment."""
    currency = redeemed["currency"]
    return {
        "id": order_id,
        "at": clock.now().isoformat(),
        "total": goods.money(redeemed["total"], currency),
        "lines": [
            {"name": one.card.name, "quantity": one.quantity} for one in before.lines
        ],
        "gifts": [one.name for one in before.gifts],
        "used": [
            {"words": one.words, "scope": one.scope, "amount": one.amount}
            for one in before.discounts
        ],
        "redemptions": redeemed["redemptions"],
        "cancelled": False,
    }
