"""What a menu promises before people: reach, cost, and profit with its doubts. Pure.

Proposals of the platform and those that were written by hand are priced here alike.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf

import numpy as np
from numpy.typing import NDArray

from promotions import value
from promotions.beliefs import ONCE, Floats, People, Response, Run
from promotions.rules import Terms
from promotions.value import Best

LOW, HIGH = 0.1, 0.9
"""The ends of a forecast's interval, 80 %."""


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """What the customers come to who get a menu's offers since it moves them.

    `audience`: their mean chance of buying unprompted; `rate`: their margin rate.
    `margin` is what is gained, in the shop's currency, after `cost`, what is given.
    `low` and `high` hold 80 % of what may be true of it; `chance` is that of any gain.
    """

    reach: int
    audience: float
    rate: float
    margin: float
    low: float
    high: float
    chance: float
    cost: float

    @property
    def price(self) -> float:
        """Return what it is expected to lose."""
        return max(0.0, -self.margin)


def forecast(
    menu: Mapping[str, Terms],
    scope: Sequence[str],
    people: People,
    believed: Response,
    run: Run = ONCE,
    *,
    each: float = 1.0,
    budget: float = inf,
) -> Forecast:
    """Price a menu; each of the people stands for `each` customers who get an offer.

    That is less than one where some are held back. Where the budget is less than what
    all would cost, it is for those who bring most for it; the interval shrinks as the
    gain does.
    """
    found = value.priced(menu, scope, people, believed, run)
    best = value.best(found)
    inside = _within(best, budget / each)
    whole = best.margin[best.margin > 0].sum()
    part = best.margin[inside].sum() / whole if whole else 1.0
    # `totals` are of all who bring anything: draws are not kept by customer, so the
    # interval shrinks as the mean does.
    low, high = part * np.quantile(found.totals, [LOW, HIGH])

    def mean(values: Floats) -> float:
        return float(values[inside].mean()) if inside.any() else 0.0

    return Forecast(
        reach=round(int(inside.sum()) * each),
        audience=mean(people.who.p0),
        rate=mean(people.rate),
        margin=float(best.margin[inside].sum()) * each,
        low=float(low) * each,
        high=float(high) * each,
        chance=float((found.totals > 0).mean()),
        cost=float(best.cost[inside].sum()) * each,
    )


def _within(best: Best, budget: float) -> NDArray[np.bool_]:
    """Say whom the budget reaches: of those who bring anything, the best for it."""
    wanted = best.margin > 0
    for_each = np.where(wanted, best.margin / np.maximum(best.cost, 1e-9), -np.inf)
    order = np.argsort(-for_each, kind="stable")
    # Who is not wanted comes last and takes nothing of the budget.
    affordable = np.cumsum(np.where(wanted, best.cost, 0.0)[order]) <= budget
    found = np.zeros(len(wanted), dtype=bool)
    found[order[affordable]] = True
    return found & wanted


def stored(found: Forecast, believed: Response, *, days: int) -> dict[str, object]:
    """Write a forecast into a strategy; it is to come within so many days."""
    return {
        "reach": found.reach,
        "cost": round(found.cost, 2),
        "margin": round(found.margin, 2),
        "low": round(found.low, 2),
        "high": round(found.high, 2),
        "chance": round(found.chance, 3),
        "basis": believed.posterior.basis,
        "days": days,
    }
