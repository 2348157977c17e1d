"""The goods and the people of a world, drawn once from its seed. Pure.

Each world has shares of segments, strengths of response, margins and seasons of its
own, so that what is learnt in one is no recipe for the next.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

SEGMENTS = ("persuadable", "sure", "sleeping dog", "indifferent")
CATEGORIES = 10
PRODUCTS = 6


@dataclass(frozen=True, kw_only=True)
class Goods:
    """What is sold: [categories, products], or one number for each category."""

    price: Floats
    cost: Floats
    popular: Floats
    units: Floats
    returned: Floats
    season: Floats
    phase: Floats
    cross: Floats
    stock: Ints

    @property
    def names(self) -> list[str]:
        return [f"CATEGORY {number}" for number in range(CATEGORIES)]


@dataclass(frozen=True, kw_only=True)
class People:
    """Who buys: one number for each customer, or [customers, categories].

    `steep`: log-odds for a whole price off; `address`: for being shown an offer;
    `spill`: the same on all categories; `borrows`: off the log-odds afterwards.
    """

    segment: Ints
    visits: Floats
    taste: Floats
    steep: Floats
    address: Floats
    spill: Floats
    borrows: Floats


def goods(draw: np.random.Generator, customers: int) -> Goods:
    usual = np.exp(draw.normal(2.0, 0.5, CATEGORIES))
    price = usual[:, None] * np.exp(draw.normal(0, 0.25, (CATEGORIES, PRODUCTS)))
    price = np.maximum(np.round(price, 2), 0.5)
    margin = draw.uniform(0.2, 0.55, CATEGORIES)[:, None]
    popular = draw.dirichlet(np.full(PRODUCTS, 3.0), CATEGORIES)
    units = draw.dirichlet([12.0, 6.0, 2.0], CATEGORIES)
    # Purchases of a category in a week, roughly; its stock is one to four times that.
    rate = customers * 0.6 * 0.25
    stock = np.ceil(rate * popular * draw.uniform(1.0, 4.0, popular.shape))
    return Goods(
        price=price,
        cost=np.round(price * (1 - margin), 2),
        popular=popular,
        units=units,
        returned=draw.uniform(0.01, 0.08, CATEGORIES),
        season=draw.uniform(0.0, 0.5, CATEGORIES),
        phase=draw.random(CATEGORIES),
        cross=_cross(draw),
        stock=stock.astype(np.int64),
    )


def _cross(draw: np.random.Generator) -> Floats:
    """Each category lifts one and takes from another, by a share of its own pull."""
    cross = np.zeros((CATEGORIES, CATEGORIES))
    order = draw.permutation(CATEGORIES)
    # Around a random circle: one neighbour is lifted, the next but one loses.
    cross[order, np.roll(order, 1)] = draw.uniform(0.0, 0.2, CATEGORIES)
    cross[order, np.roll(order, 2)] = -draw.uniform(0.0, 0.25, CATEGORIES)
    return cross


def people(draw: np.random.Generator, customers: int) -> People:
    """The shares and strengths of segments are the world's own."""
    # In the order of SEGMENTS: 40, 30, 10 and 20 % on average.
    share = draw.dirichlet([8.0, 6.0, 2.0, 4.0])
    steep = np.array([draw.uniform(9, 16), draw.uniform(1, 3), 1.0, 2.0])
    address = np.array([0.2, 0.05, -draw.uniform(0.5, 1.2), 0.05])
    borrows = np.array([draw.uniform(0.2, 0.9), 0.3, 0.2, 0.2])
    # A row each, so that more customers change nobody who was there.
    of_each = draw.random((customers, 3 + 2 * CATEGORIES))
    segment = np.searchsorted(np.cumsum(share)[:-1], of_each[:, 0], side="right")
    visits = np.array([0.6, 0.8, 0.7, 0.35])[segment] + 0.3 * (of_each[:, 1] - 0.5)
    wish = of_each[:, 3 : 3 + CATEGORIES]
    favourite = (
        of_each[:, 3 + CATEGORIES :] < np.array([0.3, 0.3, 0.15, 0.2])[segment, None]
    )
    level = np.array([-2.7, -1.7, -2.3, -3.0])[segment, None]
    return People(
        segment=segment.astype(np.int64),
        visits=np.clip(visits, 0.05, 0.95),
        taste=level + 2.0 * (wish - 0.5) + 1.6 * favourite,
        steep=steep[segment] * (0.7 + 0.6 * of_each[:, 2]),
        address=address[segment],
        spill=np.array([0.0, 0.0, -0.35, 0.0])[segment],
        borrows=borrows[segment],
    )
