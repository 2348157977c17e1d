"""Learn how offers work from those whom a lot drew: see ml.lifts for what is learnt.

A Gaussian prior, centred on what past campaigns or prices suggest, is updated by
logistic regression: Newton steps, the posterior by Laplace's approximation, the
variances of the blocks by EM (MacKay 1992, "Bayesian interpolation"; Bishop 2006,
9.3.4). Types of customers are latent classes (Kamakura and Russell 1989): EM, with the
number of types that the Bayesian information criterion prefers, so that where all
answer alike there is one, if scores foretell what they buy there; tastes that scores
miss in a single category look like types (0.5 of log-odds: two, ±0.3). Each customer
counts with all that they were ever in.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ml import lift_rows, lift_types
from ml.lift_rows import Group, Rows
from ml.lift_types import Fit
from ml.lifts import BLOCKS, ONE_TYPE, Floats, Posterior, Prior, expit

DOUBT = 6.0
"""So many coefficients' worth of data a block's first standard deviation counts for."""
BASE = 0.3
"""The base part's standard deviation: how far w0 may be off, in log-odds."""
SHARE = 0.4
"""The part of a prior lift that comes with any offer. With 0.4, half the discount has
0.7 of the lift, as a square root has."""
ROUNDS, STEPS = 4, 12
MOST_TYPES = 3
"""In three simulated shops four types chose no better offers than three."""


@dataclass(frozen=True, kw_only=True)
class Taught:
    """The posterior, and how likely each person is of which type, [persons, types]."""

    posterior: Posterior
    types: Floats


def untaught(prior: Prior) -> Posterior:
    """Return what is believed before anybody was drawn into an arm."""
    return learn([], prior)


def learn(groups: Sequence[Group], prior: Prior) -> Posterior:
    """Update the prior by what the groups did."""
    return taught(groups, prior).posterior


def taught(groups: Sequence[Group], prior: Prior, *, together: int = 1) -> Taught:
    """Update the prior by what the groups did, and say who is of which type.

    `together`: offers that a customer may have at a time.
    """
    design = lift_rows.design(groups)
    blocks = design.blocks
    size = len(blocks)
    mean, variance = np.zeros(3 * size), _at_first(blocks, prior)
    # θ is (base, levels, slopes), each begun by everybody's. At the prior's depth,
    # where d / D is 1, the two shares add up to its lift.
    mean[size], mean[2 * size] = SHARE * prior.lift, (1 - SHARE) * prior.lift
    fit, address = _unfitted(mean, variance), 0.0
    if groups:
        rows = lift_rows.rows(groups, design, prior)
        address = lift_rows.addressed(rows)
        rows = lift_rows.without_eager(rows, together)
        # The blocks' variances are found once and then held, so that the fits below
        # differ in their types alone and BIC compares like with like.
        theta, variance = _one_type(rows, blocks, mean, variance)
        fits = [
            lift_types.typed(rows, theta, mean, variance, types)
            for types in range(1, MOST_TYPES + 1)
        ]
        fit = min(fits, key=lambda one: one.criterion)
    posterior = Posterior(
        design=design,
        depth=prior.depth,
        basis="randomised" if groups else prior.basis,
        leaning=dict(prior.leaning),
        base=fit.theta[:size],
        mean=fit.theta[size:],
        # Draws are of levels and slopes; the base part is taken as it was found.
        covariance=fit.covariance[size:, size:],
        spread=_spread(blocks, variance),
        seen=sum(len(group.bought) for group in groups),
        types=fit.types,
        address=address,
    )
    return Taught(posterior=posterior, types=fit.weights)


def _unfitted(mean: Floats, variance: Floats) -> Fit:
    return Fit(
        theta=mean,
        covariance=np.diag(variance),
        types=ONE_TYPE,
        weights=np.ones((0, 1)),
        criterion=0.0,
    )


def _one_type(
    rows: Rows, blocks: Sequence[str], mean: Floats, variance: Floats
) -> tuple[Floats, Floats]:
    """Return θ if all answer alike, and the blocks' variances."""
    theta = mean
    for _ in range(ROUNDS):
        theta, covariance = _newton(rows, mean, variance, theta)
        variance = _variances(blocks, theta - mean, covariance, variance)
    return theta, variance


def _spread(blocks: Sequence[str], variance: Floats) -> tuple[float, float]:
    """Return the standard deviation of scopes' levels and slopes."""
    if "scope" not in blocks:
        return BLOCKS["scope"], BLOCKS["scope"]
    place, size = blocks.index("scope"), len(blocks)
    level, slope = variance[place + size], variance[place + 2 * size]
    return float(level**0.5), float(slope**0.5)


def _at_first(blocks: Sequence[str], prior: Prior) -> Floats:
    """Return the variances of (base, levels, slopes)."""
    # Half for the level and half for the slope: at the prior's depth they add up.
    common = prior.error**2 / 2
    # "all" is no block: its variance comes from the prior, below.
    within = np.array([BLOCKS.get(name, 0.0) ** 2 for name in blocks])
    base = np.full(len(blocks), BASE**2)
    levels, slopes = within.copy(), within.copy()
    levels[0] = slopes[0] = common
    return np.concatenate([base, levels, slopes])


def _newton(
    rows: Rows, mean: Floats, variance: Floats, start: Floats
) -> tuple[Floats, Floats]:
    """Return the mode with one type, and the inverse of the curvature there."""
    theta, precision, n = start, 1 / variance, rows.weeks

    def loss(theta: Floats) -> float:
        eta = rows.offset + rows.x @ theta
        fit = n @ np.logaddexp(0, eta) - rows.bought @ eta
        return float(fit + 0.5 * precision @ (theta - mean) ** 2)

    def curvature(p: Floats) -> Floats:
        part = (rows.x * (n * p * (1 - p))[:, None]).T @ rows.x
        return np.asarray(part + np.diag(precision))

    best = loss(theta)
    for _ in range(STEPS):
        p = expit(rows.offset + rows.x @ theta)
        gradient = rows.x.T @ (n * p - rows.bought) + precision * (theta - mean)
        step = np.linalg.solve(curvature(p), gradient)
        size = 1.0
        # A whole Newton step may overshoot where nearly all buy, or nobody does.
        while (now := loss(theta - size * step)) > best and size > 1e-4:
            size /= 2
        # No step down was found, or one that is not worth taking: stay.
        if best - now < 1e-6 * (1 + abs(best)):
            break
        theta, best = theta - size * step, now
    p = expit(rows.offset + rows.x @ theta)
    return theta, np.asarray(np.linalg.inv(curvature(p)), np.float64)


def _variances(
    blocks: Sequence[str], apart: Floats, covariance: Floats, before: Floats
) -> Floats:
    """Set each block's variance to what its coefficients show (EM), and its prior."""
    size, variance = len(blocks), before.copy()
    second = apart**2 + np.diag(covariance)
    for part in range(3):
        for name, first in BLOCKS.items():
            mine = [part * size + i for i, one in enumerate(blocks) if one == name]
            # "all" never comes here: one coefficient tells no spread, so it keeps the
            # prior's.
            usual = BASE if part == 0 else first
            if mine:
                total = second[mine].sum() + DOUBT * usual**2
                variance[mine] = total / (len(mine) + DOUBT)
    return variance
