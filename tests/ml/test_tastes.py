"""A new product is worth what it shares with what a customer buys."""

import numpy as np

from ml import tastes


def unit(*rows: list[float]) -> np.ndarray:
    found = np.array(rows, np.float32)
    return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True))


def test_two_tastes_are_both_met_and_no_mean_of_them() -> None:
    bought = unit([1, 0, 0], [0, 1, 0])
    new = unit([1, 0, 0], [0, 1, 0], [1, 1, 1], [0, 0, 1])
    worth = tastes.wanted(new, bought, np.array([3.0, 3.0]))
    assert worth[0] == worth[1] > worth[2] > worth[3] == 0


def test_what_is_bought_more_often_counts_more() -> None:
    bought = unit([1, 0, 0], [0, 1, 0])
    worth = tastes.wanted(bought, bought, np.array([5.0, 1.0]))
    assert worth[0] > worth[1] > 0


def test_who_bought_nothing_wants_nothing_in_particular() -> None:
    none = np.empty((0, 3))
    assert tastes.wanted(unit([1, 0, 0]), none, np.empty(0)).tolist() == [0]
