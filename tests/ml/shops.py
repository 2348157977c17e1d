"""Weekly series whose making is known, for tests of demand."""

import numpy as np
from numpy.typing import NDArray

from ml.panels import Panel, panel

Numbers = NDArray[np.float64]
AHEAD = 13


def shop(units: Numbers, *, calendar: Numbers | None = None) -> Panel:
    """Stand series side by side, sold at shelf prices."""
    weeks = units.shape[1]
    price = np.where(units > 0, 1.0, np.nan)
    above = np.repeat(units.sum(axis=0)[None], len(units), axis=0)
    days = np.zeros((weeks + AHEAD, 1)) if calendar is None else calendar
    return panel(units.astype(float), price, above, days)


def counts(mean: Numbers, *, seed: int = 1, swing: float = 0.0) -> Numbers:
    """Draw Poisson counts; `swing` is the variance of a factor around the mean."""
    chance = np.random.default_rng(seed)
    factor = chance.gamma(1 / swing, swing, mean.shape) if swing else 1.0
    return chance.poisson(mean * factor).astype(float)
