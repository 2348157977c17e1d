from math import sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.experiments import difference
from analytics.moments import Floats, Moments
from analytics.spend_returns import Return, fieller

NAMES = ("gain", "spend", "before")
Z = 1.959963984540054
SEEDS = st.integers(0, 2**32 - 1)


def shop(
    chance: np.random.Generator, n: int, *, treated: bool, take: float = 0.3
) -> Floats:
    """Gain, spend and past of n customers: who redeems gains 5 more and costs 2.5."""
    person = chance.gamma(1, 1, n)
    past = person * chance.gamma(6, 5, n)
    redeems = treated * (chance.random(n) < take * np.minimum(1, person))
    gain = person * chance.gamma(6, 1.5, n) + redeems * chance.gamma(5, 1, n)
    return np.column_stack([gain, redeems * chance.gamma(5, 0.5, n), past])


def arms(seed: int, n: int = 800, take: float = 0.3) -> tuple[Moments, Moments]:
    chance = np.random.default_rng(seed)
    return (
        Moments.of(NAMES, shop(chance, n, treated=True, take=take)),
        Moments.of(NAMES, shop(chance, n, treated=False)),
    )


@given(SEEDS, st.sampled_from([None, "before"]))
def test_at_an_end_gain_less_return_times_spend_is_just_not_zero(
    seed: int, covariate: str | None
) -> None:
    """What Fieller's interval is: the returns that a test of that would not refuse."""
    treatment, control = arms(seed)

    found = fieller(treatment, control, "gain", "spend", covariate=covariate)

    assert found.value is not None
    assert found.low is not None
    assert found.high is not None
    assert found.low < found.value < found.high
    for end in (found.low, found.high):
        left = [
            one.with_sum("left", {"gain": 1, "spend": -end})
            for one in (treatment, control)
        ]
        effect = difference(left[0], left[1], "left", covariate=covariate)
        assert effect.error is not None
        assert abs(effect.value) / effect.error == pytest.approx(Z, rel=1e-6)


def test_the_value_is_gain_over_spend_between_all_assigned() -> None:
    treatment, control = arms(3)
    gain = difference(treatment, control, "gain").value
    spend = difference(treatment, control, "spend").value

    found = fieller(treatment, control, "gain", "spend")

    assert found.value == pytest.approx(gain / spend)


def test_in_large_arms_it_is_the_delta_methods() -> None:
    treatment, control = arms(4, n=200_000)
    found = fieller(treatment, control, "gain", "spend")
    assert found.value is not None
    assert found.low is not None
    assert found.high is not None

    left = [
        one.with_sum("left", {"gain": 1, "spend": -found.value})
        for one in (treatment, control)
    ]
    effect = difference(left[0], left[1], "left")
    spend = difference(treatment, control, "spend").value
    assert effect.error is not None
    half = Z * effect.error / spend

    assert found.high - found.low == pytest.approx(2 * half, rel=1e-3)


@pytest.mark.parametrize(
    ("treatment", "control"),
    [
        (Moments.none(NAMES), Moments.none(NAMES)),
        (Moments.of(NAMES, [(1, 1, 1)]), Moments.of(NAMES, [(1, 0, 1)] * 9)),
        (arms(5)[1], arms(6)[1]),
        (arms(5, n=60, take=0.02)[0], arms(6)[1]),
    ],
    ids=["nobody", "one", "nothing spent", "hardly anything spent"],
)
def test_where_spend_is_not_sure_nothing_is_said(
    treatment: Moments, control: Moments
) -> None:
    assert fieller(treatment, control, "gain", "spend") == Return()


def test_the_past_narrows_it() -> None:
    treatment, control = arms(8, n=4000)

    plain = fieller(treatment, control, "gain", "spend")
    found = fieller(treatment, control, "gain", "spend", covariate="before")

    assert plain.low is not None
    assert plain.high is not None
    assert found.low is not None
    assert found.high is not None
    assert found.high - found.low < 0.8 * (plain.high - plain.low)


def test_days_of_sums_are_as_good_as_the_whole() -> None:
    chance = np.random.default_rng(9)
    rows = shop(chance, 900, treated=True), shop(chance, 900, treated=False)
    one, two = (
        sum((Moments.of(NAMES, day) for day in np.split(each, 9)), Moments.none(NAMES))
        for each in rows
    )
    whole = [Moments.of(NAMES, each) for each in rows]

    assert fieller(one, two, "gain", "spend").value == pytest.approx(
        fieller(whole[0], whole[1], "gain", "spend").value
    )


@settings(deadline=None)
@given(st.floats(0.1, 10), st.floats(0.1, 10))
def test_other_units_are_the_same_return_in_other_units(
    gain: float, spend: float
) -> None:
    scaled, plain = arms(10), arms(10)
    change = np.diag([1, gain, spend, 1])
    scaled = (
        Moments(NAMES, change @ plain[0].gram @ change),
        Moments(NAMES, change @ plain[1].gram @ change),
    )

    one, two = (fieller(*each, "gain", "spend") for each in (plain, scaled))

    assert one.low is not None
    assert two.low == pytest.approx(one.low * gain / spend)


@pytest.mark.parametrize("take", [0.3, 0.05])
def test_19_of_20_intervals_hold_the_truth(take: float) -> None:
    """By drawn shops; an endless set holds everything, and so the truth."""
    chance, runs, n = np.random.default_rng(11), 1500, 600
    truth = 5 / 2.5
    held = 0
    for _ in range(runs):
        one, two = (
            Moments.of(NAMES, shop(chance, n, treated=treated, take=take))
            for treated in (True, False)
        )
        found = fieller(one, two, "gain", "spend", covariate="before")
        if found.low is None or found.high is None:
            held += 1
        else:
            held += found.low <= truth <= found.high

    assert held / runs == pytest.approx(0.95, abs=4 * sqrt(0.05 * 0.95 / runs))
