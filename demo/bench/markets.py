"""Instances of several families to allocate: seeded, of any size.

"shop" is the study's: offers 5 to 50 % deep, lognormal orders, about 8 % of negative
effects, cost = redemption × depth × order + contact; a tenth of the budget that
everybody's best would cost, stocks at .6 of what prices would ask for.
"""

from typing import Any

import numpy as np

from promotions.instances import Budget, Instance

RETURNS = {"shop": 3.0, "return": 3.4, "correlated": 3.0}
"""The least return; others: 2. At 3.4 it binds together with the budget."""
FAMILIES = ("shop", "return", "ties", "sparse", "correlated", "cents")


def market(
    n: int,
    *,
    seed: int,
    family: str = "shop",
    options: int = 10,
    stocks: int = 50,
    share: float = 0.1,
    **more: Any,
) -> Instance:
    """Return n customers × options with one budget, `stocks` stocks and a return.

    "return": the least return binds. "ties": few distinct values and costs. "sparse":
    nine in ten effects are zero or nobody's. "correlated": value follows cost.
    "cents": whole cents.
    """
    chance = np.random.default_rng([seed, FAMILIES.index(family), n])
    value, cost, units = _effects(chance, n, options, family)
    sku = None
    if stocks:
        popular = 1 / (1 + np.arange(stocks)) ** 0.7
        cuts = np.cumsum(popular / popular.sum())
        draw = chance.random((options, n), dtype=np.float32)
        sku = np.searchsorted(cuts.astype(np.float32), draw).astype(np.int16)
        # Sums in float32 may end a hair below 1.
        np.minimum(sku, stocks - 1, out=sku)
    best = value.argmax(axis=0)
    who = np.flatnonzero(value[best, np.arange(n)] > 0)
    wanted = cost[best[who], who].sum(dtype=np.float64)
    amount = float(round(share * wanted)) if family == "cents" else share * wanted
    stock = np.zeros(0)
    if sku is not None:
        stock = _stock(chance, value, cost, sku, units, amount, stocks)
    rho = RETURNS.get(family, 2.0) if stocks else None
    return Instance(
        value=value,
        cost=cost,
        budgets=(Budget(name="all", options=tuple(range(options)), amount=amount),),
        sku=sku,
        units=units if stocks else 1.0,
        stock=stock,
        least_return=rho,
        **more,
    )


def _effects(
    chance: np.random.Generator, n: int, m: int, family: str
) -> tuple[Any, Any, Any]:
    depth = np.linspace(0.05, 0.5, m, dtype=np.float32)[:, None]
    order = chance.lognormal(3.3, 0.7, n).astype(np.float32)
    base = chance.beta(1.5, 12, n).astype(np.float32)
    taste = chance.normal(0.8, 0.6, n).astype(np.float32)
    noise = chance.standard_normal((m, n), dtype=np.float32)
    lift = (taste + 0.5 * noise) * np.sqrt(depth)
    bought = base / (base + (1 - base) * np.exp(-lift))
    cost = bought * depth * order + np.float32(0.02)
    value = (bought - base) * order * np.float32(0.9) - 0.1 * bought * depth * order
    units = bought * np.float32(1.3)
    if family == "ties":
        value = np.round(value * 2).astype(np.float32) / 2
        cost = np.maximum(np.ceil(cost * 2), 1).astype(np.float32) / 2
        units = np.ceil(units * 4).astype(np.float32) / 4
    if family == "sparse":
        gone = chance.random((m, n), dtype=np.float32)
        value[gone < 0.9] = 0
        value[gone < 0.5] = -np.inf
    if family == "correlated":
        value = cost * (3 + 0.05 * noise) + np.float32(0.01) * noise
    if family == "cents":
        return (
            np.round(value * 100).astype(np.float32),
            np.maximum(np.round(cost * 100), 1).astype(np.int32),
            np.ones_like(units),
        )
    return value.astype(np.float32), cost.astype(np.float32), units.astype(np.float32)


def _stock(
    chance: np.random.Generator,
    value: Any,
    cost: Any,
    sku: Any,
    units: Any,
    amount: float,
    stocks: int,
) -> Any:
    """Return stocks, two in five at .6 of what the budget's price asks for."""
    n = value.shape[1]
    some = chance.choice(n, min(n, 20_000), replace=False)
    low, high = 0.0, 1e3
    v, c = value[:, some].astype(np.float64), cost[:, some].astype(np.float64)
    # By halving: the price at which a sample spends the budget's part.
    for _ in range(40):
        price = (low + high) / 2
        r = v - price * c
        best = r.argmax(axis=0)
        who = np.flatnonzero(r[best, np.arange(len(some))] > 0)
        spent = c[best[who], who].sum() * n / len(some)
        low, high = (price, high) if spent > amount else (low, price)
    asked = np.bincount(
        sku[best[who], some[who]], units[best[who], some[who]], minlength=stocks
    )
    tight = np.where(chance.random(stocks) < 0.4, 0.6, 3.0)
    return np.maximum(asked * tight * n / len(some), 0.5)
