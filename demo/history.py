"""A world's past, as the events that a shop would import: orders, and four campaigns.

The shop cut prices on the shelf now and then, and sent coupons to some: more often to
those who had come often, so that who got one is no lot. That is all the platform can
learn the response from before it acts.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from demo.offers import Offers
from demo.populations import CATEGORIES, PRODUCTS, Bools, Floats, Ints
from demo.worlds import Baskets, World

WEEKS = 40
"""A training with all its cut-offs asks for 32 weeks of orders (ml.splits)."""
CAMPAIGNS = (-31, -25, -19, -13)
LASTS = 4
RATE = 0.10
CUTS = (0.10, 0.15, 0.20)
SEED = 2**42
Event = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Campaign:
    """Coupons of RATE off some categories, for who `received` them."""

    week: int
    categories: Ints
    received: Bools

    @property
    def name(self) -> str:
        return f"coupons-{-self.week}"


def events(world: World, begin: datetime) -> Iterator[Event]:
    """Yield all events of the WEEKS before `begin`, week by week."""
    # One generator through all weeks: a draw more would move all that follow.
    draw = np.random.Generator(np.random.Philox(key=[world.seed, SEED]))
    state, visits = world.fresh(), np.zeros(world.customers)
    campaign = None
    for week in range(-WEEKS, 0):
        monday = begin + timedelta(weeks=week)
        if week in CAMPAIGNS:
            campaign = _campaign(world, week, draw, visits)
            yield from _sent(world, campaign, monday)
        if campaign and week >= campaign.week + LASTS:
            campaign = None
        shelf, offers = _cuts(draw), _offers(world, campaign)
        promoted = np.zeros(state.shape, bool)
        stock = world.goods.stock.copy()
        for day in range(7):
            rows = world.visitors(week, day)
            baskets = world.shop(rows, offers, week, state, stock, shelf)
            promoted[rows] = baskets.promoted
            visits[rows] += 1
            yield from _bought(world, baskets, week, day, monday, shelf, campaign)
        state = world.after(state, promoted)


def customer(world: World, row: int) -> str:
    """Return what the shop calls a customer."""
    return f"world-{world.seed}-{row}"


def sku(category: int, product: int) -> str:
    """Return a product's number."""
    return f"sku-{category}-{product}"


def moment(monday: datetime, day: int, row: int) -> datetime:
    """Return when a customer comes on a day: between 8 and 20 o'clock."""
    return monday + timedelta(days=day, hours=8, minutes=row % 720)


def event(kind: str, name: str, at: datetime, data: Event, who: str | None) -> Event:
    """Return an event for POST events."""
    told = {"id": name, "type": kind, "occurred_at": at.isoformat(), "data": data}
    return told if who is None else {**told, "customer": who}


def money(amount: float) -> str:
    """Return an amount as the API takes it."""
    return f"{amount:.2f}"


def _campaign(
    world: World, week: int, draw: np.random.Generator, visits: Floats
) -> Campaign:
    often = visits > np.median(visits)
    chance = np.where(often, 0.5, 0.2)
    return Campaign(
        week=week,
        categories=draw.permutation(CATEGORIES)[:3],
        received=draw.random(world.customers) < chance,
    )


def _cuts(draw: np.random.Generator) -> Floats:
    """Return a week's share off each product's price: in two categories, on half."""
    shelf = np.zeros((CATEGORIES, PRODUCTS))
    for category in draw.permutation(CATEGORIES)[:2]:
        some = draw.permutation(PRODUCTS)[: PRODUCTS // 2]
        shelf[category, some] = draw.choice(CUTS)
    return shelf


def _offers(world: World, campaign: Campaign | None) -> Offers:
    offers = Offers.none(world.customers)
    if campaign:
        rows = np.flatnonzero(campaign.received)
        offers.rate[np.ix_(rows, campaign.categories)] = RATE
    return offers


def _sent(world: World, campaign: Campaign, monday: datetime) -> Iterator[Event]:
    name = campaign.name
    days = {
        "starts_on": monday.date().isoformat(),
        "ends_on": (monday + timedelta(weeks=LASTS)).date().isoformat(),
    }
    told = {"campaign": name, "kind": "coupons", **days}
    yield event("campaign_announced", name, monday, told, None)
    for category in campaign.categories.tolist():
        skus = [sku(category, product) for product in range(PRODUCTS)]
        issued = {"campaign": name, "coupon": f"{name}-{category}", "skus": skus}
        yield event("coupon_issued", f"{name}-{category}", monday, issued, None)
    for row in np.flatnonzero(campaign.received).tolist():
        who = customer(world, row)
        told = {"campaign": name}
        yield event("campaign_received", f"{name}-{who}", monday, told, who)


def _bought(
    world: World,
    baskets: Baskets,
    week: int,
    day: int,
    monday: datetime,
    shelf: Floats,
    campaign: Campaign | None,
) -> Iterator[Event]:
    for place in np.flatnonzero(baskets.units.any(axis=1)).tolist():
        row = int(baskets.rows[place])
        at, who = moment(monday, day, row), customer(world, row)
        number = f"order-{week}-{row}"
        lines = [
            _line(world, baskets, place, category, shelf)
            for category in np.flatnonzero(baskets.units[place]).tolist()
        ]
        told = {"order_id": number, "currency": "USD", "lines": lines}
        yield event("order_completed", number, at, told, who)
        if campaign:
            for category in np.flatnonzero(baskets.promoted[place]).tolist():
                coupon = f"{campaign.name}-{category}"
                used = {"campaign": campaign.name, "coupon": coupon}
                yield event("coupon_redeemed", f"{coupon}-{number}", at, used, who)


def _line(
    world: World, baskets: Baskets, place: int, category: int, shelf: Floats
) -> Event:
    product = int(baskets.product[place, category])
    units = int(baskets.units[place, category])
    whole = float(world.goods.price[category, product]) * units
    cut = round(whole * float(shelf[category, product]), 2)
    coupon = round((whole - cut) * RATE * baskets.promoted[place, category], 2)
    return {
        "sku": sku(category, product),
        "category": world.goods.names[category],
        "quantity": units,
        "paid": money(whole - cut - coupon),
        "shelf_discount": money(cut),
        "coupon_discount": money(coupon),
    }
