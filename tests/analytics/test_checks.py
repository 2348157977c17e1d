from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics import checks
from analytics.checks import ALARM, adjusted_interval, mismatch
from analytics.experiments import Effect, difference
from analytics.moments import Moments
from tests.analytics.oracle import cases, near

CHANCES = st.lists(st.floats(0, 1), min_size=1, max_size=12)


def named(values: list[Any]) -> dict[str, Any]:
    return {f"arm {at}": value for at, value in enumerate(values)}


@cases("gbstats", "splits")
def test_a_mismatch_is_gbstats(case: dict[str, Any]) -> None:
    found = mismatch(named(case["counts"]), named(case["weights"]))

    assert found == near(case["p"])


def test_a_mismatch_is_the_studys() -> None:
    three = dict.fromkeys(("arm 0", "arm 1", "arm 2"), 1.0)

    assert mismatch(named([5000, 5100, 4700]), three) == pytest.approx(
        0.000153197, abs=1e-9
    )


@pytest.mark.parametrize(
    ("counts", "weights"),
    [
        ({}, {"a": 0.5, "b": 0.5}),
        ({"a": 0, "b": 0}, {"a": 0.5, "b": 0.5}),
        ({"a": 500, "b": 500}, {"a": 0.5, "b": 0.5}),
        ({"a": 70}, {"a": 1.0}),
        ({"a": 500, "b": 500, "shut": 0}, {"a": 0.5, "b": 0.5, "shut": 0.0}),
    ],
)
def test_where_nothing_speaks_against_the_plan_p_is_1(
    counts: dict[str, int], weights: dict[str, float]
) -> None:
    assert mismatch(counts, weights) == 1


def test_an_arm_that_nobody_reached_is_a_mismatch() -> None:
    assert mismatch({"a": 100}, {"a": 0.5, "b": 0.5}) < 1e-20


@pytest.mark.parametrize(("share", "alarm"), [(0.48, True), (0.5, False)])
def test_two_points_of_20_000_are_an_alarm(share: float, alarm: bool) -> None:
    counts = {"a": round(20_000 * share), "b": round(20_000 * (1 - share))}

    assert (mismatch(counts, {"a": 0.5, "b": 0.5}) < ALARM) is alarm


@cases("statsmodels", "adjustments")
def test_adjusted_p_values_are_statsmodels(case: dict[str, Any]) -> None:
    assert checks.holm(case["p"]) == [near(p) for p in case["holm"]]
    assert checks.benjamini_hochberg(case["p"]) == [
        near(p) for p in case["benjamini_hochberg"]
    ]


@given(CHANCES)
def test_adjusting_never_helps_nor_swaps_and_holm_is_the_stricter(
    p: list[float],
) -> None:
    holm, hochberg = checks.holm(p), checks.benjamini_hochberg(p)

    for adjusted in (holm, hochberg):
        assert len(adjusted) == len(p)
        assert all(a >= b - 1e-15 for a, b in zip(adjusted, p, strict=True))
        order = sorted(range(len(p)), key=p.__getitem__)
        ranked = [adjusted[at] for at in order]
        assert ranked == sorted(ranked)
        assert max(adjusted) <= 1
    assert all(a >= b - 1e-15 for a, b in zip(holm, hochberg, strict=True))


def test_of_no_tests_nothing_is_adjusted() -> None:
    assert checks.holm([]) == checks.benjamini_hochberg([]) == []


def test_holm_keeps_false_finds_of_a_family_at_one_in_twenty() -> None:
    chance = np.random.default_rng(3)
    families = chance.random((4000, 6))

    naive = (families.min(axis=1) < 0.05).mean()
    kept = np.mean([min(checks.holm(list(one))) < 0.05 for one in families])

    assert naive > 0.2
    assert kept == pytest.approx(0.05, abs=0.012)


@pytest.mark.parametrize("p", [1e-12, 1e-16, 1e-40, 1e-300, 0.0])
def test_an_interval_has_a_width_however_small_its_p(p: float) -> None:
    effect = Effect(value=8.0, error=0.5, df=None, low=7.0, high=9.0, p=p)

    found = adjusted_interval(effect, p)

    assert found.low is not None
    assert found.high is not None
    assert found.high - found.low > 0.5


def test_an_adjusted_interval_goes_with_its_p() -> None:
    chance = np.random.default_rng(1)
    one, two = (
        Moments.of(("y",), chance.normal(mean, 1, (40, 1))) for mean in (0.7, 0)
    )
    effect = difference(one, two, "y")
    assert effect.p is not None
    assert effect.low is not None
    assert effect.high is not None

    same = adjusted_interval(effect, effect.p)
    edge = adjusted_interval(effect, 0.05)
    wider = adjusted_interval(effect, 3 * effect.p)
    endless = adjusted_interval(effect, 1.0)

    assert (same.low, same.high) == pytest.approx((effect.low, effect.high))
    assert edge.low == pytest.approx(0, abs=1e-12)
    assert wider.low is not None
    assert wider.low < effect.low
    assert wider.p == 3 * effect.p
    assert (endless.p, endless.low, endless.high) == (1, None, None)


def test_what_was_not_estimable_stays_so() -> None:
    nobody = difference(Moments.none(("y",)), Moments.none(("y",)), "y")

    assert adjusted_interval(nobody, 0.2) == nobody
