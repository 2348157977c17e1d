"""What is exported answers exactly as scikit-learn does."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline

from ml import estimators, exports, predictors

COLUMNS = ("entity", "category", "orders_7", "recency", "spend_91")
Rows = tuple[NDArray[np.float32], NDArray[np.int8]]


@pytest.fixture(scope="module")
def rows() -> Rows:
    chance = np.random.default_rng(3)
    x = np.column_stack(
        [
            np.repeat(np.arange(400), 10),
            np.tile(np.arange(10), 400),
            chance.poisson(1.5, 4000),
            chance.exponential(40, 4000),
            chance.normal(0, 30, 4000),
        ]
    ).astype(np.float32)
    odds = x[:, 2] - x[:, 3] / 30 + (x[:, 1] == 3) * 2 - 1
    return x, (chance.random(4000) < 1 / (1 + np.exp(-odds))).astype(np.int8)


@pytest.fixture(scope="module", params=["logistic", "tree", "boosting", "forest"])
def fitted(request: Any, rows: Rows) -> Any:
    pipeline = estimators.CANDIDATES[request.param].make(COLUMNS, 0)
    return pipeline.fit(*rows)


def test_the_export_answers_as_the_pipeline_does(fitted: Any, rows: Rows) -> None:
    x, _ = rows
    strange = x[:50].copy()
    strange[:, 1] = 99
    strange[:, 2:] *= 1000

    read = predictors.read(exports.arrays(fitted))

    for some in (x, strange):
        theirs = fitted.predict_proba(some)[:, 1]
        assert np.abs(read.probability(some) - theirs).max() < 2e-5


def test_contributions_add_up_to_what_lifts_the_row(fitted: Any, rows: Rows) -> None:
    x, _ = rows
    read = predictors.read(exports.arrays(fitted))

    told = read.contributions(x[:200])
    log_odds = read.inner.log_odds(x[:200])

    assert told.shape == (200, len(COLUMNS))
    assert not told[:, 0].any()
    averaged = isinstance(read.inner, predictors.Trees) and not read.inner.summed
    level = predictors.expit(log_odds) if averaged else log_odds
    base = level - told.sum(axis=1)
    assert np.abs(base - base[0]).max() < 1e-5


def test_the_planted_cause_is_the_first_reason(fitted: Any, rows: Rows) -> None:
    x, _ = rows
    read = predictors.read(exports.arrays(fitted))
    eager = x[(x[:, 2] >= 5) & (x[:, 1] != 3) & (x[:, 3] < 30)][:5]

    assert (read.contributions(eager).argmax(axis=1) == 2).all()


def test_calibration_bends_the_log_odds(fitted: Any, rows: Rows) -> None:
    x, _ = rows
    plain = predictors.read(exports.arrays(fitted)).log_odds(x)

    bent = predictors.read(exports.arrays(fitted, slope=0.5, shift=0.1)).log_odds(x)

    assert np.allclose(bent, plain * 0.5 + 0.1)


def test_a_learner_that_nobody_can_lay_out_is_refused(rows: Rows) -> None:
    pipeline = estimators.CANDIDATES["logistic"].make(COLUMNS, 0)
    other = make_pipeline(pipeline[0], GaussianNB()).fit(*rows)

    with pytest.raises(exports.NoExport, match="GaussianNB"):
        exports.arrays(other)
