"""Weekly series side by side: units, prices, the calendar around them. Pure NumPy."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from ml.pooling import pool

Numbers = NDArray[np.float64]
WINDOW = 4
"""Weeks on either side, of which a week's mean is the trend it is measured against."""
LEAST_WEEKS = 16
"""Of history, before the calendar is asked for anything."""


@dataclass(frozen=True, kw_only=True)
class Panel:
    """Series as rows, full weeks as columns, the newest last.

    `units` is nan before a series' first sale; `price` is what was paid over the shelf
    value, nan where nothing sold; `above` are the units of what each series belongs to:
    a product's category, a category's shop. `calendar` has a row a week, those of the
    future behind, and a column each for what may move them all (ml.outlook). `known` is
    the calendar as it was known after so many weeks, where it was another then.
    """

    units: Numbers
    price: Numbers
    above: Numbers
    calendar: Numbers
    known: Mapping[int, Numbers] = field(default_factory=dict)

    @property
    def weeks(self) -> int:
        return int(self.units.shape[1])

    def until(self, week: int) -> Self:
        """Return what was known after so many weeks, of days to come as well."""
        units = self.units[:, :week].copy()
        units[~(units > 0).any(axis=1)] = np.nan
        return replace(
            self,
            units=units,
            price=self.price[:, :week],
            above=self.above[:, :week],
            calendar=self.known.get(week, self.calendar),
        )


def panel(units: Numbers, price: Numbers, above: Numbers, calendar: Numbers) -> Panel:
    """Make a panel of units that have zeros before the first sale."""
    started = np.cumsum(np.nan_to_num(units), axis=1) > 0
    return Panel(
        units=np.where(started, units, np.nan),
        price=price,
        above=above,
        calendar=calendar,
    )


def logs(units: Numbers) -> Numbers:
    """Return log(units + 1/2): zero weeks have one too."""
    return np.asarray(np.log(units + 0.5))


def effects(given: Panel) -> Numbers:
    """Return how the calendar moves each series' log units, by week, future included.

    Deviations of log units from their moving mean are regressed on those of each
    calendar column; a series' slope is shrunk to the slopes' mean by its precision, and
    that to zero by what weeks have in common (DerSimonian & Laird 1986, ml.pooling).
    """
    weeks, future = given.weeks, len(given.calendar)
    out = np.zeros((len(given.units), future))
    if weeks < LEAST_WEEKS:
        return out
    moved = detrended(logs(given.units))
    for column in given.calendar.T:
        shift = detrended(column[None, :weeks])[0]
        # A column that hardly moved in the past would be divided by next to nothing.
        if (shift**2).sum() < 0.1:
            continue
        slopes = _slopes(moved, shift)
        # About its mean in the past: what is always there belongs to the level.
        out += slopes[:, None] * (column - column[:weeks].mean())[None]
        # The next column gets what is left: days that two share are not counted twice.
        moved = moved - slopes[:, None] * shift[None]
    return out


def _slopes(moved: Numbers, shift: Numbers) -> Numbers:
    """Regress each row on the shift through zero, and shrink."""
    # moved is (series, weeks), shift (weeks,): all have the same calendar.
    known = ~np.isnan(moved)
    square = np.maximum((known * shift**2).sum(axis=1), 0.05)
    slope = (np.nan_to_num(moved) * shift).sum(axis=1) / square
    rest = np.nan_to_num(moved - slope[:, None] * shift)
    count = known.sum(axis=1)
    error = np.sqrt((rest**2).sum(axis=1) / np.maximum(count - 2, 1) / square)
    enough = count >= LEAST_WEEKS
    if not enough.any():
        return np.zeros(len(moved))
    pooled = pool(slope[enough], error[enough] + 0.02)
    spread = pooled.spread**2
    # A series of few weeks has no answer of its own: the mean of all.
    own = np.where(enough, spread / (spread + error**2 + 1e-9), 0.0)
    # Weeks are few, and the same for all: what all had in common may be chance.
    common = np.nanmean(np.where(known, moved, np.nan)[enough], axis=0)
    doubt = float(((common - pooled.mean * shift) ** 2).mean() / (shift**2).sum())
    # Shrunk to 0, with its own square as the variance beforehand.
    mean = pooled.mean * pooled.mean**2 / (pooled.mean**2 + doubt)
    return np.asarray(mean + own * (slope - pooled.mean))


def detrended(values: Numbers) -> Numbers:
    """Take from each week the mean of the weeks around it."""
    known = ~np.isnan(values)
    # One more in front: a window's sum is a difference of two cumulative ones.
    pad = ((0, 0), (WINDOW + 1, WINDOW))
    sums = np.cumsum(np.pad(np.nan_to_num(values), pad), axis=1)
    counts = np.cumsum(np.pad(known.astype(float), pad), axis=1)
    wide = 2 * WINDOW + 1
    total = sums[:, wide:] - sums[:, :-wide]
    count = counts[:, wide:] - counts[:, :-wide]
    return np.where(known, values - total / np.maximum(count, 1), np.nan)
