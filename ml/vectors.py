"""Customers and items as vectors whose product is a score: what serves factor models.

Pure NumPy, for the worker and the web process alike; whoever trains the vectors hands
over plain arrays. Below a million items an exact product is quicker than keeping an
index fresh (docs/benchmarks.md), so there is none.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Codes = NDArray[np.int32]


@dataclass(frozen=True, kw_only=True, slots=True)
class Vectors:
    """One row a customer, one row an item, float32; a row of zeros knows nothing."""

    customers: Floats
    items: Floats


@dataclass(frozen=True, kw_only=True, slots=True)
class Quantised:
    """Rows as int8, each with the float32 step by which its codes were rounded."""

    codes: NDArray[np.int8]
    step: Floats

    def __len__(self) -> int:
        return len(self.codes)


@dataclass(frozen=True, kw_only=True, slots=True)
class Tower:
    """What makes a customer's vector of his bag: the customer half of a two-tower net.

    For e-dimensional items, h half-lives and c context columns: `hidden` is
    ((h·e + c) × m), `out` (m × e), `straight` ((h·e) × e); the biases fit. An item's
    last column is its bias, which meets a constant 1 in the customer's vector.
    """

    hidden: Floats
    hidden_bias: Floats
    out: Floats
    out_bias: Floats
    straight: Floats


def scores(vectors: Vectors, rows: NDArray[Any]) -> Floats:
    """Score all items for these customers: (customers × items), higher is better."""
    return np.asarray(vectors.customers[rows] @ vectors.items.T)


def top(customer: Floats, items: Floats, k: int) -> NDArray[np.intp]:
    """Return the k best items for one vector, best first, ties by the lower row."""
    scored = items @ customer
    k = min(k, len(scored))
    if not k:
        return np.empty(0, np.intp)
    # All that tie with the k-th are kept until the stable sort parts them by row.
    worst = np.partition(scored, -k)[-k]
    best = np.flatnonzero(scored >= worst)
    return best[np.argsort(-scored[best], kind="stable")][:k]


def quantise(matrix: Floats) -> Quantised:
    """Round each row to 255 levels, symmetric about 0; no cell moves by over step/2."""
    step = np.abs(matrix).max(axis=1) / 127
    # A row of zeros has no step, and stays zeros.
    safe = np.where(step > 0, step, 1)
    codes = np.rint(matrix / safe[:, None]).astype(np.int8)
    return Quantised(codes=codes, step=safe.astype(np.float32))


def dequantise(rounded: Quantised) -> Floats:
    return rounded.codes.astype(np.float32) * rounded.step[:, None]


def unit(matrix: Floats) -> Floats:
    """Scale rows to length 1, so that the product is the cosine; zeros stay zeros."""
    length = np.linalg.norm(matrix, axis=1, keepdims=True)
    return np.asarray(matrix / np.where(length > 0, length, 1), np.float32)


def fold_in(
    items: Floats, bought: Codes, strength: Floats, *, regularisation: float
) -> Floats:
    """Place one customer among the fitted items of implicit-feedback ALS.

    Solves (YᵀY + Yᵀ(C − I)Y + λI) x = YᵀC p with the customer's confidences C
    (Hu, Koren, Volinsky 2008, eq. 4): the step that training itself takes.
    """
    mine = items[bought]
    left = items.T @ items + (mine.T * (strength - 1)) @ mine
    left[np.diag_indices_from(left)] += regularisation
    return np.asarray(np.linalg.solve(left, mine.T @ strength), np.float32)


def place(
    tower: Tower, items: Floats, bag: Codes, weight: Floats, context: Floats
) -> Floats:
    """Make vectors of bags: the NumPy twin of the trained customer tower.

    `bag` is (n × length), -1 where empty; `weight` (n × length × half-lives);
    `context` (n × columns). Returns (n × e + 1), ready for `scores`.
    """
    # −1 reads the last item below, and weighs nothing.
    weight = np.where(bag[..., None] >= 0, weight, 0)
    # A batched product: einsum without a path took 20 times as long.
    pooled = weight.swapaxes(1, 2) @ items[bag, :-1]
    flat = pooled.reshape(len(bag), -1)
    hidden = np.hstack([flat, context]) @ tower.hidden + tower.hidden_bias
    taste = np.maximum(hidden, 0) @ tower.out + tower.out_bias + flat @ tower.straight
    ones = np.ones((len(bag), 1), np.float32)
    return np.hstack([taste, ones]).astype(np.float32)
