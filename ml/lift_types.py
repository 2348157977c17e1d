"""Types of customers, who answer offers alike: latent classes, fitted by EM.

After Kamakura and Russell 1989; of how many there are, ml.lift_fits decides.
"""

from dataclasses import dataclass

import numpy as np

from ml.lift_rows import Rows
from ml.lifts import Floats, Types, expit

LEVEL, SLOPE = 0.7, 0.7
"""Standard deviations of types' u, in log-odds."""
TURNS, ENOUGH = 60, 1e-4
"""EM ends when a turn adds less than ENOUGH to a customer's log-likelihood."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Fit:
    """θ and its curvature's inverse; types, and each person's weights."""

    theta: Floats
    covariance: Floats
    types: Types
    weights: Floats
    criterion: float


def typed(rows: Rows, theta: Floats, mean: Floats, variance: Floats, types: int) -> Fit:
    """Fit a number of types by EM, θ along with them."""
    persons = int(rows.person.max()) + 1
    tried = len(np.unique(rows.person[rows.treated > 0]))
    found = Types(
        share=np.full(types, 1 / types),
        # Types that begin alike stay alike: EM has to be given a difference.
        level=np.linspace(-LEVEL, LEVEL, types) if types > 1 else np.zeros(1),
        slope=np.zeros(types),
    )
    covariance, before = np.diag(variance), -np.inf
    weights = np.ones((persons, 1))
    for _ in range(TURNS):
        eta = rows.offset + rows.x @ theta
        weights, likelihood = _expected(rows, eta, found, persons)
        if likelihood - before < ENOUGH * persons:
            break
        before = likelihood
        # One Newton step each, not to the end: the next turn's weights move the goal.
        found = _types(rows, eta, found, weights, tried)
        theta, covariance = _step(rows, found, weights, mean, variance, theta)
    # One type more has a share, a level and a slope. BIC's n is who ever had an offer:
    # who never had one tells nothing of types.
    free = 3 * (types - 1)
    criterion = free * float(np.log(max(2, tried))) - 2 * likelihood
    return Fit(
        theta=theta,
        covariance=covariance,
        types=found,
        weights=weights,
        criterion=criterion,
    )


def _expected(
    rows: Rows, eta: Floats, found: Types, persons: int
) -> tuple[Floats, float]:
    """Return each person's weights, and the log-likelihood of all."""
    by_type = np.empty((persons, len(found.share)))
    for c, (share, *u) in enumerate(_each(found)):
        mine = eta + rows.u @ np.array(u)
        # Binomial log-likelihood, less what no parameter changes: logaddexp(0, η) is
        # −log(1 − p).
        fit = rows.bought * mine - rows.weeks * np.logaddexp(0, mine)
        by_type[:, c] = np.log(share) + np.bincount(rows.person, fit, persons)
    # Less the largest: exp of a long history's log-likelihood is 0 for every type.
    top = by_type.max(axis=1, keepdims=True)
    odds = np.exp(by_type - top)
    whole = odds.sum(axis=1, keepdims=True)
    return odds / whole, float((top + np.log(whole)).sum())


def _types(rows: Rows, eta: Floats, found: Types, weights: Floats, tried: int) -> Types:
    """Take a Newton step for each type's u; the one type of all has none."""
    if len(found.share) == 1:
        return found
    treated = np.unique(rows.person[rows.treated > 0])
    # Two persons for each type beforehand: a share of 0 has no logarithm and stays 0.
    share = weights[treated].sum(axis=0) + 2
    moved = []
    for c, (_, *u) in enumerate(_each(found)):
        p = expit(eta + rows.u @ np.array(u))
        mine, precision = weights[rows.person, c], np.array([LEVEL**-2, SLOPE**-2])
        gradient = rows.u.T @ (mine * (rows.bought - rows.weeks * p)) - precision * u
        curve = mine * rows.weeks * p * (1 - p)
        hessian = (rows.u * curve[:, None]).T @ rows.u + np.diag(precision)
        moved.append(np.array(u) + np.linalg.solve(hessian, gradient))
    level, slope = np.array(moved).T
    return Types(share=share / (tried + 2 * len(share)), level=level, slope=slope)


def _step(
    rows: Rows,
    found: Types,
    weights: Floats,
    mean: Floats,
    variance: Floats,
    theta: Floats,
) -> tuple[Floats, Floats]:
    """Take a Newton step for θ over all types; return the curvature's inverse too."""
    eta = rows.offset + rows.x @ theta
    residual, curve = rows.bought.copy(), np.zeros(len(eta))
    for c, (_, *u) in enumerate(_each(found)):
        p = expit(eta + rows.u @ np.array(u))
        mine = weights[rows.person, c] * rows.weeks
        residual -= mine * p
        # With the weights held: the covariance knows no doubt of who is of which type.
        curve += mine * p * (1 - p)
    gradient = rows.x.T @ residual - (theta - mean) / variance
    hessian = (rows.x * curve[:, None]).T @ rows.x + np.diag(1 / variance)
    inverse = np.asarray(np.linalg.inv(hessian), np.float64)
    return theta + inverse @ gradient, inverse


def _each(found: Types) -> list[tuple[float, float, float]]:
    columns = (found.share.tolist(), found.level.tolist(), found.slope.tolist())
    return list(zip(*columns, strict=True))
