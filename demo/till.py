"""The simulated shop's till: offers read, carts redeemed, and the day reported."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

from demo.clients import Client, Refused
from demo.history import Event, customer, event, moment, money, sku
from demo.journal import Shown
from demo.offers import Offers
from demo.populations import Floats
from demo.worlds import Baskets, World

CURIOUS = 0.05
"""How often a visitor looks at what he does not buy."""


@dataclass(frozen=True, kw_only=True)
class Bill:
    """What baskets were given, [rows, categories]: off their lines; gifts, at cost."""

    off: Floats
    gifts: Floats


@dataclass(frozen=True, kw_only=True)
class Visit:
    """A day's visitors: what they were shown, what they bought, what they saved."""

    shown: Shown
    baskets: Baskets
    bill: Bill


@dataclass(frozen=True, kw_only=True)
class Till:
    """The API as the till uses it."""

    world: World
    client: Client

    def offers(self, row: int) -> list[dict[str, Any]]:
        """Read a customer's offers."""
        path = f"customers/{customer(self.world, row)}/offers"
        return list(self.client.call("GET", path)["offers"])

    def laid_out(self, shown: Shown, *, without: str = "") -> Offers:
        """Lay out what was shown, but for one strategy's, as the world reads it."""
        offers = Offers.none(self.world.customers)
        names = {name: place for place, name in enumerate(self.world.goods.names)}
        for row, some in shown.items():
            for one in (one for one in some if one["strategy"] != without):
                for category in one["scope"]:
                    _lay(self.world, offers, row, names[category], one["terms"])
        return offers

    def redeemed(self, baskets: Baskets, week: int) -> Bill:
        """Redeem whatever applies to those who bought something on offer."""
        nothing = np.zeros(baskets.units.shape)
        bill = Bill(off=nothing, gifts=nothing.copy())
        for place in np.flatnonzero(baskets.promoted.any(axis=1)).tolist():
            priced = self._redeem(baskets, place, week)
            # Not strict: of what was refused there are no lines.
            lines = zip(_lines(baskets, place), priced.get("lines", []), strict=False)
            for (category, _, _), line in lines:
                bill.off[place, category] = float(line["discount"])
            for effect in priced.get("effects", []):
                if effect["gift"]:  # of the category in whose scope it is given
                    category, product = _place(effect["gift"])
                    cost = float(self.world.goods.cost[category, product])
                    bill.gifts[place, category] += cost
        return bill

    def _redeem(self, baskets: Baskets, place: int, week: int) -> dict[str, Any]:
        row = int(baskets.rows[place])
        number = f"order-{week}-{row}"
        lines = [
            {"sku": one, "quantity": units} for _, one, units in _lines(baskets, place)
        ]
        body = {"customer": customer(self.world, row), "order_id": number}
        key = {"Idempotency-Key": number}
        try:
            cart = {**body, "lines": lines}
            return self.client.call("POST", "redemptions", cart, **key)
        except Refused as refused:
            if refused.status != 409:
                raise
            return {}  # the money went to somebody else in between


def events(
    world: World, visit: Visit, *, week: int, day: int, monday: datetime
) -> Iterator[Event]:
    """Yield what a day's visitors saw, looked at, bought and sent back."""
    luck, baskets = world.luck(week), visit.baskets
    for place, row in enumerate(baskets.rows.tolist()):
        at, who, end = moment(monday, day, row), customer(world, row), f"{week}-{row}"
        for offer in visit.shown.get(row, []):
            name = f"shown-{end}-{offer['id']}"
            yield event("offer_shown", name, at, {"offer": offer["id"]}, who)
        looked = (luck.look[row] < CURIOUS) | (baskets.units[place] > 0)
        for category in np.flatnonzero(looked).tolist():
            product = int(baskets.product[place, category])
            told = {
                "sku": sku(category, product),
                "category": world.goods.names[category],
            }
            yield event("product_viewed", f"view-{end}-{category}", at, told, who)
        if baskets.units[place].any():
            told = _order(world, visit, place, end)
            yield event("order_completed", told["order_id"], at, told, who)
        if baskets.returned[place].any():
            told = _refund(baskets, place, end)
            yield event("order_refunded", f"back-{end}", at, told, who)


def _order(world: World, visit: Visit, place: int, end: str) -> Event:
    lines = []
    for category, one, units in _lines(visit.baskets, place):
        value = float(world.goods.price[_place(one)]) * units
        off = visit.bill.off[place, category]
        lines.append(
            {
                "sku": one,
                "category": world.goods.names[category],
                "quantity": units,
                "paid": money(value - off),
                "coupon_discount": money(off),
            }
        )
    return {"order_id": f"order-{end}", "currency": "USD", "lines": lines}


def _refund(baskets: Baskets, place: int, end: str) -> Event:
    back = baskets.returned[place]
    skus = [one for category, one, _ in _lines(baskets, place) if back[category]]
    return {"order_id": f"order-{end}", "currency": "USD", "skus": skus}


def _lines(baskets: Baskets, place: int) -> Iterator[tuple[int, str, int]]:
    """Yield a basket's lines: category, sku, units."""
    for category in np.flatnonzero(baskets.units[place]).tolist():
        product = int(baskets.product[place, category])
        yield category, sku(category, product), int(baskets.units[place, category])


def _lay(
    world: World, offers: Offers, row: int, category: int, terms: Mapping[str, Any]
) -> None:
    if terms["kind"] == "percentage":
        offers.rate[row, category] = float(terms["rate"])
        return
    offers.least[row, category] = float(terms["spend"])
    if terms["kind"] == "threshold":
        offers.off[row, category] = float(terms["amount"])
    else:
        offers.worth[row, category] = float(terms["value"])
        offers.gift[row, category] = float(world.goods.cost[_place(terms["sku"])])


def _place(named: str) -> tuple[int, int]:
    """Return which product an sku is."""
    _, category, product = named.split("-")
    return int(category), int(product)
