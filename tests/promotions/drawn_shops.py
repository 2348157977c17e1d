"""What offers are worth and cost in a shop that is drawn, and a budget for each."""

from typing import Any

import numpy as np

from promotions.instances import Budget, Instance

EXACT = 1e-6


def shop(seed: int, n: int = 60, m: int = 3, **more: Any) -> Instance:
    chance = np.random.default_rng(seed)
    value, cost = chance.normal(0.3, 1, (m, n)), chance.uniform(0.1, 2, (m, n))
    return Instance(value=value, cost=cost, **more)


def each(amount: float, m: int = 3) -> tuple[Budget, ...]:
    return tuple(Budget(name=str(o), options=(o,), amount=amount) for o in range(m))
