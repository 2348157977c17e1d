"""How regularly somebody buys: gaps, paces and hazards over grouped orders.

Pure. All take ml.purchases.Pairs and return one number a pair; ages are whole days.
"""

import numpy as np
from numpy.typing import NDArray

from ml.meanings import NEVER
from ml.purchases import Numbers, Pairs


def gaps(rows: Pairs) -> tuple[Numbers, NDArray[np.int64]]:
    """Return the days between following orders, and the pair of each."""
    same = rows.of[1:] == rows.of[:-1]
    # The newest is last, and youngest: older less newer.
    return (rows.age[:-1] - rows.age[1:])[same], rows.of[1:][same]


def mean_gap(rows: Pairs) -> Numbers:
    """Return the mean days between orders; NEVER under two orders."""
    times = rows.orders() - 1
    span = rows.oldest() - rows.newest()
    mean = np.divide(span, times, out=np.full(len(rows), NEVER), where=times > 0)
    return np.asarray(np.minimum(mean, NEVER))


def spread(rows: Pairs) -> Numbers:
    """Return the standard deviation of the gaps; NEVER under three orders."""
    gap, of = gaps(rows)
    times = rows.orders() - 1
    mean = (rows.oldest() - rows.newest()) / np.maximum(times, 1)
    squares = np.bincount(of, (gap - mean[of]) ** 2, minlength=len(rows))
    variance = np.divide(
        squares, times - 1, out=np.full(len(rows), NEVER**2), where=times > 1
    )
    return np.asarray(np.minimum(np.sqrt(variance), NEVER))


def overdue(rows: Pairs, gap: Numbers) -> Numbers:
    """Return recency / mean gap, at most 10: above 1 they are late."""
    # At least a day: two orders of one day have a gap of 0.
    return np.minimum(np.minimum(rows.newest(), NEVER) / np.maximum(gap, 1.0), 10.0)


def windows(rows: Pairs, count: int) -> Numbers:
    """Of the last `count` windows of 28 days, count those with an order."""
    number = rows.age // 28
    starts = np.ones(len(number), bool)
    starts[1:] = (number[1:] != number[:-1]) | (rows.of[1:] != rows.of[:-1])
    return rows.total(starts & (number < count))


def hazard(rows: Pairs, *, horizon: float) -> tuple[Numbers, ...]:
    """Count the gaps longer than the recency, and those of them ended by the horizon.

    Their ratio is the life-table estimate of P(buys within the horizon | not yet).
    """
    gap, of = gaps(rows)
    waited = rows.newest()[of]
    held = gap > waited
    ended = held & (gap <= waited + horizon)
    size = len(rows)
    counts = (np.bincount(of[kept], minlength=size) for kept in (held, ended))
    return tuple(count.astype(np.float64) for count in counts)


def pace(recent: Numbers, longer: Numbers, days: float, span: float) -> Numbers:
    """Compare two windows' orders per day in logs; ½ an order keeps zero finite."""
    return np.asarray(np.log((recent + 0.5) / (longer * days / span + 0.5)))
