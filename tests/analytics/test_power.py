from math import sqrt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.power import power, smallest_effect, units_needed
from tests.analytics.oracle import cases, near

COUNTS = st.integers(2, 10**6)


@cases("statsmodels", "powers")
def test_power_is_statsmodels(case: dict[str, Any]) -> None:
    """Whose effects are in standard deviations, and whose solver is a rough one."""
    treatment, ratio = case["nobs1"], case["ratio"]
    arms = {"treatment": treatment, "control": round(treatment * ratio)}

    found = power(effect=case["effect"], cv=1, alpha=case["alpha"], **arms)
    smallest = smallest_effect(cv=1, alpha=case["alpha"], **arms)
    needed = units_needed(
        effect=case["effect"], cv=1, share=1 / (1 + ratio), alpha=case["alpha"]
    )

    if arms["control"] == treatment * ratio:
        assert found == near(case["power"])
        assert smallest == pytest.approx(case["smallest"], rel=2e-4)
    assert needed == pytest.approx(case["needed"] * (1 + ratio), rel=1e-5, abs=1)


def test_the_studys_households() -> None:
    """2,469 households, 4 weeks: 14.2 % without the past, 8.1 % with it."""
    arms = {"treatment": 1234, "control": 1235}

    raw = smallest_effect(cv=1.26, **arms)
    cuped = smallest_effect(cv=1.26, rho=0.82, **arms)

    assert raw == pytest.approx(0.142, abs=5e-4)
    assert cuped == pytest.approx(0.081, abs=5e-4)


@given(COUNTS, COUNTS, st.floats(0.1, 5), st.floats(-0.95, 0.95))
def test_the_smallest_effect_is_found_with_the_power_asked_for(
    treatment: int, control: int, cv: float, rho: float
) -> None:
    arms = {"treatment": treatment, "control": control}

    smallest = smallest_effect(cv=cv, rho=rho, **arms)

    assert smallest is not None
    found = power(effect=smallest, cv=cv, rho=rho, **arms)
    assert found == pytest.approx(0.8, abs=1e-5)
    assert power(effect=-smallest, cv=cv, rho=rho, **arms) == found
    assert power(effect=0, cv=cv, rho=rho, **arms) == pytest.approx(0.05)


@given(st.floats(0.02, 0.98), st.floats(0.01, 0.5))
def test_so_many_units_suffice_and_fewer_do_not(share: float, effect: float) -> None:
    n = units_needed(effect=effect, cv=1.3, share=share)

    def found(units: int) -> float:
        error = 1.3 * sqrt(1 / (units * share) + 1 / (units * (1 - share)))
        return error * (1.959963984540054 + 0.8416212335729143)

    assert found(n) <= effect * (1 + 1e-9)
    assert found(n - 1) > effect * (1 - 1e-9)


def test_halves_are_the_best_split_and_a_small_holdout_costs() -> None:
    halves = units_needed(effect=0.1, cv=1.26)
    holdout = units_needed(effect=0.1, cv=1.26, share=0.95)

    assert holdout / halves == pytest.approx((1 / 0.95 + 1 / 0.05) / 4, rel=1e-3)


def test_an_empty_arm_finds_nothing() -> None:
    assert smallest_effect(cv=1, treatment=100, control=0) is None
    assert power(effect=9, cv=1, treatment=0, control=100) == 0


def test_no_effect_takes_endless_units() -> None:
    with pytest.raises(ZeroDivisionError):
        units_needed(effect=0, cv=1)
