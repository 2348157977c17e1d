"""Forecasters of weekly units, each with quantiles and an expected value. Pure NumPy.

All work on log(units + 1/2). A forecaster starts from a level (the last week; the same
week a season ago; a smoothed level); errors made from past weeks, scaled by how much
each series swings, give the quantiles, pooled over series of like size. "regression"
also learns from all series how to correct the level: by other levels, by how far prices
were from their usual ones, by what the category does, and a year ago, if there is one.
The median is the 0.5-quantile, the least wrong in units; the mean, which is what to
order, has a regression of its own on levels that were not taken logs of (that of
Teunter, Syntetos & Babai 2011 among them, for what sells now and then).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml import levels
from ml.panels import Panel, effects, logs
from ml.pooled_quantiles import by_size, gamma, quantile, ridge

Numbers = NDArray[np.float64]
QUANTILES = (0.1, 0.5, 0.9)
STEPS = (1, 2, 3, 4, 6, 9, 13)
"""Weeks ahead that are fitted; those between are interpolated."""
BASE = 0.2
OTHERS = (0.05, 0.1, 0.4, 0.7)
SEASON = 4
WARM = 7
"""Weeks before the first that is learnt from."""
YOUNG = 12
"""Weeks of history below which nothing is learnt, see `young`."""
MOST = 20_000
"""Rows that are learnt from."""
TINY = 0.05
BEYOND = 1.3
"""Times the highest level: a mean is not above, but for its season."""


@dataclass(frozen=True, kw_only=True)
class Told:
    """`quantiles`, shape (3, series, weeks), and `mean`, shape (series, weeks)."""

    quantiles: Numbers
    mean: Numbers


@dataclass(frozen=True, kw_only=True)
class Method:
    """`level` tells log units as of each week for a week ahead, `plain` units."""

    name: str
    level: Callable[[Numbers, int], Numbers]
    learns: bool = False
    calendar: bool = False


def _last(values: Numbers, ahead: int) -> Numbers:
    return values


def _season(values: Numbers, ahead: int) -> Numbers:
    season = levels.YEAR if values.shape[1] >= levels.YEAR + SEASON else SEASON
    return levels.seasonal(values, season, ahead)


def _smooth(values: Numbers, ahead: int) -> Numbers:
    return levels.smoothed(values, BASE)


NAIVE = Method(name="naive", level=_last)
SEASONAL = Method(name="seasonal naive", level=_season)
METHODS: Sequence[Method] = (
    NAIVE,
    SEASONAL,
    Method(name="smoothing", level=_smooth),
    Method(name="smoothing, calendar", level=_smooth, calendar=True),
    # Boosted trees of the same columns had a WAPE of .177 and .459 (categories,
    # products), this .175 and .455 in a thirtieth of the time (decision 34).
    Method(name="regression", level=_smooth, learns=True),
    Method(name="regression, calendar", level=_smooth, learns=True, calendar=True),
)


def forecast(given: Panel, method: Method, ahead: int) -> Told:
    """Forecast the weeks after the panel's last.

    What has not sold yet is expected to sell nothing.
    """
    if given.weeks < YOUNG:
        return young(given, ahead)
    moved = effects(given) if method.calendar else np.zeros((1, len(given.calendar)))
    # What the calendar did is taken out of the past, and put into the weeks ahead
    # below.
    units = given.units / np.exp(moved[:, : given.weeks])
    rows = _Rows.of(units, given, method, ahead)
    steps = [step for step in STEPS if step <= ahead] or [1]
    # (steps, 4, series): three quantiles of logs, and the mean in units.
    told = np.array([rows.at(step) for step in steps])
    weeks = np.arange(1, ahead + 1)
    whole = np.apply_along_axis(lambda y: np.interp(weeks, steps, y), 0, told)
    whole = np.moveaxis(whole, 0, -1)
    future = np.exp(moved[:, given.weeks : given.weeks + ahead])
    # Sorted: each quantile has a regression of its own, and they may cross.
    quantiles = np.maximum(np.exp(np.sort(whole[:3], axis=0)) - 0.5, 0) * future
    mean = np.maximum(whole[3], 0) * future
    return Told(quantiles=np.nan_to_num(quantiles), mean=np.nan_to_num(mean))


def young(given: Panel, ahead: int) -> Told:
    """Forecast by the mean of what is known, as wide as a count spreads, or wider."""
    known = given.units[:, -SEASON * 2 :]
    count = np.maximum((~np.isnan(known)).sum(axis=1), 1)
    mean = np.nansum(known, axis=1) / count
    swing = np.nansum((known - mean[:, None]) ** 2, axis=1) / np.maximum(count - 1, 1)
    variance = (np.maximum(swing, mean) + TINY) * (1 + 2 / count)
    ends = [gamma(mean, variance, z) for z in (-1.2816, 0.0, 1.2816)]
    repeated = [np.repeat(end[:, None], ahead, axis=1) for end in (*ends, mean)]
    return Told(quantiles=np.array(repeated[:3]), mean=repeated[3])


@dataclass(frozen=True, kw_only=True)
class _Rows:
    """What is known of every series as of every week; `at` fits and forecasts.

    Columns are arrays of shape (series, weeks): `corrects` of the log level, `swings`
    of its error, `ratios` of the plain level.
    """

    method: Method
    units: Numbers
    y: Numbers
    size: Numbers
    plain: Numbers
    corrects: Sequence[Numbers]
    swings: Sequence[Numbers]
    ratios: Sequence[Numbers]
    most: Numbers
    above: Numbers
    enough: Any
    start: int

    @classmethod
    def of(cls, units: Numbers, given: Panel, method: Method, ahead: int) -> "_Rows":
        y, price = logs(units), _prices(given.price)
        size, above = levels.smoothed(y, BASE), logs(given.above)
        plain = levels.smoothed(units, BASE) + TINY
        usual = levels.rolling(price, 13)
        swing = np.log(levels.rolling(y, 13, np.nanstd) + 0.1)
        moves = [
            price - usual,
            levels.back(price, 1) - usual,
            levels.rolling(price, 4) - usual,
        ]
        corrects = [
            *(levels.smoothed(y, w) - size for w in OTHERS),
            *(levels.back(y, n) - size for n in (0, 1, 3)),
            np.log(levels.rolling(units, 13) + 0.5) - size,
            levels.rolling(y, 13, np.nanmedian) - size,
            *moves,
            levels.smoothed(above, 0.4) - levels.smoothed(above, 0.1),
        ]
        swings = [
            swing,
            swing * (size - 2),
            levels.rolling(price, 13, np.nanstd),
            -usual,
            y - size,
            (size - 2) ** 2 / 4,
            size - 2,
            np.ones(y.shape),
        ]
        others = [
            *(levels.smoothed(units, w) for w in (0.05, 0.1, 0.4)),
            levels.intermittent(units),
            levels.rolling(units, 13),
            levels.rolling(units, 4),
        ]
        ratios = [np.clip(other / plain - 1, -1, 2) for other in others]
        age = np.cumsum(~np.isnan(units), axis=1)
        return cls(
            method=method,
            units=units,
            y=y,
            size=size,
            plain=plain,
            corrects=[np.nan_to_num(c) for c in corrects],
            swings=[np.nan_to_num(c) for c in swings],
            ratios=[np.nan_to_num(c) for c in (*ratios, *moves)],
            most=np.fmax.reduce([other[:, -1] for other in others]),
            above=above,
            enough=age >= 4,
            # Of a short history less is left out, or nothing would be left to learn
            # from.
            start=min(WARM, max(3, given.weeks - ahead - 6)),
        )

    def at(self, step: int) -> Numbers:
        """Return log quantiles and the mean of the week `step` ahead: (4, series)."""
        weeks = self.y.shape[1]
        # In a short history the farthest step that still leaves weeks to learn from;
        # beyond it the same, and wider by the fourth root.
        within = max(1, min(step, weeks - self.start - 4))
        i, t = self._learnt(within)
        season = self._season(within, i, t)
        wide = (step / within) ** 0.25
        quantiles = self._quantiles(within, i, t, wide, season)
        return np.array([*quantiles, self._mean(within, i, t, season)])

    def _learnt(self, step: int) -> tuple[Any, Any]:
        """Choose the (series, week) to learn from, MOST at most."""
        weeks = self.y.shape[1]
        fits = self.enough[:, self.start : weeks - step]
        rows, at = np.nonzero(fits)
        # Every n-th, not drawn: a night repeated on the same log forecasts the same.
        every = -(-len(rows) // MOST) or 1
        return rows[::every], at[::every] + self.start

    def _season(self, step: int, i: Any, t: Any) -> tuple[Numbers, Numbers]:
        """Tell how the season moves the rows' logs, and those of now."""
        columns = self._year(step) if self.method.learns and len(i) else []
        if not columns:
            return np.zeros(len(i)), np.zeros(len(self.y))
        x = np.stack([column[i, t] for column in columns], axis=1)
        error = self.y[i, t + step] - self.method.level(self.y, step)[i, t]
        found = quantile(x, error, self._weight(i, t), 0.5)
        return x @ found, np.stack([c[:, -1] for c in columns], axis=1) @ found

    def _weight(self, i: Any, t: Any) -> Numbers:
        """Let a row count by the root of its level, as counts are the surer by that."""
        weight = np.exp(0.5 * np.nan_to_num(self.size[i, t]))
        return np.asarray(np.minimum(weight, 5 * np.median(weight)))

    def _quantiles(
        self, step: int, i: Any, t: Any, wide: float, season: tuple[Numbers, Numbers]
    ) -> list[Numbers]:
        level = self.method.level(self.y, step)
        now, size = level[:, -1] + season[1], self.size[:, -1]
        if not len(i):
            return [now - wide, now, now + wide]
        error = self.y[i, t + step] - level[i, t] - season[0]
        size_of, weight = np.nan_to_num(self.size[i, t]), self._weight(i, t)
        if self.method.learns:
            x = _picked(self.corrects, i, t, size_of - 2)
            ahead = _picked(self.corrects, slice(None), -1, np.nan_to_num(size) - 2)
            found = quantile(x, error, weight, 0.5, free=2)
            error, now = error - x @ found, now + ahead @ found
        s = np.stack([c[i, t] for c in self.swings], axis=1)
        s_now = np.stack([c[:, -1] for c in self.swings], axis=1)
        # First how wide each series' errors are, then, below, the shape of what is
        # scaled by that. 0.02: a forecast that was right has no log of 0.
        swing = ridge(s, np.log(np.abs(error) + 0.02), np.ones(len(error)), free=1)
        z, spread = error / np.exp(s @ swing), np.exp(s_now @ swing)
        told = [self._end(q, z, s, s_now, weight, size_of, size) for q in QUANTILES]
        return [now + wide * spread * end for end in told]

    def _end(
        self,
        q: float,
        z: Numbers,
        s: Numbers,
        s_now: Numbers,
        weight: Numbers,
        size_of: Numbers,
        size: Numbers,
    ) -> Numbers:
        """Return the q-quantile of the scaled errors, for each series as it is now."""
        # A level without a regression is its own median: only its ends are learnt.
        if q == 0.5 and not self.method.learns:
            return np.zeros(len(size))
        shape = quantile(s, z, weight, q, free=1)
        rest = by_size(z - s @ shape, size_of, q, np.nan_to_num(size))
        return np.asarray(s_now @ shape + rest)

    def _mean(
        self, step: int, i: Any, t: Any, season: tuple[Numbers, Numbers]
    ) -> Numbers:
        if not self.method.learns or not len(i):
            level = self.method.level(self.units, step)
            return level[:, -1]
        plain = self.plain[i, t] * np.exp(season[0])
        # Of what hardly sells one piece is many times its level, and no outlier.
        y = np.minimum(self.units[i, t + step] / plain - 1, 8 + 4 / plain)
        # Units count, but no series for more than 20 usual ones, as in rolling.LARGEST.
        weight = np.minimum(plain, 20 * np.median(plain))
        x = _picked(self.ratios, i, t)
        found = ridge(x, y, weight, free=1)
        now = _picked(self.ratios, slice(None), -1)
        told = self.plain[:, -1] * (1 + now @ found)
        return np.asarray(np.minimum(told, BEYOND * self.most) * np.exp(season[1]))

    def _year(self, step: int) -> list[Numbers]:
        """Tell how units moved a year ago from this week to its target."""
        weeks = self.y.shape[1]
        if weeks < levels.YEAR + 20:
            return []
        return [levels.year_ago(self.y, step), levels.year_ago(self.above, step)]


def _picked(columns: Sequence[Numbers], i: Any, t: Any, *last: Numbers) -> Numbers:
    """Stack columns at (i, t), then the last ones and a one."""
    chosen = [column[i, t] for column in columns]
    return np.stack([*chosen, *last, np.ones(len(chosen[0]))], axis=1)


def _prices(price: Numbers) -> Numbers:
    """Return log prices, 0 where nothing sold: the shelf price, for all we know."""
    return np.asarray(np.nan_to_num(np.log(np.clip(price, 0.2, 1.0))))
