"""Tails and quantiles of Student's t, of the normal and of χ².

The only import of scipy that a web process may load, since reports need it. It comes
with the first figure that is asked for, not with the module: every process has the
admin and with it the reports, and `scipy.special` takes 0.15 s and 28 MiB
(`scipy.stats` four times as long), which a worker of webhooks never needs.
"""

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


@cache
def _special() -> Any:
    from scipy import special

    return special


def quantile(probability: float, df: float | None = None) -> float:
    """Return the quantile of Student's t, without degrees of freedom the normal's."""
    special = _special()
    found = (
        special.ndtri(probability) if df is None else special.stdtrit(df, probability)
    )
    return float(found)


def two_sided(t: float, df: float | None = None) -> float:
    """Return P(|T| ≥ |t|) of Student's T, without degrees of freedom the normal's."""
    special = _special()
    tail = special.ndtr(-abs(t)) if df is None else special.stdtr(df, -abs(t))
    return float(2 * tail)


def normal(z: ArrayLike) -> Floats:
    """Return Φ(z), of any shape."""
    return np.asarray(_special().ndtr(z), dtype=np.float64)


def density(z: ArrayLike) -> Floats:
    """Return φ(z), of any shape."""
    half = np.square(np.asarray(z, dtype=np.float64)) / 2
    return np.asarray(np.exp(-half) / np.sqrt(2 * np.pi), dtype=np.float64)


def chi_squared(statistic: float, df: float) -> float:
    """Return P(χ² ≥ statistic)."""
    return float(_special().chdtrc(df, statistic))
