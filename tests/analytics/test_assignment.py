from collections import Counter
from math import sqrt

import pytest

from analytics.assignment import Experiment, hashed

EVEN = {"treatment": 0.5, "holdout": 0.5}


@pytest.mark.parametrize(
    ("seed", "unit", "place"),
    [
        ("promo-42", "hh-17", 0.6368),
        ("promo-42", "ü-ключ-😀", 0.9068),
    ],
)
def test_a_place_is_growthbooks(seed: str, unit: str, place: float) -> None:
    assert hashed(unit, seed=seed) == place


def test_a_place_lies_in_the_unit_interval_and_never_moves() -> None:
    places = [hashed(f"c-{n}", seed="s") for n in range(5000)]

    assert all(0 <= place < 1 for place in places)
    assert places == [hashed(f"c-{n}", seed="s") for n in range(5000)]


@pytest.mark.parametrize(
    "weights", [EVEN, {"a": 0.05, "b": 0.95}, {"a": 0.2, "b": 0.3, "c": 0.5}]
)
def test_arms_get_their_shares(weights: dict[str, float]) -> None:
    n, experiment = 20_000, Experiment(seed="shares", arms=weights)

    arms = Counter(experiment.arm(f"c-{k}") for k in range(n))

    for arm, weight in weights.items():
        assert abs(arms[arm] - n * weight) < 4 * sqrt(n * weight * (1 - weight))


def test_an_arm_of_weight_zero_gets_nobody() -> None:
    experiment = Experiment(seed="s", arms={"none": 0.0, "all": 1.0})

    assert {experiment.arm(str(k)) for k in range(2000)} == {"all"}


def test_seeds_are_independent() -> None:
    units = [f"c-{k}" for k in range(20_000)]
    first = [hashed(unit, seed="one") < 0.5 for unit in units]
    second = [hashed(unit, seed="two") < 0.5 for unit in units]

    same = sum(a == b for a, b in zip(first, second, strict=True))

    assert abs(same - 10_000) < 4 * sqrt(5000)
