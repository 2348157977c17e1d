import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import Bounds, LinearConstraint, milp

from promotions.allocation import allocate


def instance(seed: int, n: int = 60, m: int = 3) -> tuple[np.ndarray, np.ndarray]:
    chance = np.random.default_rng(seed)
    return chance.normal(0.3, 1, (n, m)), chance.uniform(0.1, 2, (n, m))


def best_value(
    value: np.ndarray, cost: np.ndarray, budgets: list[float], most: int
) -> float:
    """The integer optimum by HiGHS."""
    n, m = value.shape
    per_customer = np.kron(np.eye(n), np.ones(m))
    per_strategy = np.zeros((m, n * m))
    for j in range(m):
        per_strategy[j, j::m] = cost[:, j]
    solved = milp(
        -value.ravel(),
        integrality=np.ones(n * m),
        bounds=Bounds(0, 1),
        constraints=[
            LinearConstraint(per_customer, ub=most),
            LinearConstraint(per_strategy, ub=budgets),
        ],
    )
    return float(-solved.fun)


def test_only_gains_are_chosen_and_everybody_gets_at_most_k() -> None:
    value, cost = instance(1)

    chosen = allocate(value, cost, [1e9] * 3, most=2)

    assert (value[chosen] > 0).all()
    assert chosen.sum(axis=1).max() == 2


def test_who_is_not_in_the_audience_gets_nothing() -> None:
    value, cost = instance(2)
    value[:, 1] = -np.inf

    assert not allocate(value, cost, [1e9] * 3, most=3)[:, 1].any()


def test_a_promise_is_kept_and_takes_its_place_and_its_cost() -> None:
    value, cost = instance(3)
    value[:10, 0] = np.inf
    promised = cost[:10, 0].sum()

    chosen = allocate(value, cost, [promised + 2.0, 1e9, 1e9], most=2)

    assert chosen[:10, 0].all()
    assert 1.0 < cost[chosen[:, 0], 0].sum() - promised <= 2.0
    assert chosen.sum(axis=1).max() == 2


def test_promises_are_kept_beyond_a_budget_and_nothing_is_added() -> None:
    value, cost = instance(4)
    value[:10] = np.inf

    chosen = allocate(value, cost, [0.0] * 3, most=2)

    assert chosen[:10].all()
    assert not chosen[10:].any()


@pytest.mark.parametrize("budget", [0.0, 1.0, 5.0, 15.0])
@pytest.mark.parametrize("seed", range(5))
def test_the_value_is_near_the_integer_optimum(seed: int, budget: float) -> None:
    value, cost = instance(seed)
    budgets = [budget] * 3

    chosen = allocate(value, cost, budgets, most=2)

    reached = value[chosen].sum()
    assert reached >= 0.9 * best_value(value, cost, budgets, 2) - 1e-9
    assert all((cost * chosen).sum(axis=0) <= np.array(budgets) + 1e-9)


numbers = st.floats(-5, 5, allow_nan=False)


@given(
    st.integers(1, 30),
    st.integers(1, 4),
    st.integers(1, 3),
    st.integers(0, 2**32 - 1),
    st.floats(0, 20),
)
def test_no_budget_is_ever_passed(
    n: int, m: int, most: int, seed: int, budget: float
) -> None:
    chance = np.random.default_rng(seed)
    value = chance.integers(-2, 3, (n, m)).astype(float)  # many ties
    cost = chance.integers(0, 3, (n, m)).astype(float)

    chosen = allocate(value, cost, [budget] * m, most=most)

    assert ((cost * chosen).sum(axis=0) <= budget + 1e-9).all()
    assert (chosen.sum(axis=1) <= most).all()
    assert (value[chosen] > 0).all()
