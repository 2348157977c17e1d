import itertools
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from analytics.moments import Moments, OtherNumbers

NAMES = ("spend", "before")
AMOUNTS = st.floats(-1e4, 1e4).map(lambda amount: round(amount, 2))
ROWS = st.lists(st.tuples(AMOUNTS, AMOUNTS), max_size=40)


def same(one: Moments, two: Moments) -> bool:
    return one.names == two.names and np.allclose(
        one.gram, two.gram, rtol=1e-12, atol=1e-6
    )


@given(st.lists(ROWS, min_size=1, max_size=5), st.randoms(use_true_random=False))
def test_days_add_up_to_the_whole_in_any_order(
    days: list[list[tuple[float, float]]], chance: "np.random.Generator"
) -> None:
    whole = Moments.of(NAMES, list(itertools.chain(*days)))
    chance.shuffle(days)

    added = sum((Moments.of(NAMES, day) for day in days), Moments.none(NAMES))

    assert same(added, whole)
    assert added.n == sum(map(len, days))


@given(ROWS, ROWS)
def test_what_was_added_can_be_taken_away(
    one: Sequence[tuple[float, float]], two: Sequence[tuple[float, float]]
) -> None:
    first, second = Moments.of(NAMES, one), Moments.of(NAMES, two)

    assert same(first + second - second, first)


@given(st.lists(st.tuples(AMOUNTS, AMOUNTS), min_size=2, max_size=40))
def test_moments_are_those_of_the_rows(rows: list[tuple[float, float]]) -> None:
    found, values = Moments.of(NAMES, rows), np.array(rows)
    scale = float(np.square(values).max()) or 1.0

    assert found.mean("spend") == pytest.approx(values[:, 0].mean(), abs=1e-6)
    expected = np.cov(values.T)
    assert found.spread == pytest.approx(expected, rel=1e-6, abs=1e-9 * scale)
    assert found.variance("before") == found.spread[1, 1]
    assert found.covariance("spend", "before") == found.spread[0, 1]


def test_other_numbers_are_not_added() -> None:
    with pytest.raises(OtherNumbers):
        Moments.none(("spend",)) + Moments.none(("margin",))
    with pytest.raises(OtherNumbers):
        Moments.none(("a", "b")) - Moments.none(("b", "a"))


def test_a_number_that_is_not_there_is_an_error() -> None:
    with pytest.raises(ValueError, match="not in tuple"):
        Moments.none(("spend",)).mean("margin")


def test_nobody_and_one_have_no_variance() -> None:
    nobody, one = Moments.none(NAMES), Moments.of(NAMES, [(3, 4)])

    assert (nobody.n, nobody.mean("spend"), nobody.variance("spend")) == (0, 0, 0)
    assert (one.n, one.mean("spend"), one.variance("spend")) == (1, 3, 0)


@pytest.mark.parametrize("amount", [0.1, 1 / 3, 19.99, 1e6 + 0.01, 0.0])
def test_a_constant_has_no_variance_not_even_by_rounding(amount: float) -> None:
    found = Moments.of(NAMES, [(amount, n) for n in range(1000)])

    assert found.variance("spend") == 0
    assert found.covariance("spend", "before") == 0
    assert found.variance("before") == pytest.approx(83_416.66666666667)


def test_a_small_spread_on_a_large_mean_is_kept() -> None:
    found = Moments.of(("y",), [(1000 + n % 2 * 0.1,) for n in range(1000)])

    assert found.variance("y") == pytest.approx(0.0025025, rel=1e-3)


def test_a_sum_of_numbers_is_a_number() -> None:
    rows = np.random.default_rng(3).normal(size=(50, 2))
    profit = rows @ [1.0, -0.5]

    found = Moments.of(NAMES, rows).with_sum("profit", {"spend": 1, "before": -0.5})

    assert same(found, Moments.of((*NAMES, "profit"), np.column_stack([rows, profit])))


def test_a_slope_is_the_regressions() -> None:
    chance = np.random.default_rng(4)
    before = chance.normal(5, 2, 300)
    spend = 1.7 * before + chance.normal(0, 1, 300)
    found = Moments.of(NAMES, np.column_stack([spend, before]))

    slope = found.slope(found.vector({"spend": 1.0}), "before")

    assert slope == pytest.approx(np.polyfit(before, spend, 1)[0])
    assert found.correlation("spend", "before") == pytest.approx(
        float(stats.pearsonr(spend, before).statistic)
    )
    assert Moments.none(NAMES).correlation("spend", "before") == 0
    assert Moments.none(NAMES).slope(found.vector({"spend": 1.0}), "before") == 0
