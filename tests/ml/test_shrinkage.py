import numpy as np
import pytest
from scipy.special import expit

from ml import shrinkage
from ml.shrinkage import Fitted, Floats, Sample
from ml.uplift_shrunk import contrasts

ROWS, COLUMNS = 4000, 10


def drawn(spreads: tuple[float, float], *, binary: bool, seed: int = 0) -> Fitted:
    """Fit a trial whose columns' effects have one spread in each of two groups."""
    chance = np.random.default_rng(seed)
    z = chance.normal(size=(ROWS, 2 * COLUMNS))
    arm = chance.integers(0, 2, ROWS)
    effects = chance.normal(size=2 * COLUMNS) * np.repeat(spreads, COLUMNS)
    told = -0.5 + z[:, 0] * 0.5 + (arm - 0.5) * (z @ effects)
    y = told + chance.normal(size=ROWS)
    if binary:
        y = (chance.random(ROWS) < expit(told)).astype(float)
    told_by, levels = contrasts(np.array([0.5, 0.5]))
    return shrinkage.fit(
        Sample(
            z=z,
            y=y,
            arm=arm,
            contrasts=told_by,
            levels=levels,
            groups=np.repeat([0, 1], COLUMNS),
            binary=binary,
        )
    )


@pytest.mark.parametrize("binary", [False, True])
def test_a_group_in_which_nothing_is_vanishes_and_the_other_does_not(
    binary: bool,
) -> None:
    found = drawn((0.5, 0.0), binary=binary)

    assert found.variances[1, 0] == pytest.approx(0.25, rel=0.6)
    assert found.variances[1, 1] < 0.002


def test_without_effects_only_the_common_shift_is_left() -> None:
    found = drawn((0.0, 0.0), binary=True, seed=3)

    assert np.abs(found.weights[1, 1:]).max() < 0.05
    assert np.isfinite(found.weights).all()


def test_the_weights_are_those_of_a_ridge_with_the_variances_found() -> None:
    """With the noise of 1 that was drawn: (ZᵀZ + 1/variance)⁻¹ Zᵀy."""
    chance = np.random.default_rng(4)
    z: Floats = chance.normal(size=(ROWS, 5))
    y = z @ np.array([1.0, -1, 0.5, 0, 0]) + chance.normal(size=ROWS)
    arm = chance.integers(0, 2, ROWS)
    contrast, levels = contrasts(np.array([0.5, 0.5]))

    found = shrinkage.fit(
        Sample(
            z=z,
            y=y,
            arm=arm,
            contrasts=contrast,
            levels=levels,
            groups=np.zeros(5, np.int64),
            binary=False,
        )
    )

    full = np.column_stack([np.ones(ROWS), z])
    shrunk = np.diag([0.0, *[1 / found.variances[0, 0]] * 5])
    ridge = np.linalg.solve(full.T @ full + shrunk, full.T @ y)
    assert found.weights[0] == pytest.approx(ridge, abs=0.02)


def test_contrasts_are_about_the_trial_as_a_whole() -> None:
    told, levels = contrasts(np.array([0.5, 0.25, 0.25]))

    assert levels.tolist() == [0, 1, 2, 2]
    assert told[:, 0].tolist() == [1, 1, 1]
    assert np.array([0.5, 0.25, 0.25]) @ told[:, 1:] == pytest.approx([0, 0, 0])
    assert told[1, 1] - told[0, 1] == 1
