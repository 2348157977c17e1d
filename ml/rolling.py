"""Which forecaster to believe: all are tried on past weeks. Pure NumPy.

From each of the last origins, weeks apart, every method forecasts what it could not yet
know (rolling origin; Tashman 2000). The least pinball loss wins, so the naive forecasts
are used where nothing beats them; single series go back to one of these where it was
better from origin to origin beyond chance. Intervals are then stretched by what the
winner's missed (conformalised quantiles: Romano, Patterson & Candès 2019).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

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
HALF = 0.05
"""Halves of intervals count as at least so wide, in logs, when misses are measured."""
DOUBT = 200
"""Past weeks' worth of trust in the intervals as they were."""
FALLBACK = METHODS[2]
YOUNG_NAME = "mean"
"""Of a history too short to learn anything from, see forecasters.young."""


@dataclass(frozen=True, kw_only=True)
class Trial:
    """A method on past weeks: what it told at each origin, beside what was true.

    `loss` is the mean pinball loss, shape (series, origins); `weight` is what a series
    counts for, shape (series, 1).
    """

    method: Method
    told: Sequence[Told]
    true: Sequence[Numbers]
    loss: Numbers
    weight: Numbers

    @property
    def pinball(self) -> float:
        """Pinball loss over units, weighted: by this the choice is made."""
        return float(np.nansum(self.weight * self.loss)) * AHEAD / self._sold

    @property
    def wape(self) -> float:
        """The median's absolute errors over units, weighted."""
        pairs = zip(self.told, self.true, strict=True)
        wrong = [self.weight * np.abs(t - d.quantiles[1]) for d, t in pairs]
        return float(np.nansum(wrong)) / self._sold

    @property
    def _sold(self) -> float:
        return max(float(np.nansum([self.weight * t for t in self.true])), 1e-9)


@dataclass(frozen=True, kw_only=True)
class Outlook:
    """The forecast, which method made each series', and how all did on past weeks.

    `trials` by method; none where history is too short to try anything. `coverage` is
    what the winner's 80 % intervals held then, before they were stretched.
    """

    told: Told
    methods: Sequence[str]
    trials: Mapping[str, Trial]
    coverage: float


def origins_of(weeks: int) -> list[int]:
    """Return from where so long a history is tried: after how many weeks each time."""
    found = [weeks - APART * n for n in range(1, ORIGINS + 1)]
    return [week for week in found if week >= YOUNG]


def outlook(given: Panel, ahead: int, methods: Sequence[Method] = METHODS) -> Outlook:
    """Try all methods on past weeks, forecast by the best, stretch its intervals."""
    origins = origins_of(given.weeks)
    if not origins or not len(given.units):
        told = forecast(given, FALLBACK, ahead)
        made = [YOUNG_NAME if given.weeks < YOUNG else FALLBACK.name] * len(told.mean)
        return Outlook(told=told, methods=made, trials={}, coverage=float("nan"))
    trials = {m.name: tried(given, m, origins) for m in methods}
    # Of equals the first, and METHODS go from simple to complex.
    best = min(trials.values(), key=lambda one: one.pinball)
    told = forecast(given, best.method, ahead)
    # Before single series go back to naive forecasts: the misses are the winner's.
    told, coverage = _stretched(given, best, told)
    names = np.full(len(given.units), best.method.name, dtype=object)
    for plain in (NAIVE, SEASONAL):
        if plain is best.method or plain.name not in trials:
            continue
        own = _better(trials[plain.name].loss, best.loss)
        if own.any():
            told = _mixed(told, forecast(given, plain, ahead), own)
            names[own] = plain.name
    return Outlook(told=told, methods=list(names), trials=trials, coverage=coverage)


def tried(given: Panel, method: Method, origins: Sequence[int]) -> Trial:
    """Forecast AHEAD weeks from each origin, as it could have been done then."""
    told = [forecast(given.until(week), method, AHEAD) for week in origins]
    true = [given.units[:, week : week + AHEAD] for week in origins]
    loss = [pinball(t, d) for t, d in zip(true, told, strict=True)]
    return Trial(
        method=method,
        told=told,
        true=true,
        loss=np.array(loss).T,
        weight=_weights(given.units),
    )


def pinball(true: Numbers, told: Told) -> Numbers:
    """Return each series' loss, the mean of QUANTILES and weeks; nan: not sold yet."""
    over = true[None] - told.quantiles[:, :, : true.shape[1]]
    q = np.array(QUANTILES)[:, None, None]
    return np.asarray(np.maximum(q * over, (q - 1) * over).mean(axis=(0, 2)))


def _weights(units: Numbers) -> Numbers:
    """Let no series count for more than LARGEST usual ones; shape (series, 1)."""
    mean = np.nan_to_num(np.nansum(units, axis=1) / units.shape[1])
    # Else fuel, which is sold in thousandths of a gallon, chooses for all.
    usual = np.median(mean[mean > 0]) if (mean > 0).any() else 1.0
    weight = np.minimum(1.0, LARGEST * usual / np.maximum(mean, 1e-9))
    return np.asarray(weight[:, None])


def _better(plain: Numbers, best: Numbers) -> Any:
    """Mark the series whose plain forecast was better beyond chance."""
    gain = best - plain
    count = gain.shape[1]
    # The spread of fewer gains is luck: too many series would seem sure.
    if count < ORIGINS:
        return np.zeros(len(gain), bool)
    error = gain.std(axis=1, ddof=1) / np.sqrt(count)
    # 1e-9: two forecasts that agree everywhere have a gain and an error of 0.
    return np.nan_to_num(gain.mean(axis=1)) > np.maximum(BEYOND * error, 1e-9)


def _mixed(told: Told, other: Told, own: Any) -> Told:
    return Told(
        quantiles=np.where(own[None, :, None], other.quantiles, told.quantiles),
        mean=np.where(own[:, None], other.mean, told.mean),
    )


def _stretched(given: Panel, best: Trial, told: Told) -> tuple[Told, float]:
    """Stretch both sides of the intervals so that each would have missed one in ten.

    A miss is measured in halves of the interval, in logs, and pooled by size.
    """
    # Origins are laid below each other: (3, origins × series, weeks).
    logged = [np.log(d.quantiles + 0.5) for d in best.told]
    past, true = np.concatenate(logged, axis=1), np.log(np.concatenate(best.true) + 0.5)
    known = ~np.isnan(true)
    # + 0 · true: one size for every week of every origin, NaN where true is.
    size = np.tile(_sizes(given.units), len(best.true))[:, None] + 0 * true
    low, middle, high = past
    inside = (true >= low - 1e-9) & (true <= high + 1e-9)
    coverage = float(inside[known].mean()) if known.any() else float("nan")
    ends = np.log(told.quantiles + 0.5)
    for end, side in ((0, -1.0), (2, 1.0)):
        half = np.maximum(side * (past[end] - middle), HALF)
        miss = side * (true - middle) / half
        # How many halves long a side must have been for one week in ten to lie beyond.
        share = by_size(miss[known], size[known], 0.9, _sizes(given.units), groups=3)
        trust = known.sum() / (known.sum() + DOUBT)
        stretch = np.clip(1 + trust * (share - 1), LEAST, MOST)
        ends[end] = ends[1] + stretch[:, None] * (ends[end] - ends[1])
    return Told(quantiles=np.maximum(np.exp(ends) - 0.5, 0), mean=told.mean), coverage


def _sizes(units: Numbers) -> Numbers:
    mean = np.nan_to_num(np.nansum(units, axis=1) / units.shape[1])
    return np.asarray(np.log(mean + 0.5))
