import numpy as np
import pytest
from sklearn.base import clone
from sklearn.utils.estimator_checks import check_estimator

from ml import estimators, evaluation, rates

COLUMNS = ("entity", "category", "decayed_100", "orders_182", *rates.READ)
EVERYONE = {**estimators.BASELINES, **estimators.CANDIDATES}


def planted(rows: int = 4000, items: int = 8) -> tuple[np.ndarray, np.ndarray]:
    chance = np.random.default_rng(3)
    entity = np.repeat(np.arange(rows // items), items)
    orders = chance.poisson(2.0, rows) * chance.integers(0, 2, rows)
    visits, seen = np.full(rows, 12.0), np.full(rows, 180.0)
    columns = [entity, np.tile(np.arange(items), rows // items), orders, orders]
    x = np.column_stack([*columns, orders, visits, seen])
    y = chance.random(rows) < 1 - np.exp(-(orders / 6.5 + 0.02))
    return x.astype(np.float32), y.astype(np.int8)


@pytest.mark.parametrize("name", EVERYONE)
def test_every_candidate_fits_predicts_and_forgets(name: str) -> None:
    candidate = EVERYONE[name]
    x, y = planted()
    estimator = candidate.make(COLUMNS, 0).set_params(**candidate.search[0])

    chance = estimator.fit(x, y).predict_proba(x)
    again = clone(estimator).fit(x, y).predict_proba(x)

    assert chance.shape == (len(y), 2)
    assert ((chance >= 0) & (chance <= 1)).all()
    assert np.allclose(chance, again)
    assert name == "category_rate" or evaluation.auc(y, chance[:, 1]) > 0.65


@pytest.mark.parametrize("name", EVERYONE)
def test_every_setting_of_the_search_can_be_set(name: str) -> None:
    for setting in EVERYONE[name].search:
        EVERYONE[name].make(COLUMNS, 0).set_params(**setting)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "estimator",
    [
        estimators.Clip(),
        estimators.CategoryRate(),
        estimators.Frequency(),
        rates.Rates(),
    ],
)
def test_our_own_estimators_keep_the_conventions(estimator: object) -> None:
    simple = {"check_classifiers_train": "a baseline looks at one column only"}
    check_estimator(estimator, on_skip=None, expected_failed_checks=simple)


def test_outliers_are_moved_to_the_training_quantiles() -> None:
    x = np.append(np.arange(1000.0), 1e6).reshape(-1, 1)

    clipped = estimators.Clip(quantile=0.99).fit(x).transform(np.array([[1e6], [-5.0]]))

    assert clipped[0, 0] == pytest.approx(np.log1p(np.quantile(x, 0.99)))
    assert clipped[1, 0] == pytest.approx(np.log1p(np.quantile(x, 0.01)))


def test_a_category_never_seen_gets_the_overall_rate() -> None:
    x = np.repeat([[0.0], [1.0]], 500, axis=0)
    y = np.concatenate([np.ones(500), np.zeros(500)])

    rate = (
        estimators.CategoryRate()
        .fit(x, y)
        .predict_proba(np.array([[0.0], [1.0], [7.0]]))
    )

    assert rate[:, 1].tolist() == pytest.approx([0.98, 0.02, 0.5], abs=0.01)


def test_calibration_undoes_a_level_shift() -> None:
    x, y = planted(20_000)
    forecaster = estimators.Frequency(column=3).fit(x, y)
    shifted = y & (np.random.default_rng(0).random(len(y)) < 0.5)

    calibrated = estimators.Calibrated(estimator=forecaster).fit(
        x[:10_000], shifted[:10_000]
    )
    chance = calibrated.predict_proba(x[10_000:])[:, 1]

    assert evaluation.ece(evaluation.calibration(shifted[10_000:], chance)) < 0.015
