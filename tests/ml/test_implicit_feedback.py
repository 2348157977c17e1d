from functools import partial

import numpy as np
import pytest
from implicit.als import AlternatingLeastSquares
from scipy.sparse import csr_matrix

from ml import implicit_feedback, vectors
from ml.implicit_feedback import als, bpr
from tests.ml.planted import CUSTOMERS, ITEMS, purchases

pytestmark = pytest.mark.filterwarnings("ignore:OpenBLAS")
LEARNERS = {
    "als": partial(als, rank=4, regularisation=1.0),
    "bpr": partial(bpr, rank=4, rounds=150, rate=0.05),
}


def bought(*, signal: bool) -> csr_matrix:
    past = purchases(signal=signal)
    shape = (CUSTOMERS, ITEMS)
    return csr_matrix((past.quantity, (past.customer, past.product)), shape)


@pytest.mark.parametrize("learner", LEARNERS)
def test_planted_kinds_are_found(learner: str) -> None:
    found = LEARNERS[learner](bought(signal=True), seed=0)

    score = vectors.scores(found, np.arange(CUSTOMERS))
    like = np.arange(CUSTOMERS)[:, None] % 2 == np.arange(ITEMS) % 2
    top = np.argsort(-score, axis=1)[:, :10]
    assert np.take_along_axis(like, top, 1).mean() > 0.9


@pytest.mark.parametrize("learner", LEARNERS)
def test_on_noise_popularity_is_not_beaten(learner: str) -> None:
    past = purchases(signal=False, seed=4)
    popular = np.bincount(past.product, minlength=ITEMS)
    fresh = purchases(signal=False, seed=5)
    taken = np.zeros((CUSTOMERS, ITEMS), bool)
    taken[fresh.customer, fresh.product] = True
    found = LEARNERS[learner](bought(signal=False), seed=0)

    top = np.argsort(-vectors.scores(found, np.arange(CUSTOMERS)), axis=1)[:, :10]
    best = np.argsort(-popular)[:10]

    assert np.take_along_axis(taken, top, 1).mean() <= taken[:, best].mean()


@pytest.mark.parametrize("learner", LEARNERS)
def test_the_same_seed_gives_the_same_vectors(learner: str) -> None:
    first, second = (LEARNERS[learner](bought(signal=True), seed=1) for _ in "ab")

    assert (first.customers == second.customers).all()
    assert (first.items == second.items).all()


def test_folding_in_is_the_step_that_training_takes() -> None:
    cells = bought(signal=True).astype(np.float32)
    model = AlternatingLeastSquares(factors=6, random_state=0, iterations=3)
    model.fit(cells, show_progress=False)
    row = cells[5]

    mine = vectors.fold_in(
        model.item_factors, row.indices, row.data, regularisation=0.01
    )

    np.testing.assert_allclose(mine, model.recalculate_user(0, row), atol=1e-4)


def test_a_purchase_of_who_buys_everything_weighs_less() -> None:
    who, what = np.array([0, 1, 1, 1], np.int32), np.array([0, 0, 1, 2], np.int32)
    told = implicit_feedback.strengths(who, what, np.ones(4), (4, 10)).toarray()

    assert told[0, 0] > told[1, 0] > 0
