"""Which forecaster to believe: all are tried on past weeks, again and again. Pure NumPy.

From each of the last origins, weeks apart, every method forecasts what it could not yet
know (rolling origin; Tashman 2000). The least pinball loss wins, so the naive forecasts
are used where nothing beats them; single series go back to one of these where it was
better from origin to origin beyond chance. Intervals are then stretched by what the
winner's missed (conformalised quantiles: Romano, Patterson & Candès 2019).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ml.forecasters import (
    METHODS,
    NAIVE,
    QUANTILES,
    SEASONAL,
    YOUNG,
    Method,
    Told,
    forecast,
)
from ml.panels import Panel
from ml.pooled_quantiles import by_size

Numbers = NDArray[np.float64]
ORIGINS, APART, AHEAD = 5, 4, 4
BEYOND = 3.0
"""Standard errors by which a naive forecast must be better for one series alone."""
LARGEST = 20.0
"""Times the median series' units: no series counts for more in the choice."""
LEAST, MOST = 0.7, 1.6
"""Bounds of an interval's stretch."""


@dataclass(frozen=True, kw_only=True)
class Trial:
    """A method on past weeks: `told` and `true` by origin, `loss` (series, origins)."""

    method: Method
    told: Sequence[Told]
    loss: Numbers


@dataclass(frozen=True, kw_only=True)
class Outlook:
    """The forecast, which method made each series', and how all did on past weeks.

    `losses`: pinball loss over units by method; `wape` likewise of the median;
    `coverage`: of the 80 % intervals as they were, stretched; nan: nothing was tried.
    """

    told: Told
    methods: Sequence[str]
    losses: Mapping[str, float]
    wape: Mapping[str, float]
    coverage: float
    series: Mapping[str, Numbers]


def pinball(true: Numbers, told: Told) -> Numbers:
    """Return each series' pinball loss, over QUANTILES and weeks the mean; nan: none."""
    over = true[None] - told.quantiles
    q = np.array(QUANTILES)[:, None, None]
    return np.asarray(np.maximum(q * over, (q - 1) * over).mean(axis=(0, 2)))


def outlook(given: Panel, ahead: int, methods: Sequence[Method] = METHODS) -> Outlook:
    """Try all methods on past weeks, forecast by the best, stretch its intervals."""
    origins = [given.weeks - APART * n for n in range(1, ORIGINS + 1)]
    origins = [week for week in origins if week >= YOUNG]
    if not origins:
        return _untried(given, ahead)
    trials = {m.name: _tried(given, m, origins) for m in methods}
    weight = _weights(given, origins)
    losses = {n: float(np.nansum(t.loss * weight)) for n, t in trials.items()}
    best = trials[min(losses, key=losses.__getitem__)]
    told = forecast(given, best.method, ahead)
    told, coverage = _stretched(given, best, told, origins)
    names = [best.method.name] * len(given.units)
    for plain in (NAIVE, SEASONAL):
        told, names = _back_to(given, trials[plain.name], best, told, names, ahead)
    sold = np.nansum(_true(given, origins))
    return Outlook(
        told=told,
        methods=names,
        losses={n: float(np.nansum(t.loss)) * AHEAD / sold for n, t in trials.items()},
        wape={n: _wape(given, t, origins) for n, t in trials.items()},
        coverage=coverage,
        series={n: np.nanmean(t.loss, axis=1) for n, t in trials.items()},
    )


def _untried(given: Panel, ahead: int) -> Outlook:
    """Forecast a history that is too short to try anything on."""
    return Outlook(
        told=forecast(given, NAIVE if given.weeks >= YOUNG else METHODS[2], ahead),
        methods=["mean"] * len(given.units),
        losses={},
        wape={},
        coverage=float("nan"),
        series={},
    )
