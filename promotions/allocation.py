"""Who gets which offer: at most k per customer, within every strategy's budget. Pure.

A multiple-choice knapsack, by its Lagrangian dual: each strategy has a price λ on its
cost; every customer takes the k best strategies at value − λ·cost. λ is raised until
the budget holds, by bisection, one strategy after the other until nothing moves. The
answer is always feasible: the last step takes offers up one by one while they fit.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
ROUNDS = 4
HALVINGS = 30
FILL = 1000


def allocate(
    value: Floats, cost: Floats, budgets: Sequence[float], *, most: int
) -> NDArray[np.bool_]:
    """Return who gets what, [customers, strategies], for the largest total value.

    `value` and `cost` have that shape; a value of −inf means "not in the audience", and
    +inf "promised already": chosen whatever the budget, which it binds like any other.
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
    for strategy, budget in enumerate(budgets):
        _fit(chosen, value, cost, strategy, budget, most)
    return chosen


def _choose(
    value: Floats, cost: Floats, prices: Floats, most: int
) -> NDArray[np.bool_]:
    reduced = value - cost * prices
    chosen = reduced > 0
    if value.shape[1] > most:
        dropped = np.argpartition(-reduced, most, axis=1)[:, most:]
        np.put_along_axis(chosen, dropped, values=False, axis=1)
    return np.asarray(chosen | np.isposinf(value))


def _fit(
    chosen: NDArray[np.bool_],
    value: Floats,
    cost: Floats,
    strategy: int,
    budget: float,
    most: int,
) -> None:
    """Make one strategy's choices fit its budget exactly, and use what is left of it.

    Its customers are taken up again in order of value per cost: first those chosen by
    price, then `FILL` more that have room for an offer. Promises stay.
    """
    promised = np.isposinf(value[:, strategy])
    was = chosen[:, strategy] & ~promised
    room = ~was & ~promised & (value[:, strategy] > 0) & (chosen.sum(axis=1) < most)
    chosen[:, strategy] = promised
    left = budget - cost[promised, strategy].sum()
    by_price = _best_first(was, value, cost, strategy)
    fillers = _best_first(room, value, cost, strategy)[:FILL]
    for customer in (*by_price, *fillers):
        if cost[customer, strategy] <= left:
            chosen[customer, strategy] = True
            left -= cost[customer, strategy]


def _best_first(
    who: NDArray[np.bool_], value: Floats, cost: Floats, strategy: int
) -> NDArray[np.int64]:
    rows = np.flatnonzero(who)
    ratio = value[rows, strategy] / np.maximum(cost[rows, strategy], 1e-12)
    return rows[np.argsort(-ratio, kind="stable")]


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
