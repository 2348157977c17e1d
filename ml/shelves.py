"""What the shop at large buys: vocabulary, popularity, repeat rates, neighbours.

Counted in the worker as of the night before and stored in the model, so that one live
customer is compared with the shop without reading anybody else's orders.
"""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from ml import neighbours
from ml.neighbours import Neighbours
from ml.purchases import Codes, Numbers, Pairs, Purchases, pairs

RARE = 10
"""A product in fewer orders than this is out of the vocabulary: too few to rank by."""
RECENT = 56.0
VOTED = 112.0
"""Days that `liked` looks back: recall at ten for strangers 0.0491, with the shares of
56 days' orders 0.0468 (paired +0.0023 ± 0.0007; decision 20)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Shelf:
    """What the shop's customers buy, by vocabulary product, as of a moment.

    `category` is -1 where unknown; `popular` is the share of the last 56 days' orders
    that hold the product, `liked` that share in each customer's own orders of the last
    112 days, averaged over customers; `kept` is how often a buyer's next visits repeat
    it.
    """

    products: Codes
    category: Codes
    popular: Numbers
    liked: Numbers
    kept: Numbers
    neighbours: Neighbours


def shelf(past: Purchases, *, customers: int, products: int, day: float) -> Shelf:
    """Count the shop as of `day`; codes of `past` are the caller's."""
    bought = pairs(past, past.product, day=day)
    counts = np.bincount(bought.item[bought.of], minlength=products)
    known = np.flatnonzero(counts >= RARE).astype(np.int32)
    category = np.full(products, -1, np.int32)
    # The last assignment stays, and lines are oldest first: the newest category.
    category[past.product] = past.category
    mine = recoded(past, known, products)
    bought = pairs(mine, mine.product, day=day)
    recent = np.bincount(
        bought.item[bought.of], bought.age < RECENT, minlength=len(known)
    )
    orders = len(np.unique(past.order[past.day >= day - RECENT]))
    visits = Visits.of(mine, customers=customers, day=day)
    # Chances to repeat: visits after the first that had the product.
    since = visits.within(bought.customer, bought.oldest())
    again = np.bincount(bought.item, bought.orders() - 1, len(known))
    chances = np.bincount(bought.item, since, len(known))
    mean = again.sum() / max(chances.sum(), 1)
    return Shelf(
        products=known,
        category=category[known],
        popular=recent / max(orders, 1),
        liked=_liked(past, bought, customers=customers, products=len(known), day=day),
        # Twenty visits at the mean of all are mixed in.
        kept=(again + 20 * mean) / (chances + 20),
        neighbours=neighbours.build(bought, customers=customers, items=len(known)),
    )


def _liked(
    past: Purchases, bought: Pairs, *, customers: int, products: int, day: float
) -> Numbers:
    """Let every customer have one vote: whoever orders often counts no more."""
    lately = past.where(past.day > day - VOTED)
    _, at = np.unique(lately.order, return_index=True)
    orders = np.bincount(lately.customer[at], minlength=customers).clip(1)
    voters = max(len(np.unique(lately.customer)), 1)
    share = bought.orders(VOTED) / orders[bought.customer]
    found = np.bincount(bought.item, share, products)
    return np.asarray(found / voters, np.float64)


def recoded(past: Purchases, known: Codes, products: int) -> Purchases:
    """Number the products by the vocabulary; -1 for those outside."""
    place = np.full(products, -1, np.int32)
    place[known] = np.arange(len(known), dtype=np.int32)
    return replace(past, product=place[past.product])


@dataclass(frozen=True, kw_only=True, slots=True)
class Visits:
    """The orders of each customer, newest first: customer c's ages are first[c]:…"""

    first: NDArray[np.int64]
    age: Numbers
    key: Numbers

    @classmethod
    def of(cls, past: Purchases, *, customers: int, day: float) -> Self:
        _, at = np.unique(past.order, return_index=True)
        age = np.floor(day - past.day[at])
        # Exact in float64: customers × 10⁶ stay below 2⁵³.
        key = np.asarray(past.customer[at] * SPAN + age, np.float64)
        order = np.argsort(key, kind="stable")
        first = np.searchsorted(past.customer[at][order], np.arange(customers + 1))
        return cls(first=first, age=age[order], key=key[order])

    def within(self, customer: Codes, age: Numbers) -> Numbers:
        """Count the customer's orders that are younger than `age`."""
        spot = np.searchsorted(self.key, customer * SPAN + age)
        return (spot - self.first[customer]).astype(np.float64)

    def decayed(self, half_life: float) -> Numbers:
        weight = np.append(0, np.cumsum(0.5 ** (self.age / half_life)))
        return np.diff(weight[self.first])


SPAN = 1e6
"""More days than any history is long: customer and age in one sortable number."""
