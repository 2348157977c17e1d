"""What the weeks of a clearance teach: what was sold at the prices that were in force.

Whatever was planned: a path may be approved late, or paused for a time.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from itertools import pairwise

from catalog import markdowns
from catalog.episodes import Step
from catalog.markdowns import Belief, Clearance
from promotions.clearance_plans import Plan


def learnt(
    plan: Plan, prices: Sequence[float], sold: Sequence[int], part: float
) -> tuple[Belief, int]:
    """Return what the weeks so far teach, and the units that were sold in them.

    `sold` is by week, and so are the `prices` that were in force, on the average; of
    the last week a `part` is over.
    """
    belief, asked = plan.belief, plan.asked
    weeks = zip(prices, sold, strict=True)
    for number, (price, units) in enumerate(weeks):
        share = part if number == len(sold) - 1 else 1.0
        # With none there, none sold says nothing.
        if share > 0 and asked.stock:
            belief = _week_learnt(belief, asked, price, units, share)
        asked = asked.after(units, stepped=False)
    return belief, sum(sold)


def _week_learnt(
    belief: Belief, asked: Clearance, price: float, sold: int, share: float
) -> Belief:
    """Learn from a week at a price that may be none of the plan's."""
    today = asked.prices[0]
    # `Clearance` takes falling prices, and the one in force may lie above the plan's.
    pair = sorted({today, price}, reverse=True)
    seen = replace(
        asked, prices=tuple(pair), units=(asked.units[0] * share,), salvage=0.0
    )
    index, at = pair.index(price), pair.index(today)
    return markdowns.learnt(belief, seen, index, sold, today=at)


def in_force(
    steps: Sequence[Step], since: datetime, until: datetime, usual: float
) -> tuple[float, float]:
    """Return the average price of a time, and the last; `usual` before the first."""
    moments = [step.at for step in steps]
    cuts = [since, *(at for at in moments if since < at < until), until]
    total, price = 0.0, usual
    for begins, ends in pairwise(cuts):
        place = bisect_right(moments, begins)
        price = float(steps[place - 1].price) if place else usual
        total += price * ((ends - begins) / (until - since))
    return total, price


def nearest(plan: Plan, price: float) -> int:
    """Return the index of the plan's price that is nearest."""
    prices = plan.asked.prices
    return min(range(len(prices)), key=lambda index: abs(prices[index] - price))
