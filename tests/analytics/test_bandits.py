from collections import Counter
from math import sqrt
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from analytics.bandits import (
    Arm,
    NeverDrawn,
    Period,
    adjusted,
    chances,
    inverse_probability,
    odds,
)
from analytics.experiments import difference
from analytics.moments import Floats, Moments

ERRORS = st.floats(1e-6, 1e3)
MEANS = st.floats(-100, 100)
ARMS = st.lists(st.tuples(MEANS, ERRORS), min_size=1, max_size=8)


def arms(*known: tuple[float, float], n: int = 500) -> dict[str, Arm]:
    return {
        f"arm {at}": Arm(n=n, mean=mean, error=error)
        for at, (mean, error) in enumerate(known)
    }


@given(MEANS, ERRORS, MEANS, ERRORS)
def test_of_two_arms_the_chance_is_the_normals(
    a: float, sa: float, b: float, sb: float
) -> None:
    found = chances(arms((a, sa), (b, sb)))

    expected = stats.norm.cdf((a - b) / sqrt(sa**2 + sb**2))
    assert found["arm 0"] == pytest.approx(expected, abs=1e-9)


@given(
    st.lists(st.tuples(st.floats(-3, 3), st.floats(0.05, 20)), min_size=3, max_size=3)
)
@settings(max_examples=25, deadline=None)
def test_of_three_arms_it_is_the_multivariate_normals(
    known: list[tuple[float, float]],
) -> None:
    """P(first is best) = P(all differences to it are below 0)."""
    means, errors = np.array(known).T
    change = np.column_stack([-np.ones(len(known) - 1), np.eye(len(known) - 1)])
    expected = stats.multivariate_normal.cdf(
        np.zeros(len(known) - 1),
        mean=change @ means,
        cov=change @ np.diag(errors**2) @ change.T,
    )

    assert chances(arms(*known))["arm 0"] == pytest.approx(expected, abs=1e-7)


@given(ARMS)
def test_chances_add_up_and_favour_the_better_of_equals(
    known: list[tuple[float, float]],
) -> None:
    found = chances(arms(*known))

    assert sum(found.values()) == pytest.approx(1)
    same = [(mean, 1.0) for mean, _ in known]
    ranked = sorted(chances(arms(*same)).items(), key=lambda one: one[1])
    means = [known[int(name.split()[1])][0] for name, _ in ranked]
    assert all(
        a <= b + 1e-6 or p == pytest.approx(q, abs=1e-9)
        for (_, p), (_, q), a, b in zip(
            ranked, ranked[1:], means, means[1:], strict=False
        )
    )


@given(ARMS, st.floats(0, 0.3))
def test_every_arm_keeps_the_least(
    known: list[tuple[float, float]], least: float
) -> None:
    found = odds(arms(*known), least=least)

    assert sum(found.values()) == pytest.approx(1)
    assert min(found.values()) >= min(least, 1 / len(known)) - 1e-12


def test_the_floor_is_added_not_cut() -> None:
    known = arms((0, 1), (1, 1), (5, 1))
    p = chances(known)

    found = odds(known, least=0.1)

    assert found == pytest.approx({name: 0.1 + 0.7 * p[name] for name in p})


def test_odds_stand_still_until_every_arm_has_100_units() -> None:
    known = arms((0, 1), (9, 1)) | {"new": Arm(n=99, mean=50, error=1)}
    before = {"arm 0": 0.2, "arm 1": 0.3, "new": 0.5}

    assert odds(known, least=0.05) == pytest.approx(dict.fromkeys(known, 1 / 3))
    assert odds(known, least=0.05, before=before) == before
    known["new"] = Arm(n=100, mean=50, error=1)
    assert odds(known, least=0.05, before=before)["new"] == pytest.approx(0.9)


def test_arms_in_which_nobody_differs_yet_are_no_certainty() -> None:
    nothing = arms((0, 0), (0, 0))
    some = {"none": Arm(n=400, mean=0, error=0), "few": Arm(n=100, mean=0.1, error=0.2)}

    assert odds(nothing, least=0.01) == {"arm 0": 0.5, "arm 1": 0.5}
    known = some | {"none": Arm(n=400, mean=0, error=0.1)}
    assert odds(some, least=0.01) == odds(known, least=0.01)


@given(ARMS)
def test_odds_are_the_same_every_time(known: list[tuple[float, float]]) -> None:
    assert odds(arms(*known), least=0.02) == odds(arms(*known), least=0.02)


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
