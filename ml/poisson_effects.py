"""Poisson regressions with two fixed effects, many at once. Pure NumPy.

Poisson pseudo-maximum likelihood (Gourieroux, Monfort & Trognon 1984; Santos Silva &
Tenreyro 2006): right if the mean is, whatever the variance, and without the bias of
logs of small counts. Fixed effects are swept out by turns within each round of
reweighting (Correia, Guimarães & Zylkin 2020). Errors are clustered by both effects
(Cameron, Gelbach & Miller 2011).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
Codes = NDArray[np.int64]
ROUNDS, SWEEPS = 8, 12


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """Slopes by regression with their errors; `x` is what is left of x in each row,

    `weight` its expected count, `rest` count less expected. `moved` is Σ weight · x².
    """

    value: Numbers
    error: Numbers
    moved: Numbers
    x: Numbers
    weight: Numbers
    rest: Numbers


def fit(units: Numbers, x: Numbers, of: Codes, item: Codes, cell: Codes) -> Fitted:
    """Regress counts on x in each regression `of`, with effects of items and of cells.

    Codes count from 0; an item and a cell belong to one regression each. A slope is 0
    with an endless error where x does not move.
    """
    count = int(of.max(initial=-1)) + 1
    # From the counts themselves, kept off 0: logarithms and weights must be finite.
    eta, mu = np.log(units + 0.5), units + 0.1
    slope: Numbers = np.zeros(count)
    moved: Numbers = np.zeros(count)
    left = x
    for _ in range(ROUNDS):
        # The working response of reweighted least squares under a log link.
        z = eta + (units - mu) / mu
        left, rest = _swept(x, mu, item, cell), _swept(z, mu, item, cell)
        moved = np.asarray(np.bincount(of, mu * left * left, count))
        cross = np.bincount(of, mu * left * rest, count)
        slope = cross / np.maximum(moved, 1e-9)
        # z less the residual: so the effects are in it, and need not be solved for.
        # Clipped, as exp of a bad round would overflow.
        eta = np.clip(z - rest + slope[of] * left, -5.0, 25.0)
        mu = np.exp(eta)
    error = _errors(left * (units - mu), moved, of, item, cell)
    return Fitted(
        value=slope, error=error, moved=moved, x=left, weight=mu, rest=units - mu
    )


def _swept(values: Numbers, weight: Numbers, item: Codes, cell: Codes) -> Numbers:
    """Take weighted means of items and cells out, by turns."""
    for _ in range(SWEEPS):
        for group in (item, cell):
            mass = np.bincount(group, weight)
            mean = np.bincount(group, weight * values) / np.maximum(mass, 1e-12)
            values = values - mean[group]
    return values


def _errors(
    score: Numbers, moved: Numbers, of: Codes, item: Codes, cell: Codes
) -> Numbers:
    """Return standard errors that allow for what items and cells have in common."""
    count = len(moved)
    by_item, items = _clustered(score, of, item, count)
    by_cell, cells = _clustered(score, of, cell, count)
    own = np.bincount(of, score**2, count)
    rows = np.bincount(of, minlength=count)
    # Two-way: both sums less what they share. In few weeks it may fall below one of its
    # parts, even below 0; it is never taken for less than either.
    variance = np.maximum.reduce([by_item + by_cell - own, by_item, by_cell])
    spare = np.maximum(rows - items - cells, 1)
    scale = np.sqrt(variance * rows / spare)
    return np.where(moved > 1e-6, scale / np.maximum(moved, 1e-9), np.inf)


def _clustered(
    score: Numbers, of: Codes, group: Codes, count: int
) -> tuple[Numbers, Any]:
    """Return by regression Σ_group (Σ score)², corrected for few groups, and groups."""
    sums = np.bincount(group, score)
    owner = np.zeros(len(sums), np.int64)
    # All rows of an item, or a cell, name the same regression: any will do.
    owner[group] = of
    groups = np.bincount(owner, minlength=count)
    square = np.bincount(owner, sums**2, count)
    return square * groups / np.maximum(groups - 1, 1), groups
