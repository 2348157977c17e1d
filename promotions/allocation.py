"""Who gets which offer: at most k per customer, within every strategy's budget. Pure.

A multiple-choice knapsack, by its Lagrangian dual: each strategy has a price λ on its
cost; every customer takes the k best strategies at value − λ·cost. λ is raised until
the budget holds, by bisection, one strategy after the other until nothing moves. The
answer is always feasible: what ties still leave over a budget is trimmed.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
ROUNDS = 4
HALVINGS = 30


def allocate(
    value: Floats, cost: Floats, budgets: Sequence[float], *, most: int
) -> NDArray[np.bool_]:
    """Return who gets what, [customers, strategies], for the largest total value.

    `value` and `cost` have that shape; a value of −inf means "not in the audience".
    Only positive values are ever chosen.
    """
    prices = np.zeros(value.shape[1])
    for _ in range(ROUNDS):
        before = prices.copy()
        for strategy, budget in enumerate(budgets):
            prices[strategy] = _price(value, cost, prices, strategy, budget, most)
        if np.array_equal(before, prices):
            break
    chosen = _choose(value, cost, prices, most)
    return _trimmed(chosen, value, cost, budgets)


def _choose(
    value: Floats, cost: Floats, prices: Floats, most: int
) -> NDArray[np.bool_]:
    reduced = value - cost * prices
    if value.shape[1] > most:
        kth = np.partition(reduced, -most, axis=1)[:, -most][:, None]
        return np.asarray((reduced > 0) & (reduced >= kth))
    return np.asarray(reduced > 0)


def _price(
    value: Floats, cost: Floats, prices: Floats, strategy: int, budget: float, most: int
) -> float:
    """Return the least price at which the strategy's cost fits its budget."""
    trial = prices.copy()

    def spent(price: float) -> float:
        trial[strategy] = price
        chosen = _choose(value, cost, trial, most)[:, strategy]
        return float(cost[chosen, strategy].sum())

    if spent(0.0) <= budget:
        return 0.0
    low, high = 0.0, _highest(value[:, strategy], cost[:, strategy])
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if spent(middle) > budget else (low, middle)
    return high


def _highest(value: Floats, cost: Floats) -> float:
    inside = np.isfinite(value) & (value > 0) & (cost > 0)
    ratios = value[inside] / cost[inside]
    return float(ratios.max() * 1.01) if len(ratios) else 0.0


def _trimmed(
    chosen: NDArray[np.bool_], value: Floats, cost: Floats, budgets: Sequence[float]
) -> NDArray[np.bool_]:
    """Drop the least valuable choices where ties still pass a budget."""
    for strategy, budget in enumerate(budgets):
        who = np.flatnonzero(chosen[:, strategy])
        best_first = who[np.argsort(-value[who, strategy], kind="stable")]
        over = np.cumsum(cost[best_first, strategy]) > budget
        chosen[best_first[over], strategy] = False
    return chosen
