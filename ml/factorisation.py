"""Customers × products as a product of two thin non-negative matrices, P ≈ UVᵀ.

Lee and Seung (2001), "Algorithms for non-negative matrix factorization": their
multiplicative updates never raise ‖P − UVᵀ‖_F, and keep signs. Unknown cells weigh 0,
so that a cell may be left out and predicted. Pure; small dense and large sparse
matrices take the same road, and only a mask needs room for all known cells.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Numbers = NDArray[np.float64]
Matrix = Any
"""A dense array or a scipy sparse matrix, cells >= 0."""

TINY = 1e-12
"""Keeps the updates from dividing by 0; below any factor that matters."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Factors:
    """U (rows × rank), V (columns × rank), and ‖P − UVᵀ‖_F after each round."""

    rows: Numbers
    columns: Numbers
    errors: Numbers

    @property
    def error(self) -> float:
        return float(self.errors[-1])

    def at(self, row: int, column: int) -> float:
        return float(self.rows[row] @ self.columns[column])


@dataclass(frozen=True, kw_only=True, slots=True)
class Rank:
    """How well one rank does; `floor` is the error that no matrix of it undercuts.

    `worst` is the largest |P − UVᵀ| of a cell. `held_out` is the prediction of the cell
    that was asked for, made without it: the median of the starts, `spread` apart. A
    wide spread says that the other cells do not settle it.
    """

    rank: int
    error: float
    floor: float
    worst: float
    held_out: float
    spread: float


def factorise(
    p: Matrix,
    rank: int,
    *,
    seed: int,
    known: Matrix | None = None,
    rounds: int = 2000,
    tolerance: float = 1e-7,
) -> Factors:
    """Minimise ‖P − UVᵀ‖_F over the known cells (all, without a mask).

    Stops when a round lowers the error by less than `tolerance` of ‖P‖_F. A sparse `p`
    takes a sparse mask. Raises ValueError for negative cells or a rank below 1.
    """
    p = _checked(p, rank)
    known = None if known is None else _like(p, known)
    target = p if known is None else _masked(p, known)
    u, v = _start(target, known, rank, seed)
    size, errors = _norm(target), [_error(target, known, u, v)]
    for _ in range(rounds):
        u *= (target @ v) / (_times(known, u, v) + TINY)
        # By the new U: each update alone never raises the error, both at once may.
        v *= (target.T @ u) / (_times(_turned(known), v, u) + TINY)
        errors.append(_error(target, known, u, v))
        if errors[-2] - errors[-1] <= tolerance * size:
            break
    return Factors(rows=u, columns=v, errors=np.array(errors))


def best(p: Matrix, rank: int, *, seed: int, starts: int = 10, **how: Any) -> Factors:
    """Start several times and keep the lowest error: the problem has local minima."""
    return min(_tries(p, rank, seed, starts, **how), key=lambda one: one.error)


def ranks(
    p: Numbers, cell: tuple[int, int], *, seed: int, upto: Iterable[int] | None = None
) -> list[Rank]:
    """Compare ranks on a dense `p`, and predict `cell` (row, column from 0) by each."""
    known = np.ones(p.shape)
    known[cell] = 0
    # Two ranks are to differ by their rank, not by where they stopped.
    long: Any = {"rounds": 20_000, "tolerance": 1e-9}
    table = []
    for rank in upto or range(1, min(p.shape) + 1):
        whole = best(p, rank, seed=seed, **long)
        without = _tries(p, rank, seed, 10, known=known, **long)
        told = [one.at(*cell) for one in without]
        table.append(
            Rank(
                rank=rank,
                error=whole.error,
                floor=floor(p, rank),
                worst=float(np.abs(p - whole.rows @ whole.columns.T).max()),
                held_out=float(np.median(told)),
                spread=float(np.ptp(told)),
            )
        )
    return table


def suffices(table: Iterable[Rank], *, within: float) -> int | None:
    """Return the smallest rank that brings every cell within so much, if one does."""
    return min((one.rank for one in table if one.worst < within), default=None)


def floor(p: Numbers, rank: int) -> float:
    """The least ‖P − M‖_F of any M of this rank (Eckart and Young 1936)."""
    beyond = np.linalg.svd(p, compute_uv=False)[rank:]
    return float(np.sqrt((beyond**2).sum()))


def _tries(p: Matrix, rank: int, seed: int, starts: int, **how: Any) -> list[Factors]:
    return [factorise(p, rank, seed=seed + start, **how) for start in range(starts)]


def _checked(p: Matrix, rank: int) -> Matrix:
    p = p.tocsr().astype(np.float64) if sparse.issparse(p) else np.asarray(p, float)
    cells = p.data if sparse.issparse(p) else p
    if rank < 1 or (cells < 0).any() or not np.isfinite(cells).all():
        raise ValueError("cells must be finite and >= 0, and the rank at least 1")
    return p


def _like(p: Matrix, known: Matrix) -> Matrix:
    if sparse.issparse(p):
        return sparse.csr_matrix(known, dtype=np.float64)
    return np.asarray(known, float)


def _masked(p: Matrix, known: Matrix) -> Matrix:
    return known.multiply(p).tocsr() if sparse.issparse(p) else p * known


def _turned(known: Matrix | None) -> Matrix | None:
    return None if known is None else known.T


def _start(
    p: Matrix, known: Matrix | None, rank: int, seed: int
) -> tuple[Numbers, Numbers]:
    """Draw factors whose product has P's mean over the known cells."""
    chance = np.random.default_rng(seed)
    cells = p.shape[0] * p.shape[1] if known is None else known.sum()
    scale = np.sqrt(max(p.sum(), TINY) / max(cells, 1) / rank)
    u = scale * chance.uniform(0.5, 1.5, (p.shape[0], rank))
    return u, scale * chance.uniform(0.5, 1.5, (p.shape[1], rank))


def _product(known: Matrix, u: Numbers, v: Numbers) -> Matrix:
    """UVᵀ at the known cells, 0 elsewhere."""
    if not sparse.issparse(known):
        return known * (u @ v.T)
    cells = known.tocoo()
    values = np.einsum("ij,ij->i", u[cells.row], v[cells.col]) * cells.data
    return sparse.csr_matrix((values, (cells.row, cells.col)), known.shape)


def _times(known: Matrix | None, u: Numbers, v: Numbers) -> Numbers:
    """(UVᵀ)V over the known cells; without a mask the big product is never made."""
    return u @ (v.T @ v) if known is None else _product(known, u, v) @ v


def _norm(p: Matrix) -> float:
    return float(np.sqrt((p.multiply(p) if sparse.issparse(p) else p * p).sum()))


def _error(p: Matrix, known: Matrix | None, u: Numbers, v: Numbers) -> float:
    if known is not None:
        return _norm(p - _product(known, u, v))
    if not sparse.issparse(p):
        return _norm(p - u @ v.T)
    # ‖P‖² − 2⟨P, UVᵀ⟩ + ‖UVᵀ‖², so that a large P stays sparse.
    cross = (np.asarray(p @ v) * u).sum()
    square = _norm(p) ** 2 - 2 * cross + ((u.T @ u) * (v.T @ v)).sum()
    return float(np.sqrt(max(square, 0)))
