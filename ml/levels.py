"""Levels of weekly series as of every week: what smoothing knows. Pure NumPy.

Rows are series, columns weeks; nan stands before a series' first sale. Column t of an
answer knows the weeks up to t and none after.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
YEAR = 52


def smoothed(values: Numbers, weight: float) -> Numbers:
    """Smooth exponentially; the first weeks count as they come, no start is guessed.

    Column t is Σ (1−w)^k · value[t−k] over the sum of those weights.
    """
    total, mass = np.zeros(len(values)), np.zeros(len(values))
    out = np.full(values.shape, np.nan)
    for t in range(values.shape[1]):
        known = ~np.isnan(values[:, t])
        # NaN stands before the first sale alone: until then nothing is smoothed.
        total = np.where(known, (1 - weight) * total + weight * values[:, t], total)
        mass = np.where(known, (1 - weight) * mass + weight, mass)
        np.divide(total, mass, out=out[:, t], where=mass > 0)
    return out


def intermittent(units: Numbers, weight: float = 0.1, size: float = 0.2) -> Numbers:
    """Return chance of a sale times its size (Teunter, Syntetos & Babai 2011).

    The chance is smoothed every week, so that what sells no more dies away; the size
    only in weeks with a sale.
    """
    sold = np.where(np.isnan(units), np.nan, (units > 0).astype(float))
    sizes = np.where(units > 0, units, np.nan)
    return np.asarray(smoothed(sold, weight) * smoothed(sizes, size))


def rolling(values: Numbers, weeks: int, what: Any = np.nanmean) -> Numbers:
    """Apply `what` to the last `weeks` weeks as of each week."""
    out = np.full(values.shape, np.nan)
    known = ~np.isnan(values).all(axis=1) if values.shape[1] else np.zeros(0, bool)
    for t in range(values.shape[1]):
        part = values[:, max(0, t - weeks + 1) : t + 1]
        # NumPy's nan functions warn of rows that are all NaN.
        some = known & ~np.isnan(part).all(axis=1)
        out[some, t] = what(part[some], axis=1)
    return out


def seasonal(values: Numbers, season: int, ahead: int) -> Numbers:
    """Return as of each week what was sold a whole number of seasons before its target.

    Where that lies before the first sale, it is the last week's.
    """
    back = season * -(-ahead // season) - ahead
    out = values.copy()
    if back < values.shape[1]:
        then = values[:, : values.shape[1] - back]
        out[:, back:] = np.where(np.isnan(then), out[:, back:], then)
    return out


def back(values: Numbers, weeks: int) -> Numbers:
    """Return as of each week what was so many weeks before."""
    out = np.full(values.shape, np.nan)
    out[:, weeks:] = values[:, : values.shape[1] - weeks]
    return out


def year_ago(y: Numbers, step: int) -> Numbers:
    """Return as of each week how logs moved a year ago up to its target; 0: not known.

    Mean of the three weeks around the target's, less the five around this one's.
    """
    # rolling looks back, so the middle of 3 and of 5 weeks lies 1 and 2 before its
    # column: hence − 1 and − 2.
    then = back(rolling(y, 3), YEAR - step - 1)
    now = back(rolling(y, 5), YEAR - 2)
    return np.asarray(np.nan_to_num(then - now))
