from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml import qini

Floats = qini.Floats


def test_the_curve_is_the_one_of_the_hand() -> None:
    """Four customers, best first: arm yes, control no, arm no, control yes."""
    y = np.array([1.0, 0.0, 0.0, 1.0])
    treated = np.array([True, False, True, False])
    uplift = np.array([4.0, 3.0, 2.0, 1.0])

    taken, gained = qini.curve(y, uplift, treated)

    assert taken.tolist() == [0, 1, 2, 3, 4]
    assert gained.tolist() == [0, 1, 1, 1, 0]
    # Area 3, as the ideal's, above a random order's 0.
    assert qini.qini(y, uplift, treated) == pytest.approx(1.0)
    # The other way round the gains are 0, −1, −½, 0: an area of −1½.
    assert qini.qini(y, -uplift, treated) == pytest.approx(-0.5)


@given(st.integers(0, 2**32 - 1))
def test_qini_is_what_counting_by_hand_gives(seed: int) -> None:
    chance = np.random.default_rng(seed)
    rows = int(chance.integers(8, 60))
    y = chance.integers(0, 2, rows).astype(float)
    treated = np.arange(rows) % 2 == 0
    uplift = chance.integers(0, 12, rows).astype(float)  # with ties

    found = qini.qini(y, uplift, treated)

    random = counted(y, np.zeros(rows), treated)
    ideal = counted(y, np.where(treated, y, -y), treated)
    area = counted(y, uplift, treated)
    assert ideal == random or found == pytest.approx((area - random) / (ideal - random))


def counted(y: Floats, uplift: Floats, treated: qini.Bools) -> float:
    """The area under the curve, customer by customer in plain Python."""
    points = [(0, 0.0)]
    for least in sorted(set(uplift.tolist()), reverse=True):
        best = [n for n in range(len(y)) if uplift[n] >= least]
        arm = [y[n] for n in best if treated[n]]
        control = [y[n] for n in best if not treated[n]]
        rate = len(arm) / len(control) if control else 0.0
        points.append((len(best), sum(arm) - sum(control) * rate))
    return sum((x1 - x0) * (g0 + g1) / 2 for (x0, g0), (x1, g1) in pairwise(points))


def test_without_an_order_there_is_no_qini() -> None:
    y, treated = np.array([1.0, 0, 1, 0]), np.array([True, True, False, False])

    assert qini.qini(y, np.ones(4), treated) == 0
    assert qini.robust_qini(y, qini.places(np.ones(4))).mean() == 0


def test_uplift_of_the_best_is_the_difference_of_means() -> None:
    y = np.array([1.0, 0.0, 1.0, 1.0, 0.0, 0.0])
    treated = np.array([True, False, True, False, True, False])
    uplift = np.arange(6, 0, -1.0)

    assert qini.uplift_at(y, uplift, treated, 0.5) == pytest.approx(1 - 0)
    assert qini.uplift_at(y, uplift, treated, 1.0) == pytest.approx(2 / 3 - 1 / 3)
    assert np.isnan(qini.uplift_at(y, uplift, treated, 0.2))


def test_the_robust_qini_is_the_area_between_gains_and_chance() -> None:
    chance = np.random.default_rng(1)
    scores, order = chance.normal(size=(2, 500))
    gains = np.r_[0, np.cumsum(scores[np.argsort(-order)])] / 500
    area = np.trapezoid(gains, dx=1 / 500) - gains[-1] / 2

    found = qini.robust_qini(scores, qini.places(order)).mean()

    assert found == pytest.approx(area, abs=1e-12)


def test_the_bootstrap_has_the_spread_of_a_mean() -> None:
    parts = np.random.default_rng(2).normal(2, 3, size=(4000, 2))

    draws = qini.bootstrap(parts, seed=0)

    assert draws.shape == (1000, 2)
    assert draws.mean(axis=0) == pytest.approx(parts.mean(axis=0), abs=0.01)
    assert draws.std(axis=0) == pytest.approx(3 / 4000**0.5, rel=0.1)
    assert np.array_equal(draws, qini.bootstrap(parts, seed=0))
    assert not np.array_equal(draws, qini.bootstrap(parts, seed=1))
    low, high = qini.interval(draws[:, 0])
    assert high - low == pytest.approx(2 * 1.96 * 3 / 4000**0.5, rel=0.1)
