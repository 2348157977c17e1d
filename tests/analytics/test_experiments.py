import random
from collections import Counter
from math import erfc, sqrt

import pytest

from analytics import experiments
from analytics.experiments import Sums

EVEN = {"treatment": 0.5, "holdout": 0.5}


@pytest.mark.parametrize(
    ("seed", "unit", "place"),
    [
        ("promo-42", "hh-17", 0.6368),
        ("seed", "a", 0.0505),
        ("seed", "b", 0.2696),
        ("foo", "ab", 0.2575),
        ("foo", "def", 0.2019),
        ("89123klj", "8952klfjas09ujkasdf", 0.124),
        ("90850943850283058242805", "123", 0.7516),
        ("()**(%$##$%#$#", '___)((*":&', 0.0128),
    ],
)
def test_a_bucket_is_growthbooks(seed: str, unit: str, place: float) -> None:
    assert experiments.bucket(unit, seed=seed) == place


def test_a_bucket_hashes_code_units_not_bytes() -> None:
    assert experiments.bucket("ü-ключ-😀", seed="promo-42") == 0.9068


def test_a_bucket_lies_in_the_unit_interval_and_never_moves() -> None:
    places = [experiments.bucket(f"c-{n}", seed="s") for n in range(5000)]

    assert all(0 <= place < 1 for place in places)
    assert places == [experiments.bucket(f"c-{n}", seed="s") for n in range(5000)]


@pytest.mark.parametrize(
    "weights", [EVEN, {"a": 0.05, "b": 0.95}, {"a": 0.2, "b": 0.3, "c": 0.5}]
)
def test_arms_get_their_shares(weights: dict[str, float]) -> None:
    n = 20_000
    arms = Counter(
        experiments.choose(f"c-{k}", seed="shares", weights=weights) for k in range(n)
    )

    for arm, weight in weights.items():
        assert abs(arms[arm] - n * weight) < 4 * sqrt(n * weight * (1 - weight))


def test_an_arm_of_weight_zero_gets_nobody() -> None:
    weights = {"none": 0.0, "all": 1.0}

    arms = {experiments.choose(str(k), seed="s", weights=weights) for k in range(2000)}

    assert arms == {"all"}


def test_seeds_are_independent() -> None:
    units = [f"c-{k}" for k in range(20_000)]
    first = [experiments.bucket(unit, seed="one") < 0.5 for unit in units]
    second = [experiments.bucket(unit, seed="two") < 0.5 for unit in units]

    same = sum(a == b for a, b in zip(first, second, strict=True))

    assert abs(same - 10_000) < 4 * sqrt(5000)


def proportion(yes: int, n: int) -> Sums:
    return Sums(n=n, total=yes, squares=yes)


def test_a_difference_is_gbstats() -> None:
    """gbstats 0.8.0 uses Student's t: at 20,000 customers it is the normal's."""
    found = experiments.difference(proportion(1100, 10050), proportion(1000, 10000))

    assert found.value == pytest.approx(0.0094527363, abs=1e-10)
    assert found.low == pytest.approx(0.0009769287088, abs=1e-6)
    assert found.high == pytest.approx(0.01792854393, abs=1e-6)


def test_a_difference_by_hand() -> None:
    """1, 2, 3 against 0, 2: means 2 and 1, variances 1 and 2, SE² = 1/3 + 1."""
    found = experiments.difference(
        Sums(n=3, total=6, squares=14), Sums(n=2, total=2, squares=4)
    )

    assert found.value == 1
    assert found.low == pytest.approx(1 - 1.959963985 * sqrt(4 / 3))
    assert found.high == pytest.approx(1 + 1.959963985 * sqrt(4 / 3))


def test_a_wider_confidence_is_a_wider_interval() -> None:
    arms = proportion(1100, 10050), proportion(1000, 10000)

    narrow = experiments.difference(*arms, confidence=0.8)
    wide = experiments.difference(*arms, confidence=0.99)

    assert narrow.low is not None
    assert wide.low is not None
    assert wide.low < 0 < narrow.low


@pytest.mark.parametrize(
    "arms",
    [
        (Sums(n=1, total=5, squares=25), proportion(1, 10)),
        (proportion(1, 10), Sums(n=0, total=0, squares=0)),
    ],
)
def test_arms_too_small_have_no_interval(arms: tuple[Sums, Sums]) -> None:
    found = experiments.difference(*arms)

    assert (found.low, found.high) == (None, None)


def test_a_constant_has_no_variance() -> None:
    sums = Sums(n=3, total=0.3, squares=3 * 0.1**2)

    assert sums.variance == pytest.approx(0, abs=1e-12)
    assert sums.variance >= 0


@pytest.mark.parametrize(
    ("counts", "weights", "p"),
    [
        ((10_000, 10_500), (0.5, 0.5), 0.000479146),
        ((90_210, 9_790), (0.9, 0.1), 0.026856696),
        ((500, 500), (0.5, 0.5), 1.0),
        ((0, 0), (0.5, 0.5), 1.0),
        ((0, 100), (0.5, 0.5), erfc(sqrt(50))),
    ],
)
def test_a_mismatch_is_gbstats(
    counts: tuple[int, int], weights: tuple[float, float], p: float
) -> None:
    arms = ("treatment", "holdout")

    found = experiments.mismatch(
        dict(zip(arms, counts, strict=True)), dict(zip(arms, weights, strict=True))
    )

    assert found == pytest.approx(p, abs=1e-9)


def test_between_equal_arms_nothing_is_found_but_for_one_in_twenty() -> None:
    chance, trials = random.Random(5), 400
    found = 0
    for trial in range(trials):
        spends: dict[str, list[float]] = {"treatment": [], "holdout": []}
        for unit in range(200):
            arm = experiments.choose(f"{trial}-{unit}", seed="aa", weights=EVEN)
            spends[arm].append(chance.expovariate(0.1) if chance.random() < 0.4 else 0)
        treatment, holdout = (
            Sums(n=len(ys), total=sum(ys), squares=sum(y * y for y in ys))
            for ys in spends.values()
        )
        difference = experiments.difference(treatment, holdout)
        assert difference.low is not None
        assert difference.high is not None
        found += not difference.low <= 0 <= difference.high

    assert 0.02 < found / trials < 0.09


def test_where_nobody_bought_yet_nothing_is_claimed() -> None:
    nothing = Sums(n=50, total=0, squares=0)

    found = experiments.difference(nothing, nothing)

    assert (found.value, found.low, found.high) == (0, None, None)
