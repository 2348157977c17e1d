"""Random small instances of every kind, and their best plan by trying all of them."""

import itertools
from typing import Any

import numpy as np

from promotions.instances import Budget, Instance, Return, Share
from promotions.violations import violations

KINDS = ("plain", "whole", "losing", "free", "sparse", "twins")
BY_CUSTOMER = ("audience", "most", "strategy", "most_of_campaign")


def instance(seed: int, n: int | None = None) -> Instance:
    """Return up to 5 customers × 4 options, or n, with limits thrown together."""
    chance = np.random.default_rng(seed)
    n, m = n or int(chance.integers(1, 6)), int(chance.integers(1, 5))
    value, cost = _matrices(chance, m, n)
    given: dict[str, Any] = {"most": int(chance.integers(0, 4))}
    if chance.random() < 0.5:
        given["strategy"] = np.unique(chance.integers(0, m, m), return_inverse=True)[1]
        given["campaign"] = given["strategy"] % 2
    if chance.random() < 0.4:
        given["most_of_campaign"] = chance.integers(0, 3, 2)
        given["given_of_campaign"] = chance.integers(0, 2, (2, n))
    if chance.random() < 0.3:
        given["given"] = chance.integers(0, 2, n)
    if chance.random() < 0.4:
        given["least_return"] = float(chance.choice([0, 0.5, 1, 2, 5]))
        given["returns"] = _returns(chance, m)
    if chance.random() < 0.3:
        given["audience"] = chance.random((m, n)) < 0.8
    if chance.random() < 0.3:
        given["promised"] = (chance.random((m, n)) < 0.15) & np.isfinite(value)
    given |= _stocks(chance, m, n) | _shares(chance, n)
    return Instance(value=value, cost=cost, budgets=_budgets(chance, cost), **given)


def _matrices(chance: np.random.Generator, m: int, n: int) -> tuple[Any, Any]:
    kind = KINDS[chance.integers(len(KINDS))]
    value = chance.normal(0.3, 1, (m, n)).astype(np.float32)
    cost: Any = chance.uniform(0.1, 2, (m, n)).astype(np.float32)
    if kind == "whole":
        value = chance.integers(-2, 4, (m, n)).astype(np.float32)
        cost = chance.integers(0, 3, (m, n))
    if kind == "losing":
        value = -np.abs(value)
    if kind == "free":
        cost[:] = 0
    if kind == "sparse":
        value[chance.random((m, n)) < 0.5] = -np.inf
    if kind == "twins":
        value[:], cost[:] = value[:, :1], cost[:, :1]
    return value, cost


def _budgets(chance: np.random.Generator, cost: Any) -> tuple[Budget, ...]:
    total, m = float(cost.sum()), len(cost)
    share = float(chance.choice([0, 0.1, 0.3, 1]))
    both = (
        Budget(name="all", options=tuple(range(m)), amount=share * total),
        Budget(name="first", options=(0,), amount=0.2 * total),
    )
    return both[: chance.integers(0, 3)]


def _returns(chance: np.random.Generator, m: int) -> tuple[Return, ...]:
    first = Return(name="first", options=(0,), least=float(chance.choice([0.5, 2])))
    last = Return(name="last", options=tuple({0, m - 1}), least=1.0)
    return (first, last)[: chance.integers(0, 3)]


def _stocks(chance: np.random.Generator, m: int, n: int) -> dict[str, Any]:
    if chance.random() < 0.5:
        return {}
    kinds = int(chance.integers(1, 4))
    return {
        "sku": chance.integers(-1, kinds, (m, n) if chance.random() < 0.5 else m),
        "units": chance.choice([0.25, 0.5, 1.0], (m, n)),
        "stock": chance.choice([0, 0.1, 0.3, 1], kinds) * n,
    }


def _shares(chance: np.random.Generator, n: int) -> dict[str, Any]:
    if chance.random() < 0.7:
        return {}
    shares = [Share(name=f"g{i}", share=float(chance.choice([0.2, 1]))) for i in (0, 1)]
    return {"group": chance.integers(-1, 2, n), "shares": tuple(shares)}


def best(asked: Instance) -> float | None:
    """Return what the best legal plan adds, or None where there is no legal plan.

    Raises ValueError where there are too many plans to try.
    """
    old = np.zeros(asked.value.shape, dtype=np.bool_)
    if asked.promised is not None:
        old = asked.promised
    mine = [_legal(asked, old, who) for who in range(asked.customers)]
    # As floats: integers would overflow unseen.
    if np.prod([float(len(sets)) for sets in mine]) > 2000:
        raise ValueError("too many plans")
    found = None
    for sets in itertools.product(*mine):
        new = np.array(sets).T
        if any(violations(asked, old | new)):
            continue
        worth = float(asked.value[new].sum(dtype=np.float64))
        found = worth if found is None else max(found, worth)
    return found


def _legal(asked: Instance, old: Any, who: int) -> list[Any]:
    sets = []
    for some in itertools.product([False, True], repeat=asked.options):
        if (np.array(some) & old[:, who]).any():
            continue
        trial = old.copy()
        trial[:, who] |= some
        if not any(
            b.split(" ")[0].strip(":") in BY_CUSTOMER for b in violations(asked, trial)
        ):
            sets.append(some)
    return sets
