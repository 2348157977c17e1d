"""Learn how offers work from those whom a lot drew: see ml.lifts for what is learnt.

A Gaussian prior, centred on what past campaigns or prices suggest, is updated by
logistic regression: Newton steps, the posterior by Laplace's approximation, the
variances of the blocks by EM (MacKay 1992, "Bayesian interpolation"; Bishop 2006,
9.3.4). Types of customers are latent classes (Kamakura and Russell 1989): EM, with the
number of types that the Bayesian information criterion prefers, so that where all
answer alike there is one, if scores foretell what they buy there; tastes that scores
miss in a single category look like types (0.5 of log-odds: two, ±0.3). Each customer
counts with all that they were ever in.

What customers buy elsewhere tells two things. Whoever buys more there than was expected
does so in scope too, offer or not: that is no answer, and is taken off (a negative
control; Lipsitch et al. 2010). And where all who are addressed buy less than who is
held back from everything, addressing does that. Both are Poisson counts; those of one
visit come together, and the same ones stand beside all the offers that a customer has
at a time, so a row's counts for less: by its overdispersion (McCullagh and Nelder 1989,
6.2), and by `together`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ml.lifts import (
    BLOCKS,
    ONE_TYPE,
    Design,
    Floats,
    Ints,
    Posterior,
    Prior,
    Types,
    What,
    Who,
    expit,
    logit,
    weekly,
)

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
LEVEL, SLOPE = 0.7, 0.7
"""Standard deviations of types' u, in log-odds."""
EAGER, ADDRESS = 0.3, 0.05
"""Standard deviations of log purchases: of a customer's, beside what was expected, and
of what being addressed does to them."""
TURNS, ENOUGH = 60, 1e-4
"""EM ends when a turn adds less than ENOUGH to a customer's log-likelihood."""


@dataclass(frozen=True, kw_only=True)
class Group:
    """Customers whom a lot gave a variant, or nothing (`treated` False).

    `weeks`: how long each was watched; `bought`: in how many of these in scope. An
    offer that is used up ends its customer's time with that week, whole. `person`:
    numbers from 0 that are one customer's in all groups. `elsewhere`: purchases found
    out of scope, and how many were expected; zeros where nothing can be said, such as
    of whom other strategies address.
    """

    who: Who
    what: What
    treated: bool
    weeks: Floats
    bought: Floats
    person: Ints
    elsewhere: tuple[Floats, Floats]


@dataclass(frozen=True, kw_only=True)
class Taught:
    """The posterior, and how likely each person is of which type, [persons, types]."""

    posterior: Posterior
    types: Floats


@dataclass(frozen=True, kw_only=True, eq=False)
class Rows:
    """All groups as one regression: x is [rows, (base, levels, slopes)]."""

    x: Floats
    offset: Floats
    weeks: Floats
    bought: Floats
    person: Ints
    treated: Floats
    deep: Floats
    found: Floats
    expected: Floats

    @property
    def u(self) -> Floats:
        """Return what multiplies a type's (level, slope)."""
        return np.column_stack([self.treated, self.deep])


@dataclass(frozen=True, kw_only=True, eq=False)
class Fit:
    """θ and its curvature's inverse; types, and each person's weights."""

    theta: Floats
    covariance: Floats
    types: Types
    weights: Floats
    criterion: float


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
    design = _design(groups)
    blocks = design.blocks
    size = len(blocks)
    mean, variance = np.zeros(3 * size), _at_first(blocks, prior)
    # θ is (base, levels, slopes), each begun by everybody's. At the prior's depth,
    # where d / D is 1, the two shares add up to its lift.
    mean[size], mean[2 * size] = SHARE * prior.lift, (1 - SHARE) * prior.lift
    fit, address = _unfitted(mean, variance), 0.0
    if groups:
        rows = _rows(groups, design, prior)
        address, rows = _addressed(rows), _without_eager(rows, together)
        # The blocks' variances are found once and then held, so that the fits below
        # differ in their types alone and BIC compares like with like.
        theta, variance = _one_type(rows, blocks, mean, variance)
        fits = [
            _typed(rows, theta, mean, variance, types)
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


def _design(groups: Sequence[Group]) -> Design:
    return Design(
        kinds=_names(group.what.kind for group in groups),
        segments=_names(name for group in groups for name in group.who.segment if name),
        scopes=_names(name for group in groups for name in group.what.scope),
        traits=groups[0].who.traits.shape[1] if groups else 0,
    )


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


def _typed(
    rows: Rows, theta: Floats, mean: Floats, variance: Floats, types: int
) -> Fit:
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


def _without_eager(rows: Rows, together: int) -> Rows:
    """Expect of each person what they buy more than expected elsewhere, shrunk."""
    # Scores that are off for all alike make nobody eager: only who differs is.
    usual = rows.expected * rows.found.sum() / max(float(rows.expected.sum()), 1e-9)
    whole = max(float(usual.sum()), 1e-9)
    # Never below 1: by luck counts may vary less than a Poisson's.
    over = max(1.0, float(((rows.found - usual) ** 2).sum()) / whole)
    weight, persons = 1 / (over * together), int(rows.person.max()) + 1
    found, expected = (
        np.bincount(rows.person, weight * one, persons) for one in (rows.found, usual)
    )
    # The mean of each one's ratio under a Gamma prior of mean 1 and variance EAGER².
    eager = np.log((found + EAGER**-2) / (expected + EAGER**-2))
    return replace(rows, offset=rows.offset + eager[rows.person])


def _addressed(rows: Rows) -> float:
    """Return the log of what all the addressed bought elsewhere over all the others.

    Shrunk by its standard error, with persons as clusters (Cochran 1977, 6.4): how much
    they buy differs, and few are never addressed.
    """
    logs, doubts = [], []
    for treated in (1.0, 0.0):
        mine = (rows.treated == treated) & (rows.expected > 0)
        found = np.bincount(rows.person[mine], rows.found[mine])
        expected = np.bincount(rows.person[mine], rows.expected[mine])
        if not (found.sum() > 0 and expected.sum() > 0):
            return 0.0
        ratio = found.sum() / expected.sum()
        off = found - ratio * expected
        logs.append(float(np.log(ratio)))
        # The variance of a ratio's logarithm, linearised.
        doubts.append(float((off**2).sum() / found.sum() ** 2))
    believed = ADDRESS**2 / (ADDRESS**2 + sum(doubts))
    return believed * (logs[0] - logs[1])


def _each(found: Types) -> list[tuple[float, float, float]]:
    columns = (found.share.tolist(), found.level.tolist(), found.slope.tolist())
    return list(zip(*columns, strict=True))


def _spread(blocks: Sequence[str], variance: Floats) -> tuple[float, float]:
    """Return the standard deviation of scopes' levels and slopes."""
    if "scope" not in blocks:
        return BLOCKS["scope"], BLOCKS["scope"]
    place, size = blocks.index("scope"), len(blocks)
    level, slope = variance[place + size], variance[place + 2 * size]
    return float(level**0.5), float(slope**0.5)


def _names(found: object) -> tuple[str, ...]:
    return tuple(sorted(set(found)))  # type: ignore[call-overload]


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


def _rows(groups: Sequence[Group], design: Design, prior: Prior) -> Rows:
    parts, offsets, treated, deeps = [], [], [], []
    for group in groups:
        z = design.z(group.who, group.what)
        deep = group.what.depth / prior.depth if group.treated else 0.0
        # Who is held back has the base part alone: what p0 gets wrong is learnt there,
        # and no offer is credited with it.
        parts.append(np.hstack([z, z * group.treated, z * deep]))
        hint = sum(prior.leaning.get(one, 0.0) for one in group.what.scope)
        # What prices say of categories is an offset: only what lots show beyond it is
        # learnt.
        known = deep * hint / max(1, len(group.what.scope))
        offsets.append(logit(weekly(group.who.p0)) + known)
        treated.append(np.full(len(z), float(group.treated)))
        deeps.append(np.full(len(z), deep))
    return Rows(
        x=np.vstack(parts),
        offset=np.concatenate(offsets),
        weeks=np.concatenate([group.weeks for group in groups]),
        bought=np.concatenate([group.bought for group in groups]).astype(float),
        person=np.concatenate([group.person for group in groups]),
        treated=np.concatenate(treated),
        deep=np.concatenate(deeps),
        found=np.concatenate([group.elsewhere[0] for group in groups]),
        expected=np.concatenate([group.elsewhere[1] for group in groups]),
    )


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
