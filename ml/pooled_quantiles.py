"""Regressions across all series at once, by iterated weighted ridge. Pure NumPy.

Quantiles: Koenker & Bassett 1978, fitted by iteratively reweighted least squares
(Schlossmacher 1973), where |residual| is bounded from below by CLOSE.
"""

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
CLOSE = 0.03
RIDGE = 10.0
"""In rows of the mean weight."""
ROUNDS = 10


def ridge(x: Numbers, y: Numbers, weight: Numbers, *, free: int = 0) -> Numbers:
    """Return the weighted ridge's coefficients; the last `free` columns go unshrunk."""
    weight = weight / weight.mean()
    penalty = np.full(x.shape[1], RIDGE)
    if free:
        # Not 0: a column that is 0 in all rows would make the system singular.
        penalty[-free:] = 0.1
    scaled = (x * weight[:, None]).T
    return np.asarray(np.linalg.solve(scaled @ x + np.diag(penalty), scaled @ y))


def quantile(
    x: Numbers, y: Numbers, weight: Numbers, q: float, *, free: int = 0
) -> Numbers:
    """Return the coefficients of the q-quantile of y given x."""
    pull = weight
    for _ in range(ROUNDS):
        found = ridge(x, y, pull, free=free)
        rest = y - x @ found
        # q·|e| is the square of e with the weight q / |e|: pinball loss by least
        # squares.
        side = np.where(rest > 0, q, 1 - q)
        pull = weight * side / np.maximum(np.abs(rest), CLOSE)
    return found


def by_size(
    values: Numbers, sizes: Numbers, q: float, asked: Numbers, *, groups: int = 4
) -> Numbers:
    """Return for each size asked for the q-quantile of the values of its like.

    Groups hold equally many values each; with few of them there is one group.
    """
    # Fifty a group at least: five of them lie beyond the 0.1-quantile.
    groups = max(1, min(groups, len(values) // 50))
    edges = np.quantile(sizes, np.linspace(0, 1, groups + 1)[1:-1])
    group = np.searchsorted(edges, sizes)
    found = [
        np.quantile(values[group == g], q) if (group == g).any() else np.nan
        for g in range(groups)
    ]
    whole = np.quantile(values, q)
    table = np.where(np.isnan(found), whole, found)
    return np.asarray(table[np.searchsorted(edges, asked)])


def gamma(mean: Numbers, variance: Numbers, z: float) -> Numbers:
    """Return the gamma's quantile at the normal deviate z (Wilson & Hilferty 1931)."""
    shape = np.maximum(mean, 1e-9) ** 2 / np.maximum(variance, 1e-12)
    root = 1 - 1 / (9 * shape) + z / (3 * np.sqrt(shape))
    return np.asarray(mean * np.maximum(root, 0.0) ** 3)
