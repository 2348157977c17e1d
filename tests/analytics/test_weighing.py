"""What arms with moving odds earned is weighed by the odds of each period."""

from collections import Counter
from math import sqrt
from typing import Any

import numpy as np
import pytest

from analytics.bandits import (
    Arm,
    NeverDrawn,
    Period,
    adjusted,
    inverse_probability,
    odds,
)
from analytics.experiments import difference
from analytics.moments import Floats, Moments

Rows = list[dict[str, Floats]]


def periods(drawn: Rows, chosen: list[dict[str, float]]) -> list[Period]:
    return [
        Period(arms={a: Moments.of(("y",), y[:, None]) for a, y in one.items()}, odds=p)
        for one, p in zip(drawn, chosen, strict=True)
    ]


def unequal(seed: int) -> tuple[Rows, list[dict[str, float]]]:
    chance = np.random.default_rng(seed)
    chosen = [{"a": p, "b": 0.2, "c": 0.8 - p} for p in (0.3, 0.6, 0.05, 0.75)]
    drawn: Rows = []
    for at, p in enumerate(chosen):
        lots = chance.choice(list(p), size=400, p=list(p.values()))
        y = chance.gamma(2, 3 + at, 400) + 2.0 * (lots == "b")
        drawn.append({arm: y[lots == arm] for arm in p})
    return drawn, chosen


@pytest.mark.parametrize("normalised", [True, False])
def test_weighing_is_unit_by_unit(normalised: bool) -> None:
    """The same from all rows: means, and variances of the lots within each period."""
    drawn, chosen = unequal(1)

    found = inverse_probability(periods(drawn, chosen), "y", normalised=normalised)

    n = sum(len(y) for one in drawn for y in one.values())
    parts: dict[str, list[Any]] = {"a": [], "b": [], "c": []}
    means = {}
    for arm, units in parts.items():
        weights = [
            1 / p[arm] * np.ones(len(d[arm]))
            for d, p in zip(drawn, chosen, strict=True)
        ]
        ys = [d[arm] for d in drawn]
        top = sum(float(w @ y) for w, y in zip(weights, ys, strict=True))
        below = sum(w.sum() for w in weights) if normalised else n
        means[arm] = top / below
        around = means[arm] if normalised else 0
        for d, w, y in zip(drawn, weights, ys, strict=True):
            u = np.zeros(sum(map(len, d.values())))
            start = {"a": 0, "b": len(d["a"]), "c": len(d["a"]) + len(d["b"])}[arm]
            u[start : start + len(y)] = w * (y - around) / below
            units.append(u)
    for one in "abc":
        assert found.mean(one).value == pytest.approx(means[one])
        expected = sum(len(u) * u.var() for u in parts[one])
        assert found.mean(one).error == pytest.approx(sqrt(expected))
    between = sum(
        len(u) * (u - v).var() for u, v in zip(parts["b"], parts["a"], strict=True)
    )
    effect = found.difference("b", "a")
    assert effect.value == pytest.approx(means["b"] - means["a"])
    assert effect.error == pytest.approx(sqrt(between))


def test_with_odds_that_never_moved_it_is_the_plain_difference() -> None:
    chance = np.random.default_rng(2)
    one, two = chance.normal(5, 1, 3000), chance.normal(4.8, 1, 3000)
    even = [{"a": 0.5, "b": 0.5}]

    found = inverse_probability(periods([{"a": one, "b": two}], even), "y")

    plain = difference(
        Moments.of(("y",), one[:, None]), Moments.of(("y",), two[:, None]), "y"
    )
    effect = found.difference("a", "b")
    assert effect.value == pytest.approx(plain.value)
    assert effect.error == pytest.approx(plain.error, rel=1e-2)
    assert found.arms()["a"].n == 3000


@pytest.mark.parametrize("normalised", [True, False])
def test_odds_that_follow_good_days_bias_naive_means_but_not_these(
    normalised: bool,
) -> None:
    """No arm is better; on the good day "a" was favoured by chance."""
    chance, runs = np.random.default_rng(3), 400
    chosen = [{"a": 0.3, "b": 0.7}, {"a": 0.9, "b": 0.1}]
    naive, weighed, held = [], [], 0
    for _ in range(runs):
        drawn: Rows = []
        for level, p in zip((10, 20), chosen, strict=True):
            y = chance.gamma(4, level / 4, 500)
            lots = chance.random(500) < p["a"]
            drawn.append({"a": y[lots], "b": y[~lots]})
        found = inverse_probability(
            periods(drawn, chosen), "y", normalised=normalised
        ).difference("a", "b")
        a, b = (np.concatenate([one[arm] for one in drawn]) for arm in "ab")
        naive.append(a.mean() - b.mean())
        weighed.append(found.value)
        assert found.low is not None
        assert found.high is not None
        held += found.low <= 0 <= found.high

    error = np.std(weighed) / sqrt(runs)
    assert np.mean(naive) > 3
    assert abs(np.mean(weighed)) < 3 * error
    assert held / runs == pytest.approx(0.95, abs=0.035)


def test_an_arm_without_odds_cannot_be_weighed() -> None:
    drawn, chosen = unequal(4)
    chosen[1] = {"a": 0.8, "b": 0.2}
    del drawn[1]["c"]

    with pytest.raises(NeverDrawn):
        inverse_probability(periods(drawn, chosen), "y")


def test_a_period_in_which_an_arm_had_odds_but_no_luck_counts() -> None:
    drawn, chosen = unequal(5)
    del drawn[2]["a"]

    found = inverse_probability(periods(drawn, chosen), "y")

    assert found.arms()["a"].n == sum(len(one.get("a", [])) for one in drawn)


def bandit_of_days(chance: np.random.Generator) -> tuple[list[Period], float]:
    """Return five days of a bandit, the first a good one, and how much was planted.

    What customers spent before tells much of what they spend. "b" is better by 1.
    """
    found: list[Period] = []
    usual = []
    chosen = {"a": 0.5, "b": 0.5}
    for level in (60, 10, 20, 10, 30):
        before = chance.gamma(2, 5, 400)
        plain = level + before + chance.normal(0, 3, 400)
        lots = chance.random(400) < chosen["a"]
        y = plain + ~lots
        arms_ = {
            arm: Moments.of(("y", "x"), np.column_stack([y, before])[some])
            for arm, some in (("a", lots), ("b", ~lots))
        }
        found.append(Period(arms=arms_, odds=chosen))
        usual.append(plain.mean())
        chosen = odds(adjusted(found, "y", "x").arms(), least=0.05)
    return found, float(np.mean(usual))


def test_adjusted_estimates_of_a_bandit_hold_the_truth_and_are_surer() -> None:
    chance, runs = np.random.default_rng(6), 400
    misses: dict[str, list[float]] = {"a": [], "b": [], "b over a": []}
    held = Counter[str]()
    for _ in range(runs):
        found, usual = bandit_of_days(chance)
        some = adjusted(found, "y", "x")
        told = {"a": some.mean("a"), "b": some.mean("b")}
        told["b over a"] = some.difference("b", "a")
        truth = {"a": usual, "b": usual + 1, "b over a": 1.0}
        for name, effect in told.items():
            misses[name].append(effect.value - truth[name])
            assert effect.low is not None
            assert effect.high is not None
            held[name] += effect.low <= truth[name] <= effect.high
        plain = inverse_probability(found, "y").difference("b", "a")
        assert (told["b over a"].error or 0) < 0.5 * (plain.error or 0)

    for name, some_ in misses.items():
        assert abs(np.mean(some_)) < 3 * np.std(some_) / sqrt(runs), name
        assert held[name] / runs > 0.915, name
    assert held["b over a"] / runs == pytest.approx(0.95, abs=0.035)


def test_an_arm_that_nobody_is_in_yet_has_no_error_and_harms_no_other() -> None:
    drawn, chosen = unequal(5)
    for one in drawn:
        del one["a"]

    found = inverse_probability(periods(drawn, chosen), "y")

    assert found.arms()["a"] == Arm(n=0, mean=0.0, error=0.0)
    assert found.mean("b").estimable
    assert not found.mean("a").estimable
