"""What the past foretold is taken off an effect, and off its doubt."""

from math import sqrt
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.experiments import difference
from analytics.moments import Moments


def test_a_covariate_that_does_not_vary_changes_nothing() -> None:
    chance = np.random.default_rng(1)
    one, two = (
        Moments.of(("y", "x"), np.column_stack([chance.normal(size=50), np.ones(50)]))
        for _ in range(2)
    )

    assert difference(one, two, "y", covariate="x") == difference(one, two, "y")


@given(st.integers(0, 2**32 - 1), st.booleans())
def test_cuped_never_widens_but_by_chance_and_cuts_what_the_past_foretold(
    seed: int, relative: bool
) -> None:
    """The error falls by about √(1 − ρ²); the base of shares is not adjusted."""
    chance = np.random.default_rng(seed)
    rows = [paired(chance, 400, rho=0.8) for _ in range(2)]
    one, two = (Moments.of(("y", "x"), each) for each in rows)
    both = np.vstack(rows)
    theta = np.cov(both.T)[0, 1] / both[:, 1].var(ddof=1)
    adjusted = [each @ [1, -theta] for each in rows]

    plain = difference(one, two, "y", relative=relative)
    found = difference(one, two, "y", relative=relative, covariate="x")

    base = rows[1][:, 0].mean() if relative else 1
    expected = (adjusted[0].mean() - adjusted[1].mean()) / base
    assert found.value == pytest.approx(expected)
    assert found.error is not None
    assert plain.error is not None
    assert found.error / plain.error == pytest.approx(0.6, abs=0.12)


def paired(chance: np.random.Generator, n: int, *, rho: float) -> Any:
    x = chance.normal(size=n)
    y = 20 + rho * x + sqrt(1 - rho**2) * chance.normal(size=n)
    return np.column_stack([y, x])


def test_cuped_also_adjusts_a_ratio() -> None:
    """Baskets' value, by customers whose past spend foretells it."""
    chance, arms = np.random.default_rng(5), []
    for _ in range(2):
        x = chance.gamma(2, 10, 2000)
        orders = 1 + chance.poisson(2, 2000)
        spend = orders * (x + chance.normal(0, 3, 2000))
        arms.append(Moments.of(("y", "x", "d"), np.column_stack([spend, x, orders])))

    one, two = arms
    plain = difference(one, two, "y", ratio_of="d")
    found = difference(one, two, "y", ratio_of="d", covariate="x")

    assert plain.error is not None
    assert found.error is not None
    assert found.error < 0.6 * plain.error
    assert abs(found.value) < 3 * found.error
