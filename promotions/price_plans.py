"""The prices that earn most within the rules. Pure.

At price p a product of unit cost c and elasticity e ± s, of which `units` sell at
today's price p0, earns (p − c) · min(units · (p / p0)^e, stock). A price is chosen by
its cautious margin: with the elasticity moved by CAUTION standard errors to the side
that hurts the change,

    units · exp(e · L − CAUTION · s · |L|),  L = ln(p / p0),

so that the step shrinks as the interval widens, and there is none where the interval
holds both a gain and a loss. A change that brings less than LEAST of a product's margin
is not worth a new label.

Families are solved exactly. Within a chain of sizes only neighbours bind each other
(price no lower, price by unit no higher), so the best prices are a longest path over
each size's candidates (dynamic programming: sizes · candidates²). `worth` is all that
the solver knows of demand: who has cross-effects prices them there.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from catalog import price_rules
from catalog.price_rules import Member, Rules, Shelf

CAUTION = 0.8416
"""The normal's 0.8 quantile: a change pays with a chance of about four in five."""
LEAST = 0.01
TINY = 1e-9
Numbers = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Item:
    """A product to price: what bounds it, and what is believed of its demand.

    `units` sell at today's price within the time that is planned for, without any other
    discount (ml.forecasts.Demand.baseline); `doubt` is their
    standard deviation; `stock` is the most that can be sold.
    """

    sku: str
    category: str
    shelf: Shelf
    rules: Rules
    cost: float
    units: float
    doubt: float
    elasticity: float
    error: float
    stock: float = np.inf
    family: str = ""
    amount: Decimal | None = None
    unit: str = ""


def sold(item: Item, prices: Numbers, *, caution: float = 0.0) -> Numbers:
    """Return the units that sell at each price; see the module."""
    now = float(item.shelf.price)
    # From a price of nothing there is no ratio: demand stays as it is.
    moved = np.log(np.maximum(prices, TINY) / now) if now > 0 else np.zeros(len(prices))
    answer = item.elasticity * moved - caution * item.error * np.abs(moved)
    return np.asarray(np.minimum(item.units * np.exp(answer), item.stock))


def margins(item: Item, prices: Numbers, *, caution: float = 0.0) -> Numbers:
    """Return what a product earns at each price."""
    return np.asarray((prices - item.cost) * sold(item, prices, caution=caution))


def worth(item: Item, prices: Numbers) -> Numbers:
    """Return the cautious margin at each price, less the label of a changed one."""
    found = margins(item, prices, caution=CAUTION)
    now = float(item.shelf.price)
    stays = np.isclose(prices, now, atol=TINY, rtol=0)
    today = margins(item, np.array([now]))[0]
    return np.where(stays, found, found - LEAST * abs(today))


Value = Callable[[Item, Numbers], Numbers]
"""What each price of a product is worth, in the solver's eyes."""


@dataclass(frozen=True, kw_only=True)
class Group:
    """Packs of one size: the prices they may have, and what these are worth together.

    `prices[place]` are of each product; `least` and `most` of them, by place.
    """

    skus: tuple[str, ...]
    prices: Sequence[Sequence[Decimal]]
    worth: Numbers
    amount: float | None
    least: Numbers
    most: Numbers
    now: tuple[float, float]


def closeness(item: Item, prices: Numbers) -> Numbers:
    """Return how near prices are to the cheapest competitor's, where that is cheaper.

    Nearest is the last allowed price that is not above theirs, or the lowest; who is
    not undercut had best stay. Weighed by the units that sell.
    """
    target, cheapest = item.shelf.price, item.shelf.cheapest
    if cheapest is not None and cheapest < target:
        lower = allowed(item, below=target)
        near = [price for price in lower if price <= cheapest][-1:] or lower[:1]
        target = near[0] if near else target
    return np.asarray(-np.abs(prices - float(target)) * max(item.units, TINY))


def best(items: Sequence[Item], value: Value = worth) -> dict[str, Decimal]:
    """Return the best price of every product, today's where none is better.

    `value` says what prices are worth.
    """
    found: dict[str, Decimal] = {}
    for chain in _chains(items, value):
        for group, place in zip(chain, _path(chain), strict=True):
            found |= dict(zip(group.skus, group.prices[place], strict=True))
    return found


def _chains(items: Sequence[Item], value: Value) -> Iterator[list[Group]]:
    """Yield the chains of all families; a product without one is its own."""
    families: dict[tuple[str, str], list[Item]] = {}
    for item in items:
        if item.family and item.rules.families:
            families.setdefault((item.family, item.shelf.currency), []).append(item)
        else:
            yield [_group([item], value, stuck=False)]
    for family in families.values():
        by_sku = {item.sku: item for item in family}
        members = members_of(family)
        still = price_rules.stuck(members)
        for chain in price_rules.chains(members):
            yield [
                _group(
                    [by_sku[sku] for sku in skus], value, stuck=bool(still & {*skus})
                )
                for skus in chain
            ]


def members_of(family: Sequence[Item]) -> list[Member]:
    """Return products as the rules of families see them."""
    return [
        Member(sku=i.sku, amount=i.amount, unit=i.unit, price=i.shelf.price)
        for i in family
    ]


def _group(items: Sequence[Item], value: Value, *, stuck: bool) -> Group:
    """Join what costs alike; what is `stuck` has one place, where nothing moves."""
    first, now = items[0], [item.shelf.price for item in items]
    shared = [first.shelf.price]
    if not stuck:
        allowed = [price_rules.candidates(one.shelf, one.rules) for one in items]
        # They cost alike afterwards too. Today's price is always among the candidates,
        # and is one for all who are not stuck: so something is shared.
        shared = sorted(set(allowed[0]).intersection(*allowed[1:]))
    prices = np.array([float(price) for price in shared])
    return Group(
        skus=tuple(item.sku for item in items),
        prices=[now] if stuck else [[price] * len(items) for price in shared],
        worth=np.sum([value(item, prices) for item in items], axis=0),
        amount=float(first.amount) if first.amount else None,
        least=np.array([float(min(now))]) if stuck else prices,
        most=np.array([float(max(now))]) if stuck else prices,
        now=(float(min(now)), float(max(now))),
    )


def _path(chain: Sequence[Group]) -> list[int]:
    """Return the place of each group's best price: the longest path."""
    total, came = chain[0].worth, []
    for small, big in pairwise(chain):
        # [prices of the smaller pack, of the bigger]: the best sum up to the smaller
        # one, where both may stand beside each other.
        ways = np.where(_fits(small, big), total[:, None], -np.inf)
        came.append(ways.argmax(axis=0))
        # [prices of the bigger pack]: what the whole chain up to it is worth at best.
        total = big.worth + ways.max(axis=0)
    place = int(total.argmax())
    path = [place]
    for back in reversed(came):
        place = int(back[place])
        path.append(place)
    return path[::-1]


def _fits(small: Group, big: Group) -> NDArray[np.bool_]:
    """Say which prices of two neighbours may stand beside each other."""
    cheap = np.maximum(0.0, small.most[:, None] - big.least[None, :])
    # A family that is out of order today may stay so by as much, but by no more.
    fits = cheap <= max(0.0, small.now[1] - big.now[0]) + TINY
    if not small.amount or not big.amount:
        return np.asarray(fits)
    more = big.amount / small.amount
    # By how much it costs more than the same amount in smaller packs.
    dear = np.maximum(0.0, big.most[None, :] - small.least[:, None] * more)
    was = max(0.0, big.now[1] - small.now[0] * more)
    return np.asarray(fits & (dear <= was + TINY))


def allowed(
    item: Item, *, below: Decimal | None = None, above: Decimal | None = None
) -> list[Decimal]:
    """Return the prices that rules allow a product by itself, ascending."""
    return [
        price
        for price in price_rules.candidates(item.shelf, item.rules)
        if (below is None or price < below) and (above is None or price > above)
    ]
