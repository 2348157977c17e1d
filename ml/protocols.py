"""How rankings are judged: the next basket, the last basket, the first baskets.

Next basket (CJ-T of the research report): cut-offs lie 28, 56 and 84 days before
`day`; a customer with at least three orders before the cut-off is asked for the first
order of the 28 days after it. Ranking is of the whole vocabulary, repeats allowed;
products outside it stay in the truth's size. Each cut-off's ranker learns from earlier
cut-offs only, whose 28 days had ended. `now` is the moment of the order asked for.

Last basket: customers with five orders or more, products of ten lines or more; each
customer's last order is the truth, all before is history, the last but one trained the
ranker. Cold start: next basket, the customer's history cut to its last few orders.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml import baskets, ranked, rankers, ranking, shelves
from ml.baskets import Rows
from ml.diversity import diverse
from ml.neighbours import decayed
from ml.purchases import Numbers, Purchases, pairs
from ml.ranking import Ranker, Stored
from ml.shelves import Shelf

HORIZON = 28.0
FEWEST = 3
CUTS = 3
LEARNT = 4
"""Each ranker learns from this many cut-offs before its own."""
ROLLING = CUTS + LEARNT
"""Cut-offs of `rolling`, those that only teach included."""
LESSON = 125_000
"""Rows of a cut-off that teach, about: three times as many gained R@10 nothing."""
THIRDS = 3
"""Where it only teaches, a cut-off asks every third customer, others at each."""
BLOCK = 500
"""Customers whose features are built at a time, so that memory does not grow."""


@dataclass(frozen=True, kw_only=True)
class Lesson:
    """Rows that teach a ranker: features, and whether each was bought."""

    x: NDArray[np.float32]
    y: NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class Trial:
    """Customers asked for one order each: candidates, features, and what was bought.

    `asked` are the customers; `truth` keys of ranked.keys(customer, vocabulary code);
    `wanted` each one's size with products outside the vocabulary.
    """

    shelf: Shelf
    asked: NDArray[np.int64]
    rows: Rows
    x: NDArray[np.float32]
    y: NDArray[np.bool_]
    truth: NDArray[np.int64]
    wanted: NDArray[np.int64]

    def top(
        self, score: Numbers, *, most: int = 10, price: float = 0.0
    ) -> NDArray[Any]:
        """Return each asked customer's best products, -1 where there are fewer."""
        lists = np.full((len(self.asked), most), -1, np.int64)
        # Rows come by customer, as `candidates` walks `asked`.
        first = np.searchsorted(self.rows.customer, (self.asked, self.asked + 1)).T
        for row, (start, end) in enumerate(first):
            product = self.rows.product[start:end]
            kinds = self.shelf.category[product]
            chosen = diverse(score[start:end], kinds, most=most, price=price)
            lists[row, : len(chosen)] = product[chosen]
        return lists

    def lesson(self) -> Lesson:
        """Keep evenly spread rows, about LESSON of them, to learn from."""
        step = max(len(self.y) // LESSON, 1)
        # Copied: a view would hold the whole trial, 200 MB, for as long as it teaches.
        return Lesson(x=self.x[::step].copy(), y=self.y[::step].copy())

    def hits(self, top: NDArray[Any]) -> NDArray[np.bool_]:
        return np.isin(ranked.keys(self.asked[:, None], top), self.truth)

    def quality(self, top: NDArray[Any]) -> ranked.Quality:
        return ranked.quality(self.hits(top), self.wanted)


def trial(
    past: Purchases,
    future: Purchases,
    *,
    customers: int,
    products: int,
    fewest: int = FEWEST,
    only: NDArray[np.bool_] | None = None,
    last: int | None = None,
) -> Trial:
    """Ask for each customer's first order in `future`, knowing `past`.

    `only` marks the customers to ask; `last` shortens each one's own past to so many
    orders, while the others' stay whole.
    """
    # Just after the last line, which is known by then (0.1 s).
    day = float(past.day.max()) + 1e-6
    shop = shelves.shelf(past, customers=customers, products=products, day=day)
    now, first = first_orders(future, customers, day)
    orders = _orders(past, customers)
    ask = (orders >= fewest) & (first >= 0)
    asked = np.flatnonzero(ask & only if only is not None else ask)
    # Products outside the vocabulary become −1, and still count as visits.
    mine = shelves.recoded(past, shop.products, products)
    mine = mine.where(np.isin(mine.customer, asked))
    if last is not None:
        mine = newest_orders(mine, last)
    bought = pairs(mine, mine.product, day=day)
    rows = ranking.candidates(shop, bought, _stored(shop, bought, asked))
    x = _built(shop, mine, rows, now)
    taken = future.where(future.order == first[future.customer])
    taken = taken.where(np.isin(taken.customer, asked))
    # With what cannot be ranked: that was wanted as well.
    whole = np.unique(ranked.keys(taken.customer, taken.product))
    coded = shelves.recoded(taken, shop.products, products)
    truth = np.unique(ranked.keys(coded.customer, coded.product))
    wanted = np.bincount(whole // ranked.SPAN, minlength=customers)[asked]
    y = np.isin(ranked.keys(rows.customer, rows.product), truth)
    return Trial(
        shelf=shop, asked=asked, rows=rows, x=x, y=y, truth=truth, wanted=wanted
    )


def _built(
    shop: Shelf, past: Purchases, rows: Rows, now: Numbers
) -> NDArray[np.float32]:
    """Build the features of rows that are sorted by customer, block by block."""
    x = np.empty((len(rows), len(baskets.FEATURES)), np.float32)
    for start in range(0, len(now), BLOCK):
        stop = start + BLOCK
        mine = past.where((past.customer >= start) & (past.customer < stop))
        kept = (rows.customer >= start) & (rows.customer < stop)
        x[kept] = baskets.features(shop, mine, rows.where(kept), now)
    return x


def cut(past: Purchases, day: float, **how: Any) -> Trial:
    """Ask at `day` for the first order of the 28 days after it."""
    late = past.where(past.bought(day, day + HORIZON))
    return trial(past.before(day), late, **how)


def next_basket(
    past: Purchases, *, day: float, cuts: int = CUTS, **how: Any
) -> Iterator[tuple[Trial, Ranker]]:
    """Yield each cut-off's trial, oldest first, with the ranker it was given."""
    return judged(rolling(past, day=day, cuts=cuts, **how))


def rolling(
    past: Purchases, *, day: float, cuts: int = CUTS, **how: Any
) -> Iterator[Trial]:
    """Yield all cut-offs' trials, oldest first: LEARNT of a third, which only teach."""
    for back in range(cuts + LEARNT, 0, -1):
        some = np.arange(how["customers"]) % THIRDS == back % THIRDS
        only = some if back > cuts else None
        yield cut(past, day - HORIZON * back, only=only, **how)


def days(day: float, cuts: int) -> list[float]:
    """Return the cut-offs before `day`, oldest first."""
    return [day - HORIZON * back for back in range(cuts, 0, -1)]


def judged(trials: Iterable[Trial]) -> Iterator[tuple[Trial, Ranker]]:
    """Give each of `rolling`'s trials after the first LEARNT a ranker fitted to those
    before it."""
    lessons: list[Lesson] = []
    for asked in trials:
        if len(lessons) >= LEARNT:
            yield asked, fitted(lessons[-LEARNT:])
        # After it was asked: no cut-off teaches its own ranker.
        lessons.append(asked.lesson())


def last_basket(past: Purchases, **how: Any) -> tuple[Trial, Ranker]:
    """Ask for everybody's last order; the ranker learnt on the last but one."""
    kept = _plain(past, how["products"])
    place = _from_last(kept)
    # Of five orders four lie before the last, three before the last but one.
    final = trial(kept.where(place > 0), kept.where(place == 0), fewest=4, **how)
    before = trial(kept.where(place > 1), kept.where(place == 1), fewest=3, **how)
    return final, fitted([before.lesson()])


def fitted(lessons: Sequence[Lesson]) -> Ranker:
    """Fit one ranker to all rows of the lessons."""
    x = np.concatenate([one.x for one in lessons])
    return rankers.fit(x, np.concatenate([one.y for one in lessons]))


def newest_orders(past: Purchases, most: int) -> Purchases:
    """Keep each customer's last `most` orders."""
    return past.where(_from_last(past) < most)


def _from_last(past: Purchases) -> NDArray[np.int64]:
    """Number each line's order from the customer's last (0) to the first."""
    orders, at, spot = np.unique(past.order, return_index=True, return_inverse=True)
    who = past.customer[at]
    by = np.lexsort((-past.day[at], who))
    place = np.empty(len(orders), np.int64)
    place[by] = np.arange(len(orders)) - np.searchsorted(who[by], who[by])
    return place[spot]


def _plain(past: Purchases, products: int) -> Purchases:
    """Keep the last-basket protocol's customers and products (TAIW, RecSys 2023)."""
    past = past.where(np.bincount(past.product, minlength=products)[past.product] >= 10)
    customers = int(past.customer.max()) + 1
    enough = _orders(past, customers) >= 5
    key = np.unique(past.customer.astype(np.int64) << 32 | past.day.astype(np.int64))
    days = np.bincount(key >> 32, minlength=customers)
    lines = np.bincount(past.customer, minlength=customers)
    daily = lines / np.maximum(days, 1)
    usual = daily[days > 0]
    enough &= (daily <= usual.mean() + 2 * usual.std()) & (days > 1)
    return past.where(enough[past.customer])


def _orders(past: Purchases, customers: int) -> NDArray[np.int64]:
    _, at = np.unique(past.order, return_index=True)
    return np.bincount(past.customer[at], minlength=customers)


def first_orders(
    future: Purchases, customers: int, day: float
) -> tuple[Numbers, NDArray[np.int64]]:
    """Return the moment and the order of each customer's first lines; `day`, -1: none.

    Lines of the future come oldest first, as lines.arrays lays them.
    """
    who, at = np.unique(future.customer, return_index=True)
    now = np.full(customers, day)
    first = np.full(customers, -1, np.int64)
    now[who], first[who] = future.day[at], future.order[at]
    return now, first


def _stored(shop: Shelf, bought: Any, asked: NDArray[Any]) -> dict[int, Stored]:
    weight = decayed(bought, 100.0)
    first = np.searchsorted(bought.customer, (asked, asked + 1)).T
    # `me`: the shelf holds his own profile, which is nearest of all.
    return {
        int(one): ranking.neighbours_of(
            shop, bought.item[a:b], weight[a:b], me=int(one)
        )
        for one, (a, b) in zip(asked, first, strict=True)
    }
