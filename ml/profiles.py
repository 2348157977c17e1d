"""What a customer's order lines say of them, set-wise for all customers at once.

Rules. A visit is a UTC day with an order. Amounts are what the shop received. Whoever
has no orders has no row here; ml.profiling adds them.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml.lifetime import Visits
from ml.purchases import Codes, Numbers, Purchases

YEAR = 365.0
PRIOR_LINES = 60.0
"""So many lines bought as others buy are mixed into a customer's deal index. It then
goes best with the next half-year's: correlation 0.644 (5: 0.612, 20: 0.634, 150: 0.640;
1,979 households with 50 lines or more after the cut)."""
PRIOR_CELL = 5.0
"""So many lines at its category's mean are mixed into a category's week."""
FAVOURITES = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Counted:
    """One row a customer with orders, by code. Days are since 1970 UTC.

    `orders` and `spend` are of the last 365 days, `visits` and `value` (the mean paid
    on a visit) of all time. `cadence`, the median days between visits, and `regularity`
    are NaN before the third visit.
    """

    customer: Codes
    first: Numbers
    last: Numbers
    visits: Numbers
    value: Numbers
    orders: Numbers
    spend: Numbers
    cadence: Numbers
    regularity: Numbers
    deal_index: Numbers
    coupon_share: Numbers
    favourites: Codes

    def __len__(self) -> int:
        return len(self.customer)

    def visited(self, day: float) -> Visits:
        """Return what the lifetime models see, as of `day`."""
        return Visits(
            repeats=self.visits - 1,
            recency=np.floor(self.last) - np.floor(self.first),
            age=np.maximum(np.floor(day) - np.floor(self.first), 1.0),
        )


def count(past: Purchases, *, day: float) -> Counted:
    """Count all customers' lines; `past` must hold nothing at or after `day`."""
    known, code = np.unique(past.customer, return_inverse=True)
    size = len(known)
    first = np.full(size, np.inf)
    last = np.full(size, -np.inf)
    np.minimum.at(first, code, past.day)
    np.maximum.at(last, code, past.day)
    spent = np.bincount(code, past.paid, size)
    recent = past.day >= day - YEAR
    # Customer and day in one number: two orders of a day are one visit.
    days = np.unique(code.astype(np.int64) << 32 | np.floor(past.day).astype(np.int64))
    visits = np.bincount(days >> 32, minlength=size).astype(np.float64)
    cadence, regularity = _gaps(days, size)
    return Counted(
        customer=known,
        first=first,
        last=last,
        visits=visits,
        value=spent / visits,
        orders=_orders(past, code, recent, size),
        spend=np.bincount(code[recent], past.paid[recent], size).astype(np.float64),
        cadence=cadence,
        regularity=regularity,
        deal_index=_deal_index(past, code, size),
        coupon_share=_coupon_share(past, code, size),
        favourites=_favourites(past, code, size),
    )


def late(counted: Counted, *, day: float, usual: Numbers) -> Numbers:
    """Return the days away as a multiple of the usual days between visits."""
    return np.asarray((np.floor(day) - np.floor(counted.last)) / usual)


def next_visit(counted: Counted, *, day: float) -> Numbers:
    """Return the day of the next visit by the customer's own cadence, today if overdue.

    NaN before the third visit.
    """
    return np.maximum(np.floor(counted.last) + counted.cadence, np.floor(day))


def _gaps(days: NDArray[np.int64], size: int) -> tuple[Numbers, Numbers]:
    """Return the median days between visits, and 1 / (1 + their variation).

    Regularity is 1 for clockwork and 1/2 for visits at random (a Poisson process).
    """
    same = (days[1:] >> 32) == (days[:-1] >> 32)
    gap, code = (days[1:] - days[:-1])[same].astype(np.float64), (days[1:] >> 32)[same]
    # By customer, then length: each one's median is in the middle of his stretch.
    gap = gap[np.lexsort((gap, code))]
    number = np.bincount(code, minlength=size)
    start = np.concatenate([[0], np.cumsum(number)[:-1]])
    enough = number >= 2
    lower, upper = start + (number - 1) // 2, start + number // 2
    median, regularity = np.full(size, np.nan), np.full(size, np.nan)
    median[enough] = (gap[lower[enough]] + gap[upper[enough]]) / 2
    total = np.bincount(code, gap, size)[enough] / number[enough]
    square = np.bincount(code, gap**2, size)[enough] / number[enough]
    # Rounding may go below 0 for clockwork.
    deviation = np.sqrt(np.maximum(square - total**2, 0.0))
    regularity[enough] = 1.0 / (1.0 + deviation / total)
    return median, regularity


def _orders(
    past: Purchases, code: NDArray[np.int64], rows: NDArray[np.bool_], size: int
) -> Numbers:
    _order, spot = np.unique(past.order[rows], return_index=True)
    return np.bincount(code[rows][spot], minlength=size).astype(np.float64)


def _deal_index(past: Purchases, code: NDArray[np.int64], size: int) -> Numbers:
    """Return lines bought on shelf discount over what others' habits would give.

    Each line is compared with all customers' lines of the same category and week: what
    was offered there. 1 buys deals as everybody does. Shrunk to 1 by PRIOR_LINES.
    """
    deal = (past.shelf_discount > 0.005).astype(np.float64)
    # From 0 on: lines without a category have a cell of their own.
    category = (past.category + 1).astype(np.int64)
    mean = deal.mean() if len(deal) else 0.0
    # Two steps of shrinking: a category to the shop, then its week to the category.
    usual = (np.bincount(category, deal) + PRIOR_CELL * mean) / (
        np.bincount(category) + PRIOR_CELL
    )
    week = np.floor(past.day / 7).astype(np.int64)
    _, cell = np.unique(category << 32 | week, return_inverse=True)
    offered = (np.bincount(cell, deal)[cell] + PRIOR_CELL * usual[category]) / (
        np.bincount(cell)[cell] + PRIOR_CELL
    )
    prior = PRIOR_LINES * max(float(mean), 0.01)
    taken = np.bincount(code, deal, size)
    return np.asarray((taken + prior) / (np.bincount(code, offered, size) + prior))


def _coupon_share(past: Purchases, code: NDArray[np.int64], size: int) -> Numbers:
    """Return the share of orders in which a coupon was used."""
    order, spot, index = np.unique(past.order, return_index=True, return_inverse=True)
    # Half a cent, here and above: less is rounding.
    used = np.bincount(index, past.coupon_discount, len(order)) > 0.005
    owner = code[spot]
    return np.asarray(np.bincount(owner, used, size) / np.bincount(owner))


def _favourites(past: Purchases, code: NDArray[np.int64], size: int) -> Codes:
    """Return the categories bought on most days, best first, -1 where there is none."""
    rows = np.flatnonzero(past.category >= 0)
    pair = code[rows].astype(np.int64) << 32 | past.category[rows]
    day = np.floor(past.day[rows]).astype(np.int64)
    order = np.lexsort((day, pair))
    pair, day = pair[order], day[order]
    # Days, not lines: the first line of each pair and day.
    opens = np.ones(len(pair), bool)
    opens[1:] = (pair[1:] != pair[:-1]) | (day[1:] != day[:-1])
    pairs, days = np.unique(pair[opens], return_counts=True)
    pairs = pairs[np.lexsort((pairs, -days, pairs >> 32))]
    owner = pairs >> 32
    rank = np.arange(len(pairs)) - np.searchsorted(owner, owner)
    best = np.full((size, FAVOURITES), -1, np.int32)
    top = rank < FAVOURITES
    best[owner[top], rank[top]] = pairs[top] & 0xFFFFFFFF
    return best
