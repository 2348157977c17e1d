"""Effects of arms in a linear or logistic model, shrunk as much as the data say.

Row i of arm a has the log-odds (or mean) Σ_r c_ar (w_r · [1, z_i]): contrasts c of the
arms times columns z. The weights of each group of columns in each level of contrasts
are ~ N(0, variance), and the variance is the one that makes the data likeliest: the
evidence procedure (MacKay 1992), with Laplace's approximation for 0/1. So a group in
which nothing is to be found vanishes by itself, without a search by cross-validation.

Fast, as Σ_a (c_a c_aᵀ) ⊗ (Z_aᵀ W Z_a) is all that is ever needed of the rows: the
variances are found between two looks at them. Pure NumPy.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

LOOKS, ROUNDS = 8, 60
"""At most so many passes over the rows, and updates of the variances in between."""
FREE = 1e-6
"""The precision of weights that are not shrunk: intercept and the arms' own shifts."""
VANISHED = 0.3
"""A group of which the data determine less than so many weights is left out."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Sample:
    """Columns [rows, columns], outcomes [rows], each row's contrasts by its arm.

    `contrasts` is [arms, contrasts]; `levels` [contrasts] says which of them share
    variances; `groups` [columns] the same of the columns, both from 0.
    """

    z: Floats
    y: Floats
    arm: Integers
    contrasts: Floats
    levels: Integers
    groups: Integers
    binary: bool


@dataclass(frozen=True, kw_only=True, eq=False)
class Fitted:
    """Weights [contrasts, 1 + columns], variances [levels, groups] (0: vanished)."""

    weights: Floats
    variances: Floats


def fit(sample: Sample) -> Fitted:
    """Learn weights and their variances; some ten passes over the rows at most."""
    parts = _parts(sample)
    shape = (sample.contrasts.shape[1], sample.z.shape[1] + 1)
    weights = np.zeros(shape)
    mean = float(sample.y.mean())
    # Begun at the mean: the quadratic about 0 says little of outcomes of 1 %.
    weights[0, 0] = logit(mean) if sample.binary else mean
    groups = _groups(sample)
    precision = np.ones(int(groups.max()) + 1)
    noise = 1.0 if sample.binary else float(sample.y.var()) or 1.0
    for _ in range(LOOKS):
        hessian, pull = _look(parts, weights, noise, binary=sample.binary)
        found, precision, known = _settle(hessian, pull, groups, precision)
        before, weights = weights, found.reshape(shape)
        if not sample.binary:
            noise = _noise(parts, weights, known)
        if np.abs(weights - before).max() < 1e-3 * (np.abs(weights).max() + 1e-3):
            break
    variances = np.where(np.isinf(precision), 0.0, 1 / precision)
    return Fitted(weights=weights, variances=variances.reshape(_sizes(sample)))


Part = tuple[Floats, Floats, Floats]
"""The rows of one arm: [1, z], outcomes and contrasts."""


def _parts(sample: Sample) -> list[Part]:
    found = []
    for code, contrast in enumerate(sample.contrasts):
        mine = sample.arm == code
        z = np.column_stack([np.ones(int(mine.sum())), sample.z[mine]])
        found.append((z, sample.y[mine], contrast))
    return found


def _sizes(sample: Sample) -> tuple[int, int]:
    return int(sample.levels.max()) + 1, int(sample.groups.max()) + 1


def _groups(sample: Sample) -> Integers:
    """Return the group of variances of each weight, flat; −1 for the free ones."""
    count = _sizes(sample)[1]
    own = sample.levels[:, None] * count + sample.groups[None, :]
    free = np.full((len(sample.levels), 1), -1)
    return np.hstack([free, own]).ravel()


def _look(
    parts: list[Part], weights: Floats, noise: float, *, binary: bool
) -> tuple[Floats, Floats]:
    """Return H and b of the quadratic v·b − ½ vᵀHv that the likelihood is near."""
    size = weights.size
    hessian, slope = np.zeros((size, size)), np.zeros(size)
    for z, y, contrast in parts:
        told = z @ (contrast @ weights)
        mean = expit(told) if binary else told
        width = mean * (1 - mean) if binary else np.full(len(y), 1 / noise)
        away = y - mean if binary else (y - mean) / noise
        gram = (z * width[:, None]).T @ z
        hessian += np.kron(np.outer(contrast, contrast), gram)
        slope += np.kron(contrast, z.T @ away)
    # b = slope + H·w: the quadratic is about 0, the likelihood was looked at in w.
    return hessian, slope + hessian @ weights.ravel()


def _settle(
    hessian: Floats, pull: Floats, groups: Integers, precision: Floats
) -> tuple[Floats, Floats, float]:
    """Return the weights, precisions (∞: vanished) and how many weights are known."""
    precision = precision.copy()
    for _ in range(ROUNDS):
        each = np.where(groups < 0, FREE, precision[groups])
        alive = np.flatnonzero(np.isfinite(each))
        inverse = np.linalg.inv(hessian[np.ix_(alive, alive)] + np.diag(each[alive]))
        # A vanished group's weights are 0: its rows and columns are out of the inverse.
        weights, spread = np.zeros(len(pull)), np.zeros(len(pull))
        weights[alive] = inverse @ pull[alive]
        spread[alive] = np.diag(inverse)
        before = precision
        precision, known = _updated(weights, spread, groups, precision)
        moved = np.isfinite(precision)
        if np.abs(np.log(precision[moved] / before[moved])).max(initial=0) < 0.02:
            break
    return weights, precision, known


def _updated(
    weights: Floats, spread: Floats, groups: Integers, before: Floats
) -> tuple[Floats, float]:
    """MacKay's update: how many weights are well determined, over their squares."""
    own, count = groups >= 0, len(before)
    squares, unsure, size = (
        np.bincount(groups[own], weights=of[own], minlength=count)
        for of in (weights**2, spread, np.ones(len(groups)))
    )
    alive = np.isfinite(before)
    # MacKay's γ: the group's size less precision · Σ of its posterior variances.
    known = np.where(alive, size - np.where(alive, before, 0.0) * unsure, 0.0)
    there = known > VANISHED
    after = np.divide(known, squares, out=np.full(count, np.inf), where=there)
    return after, float(known[there].sum())


def _noise(parts: list[Part], weights: Floats, known: float) -> float:
    """Return the variance of what is left of the outcomes."""
    left = sum(float(((y - z @ (c @ weights)) ** 2).sum()) for z, y, c in parts)
    rows = sum(len(y) for _, y, _ in parts)
    return left / max(rows - known, 1.0)
