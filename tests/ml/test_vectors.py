import numpy as np
import pytest

from ml import vectors
from ml.vectors import Vectors


@pytest.fixture
def items() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(500, 16)).astype(np.float32)


def test_top_is_what_sorting_all_would_give(items: np.ndarray) -> None:
    for customer in items[:20]:
        want = np.argsort(-(items @ customer), kind="stable")[:10]
        assert (vectors.top(customer, items, 10) == want).all()


def test_ties_go_to_the_lower_row_and_k_may_exceed_the_items() -> None:
    same = np.ones((5, 2), np.float32)
    assert vectors.top(same[0], same, 3).tolist() == [0, 1, 2]
    assert vectors.top(same[0], same, 9).tolist() == [0, 1, 2, 3, 4]
    assert vectors.top(same[0], same[:0], 3).tolist() == []


def test_no_cell_moves_by_more_than_half_a_step(items: np.ndarray) -> None:
    items[7] = 0
    rounded = vectors.quantise(items)

    off = np.abs(vectors.dequantise(rounded) - items)

    assert (off <= rounded.step[:, None] / 2 + 1e-6).all()
    assert rounded.codes.nbytes + rounded.step.nbytes < items.nbytes / 3


def test_rounding_hardly_changes_who_is_on_top(items: np.ndarray) -> None:
    rough = vectors.dequantise(vectors.quantise(items))
    pairs = [(vectors.top(c, items, 10), vectors.top(c, rough, 10)) for c in items[:50]]

    assert np.mean([len(np.intersect1d(a, b)) / 10 for a, b in pairs]) > 0.9


def test_scores_are_products_and_units_are_cosines(items: np.ndarray) -> None:
    both = Vectors(customers=items[:4], items=items)

    assert vectors.scores(both, np.array([2])).shape == (1, 500)
    cosines = vectors.unit(items) @ vectors.unit(items).T
    assert np.diag(cosines) == pytest.approx(1, abs=1e-5)
    assert not vectors.unit(np.zeros((1, 3), np.float32)).any()
