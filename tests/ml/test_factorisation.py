import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.utils.estimator_checks import check_estimator

from ml import evaluation
from ml.factorisation import Factorisation


def low_rank(entities: int = 300, items: int = 30) -> tuple[np.ndarray, ...]:
    """Three tastes; what was bought, and what will be, are two draws of one matrix."""
    chance = np.random.default_rng(5)
    tastes = chance.gamma(0.3, 1.0, (entities, 3)) @ chance.gamma(0.3, 1.0, (3, items))
    rate = 1 - np.exp(-tastes.ravel())
    before = (chance.random(len(rate)) < rate) * 2.0
    after = (chance.random(len(rate)) < rate).astype(np.int8)
    who, what = np.divmod(np.arange(len(rate)), items)
    return np.column_stack([who, what, before]), after, rate


def test_a_planted_low_rank_matrix_is_found() -> None:
    x, y, rate = low_rank()
    model = Factorisation(entity=0, item=1, strength=2, rank=3, random_state=0)

    chance = model.fit(x, y).predict_proba(x)[:, 1]

    assert evaluation.auc(y, chance) > evaluation.auc(y, x[:, 2]) + 0.05
    assert np.corrcoef(chance, rate)[0, 1] > 0.8


def test_entities_not_seen_in_fit_are_placed_by_their_own_rows() -> None:
    x, y, _ = low_rank()
    old, new = x[:, 0] < 200, x[:, 0] >= 200
    model = Factorisation(entity=0, item=1, strength=2, rank=3, random_state=0)

    chance = model.fit(x[old], y[old]).predict_proba(x[new])[:, 1]

    assert evaluation.auc(y[new], chance) > evaluation.auc(y[new], x[new, 2]) + 0.05


def test_it_must_be_fitted_first() -> None:
    with pytest.raises(NotFittedError):
        Factorisation().predict_proba(np.zeros((2, 3)))


@pytest.mark.filterwarnings("ignore")
def test_it_keeps_the_conventions_of_estimators() -> None:
    check_estimator(
        Factorisation(random_state=0),
        on_skip=None,
        expected_failed_checks={
            "check_methods_subset_invariance": "an entity's rows must come together",
            "check_methods_sample_order_invariance": "as above, to rounding",
            "check_classifiers_train": "one column cannot separate blobs",
        },
    )
