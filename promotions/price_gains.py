"""What a price brings beyond today's, and how sure that is. Pure.

Errors of elasticities are shared within a category; what products sell errs by itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from promotions.price_plans import Item, margins, sold

Z80 = 1.2816


@dataclass(frozen=True, kw_only=True)
class Gain:
    """What a price brings beyond today's: the mean, and what it hangs on.

    `by_elasticity` and `by_units` are standard deviations of `margin`.
    """

    units: float
    units_before: float
    margin: float
    revenue: float
    by_elasticity: float
    by_units: float

    @property
    def interval(self) -> tuple[float, float]:
        """Return the 80 % interval of the margin."""
        half = Z80 * float(np.hypot(self.by_elasticity, self.by_units))
        return self.margin - half, self.margin + half


def gain(item: Item, price: Decimal) -> Gain:
    """Return what a product brings at a price, beyond what it brings today."""
    prices = np.array([float(item.shelf.price), float(price)])
    today, then = margins(item, prices)
    # Half of what one standard error of the elasticity, less and more, moves the gain.
    low, high = (
        float(np.diff(margins(_with(item, by), prices))[0]) for by in (-1.0, 1.0)
    )
    spread = item.doubt / item.units if item.units > 0 else 0.0
    before, units = sold(item, prices)
    return Gain(
        units=float(units),
        units_before=float(before),
        margin=float(then - today),
        revenue=float(units * prices[1] - before * prices[0]),
        by_elasticity=abs(high - low) / 2,
        by_units=abs(float(then - today)) * spread,
    )


def _with(item: Item, errors: float) -> Item:
    values = {**item.__dict__, "elasticity": item.elasticity + errors * item.error}
    return Item(**values)


def together(gains: Sequence[tuple[str, Gain]]) -> Gain:
    """Add up gains, as (category, gain).

    Products of a category share its elasticity's error, so that these add up; what
    products sell errs by itself.
    """
    shared: dict[str, float] = {}
    for category, one in gains:
        # An error of the elasticity moves what gets cheaper and what gets dearer to
        # opposite sides: within a category they cancel.
        signed = np.copysign(one.by_elasticity, one.units - one.units_before)
        shared[category] = shared.get(category, 0.0) + float(signed)
    return Gain(
        units=sum(one.units for _, one in gains),
        units_before=sum(one.units_before for _, one in gains),
        margin=sum(one.margin for _, one in gains),
        revenue=sum(one.revenue for _, one in gains),
        by_elasticity=float(np.sqrt(sum(by * by for by in shared.values()))),
        by_units=float(np.sqrt(sum(one.by_units**2 for _, one in gains))),
    )


DEPTHS = tuple(step / 40 for step in range(-8, 9))
"""Shares by which all prices are moved for the chart: −20 % to +20 %."""


def curve(items: Sequence[Item]) -> list[tuple[float, float, float, float]]:
    """Return (depth, margin, low, high) were all prices moved by that share alike."""
    found = []
    for depth in DEPTHS:
        prices = [item.shelf.price * (1 + Decimal(depth)) for item in items]
        each = [
            (item.category, gain(item, price))
            for item, price in zip(items, prices, strict=True)
        ]
        whole = together(each)
        found.append((depth, whole.margin, *whole.interval))
    return found
