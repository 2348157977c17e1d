"""A quarter's weeks: which they are, how a time lies over them, their budgets. Pure.

A quarter is 13 weeks from the Monday of ISO week 1, 14, 27 or 40 on; the last of a long
year has 14.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
WEEK = timedelta(weeks=1)
USUAL_WEEKS = 13


@dataclass(frozen=True, kw_only=True)
class Quarter:
    """The weeks of a quarter; `number` 1 to 4 of the ISO year."""

    year: int
    number: int

    @property
    def first(self) -> date:
        return date.fromisocalendar(self.year, 1 + USUAL_WEEKS * (self.number - 1), 1)

    @property
    def weeks(self) -> int:
        return (self.after.first - self.first).days // 7

    @property
    def after(self) -> "Quarter":
        if self.number == 4:
            return Quarter(year=self.year + 1, number=1)
        return Quarter(year=self.year, number=self.number + 1)

    @property
    def before(self) -> "Quarter":
        if self.number == 1:
            return Quarter(year=self.year - 1, number=4)
        return Quarter(year=self.year, number=self.number - 1)

    @cached_property
    def mondays(self) -> list[datetime]:
        start = datetime.combine(self.first, time(), UTC)
        return [start + n * WEEK for n in range(self.weeks)]

    @property
    def ends_at(self) -> datetime:
        return self.mondays[-1] + WEEK


def quarter_of(day: date) -> Quarter:
    """Return the quarter that a day lies in."""
    year, week, _ = day.isocalendar()
    # Week 53 of a long year is the fourth quarter's.
    return Quarter(year=year, number=min(4, 1 + (week - 1) // USUAL_WEEKS))


def by_week(starts_at: datetime, ends_at: datetime, quarter: Quarter) -> Floats:
    """Return how much of each of a quarter's weeks lies in a time."""
    spans = [
        min(ends_at, monday + WEEK) - max(starts_at, monday)
        for monday in quarter.mondays
    ]
    return np.array([max(0.0, span / WEEK) for span in spans])


def budgets(total: float, fixed: Sequence[float | None]) -> list[float]:
    """Return each week's budget: what is fixed, and even parts of what is left."""
    free = sum(one is None for one in fixed)
    left = total - sum(one for one in fixed if one is not None)
    return [left / free if one is None else one for one in fixed]
