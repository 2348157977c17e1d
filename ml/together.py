"""Count which products, or categories, go together in orders. Worker only.

See ml.companions for what is kept of products.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix

from ml.companions import Companions
from ml.diversity import best
from ml.purchases import Numbers, Purchases

SHRUNK = 10.0
MOST = 30
BLOCK = 1000
DOUBTS = 3.0
"""So many standard errors below the count is its lower bound: pairs are many."""


@dataclass(frozen=True, kw_only=True)
class Affinity:
    """How much oftener than by chance two categories are in one order, [one, other].

    `times` is shrunk to 1 where few orders tell; `low` is a one-sided lower bound.
    """

    times: Numbers
    low: Numbers


def fit(past: Purchases, *, products: int, most: int = MOST) -> Companions:
    """Keep each product's best partners; `past` is coded by a vocabulary."""
    held = orders(past, products)
    count = np.asarray(held.sum(0)).ravel()
    partner = np.full((products, most), -1, np.int32)
    cosine = np.zeros((products, most), np.float32)
    lift = np.zeros((products, most), np.float32)
    for start in range(0, products, BLOCK):
        # By blocks: products × products at once would hold every pair that ever met.
        block = (held[:, start : start + BLOCK].T @ held).tocsr()
        for row in range(block.shape[0]):
            mine = slice(block.indptr[row], block.indptr[row + 1])
            other, both = block.indices[mine], block.data[mine]
            alike = _cosine(both, count[start + row], count[other])
            # A product meets itself in all of its orders.
            alike[other == start + row] = -np.inf
            top = best(alike, most)
            spot = start + row, slice(len(top))
            partner[spot], cosine[spot] = other[top], alike[top]
            expected = count[start + row] * count[other[top]]
            lift[spot] = both[top] * held.shape[0] / expected
    return Companions(partner=partner, cosine=cosine, lift=lift)


def of_categories(past: Purchases, *, categories: int) -> Affinity:
    """Compare how often pairs share an order with what chance would bring.

    Chance knows how full orders are (the configuration model of a bipartite graph:
    n_i n_j Σ k (k − 1) / (Σ k)² for orders of k categories), since in a full one all
    pairs meet. The bound is that of a Poisson count: (√n − z/2)².
    """
    held = orders(replace(past, product=past.category), categories)
    both = np.asarray((held.T @ held).todense(), float)
    count, size = np.diag(both), np.asarray(held.sum(1)).ravel()
    pairs = float((size * (size - 1)).sum()) / max(1.0, float(size.sum()) ** 2)
    chance = np.outer(count, count) * pairs
    # The root of a Poisson count has a standard deviation of about ½ at any size.
    least = np.maximum(np.sqrt(both) - DOUBTS / 2, 0.0) ** 2
    return Affinity(
        times=(both + SHRUNK) / (chance + SHRUNK),
        low=np.divide(least, chance, out=np.zeros_like(chance), where=chance > 0),
    )


def _cosine(both: Numbers, one: float, other: Numbers) -> Numbers:
    return np.asarray(both / np.sqrt(one * other) * (both / (both + SHRUNK)))


def orders(past: Purchases, products: int) -> Any:
    """Lay orders × products out, 1 where an order holds the product."""
    kept = past.where(past.product >= 0)
    known, row = np.unique(kept.order, return_inverse=True)
    shape = (len(known), products)
    held = csr_matrix((np.ones(len(kept)), (row, kept.product)), shape)
    # Two lines of a product in an order were added up.
    held.data[:] = 1.0
    return held
