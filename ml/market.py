"""What categories answer to the market around them, as of a moment. Pure NumPy.

A signal has a value for each day: 1 on a holiday, a temperature. For each category its
answer is learnt from the past alone, by least squares over days,

    log(orders + ½) = usual of the weekday + answer · (signal − its usual) ,

pulled to zero by RIDGE days' worth of doubt. The feature is what that foretells for the
horizon: answer · (mean of the signal ahead − its mean so far), by category. So it says
of a category that sells more before holidays that holidays are near, and of others
nothing; the signal alone would be but another name for the cut-off.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from ml.purchases import Numbers, Purchases
from ml.splits import Splits

PAST = 364
"""Days that answers are learnt from."""
HORIZON = 28
LEAST = 56
"""With fewer days nothing is learnt."""
RIDGE = 5.0


@dataclass(frozen=True, kw_only=True)
class Signal:
    """A signal around a day: its values in the PAST days before and HORIZON from it."""

    past: Numbers
    ahead: Numbers

    @property
    def moves(self) -> bool:
        return bool(np.ptp(self.past) > 0)


def daily(past: Purchases, *, day: float, categories: int) -> Numbers:
    """Count each category's orders in each of the PAST days before `day`, oldest first.

    Days before the log began are missing: there are fewer columns.
    """
    known = past.before(day)
    age = np.floor(day - known.day).astype(np.int64)
    kept = (age >= 0) & (age < PAST) & (known.category >= 0)
    kept &= known.category < categories
    days = min(PAST, int(age.max(initial=0)) + 1)
    # Distinct triples: an order of three lines of a category is one order.
    spots = np.stack([known.order[kept], known.category[kept], age[kept]])
    _, category, ages = np.unique(spots, axis=1)
    out = np.zeros((categories, PAST))
    np.add.at(out, (category, PAST - 1 - ages), 1)
    return out[:, PAST - days :]


def answers(counts: Numbers, signal: Numbers, *, last_weekday: int) -> Numbers:
    """Return each category's answer; `signal` is of the same days as `counts`."""
    days = counts.shape[1]
    if days < LEAST:
        return np.zeros(len(counts))
    weekday = (last_weekday - np.arange(days)[::-1]) % 7
    y, z = np.log(counts + 0.5), signal[-days:].astype(np.float64)
    means = np.zeros((days, 7))
    means[np.arange(days), weekday] = 1
    means = means / np.maximum(means.sum(axis=0), 1)
    same = weekday[:, None] == np.arange(7)
    # Weekdays' means are taken out of both sides (Frisch and Waugh 1933), or a signal
    # of Saturdays would be credited with what Saturdays sell.
    y = y - (y @ means) @ same.T
    z = z - same @ (z @ means)
    scale = z.std()
    # A signal that follows the weekdays alone has nothing left.
    if scale <= 0:
        return np.zeros(len(counts))
    return np.asarray(y @ z / (z @ z + RIDGE * scale**2))


def foretold(counts: Numbers, signal: Signal, *, last_weekday: int) -> Numbers:
    """Return what a signal foretells for each category, in logs of its orders."""
    moved = signal.ahead.mean() - signal.past[-counts.shape[1] :].mean()
    return np.asarray(answers(counts, signal.past, last_weekday=last_weekday) * moved)


def widened(
    parts: Splits,
    columns: Sequence[str],
    extra: Mapping[datetime, Numbers],
) -> Splits:
    """Give each cut-off's rows more columns, by category: [categories, columns]."""
    rows = {}
    for cut, part in parts.rows.items():
        more: NDArray[np.float32] = extra[cut][part.category.astype(int)]
        rows[cut] = replace(part, x=np.hstack([part.x, more.astype(np.float32)]))
    return replace(parts, rows=rows, columns=(*parts.columns, *columns))
