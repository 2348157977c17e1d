from math import sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from analytics.bandits import Arm, chances, odds

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
