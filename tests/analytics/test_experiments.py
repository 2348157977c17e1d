from dataclasses import asdict
from math import sqrt
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.experiments import Effect, Prior, bayes, difference, sequential, total
from analytics.moments import Moments
from tests.analytics.oracle import cases, moments, near

LOOKS = 28
AMOUNTS = st.floats(0, 500).map(lambda amount: round(amount, 2))


def spends(*amounts: float) -> Moments:
    return Moments.of(("y",), [[amount] for amount in amounts])


def numbers(effect: Effect, *names: str) -> list[float | None]:
    return [asdict(effect)[name] for name in names]


@cases("gbstats", "effects")
def test_an_effect_is_gbstats(case: dict[str, Any]) -> None:
    treatment, control = moments(case["treatment"]), moments(case["control"])

    found = difference(treatment, control, "y", **case["options"])

    for name, expected in case["fixed"].items():
        assert getattr(found, name) == near(expected), name


@cases("gbstats", "effects")
def test_a_sequence_is_gbstats(case: dict[str, Any]) -> None:
    treatment, control = moments(case["treatment"]), moments(case["control"])
    fixed = difference(treatment, control, "y", **case["options"])

    for tuning, expected in case["sequential"].items():
        found = sequential(fixed, treatment.n + control.n, tuning=float(tuning))
        for name, value in expected.items():
            assert getattr(found, name) == near(value), name


@cases("gbstats", "effects")
def test_a_belief_is_gbstats(case: dict[str, Any]) -> None:
    treatment, control = moments(case["treatment"]), moments(case["control"])
    effect = difference(treatment, control, "y", **case["options"])

    for expected in case["bayes"]:
        prior = expected["prior"] and Prior(
            mean=expected["prior"][0], variance=expected["prior"][1]
        )
        found = bayes(effect, prior)
        for name in ("value", "error", "low", "high", "chance", "risk"):
            assert getattr(found, name) == near(expected[name]), name


def test_an_effect_is_the_studys() -> None:
    """Row 1 of the table that was measured before any of this was written."""
    treatment = Moments(("y",), np.array([[10050.0, 1100], [1100, 1100]]))
    control = Moments(("y",), np.array([[10000.0, 1000], [1000, 1000]]))

    found = difference(treatment, control, "y", relative=True, binary=True)

    assert numbers(found, "value", "low", "high", "p") == pytest.approx(
        [0.0945273632, 0.005822638804, 0.1832320876, 0.0367434047], abs=1e-10
    )


def test_an_effect_by_hand() -> None:
    """1, 2, 3 against 0, 2: means 2 and 1, variances 1 and 2, SE² = 1/3 + 1."""
    found = difference(spends(1, 2, 3), spends(0, 2), "y", confidence=0.9)

    df = (4 / 3) ** 2 / ((1 / 3) ** 2 / 2 + 1 / 1)
    assert numbers(found, "value", "error", "df") == pytest.approx([1, sqrt(4 / 3), df])
    assert found.low is not None
    assert found.high is not None
    assert found.low + found.high == pytest.approx(2)


@given(
    st.lists(st.lists(AMOUNTS, min_size=1, max_size=30), min_size=2, max_size=5),
    st.lists(st.lists(AMOUNTS, min_size=1, max_size=30), min_size=2, max_size=5),
)
def test_days_of_sums_give_the_effect_of_the_rows(
    treated: list[list[float]], controls: list[list[float]]
) -> None:
    treatment, control = (
        sum((spends(*day) for day in days), Moments.none(("y",)))
        for days in (treated, controls)
    )
    t, c = (np.concatenate(days) for days in (treated, controls))

    found = difference(treatment, control, "y")

    assert found.value == pytest.approx(t.mean() - c.mean(), abs=1e-9)
    squares = t.var(ddof=1) / len(t) + c.var(ddof=1) / len(c)
    if found.error is not None:
        assert found.error == pytest.approx(sqrt(squares), rel=1e-6, abs=1e-6)
    else:
        assert squares == pytest.approx(0, abs=1e-6)


@given(st.lists(AMOUNTS, min_size=3, max_size=30), st.floats(1.1, 3))
def test_an_effect_scales_with_the_unit_and_turns_with_the_arms(
    amounts: list[float], factor: float
) -> None:
    treatment, control = spends(*amounts), spends(*(x / 2 for x in amounts[1:]), 7)
    scaled = [
        spends(*(factor * x for x in one))
        for one in (amounts, [*(x / 2 for x in amounts[1:]), 7])
    ]

    found = difference(treatment, control, "y")
    turned = difference(control, treatment, "y")
    larger = difference(scaled[0], scaled[1], "y")

    assert turned.value == pytest.approx(-found.value)
    assert larger.value == pytest.approx(factor * found.value, abs=1e-9)
    if found.low is not None and found.p is not None:
        assert turned.high == pytest.approx(-found.low, abs=1e-9)
        assert larger.p == pytest.approx(found.p, abs=1e-6)


@pytest.mark.parametrize(
    ("treatment", "control"),
    [
        (spends(5), spends(1, 2, 3)),
        (spends(1, 2, 3), Moments.none(("y",))),
        (Moments.none(("y",)), Moments.none(("y",))),
        (spends(0, 0, 0), spends(0, 0)),
        (spends(0.1, 0.1, 0.1), spends(0.1, 0.1)),
        (spends(4, 4, 4), spends(2, 2)),
    ],
)
def test_what_cannot_be_estimated_is_not(treatment: Moments, control: Moments) -> None:
    found = difference(treatment, control, "y")

    assert not found.estimable
    assert numbers(found, "error", "df", "low", "high", "p") == [None] * 5
    assert found.value == pytest.approx(treatment.mean("y") - control.mean("y"))
    assert sequential(found, 10) == found
    assert bayes(found).chance is None
    assert total(found, 10) == Effect(value=10 * found.value)


def test_an_arm_that_is_certainly_zero_is_compared() -> None:
    """A holdout has no discounts: that is known, not estimated."""
    found = difference(spends(0, 1, 0, 1), spends(0, 0, 0), "y")

    assert found.estimable
    assert found.error == pytest.approx(sqrt(1 / 3 / 4))
    assert found.df == pytest.approx(3)


def test_of_nothing_there_is_no_share() -> None:
    found = difference(spends(0, 1, 0, 1), spends(0, 0, 0), "y", relative=True)

    assert (found.value, found.estimable) == (0, False)


def test_a_loss_grown_smaller_is_a_gain() -> None:
    found = difference(spends(-1, -2), spends(-3, -5), "y", relative=True)

    assert found.value == pytest.approx(2.5 / 4)


def test_a_ratio_without_a_denominator_is_nothing() -> None:
    none = Moments.of(("y", "d"), [[0, 0]] * 5)

    found = difference(none, none, "y", ratio_of="d")

    assert (found.value, found.estimable) == (0, False)


@given(st.floats(-50, 50), st.floats(0.01, 10), st.integers(4, 10**6))
def test_a_sequence_is_wider_than_one_look_and_less_sure(
    value: float, error: float, n: int
) -> None:
    z = 1.959963984540054
    fixed = Effect(
        value=value, error=error, low=value - z * error, high=value + z * error, p=0.5
    )

    found = sequential(fixed, n)

    assert found.low is not None
    assert found.high is not None
    assert found.low < value - z * error
    assert found.high > value + z * error
    assert found.p is not None
    assert 0 <= found.p <= 1


@given(st.floats(-5, 5), st.floats(0.01, 10))
def test_a_sequences_p_says_whether_zero_is_inside(value: float, error: float) -> None:
    found = sequential(Effect(value=value, error=error, low=0, high=0, p=0.5), 3000)

    assert found.low is not None
    assert found.high is not None
    assert found.p is not None
    if abs(found.p - 0.05) > 1e-9:
        assert (found.low <= 0 <= found.high) is (found.p > 0.05)


def test_peeking_under_a_sequence_finds_nothing_where_nothing_is() -> None:
    """1,000 trials of equal arms, 20 looks each: one t-test a look finds far more."""
    chance, trials, looks, batch = np.random.default_rng(9), 1000, 20, 60
    naive = under = 0
    draws = chance.exponential(size=(trials, 2, looks, batch))
    sums, squares = draws.sum(3).cumsum(2), (draws**2).sum(3).cumsum(2)
    for trial in range(trials):
        ps = []
        for look in range(looks):
            arms = [
                Moments(("y",), np.array([[batch * (look + 1), s], [s, q]]))
                for s, q in zip(
                    sums[trial, :, look], squares[trial, :, look], strict=True
                )
            ]
            fixed = difference(arms[0], arms[1], "y")
            ps.append((fixed.p, sequential(fixed, 2 * batch * (look + 1)).p))
        naive += min(p for p, _ in ps if p is not None) < 0.05
        under += min(p for _, p in ps if p is not None) < 0.05

    assert naive / trials > 0.15
    assert under / trials <= 0.05


def test_a_whole_is_every_unit_of_it() -> None:
    one = difference(spends(1, 2, 3), spends(0, 2), "y")

    found = total(one, 500)

    assert one.low is not None
    assert one.error is not None
    assert (found.p, found.df) == (one.p, one.df)
    assert numbers(found, "value", "low", "error") == pytest.approx(
        [500 * one.value, 500 * one.low, 500 * one.error]
    )


def test_a_strong_prior_wins_over_weak_data() -> None:
    weak = difference(spends(1, 2, 9), spends(0, 2), "y")

    found = bayes(weak, Prior(mean=-1, variance=1e-6))

    assert found.value == pytest.approx(-1, abs=1e-4)
    assert found.chance == pytest.approx(0, abs=1e-6)
    assert found.risk == pytest.approx(1, abs=1e-4)


def _looks(shop: str, n: int, rng: np.random.Generator) -> np.ndarray:
    """What n customers came to by each day, [n, LOOKS]; all of one kind."""
    if shop == "refusals":
        day = np.where(rng.random(n) < 0.02, rng.integers(0, LOOKS, n), LOOKS + 1)
        return (day[:, None] <= np.arange(LOOKS)).astype(float)
    each = (rng.random((n, LOOKS)) < 0.02) * rng.lognormal(2, 1, (n, LOOKS))
    return np.asarray(each.cumsum(axis=1))


@pytest.mark.parametrize("shop", ["refusals", "profit"])
def test_a_small_holdout_is_not_believed_too_soon_however_often_one_looks(
    shop: str,
) -> None:
    rng, found = np.random.default_rng(3), {True: 0, False: 0}
    for _ in range(100):
        seen, held = _looks(shop, 1000, rng), rng.random(1000) < 0.05
        for pooled in found:
            for look in range(LOOKS):
                one, two = (spends(*seen[arm, look]) for arm in (~held, held))
                effect = difference(one, two, "y", pooled=pooled)
                p = sequential(effect, 1000).p
                if p is not None and p < 0.05:
                    found[pooled] += 1
                    break

    assert found[True] <= 5
    assert found[False] > 20  # what a small arm's own variance would have found
