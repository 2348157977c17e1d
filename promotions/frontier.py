"""What a budget buys: the most margin for each amount of discounts. Pure NumPy.

With a price λ on each unit of discount, every customer gets the variant with the
largest margin − λ·cost, if that is above zero. Each λ gives a point of the frontier,
which no other choice of offers at that cost lies above (Lagrangian duality).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from promotions.beliefs import Floats

STEPS = 40
LOW, HIGH = 0.1, 0.9


@dataclass(frozen=True, kw_only=True)
class Point:
    """What offers for `reach` customers cost and bring; 80 % lie in the interval."""

    cost: float
    margin: float
    low: float
    high: float
    reach: float


NOTHING = Point(cost=0.0, margin=0.0, low=0.0, high=0.0, reach=0.0)


def frontier(margins: Floats, costs: Floats, *, each: float = 1.0) -> list[Point]:
    """Return the frontier's points from nothing to all that is worth anything.

    `margins` are draws, [draws, customers, variants], `costs` expected values; each of
    the customers stands for `each`.
    """
    points = {0.0: NOTHING}
    for found in _found(margins, costs):
        point = _point(found, each)
        # Prices that choose the same are one point.
        points[round(point.cost, 6)] = point
    return [points[cost] for cost in sorted(points)]


def drawn(
    margins: Floats, costs: Floats, *, each: float = 1.0
) -> tuple[Floats, Floats]:
    """Return the frontier's costs, and draws of its margin: [points, draws]."""
    points = {0.0: np.zeros(len(margins))}
    for found in _found(margins, costs):
        points[round(found.cost * each, 6)] = found.totals * each
    ordered = sorted(points)
    return np.array(ordered), np.stack([points[cost] for cost in ordered])


@dataclass(frozen=True, kw_only=True, eq=False)
class _Found:
    """What offers for `reach` of the customers cost, and draws of what they bring."""

    cost: float
    totals: Floats
    reach: int


def _found(margins: Floats, costs: Floats) -> Iterator[_Found]:
    """Yield what is worth it at each price; nothing, if nothing is."""
    # Chosen by expectation, as targeting does; the draws only tell the
    # doubt of what was chosen.
    mean = margins.mean(axis=0)
    ratio = np.where(costs > 0, mean / np.maximum(costs, 1e-12), 0.0)
    positive = ratio[ratio > 0]
    if len(positive):
        # At λ equal to an offer's margin for its cost that offer comes in: quantiles of
        # these let about as many in at each step.
        prices = np.quantile(positive, np.linspace(1, 0, STEPS))
        # At last without a price: all that is worth anything.
        for price in [*prices, 0.0]:
            yield _at(margins, mean, costs, float(price))


def within(points: Sequence[Point], budget: float) -> Point:
    """Return what a budget buys: between two points by parts of both."""
    above = next((one for one in points if one.cost >= budget), None)
    if above is None:
        return points[-1]
    below = max((p for p in points if p.cost <= budget), key=lambda p: p.cost)
    # Where the budget is that of a point, both are this point.
    part = (budget - below.cost) / (above.cost - below.cost or 1.0)
    names = Point.__dataclass_fields__
    ends = ((getattr(below, name), getattr(above, name)) for name in names)
    return Point(**dict(zip(names, (a + part * (b - a) for a, b in ends), strict=True)))


def _at(margins: Floats, mean: Floats, costs: Floats, price: float) -> _Found:
    reduced = mean - price * costs
    chosen, rows = reduced.argmax(axis=1), np.arange(len(mean))
    inside = reduced[rows, chosen] > 0
    return _Found(
        cost=float(costs[rows, chosen][inside].sum()),
        totals=margins[:, rows, chosen][:, inside].sum(axis=1),
        reach=int(inside.sum()),
    )


def _point(found: _Found, each: float) -> Point:
    low, high = np.quantile(found.totals, [LOW, HIGH])
    return Point(
        cost=found.cost * each,
        margin=float(found.totals.mean()) * each,
        low=float(low) * each,
        high=float(high) * each,
        reach=found.reach * each,
    )
