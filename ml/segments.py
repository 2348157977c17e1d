"""Which segment a customer belongs to: a few rules with names an operator understands.

Rules are asked in the order of `SEGMENTS`; the first that fits wins. Whoever is in a
segment stays until a looser bound is passed, so that nobody flickers at an edge: a
second run on the same data changes nobody. Names are stored: never rename a value.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
SEGMENTS = (
    "new",
    "lost",
    "slipping",
    "big_spender",
    "deal_seeker",
    "loyal",
    "occasional",
    "prospect",
)
NEW_DAYS = 30.0
"""So long after the first order a customer is new."""
BANDS = 5
"""Recency, frequency and money are scored 1 to 5, 5 the best."""
LEAST_SHARE, MOST_SHARE = 0.1, 0.3
"""Stored cut points are kept while each band holds such a share of the customers."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Bound:
    """Enter at `enter` or above, leave below `leave`."""

    enter: float
    leave: float

    def holds(self, value: Numbers, inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Say for each value whether it is in, given who was."""
        return (value >= self.enter) | (inside & (value >= self.leave))


LOST = Bound(enter=0.6, leave=0.45)
"""P(no order within QUIET_DAYS)."""
SLIPPING = Bound(enter=4.0, leave=2.0)
"""Days away, as a multiple of what is usual for the customer. From 3 on instead of 4,
7.8 % of the customers changed their segment each week instead of 5.3 %; whom 4 finds
came half as often as usual in the 8 weeks after."""
DEALS = Bound(enter=1.15, leave=1.09)
"""Bought on discount, as a multiple of what others bought so in the same aisles."""
QUIET_DAYS = 90.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """What the rules ask about each customer, one row a customer."""

    since_first: Numbers
    late: Numbers
    no_order: Numbers
    spend: Numbers
    orders: Numbers
    deal_index: Numbers


Cuts = Mapping[str, Sequence[float]]
"""Four rising cut points for each of "recency", "orders" and "spend"."""


def assign(
    who: Standing, cuts: Cuts, previous: NDArray[np.int8] | None = None
) -> NDArray[np.int8]:
    """Return each customer's place in SEGMENTS; `previous`: theirs before, -1: none."""
    before = np.full(len(who.spend), -1, np.int8) if previous is None else previous

    def near(name: str, cut: float, value: Numbers) -> NDArray[np.bool_]:
        # Cut points move with the shop: who is in leaves a tenth below.
        bound = Bound(enter=cut, leave=0.9 * cut)
        return bound.holds(value, before == SEGMENTS.index(name))

    def inside(name: str) -> NDArray[np.bool_]:
        return np.asarray(before == SEGMENTS.index(name))

    rules = [
        who.since_first < NEW_DAYS,
        # Whoever comes twice a year is quiet for 90 days as a rule: late as well, or
        # not lost.
        LOST.holds(who.no_order, inside("lost")) & (who.late >= 1),
        SLIPPING.holds(who.late, inside("slipping")),
        near("big_spender", cuts["spend"][-1], who.spend),
        DEALS.holds(who.deal_index, inside("deal_seeker")),
        near("loyal", cuts["orders"][2], who.orders),
    ]
    return np.select(rules, [np.int8(i) for i in range(len(rules))], np.int8(6))


def cut_points(values: Numbers, stored: Sequence[float] | None = None) -> list[float]:
    """Return the four cut points between fifths; the stored ones while they still do.

    So a score moves because the customer did, not because all others did.
    """
    if stored is not None:
        # Bands count from 1.
        shares = np.bincount(bands(values, stored) - 1, minlength=BANDS) / len(values)
        if shares.min() >= LEAST_SHARE and shares.max() <= MOST_SHARE:
            return list(stored)
    return [float(v) for v in np.quantile(values, np.arange(1, BANDS) / BANDS)]


def bands(values: Numbers, cuts: Sequence[float]) -> NDArray[np.int64]:
    """Return the bands 1 to 5; a value at a cut point belongs to the upper one."""
    return np.asarray(np.searchsorted(np.asarray(cuts), values, side="right") + 1)
