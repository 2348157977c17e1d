"""The founding text's example, and what Lee and Seung proved."""

import itertools
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse
from sklearn.decomposition import NMF

from ml import factorisation
from ml.factorisation import Rank, factorise, ranks, suffices

P = np.array(
    [
        [0.8, 0.2, 0.5, 0.3, 0.1],
        [0.3, 0.5, 0.2, 0.1, 0.4],
        [0.1, 0.2, 0.3, 0.4, 0.4],
        [0.5, 0.2, 0.3, 0.4, 0.1],
        [0.2, 0.3, 0.4, 0.1, 0.5],
    ]
)
CELL = (2, 1)
"""Customer 3, product 2, counted from 1: the truth is 0.2."""
DOC = Path(__file__).parents[2] / "docs" / "learning-factorisation.md"


@pytest.fixture(scope="module")
def table() -> list[Rank]:
    return ranks(P, CELL, seed=0)


def test_the_worked_example_needs_rank_4_to_give_every_cell_back(
    table: list[Rank],
) -> None:
    assert suffices(table, within=0.05) == 4
    found = factorisation.best(P, 4, seed=0)
    assert found.at(*CELL) == pytest.approx(0.2, abs=0.005)
    assert (np.round(found.rows @ found.columns.T, 1) == P).all()


def test_no_rank_beats_the_truncated_svd_and_each_comes_within_a_thousandth(
    table: list[Rank],
) -> None:
    for one in table:
        assert one.floor - 1e-9 <= one.error <= one.floor + 1e-3
    assert all(a.error > b.error for a, b in itertools.pairwise(table))


def test_the_page_shows_the_table_that_the_code_makes(table: list[Rank]) -> None:
    page = DOC.read_text()
    for one in table:
        told = f"{one.held_out:.2f}" if one.spread < 0.1 else "not settled"
        errors = f"{one.error:.4f} | {one.floor:.4f} | {one.worst:.4f}"
        assert f"| {one.rank} | {errors} | {told} |" in page


@pytest.mark.parametrize("rank", [1, 2, 3, 4])
def test_scikit_learns_factors_are_no_better(rank: int) -> None:
    oracle = min(
        NMF(rank, init="random", random_state=s, max_iter=3000, tol=1e-8)
        .fit(P)
        .reconstruction_err_
        for s in range(5)
    )

    assert factorisation.best(P, rank, seed=0).error < oracle + 1e-3


def test_a_held_out_cell_of_a_planted_product_is_predicted() -> None:
    chance = np.random.default_rng(1)
    truth = chance.gamma(1, 1, (30, 2)) @ chance.gamma(1, 1, (2, 20))
    known = (chance.random(truth.shape) < 0.8).astype(float)
    spoilt = np.where(known, truth, 99)

    found = factorisation.best(
        spoilt, 2, seed=0, known=known, rounds=5000, tolerance=1e-11
    )

    off = (found.rows @ found.columns.T - truth)[known == 0]
    assert np.abs(off).max() < 0.05 * truth.mean()


@pytest.mark.parametrize("masked", [False, True])
def test_the_error_never_rises(masked: bool) -> None:
    chance = np.random.default_rng(2)
    p = chance.random((20, 15))
    known = (chance.random(p.shape) < 0.7).astype(float) if masked else None

    errors = factorise(p, 4, seed=0, known=known, tolerance=1e-12).errors

    assert (np.diff(errors) <= 1e-12).all()


@pytest.mark.parametrize("masked", [False, True])
def test_sparse_and_dense_take_the_same_road(masked: bool) -> None:
    p = sparse.random(40, 30, 0.2, "csr", rng=np.random.default_rng(3))
    known = (p.toarray() > 0).astype(float) if masked else None
    mask = sparse.csr_matrix(known) if masked else None
    how = {"seed": 0, "rounds": 20}

    thin = factorise(p, 3, known=mask, **how)
    full = factorise(p.toarray(), 3, known=known, **how)

    np.testing.assert_allclose(thin.rows, full.rows, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(thin.errors, full.errors, rtol=1e-6)


def test_the_same_seed_gives_the_same_factors_and_none_is_negative() -> None:
    first, second = factorise(P, 3, seed=4), factorise(P, 3, seed=4)

    assert (first.rows == second.rows).all()
    assert (first.columns == second.columns).all()
    assert min(first.rows.min(), first.columns.min()) >= 0


def test_negative_cells_and_rank_0_are_refused() -> None:
    with pytest.raises(ValueError, match="cells"):
        factorise(-P, 2, seed=0)
    with pytest.raises(ValueError, match="rank"):
        factorise(P, 0, seed=0)
