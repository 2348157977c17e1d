"""Shops whose customers' response to offers is known: a world for each seed. Pure.

Week by week a customer visits or not, and on a visit buys in each category with

    logit P = taste + season − borrowed + response to what was shown.

The response grows with an offer's depth, at a rate of the customer's segment: the
persuadable are moved, the sure buy anyway, the indifferent hardly notice, and sleeping
dogs go elsewhere once they are addressed (Radcliffe and Surry 2011's four quadrants,
with names of ours). A category's offer also moves one that goes with it (up) and one
that could stand in for it (down). What is bought on an offer is borrowed from the weeks
to come. Every number drawn depends on (seed, week, customer) alone, by a counter-based
generator (Salmon et al. 2011), so two policies meet the same luck.

Money is float here, in one currency; rows are customers, columns categories.
"""

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from demo import populations
from demo.offers import Offers
from demo.populations import CATEGORIES, PRODUCTS, Bools, Floats, Goods, Ints, People

UNITS = np.array([1, 2, 3])
DAYS = 7
DECAY = 0.7
"""What is left after a week of what was borrowed."""
HANDLING = 2.0
"""What a returned line costs, besides its margin."""
HASTY = 1.5
"""Returns of what was bought on an offer, over those of other goods."""
STRETCH = 0.7
"""Whoever has so much of a threshold in the basket takes more to reach it."""
LIKED = 0.8
"""A gift is liked as much as so much money."""
SHELF_SHIFT = 6.0
"""How a product's discount on the shelf shifts the choice within its category."""


@dataclass(frozen=True, kw_only=True)
class Luck:
    """A week's draws for all customers, uniform in [0, 1)."""

    visit: Floats
    day: Ints
    buy: Floats
    product: Floats
    units: Floats
    back: Floats
    look: Floats


@dataclass(frozen=True, kw_only=True)
class Baskets:
    """What some customers buy: `rows` are their numbers; 0 units: not this category."""

    rows: Ints
    product: Ints
    units: Ints
    returned: Bools
    promoted: Bools


@dataclass(frozen=True, kw_only=True)
class World:
    """A shop and its customers; `state` in what follows is what they have borrowed."""

    seed: int
    goods: Goods
    people: People

    @classmethod
    def drawn(cls, seed: int, *, customers: int = 2000) -> Self:
        # A stream of its own: weeks draw at week + 2²⁰, peers from 2⁴¹ on, the past at
        # 2⁴².
        draw = np.random.Generator(np.random.Philox(key=[seed, 2**40]))
        goods = populations.goods(draw, customers)
        people = populations.people(draw, customers)
        return cls(seed=seed, goods=goods, people=people)

    @property
    def customers(self) -> int:
        return len(self.people.segment)

    def fresh(self) -> Floats:
        """Return the state in which nobody has borrowed."""
        return np.zeros((self.customers, CATEGORIES))

    def luck(self, week: int) -> Luck:
        """Draw a week; weeks of the past are negative."""
        draw = np.random.Generator(np.random.Philox(key=[self.seed, week + 2**20]))
        # A row each, drawn whole: nobody's luck depends on others, or on what is used
        # of it.
        wide = draw.random((self.customers, 2 + 5 * CATEGORIES))
        each = np.split(wide[:, 2:], 5, axis=1)
        names = ("buy", "product", "units", "back", "look")
        return Luck(
            visit=wide[:, 0],
            day=(wide[:, 1] * DAYS).astype(np.int64),
            **dict(zip(names, each, strict=True)),
        )

    def visitors(self, week: int, day: int) -> Ints:
        """Return who visits on a day of a week, whatever is offered."""
        luck = self.luck(week)
        # Once a week at most, on a day that no offer moves.
        here = (luck.visit < self.people.visits) & (luck.day == day)
        return np.flatnonzero(here)

    def chance(
        self, offers: Offers, week: int, state: Floats, shelf: Floats | None = None
    ) -> Floats:
        """Return P(buys | visits), [customers, categories].

        `shelf`: the share off each product's price for all, [categories, products].
        """
        goods, people = self.goods, self.people
        # Shapes: logit and what it is made of [customers, categories], wave
        # [categories].
        wave = np.sin(2 * np.pi * (week / 52 + goods.phase))
        logit = people.taste + goods.season * wave - state + self.response(offers)
        if shelf is not None:
            mean = (goods.popular * shelf).sum(axis=1)
            logit = logit + people.steep[:, None] * mean
        return np.asarray(1 / (1 + np.exp(-logit)))

    def response(self, offers: Offers) -> Floats:
        """Return what the offers add to each category's log-odds."""
        people, shown = self.people, offers.shown
        pull = people.steep[:, None] * self.depth(offers)
        spill = people.spill * shown.any(axis=1)
        direct = pull + people.address[:, None] * shown
        # [customers, categories] @ [categories, categories]: what each pull does to
        # others.
        return np.asarray(direct + pull @ self.goods.cross + spill[:, None])

    def depth(self, offers: Offers) -> Floats:
        """Return offers' depth as customers see it: a far threshold is a small one."""
        # [categories]: a basket's mean worth.
        usual = self.value.sum(axis=(1, 2))
        # Only not to divide by 0: `reward` is not taken there.
        least = np.where(offers.least > 0, offers.least, 1.0)
        reach = np.minimum(1.0, usual / least)
        reward = (offers.off + LIKED * offers.worth) / least * reach
        return np.asarray(offers.rate + np.where(offers.least > 0, reward, 0.0))

    @property
    def value(self) -> Floats:
        """Basket values, weighed: [categories, products, units]."""
        return self.weights * self.grid

    @property
    def weights(self) -> Floats:
        goods = self.goods
        return np.asarray(goods.popular[:, :, None] * goods.units[:, None, :])

    @property
    def grid(self) -> Floats:
        """Return what each number of units of each product is worth on the shelf."""
        return np.asarray(self.goods.price[:, :, None] * UNITS)

    def shop(
        self,
        rows: Ints,
        offers: Offers,
        week: int,
        state: Floats,
        stock: Ints,
        shelf: Floats | None = None,
    ) -> Baskets:
        """Return what visitors buy who are shown these offers (all customers' rows).

        `stock`, [categories, products], is taken from; who comes late may get nothing.
        """
        luck, goods = self.luck(week), self.goods
        # Chances of these customers, by the luck that was drawn for all.
        some, mine = self.of(rows), offers.of(rows)
        bought = luck.buy[rows] < some.chance(mine, week, state[rows], shelf)
        product = _picked(self._popular(shelf), luck.product[rows])
        units = UNITS[_picked(goods.units, luck.units[rows])] * bought
        units = self._stretched(units, product, mine.least)
        units = _in_stock(units, product, stock)
        shown = mine.shown & (units > 0)
        risk = goods.returned * np.where(shown, HASTY, 1.0)
        return Baskets(
            rows=rows,
            product=product,
            units=units,
            returned=(luck.back[rows] < risk) & (units > 0),
            promoted=shown,
        )

    def _popular(self, shelf: Floats | None) -> Floats:
        if shelf is None:
            return self.goods.popular
        shifted = self.goods.popular * (1 + SHELF_SHIFT * shelf)
        return np.asarray(shifted / shifted.sum(axis=1, keepdims=True))

    def _stretched(self, units: Ints, product: Ints, least: Floats) -> Ints:
        price = self.goods.price[np.arange(CATEGORIES), product]
        near = (units > 0) & (least > 0) & (units * price >= STRETCH * least)
        # Less a hair: three units that cost the threshold exactly are three, not four.
        return np.where(near, np.maximum(units, np.ceil(least / price - 1e-9)), units)

    def worth(self, baskets: Baskets) -> Floats:
        """Return baskets' value on the shelf, [rows, categories]."""
        price = self.goods.price[np.arange(CATEGORIES), baskets.product]
        return np.asarray(price * baskets.units)

    def profit(self, baskets: Baskets, discount: Floats) -> Floats:
        """Return each customer's margin less discounts and the cost of returns."""
        cost = self.goods.cost[np.arange(CATEGORIES), baskets.product] * baskets.units
        kept = self.worth(baskets) - cost - discount
        each = np.where(baskets.returned, -HANDLING, kept)
        return np.asarray(np.where(baskets.units > 0, each, 0.0).sum(axis=1))

    def after(self, state: Floats, promoted: Bools) -> Floats:
        """Return the next week's state; `promoted`: bought on an offer this week."""
        return np.asarray(DECAY * state + self.people.borrows[:, None] * promoted)

    def expected_profit(self, offers: Offers, week: int, state: Floats) -> Floats:
        """Return what each customer is expected to bring if so offered, this week.

        What an offered purchase borrows is charged at its first-order value,
        b·P(1 − P)·visits·margin / (1 − DECAY); stock is taken as enough. Offers of one
        row are for all.
        """
        unmoved = self.chance(Offers.none(1), week, state)
        return self.expected(offers, week, state, unmoved)[0]

    def expected(
        self, offers: Offers, week: int, state: Floats, unmoved: Floats
    ) -> tuple[Floats, Floats]:
        """Return expected profit and discount; `unmoved`: chances without offers."""
        p, people = self.chance(offers, week, state), self.people
        each, cost = self._each(offers)
        shown = offers.shown
        if shown.any():
            plain, _ = self._each(Offers.none(1))
            # dP/dlogit is P(1 − P); weeks to come lose 1 + DECAY + DECAY² + … of it.
            loss = unmoved * (1 - unmoved) * plain / (1 - DECAY)
            each = each - shown * (people.borrows * people.visits)[:, None] * loss
        profit = people.visits * (p * each).sum(axis=1)
        return profit, people.visits * (p * cost).sum(axis=1)

    def _taken(self, offers: Offers) -> Floats:
        """Return basket values after stretching, [customers, categories, …]."""
        least, grid = offers.least[:, :, None, None], self.grid
        price = self.goods.price[:, :, None]
        near = (least > 0) & (grid >= STRETCH * least)
        more = np.maximum(grid, np.ceil(least / price - 1e-9) * price)
        return np.asarray(np.where(near, more, grid))

    def _each(self, offers: Offers) -> tuple[Floats, Floats]:
        """Return a purchase's mean profit and discount, [offers' rows, categories]."""
        taken = self._taken(offers)
        rate = 1 - (self.goods.cost / self.goods.price)[:, :, None]
        given = offers.discount(taken)
        mean = ((taken * rate - given) * self.weights).sum(axis=(2, 3))
        cost = (given * self.weights).sum(axis=(2, 3))
        risk = self.goods.returned * np.where(offers.shown, HASTY, 1.0)
        return np.asarray((1 - risk) * mean - risk * HANDLING), np.asarray(cost)

    def of(self, rows: Any) -> "World":
        """Return the shop with some of its customers: for chances, not for luck."""
        names = People.__dataclass_fields__
        some = {name: getattr(self.people, name)[rows] for name in names}
        return replace(self, people=People(**some))


def _picked(shares: Floats, luck: Floats) -> Ints:
    """Return which of a category's choices each draw means."""
    # Without the last bound, which rounding may leave below a draw.
    bounds = np.cumsum(shares, axis=1)[None, :, :-1]
    return np.asarray((luck[:, :, None] >= bounds).sum(axis=2))


def _in_stock(units: Ints, product: Ints, stock: Ints) -> Ints:
    """Take units from the stock, in the order of rows; what is short is not sold."""
    left, wants = units.copy(), np.where(units > 0, product, -1)
    for category in range(CATEGORIES):
        for one in range(PRODUCTS):
            mine = np.flatnonzero(wants[:, category] == one)
            # What others were refused counts too: once it is short, nobody later gets
            # any.
            wanted = units[mine, category].cumsum()
            sold = wanted <= stock[category, one]
            left[mine[~sold], category] = 0
            stock[category, one] -= units[mine[sold], category].sum()
    return left
