import json
import random
import sys
from collections import Counter
from collections.abc import Sequence
from math import sqrt
from pathlib import Path
from typing import Any

import pytest
from growthbook import GrowthBook
from growthbook.core import gbhash
from hypothesis import given
from hypothesis import strategies as st

from analytics import assignment
from analytics.assignment import Experiment, Filter, UnknownHash, hashed

VECTORS = json.loads(
    (Path(__file__).with_name("fixtures") / "growthbook.json").read_text()
)
EVEN = {"treatment": 0.5, "holdout": 0.5}
SPARED = Filter(seed="global-holdout", ranges=[(0.05, 1.0)])


def unicode_ids(count: int, *, seed: int) -> list[str]:
    """Return ids of any characters, a third of them beyond UTF-16's first plane."""
    chance = random.Random(seed)
    planes = ((32, 0x7F), (0xA0, 0xD7FF), (0x10000, sys.maxunicode))
    return [
        "".join(
            chr(chance.randint(*chance.choice(planes)))
            for _ in range(chance.randint(1, 12))
        )
        for _ in range(count)
    ]


def of(section: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", VECTORS[section], ids=json.dumps)


@of("hash")
def test_a_hash_is_the_published_one(case: Sequence[Any]) -> None:
    seed, unit, version, place = case
    if place is None:
        with pytest.raises(UnknownHash):
            hashed(unit, seed=seed, version=version)
    else:
        assert hashed(unit, seed=seed, version=version) == place


@of("getBucketRange")
def test_ranges_are_the_published_ones(case: Sequence[Any]) -> None:
    _, (arms, coverage, weights), expected = case

    found = assignment.ranges(weights, coverage, arms=arms)

    assert [list(one) for one in found] == pytest.approx(
        [pytest.approx(one) for one in expected]
    )


@of("chooseVariation")
def test_a_choice_is_the_published_one(case: Sequence[Any]) -> None:
    _, place, ranges, expected = case

    assert assignment.pick(place, ranges) == expected


@of("inNamespace")
def test_a_namespace_holds_the_published_units(case: Sequence[Any]) -> None:
    _, unit, namespace, expected = case

    assert assignment.inside(unit, tuple(namespace)) is expected


def test_there_are_57_published_vectors() -> None:
    sections = [cases for cases in VECTORS.values() if isinstance(cases, list)]

    assert sum(map(len, sections)) == 57


@pytest.mark.parametrize("version", [1, 2])
def test_10_000_unicode_ids_hash_as_pythons_sdk_hashes_them(version: int) -> None:
    ids = unicode_ids(10_000, seed=version)
    assert sum(any(ord(c) > 0xFFFF for c in one) for one in ids) > 5000

    for one in ids:
        assert hashed(one, seed="ключ-😀", version=version) == gbhash(
            "ключ-😀", one, version
        )


def test_a_hash_runs_over_code_units_not_bytes() -> None:
    assert hashed("ü-ключ-😀", seed="promo-42") == 0.9068


THREE = {"5 %": 0.2, "10 %": 0.3, "holdout": 0.5}
EXPERIMENTS = {
    "plain": Experiment(seed="s", arms=EVEN),
    "covered in part": Experiment(seed="s", arms=THREE, coverage=0.6),
    "behind a holdout": Experiment(seed="s", arms=THREE, filters=[SPARED]),
    "in a namespace": Experiment(seed="s", arms=EVEN, namespace=("n", 0.2, 0.7)),
    "all of it": Experiment(
        seed="ü😀",
        arms=THREE,
        coverage=0.9,
        namespace=("наме", 0.1, 0.9),
        filters=[SPARED, Filter(seed="other", ranges=[(0, 0.4), (0.5, 1)])],
    ),
    "in thirds": Experiment(seed="s", arms=dict.fromkeys("abc", 1 / 3)),
    "with weights that do not add up": Experiment(seed="s", arms={"a": 0.2, "b": 0.3}),
}


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_an_sdk_gives_the_same_arm_by_our_document(name: str) -> None:
    experiment = EXPERIMENTS[name]
    written = assignment.feature(experiment, key="menu", attribute="customer")
    features = json.loads(json.dumps({"menu": written}))
    sdk, seen = GrowthBook(features=features), set()

    for unit in unicode_ids(1500, seed=7):
        sdk.set_attributes({"customer": unit})
        found = sdk.eval_feature("menu")
        arm = experiment.arm(unit)
        seen.add(arm)
        assert found.value == arm
        if arm is not None:
            result = found.experimentResult
            assert result is not None
            assert (result.key, result.bucket) == (arm, experiment.bucket(unit))
    assert seen >= set(experiment.arms)


def test_a_namespace_written_as_a_filter_is_the_sdks_namespace() -> None:
    experiment = EXPERIMENTS["in a namespace"]
    written = assignment.feature(experiment, key="menu")
    del written["rules"][0]["filters"]
    written["rules"][0]["namespace"] = ["n", 0.2, 0.7]
    sdk, units = GrowthBook(features={"menu": written}), unicode_ids(2000, seed=9)

    for unit in units:
        sdk.set_attributes({"id": unit})
        assert sdk.eval_feature("menu").value == experiment.arm(unit)
    left_out = sum(experiment.arm(unit) is None for unit in units)
    assert abs(left_out - 1000) < 4 * sqrt(500)


def test_a_document_may_give_each_arm_a_value() -> None:
    experiment = EXPERIMENTS["plain"]
    values = {"treatment": {"percent": 10}, "holdout": None}
    written = assignment.feature(experiment, key="menu", values=values)
    sdk = GrowthBook(features={"menu": written})

    for unit in unicode_ids(50, seed=8):
        sdk.set_attributes({"id": unit})
        assert sdk.eval_feature("menu").value == values[experiment.arm(unit) or ""]


@pytest.mark.parametrize(
    "weights", [EVEN, {"a": 0.05, "b": 0.95}, {"a": 0.2, "b": 0.3, "c": 0.5}]
)
def test_arms_get_their_shares(weights: dict[str, float]) -> None:
    n, experiment = 20_000, Experiment(seed="shares", arms=weights)

    arms = Counter(experiment.arm(f"c-{k}") for k in range(n))

    for arm, weight in weights.items():
        assert abs(arms[arm] - n * weight) < 4 * sqrt(n * weight * (1 - weight))


def test_a_probability_is_the_share_that_gets_the_arm() -> None:
    experiment = Experiment(seed="cover", arms=THREE, coverage=0.4)
    n = 20_000

    arms = Counter(experiment.arm(f"c-{k}") for k in range(n))

    for arm in THREE:
        p = experiment.probability(arm)
        assert p == pytest.approx(0.4 * THREE[arm])
        assert abs(arms[arm] - n * p) < 4 * sqrt(n * p * (1 - p))
    with pytest.raises(KeyError):
        experiment.probability("15 %")


def test_more_coverage_moves_nobody() -> None:
    half = Experiment(seed="grow", arms=THREE, coverage=0.5)
    whole = Experiment(seed="grow", arms=THREE)
    units = [f"c-{k}" for k in range(5000)]

    assert all(half.arm(unit) in (None, whole.arm(unit)) for unit in units)


def test_the_global_holdout_spares_the_same_units_in_every_experiment() -> None:
    units = [f"c-{k}" for k in range(20_000)]
    spared = [
        {unit for unit in units if experiment.arm(unit) is None}
        for experiment in (
            Experiment(seed="one", arms=EVEN, filters=[SPARED]),
            Experiment(seed="two", arms=THREE, filters=[SPARED]),
        )
    ]

    assert spared[0] == spared[1]
    assert abs(len(spared[0]) - 1000) < 4 * sqrt(1000)


def test_an_arm_of_weight_zero_gets_nobody() -> None:
    experiment = Experiment(seed="s", arms={"none": 0.0, "all": 1.0})

    assert {experiment.arm(str(k)) for k in range(2000)} == {"all"}


def test_seeds_are_independent() -> None:
    units = [f"c-{k}" for k in range(20_000)]
    first = [hashed(unit, seed="one") < 0.5 for unit in units]
    second = [hashed(unit, seed="two") < 0.5 for unit in units]

    same = sum(a == b for a, b in zip(first, second, strict=True))

    assert abs(same - 10_000) < 4 * sqrt(5000)


@given(st.text(), st.text())
def test_any_text_has_one_place_in_the_unit_interval(unit: str, seed: str) -> None:
    place = hashed(unit, seed=seed)

    assert 0 <= place < 1
    assert place == hashed(unit, seed=seed)
    assert place == round(place, 4)


@given(
    st.lists(st.floats(0.01, 1), min_size=1, max_size=8),
    st.floats(0, 1),
)
def test_ranges_of_any_weights_are_apart_and_cover_their_share(
    raw: list[float], coverage: float
) -> None:
    weights = [one / sum(raw) for one in raw]

    found = assignment.ranges(weights, coverage)

    assert sum(end - start for start, end in found) == pytest.approx(coverage)
    edges = [edge for one in found for edge in one]
    assert edges == sorted(edges)
