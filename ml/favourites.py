"""What to show where no ranker is in charge: each one's favourites, then best sellers.

A shop too small to judge a ranker, or one whose ranker does not beat these lists, has
them as its night's lists. Pure.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ml.diversity import best
from ml.purchases import Numbers, Purchases, pairs

RECENT = 91.0
"""Days that a best seller is counted in; the shop's whole past if nothing was sold."""


def sellers(past: Purchases, *, products: int, day: float) -> NDArray[np.int64]:
    """Return the products' codes, those that most customers bought lately first."""
    late = past.where(past.bought(day - RECENT, day))
    # A shop that has gone quiet still has best sellers.
    bought = late if len(late) else past.before(day)
    # One vote a customer and product, however often it was bought.
    votes = np.unique(bought.customer.astype(np.int64) << 32 | bought.product)
    count = np.bincount(votes & 0xFFFFFFFF, minlength=products)
    top = best(count.astype(np.float64), products)
    return np.asarray(top[count[top] > 0], np.int64)


def lists(
    past: Purchases, top: NDArray[np.int64], *, day: float, most: int
) -> Iterator[tuple[int, list[int]]]:
    """Yield each customer's products, bought in most orders first, then the `top`."""
    place = np.full(int(max(past.product.max(initial=-1), top.max(initial=-1))) + 1, 0)
    place[top] = len(top) - np.arange(len(top))
    bought = pairs(past.before(day), past.product[past.known(day)], day=day)
    # The second part is below 1: an order more outweighs any popularity.
    score: Numbers = bought.orders() + place[bought.item] / (len(top) + 1)
    who, first = np.unique(bought.customer, return_index=True)
    if not len(who):
        return
    for one, start, end in zip(
        who, first, np.append(first[1:], len(bought)), strict=True
    ):
        own = bought.item[start:end][best(score[start:end], most)]
        # So many, in case that all of his own are among them.
        new = top[: most + len(own)]
        both = [*own.tolist(), *new[~np.isin(new, own)].tolist()]
        yield int(one), both[:most]
