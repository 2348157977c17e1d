"""Arms whose odds follow what they earn, and what may be concluded all the same.

`odds` is Thompson sampling (1933) by periods: an arm's odds are the chance that it is
the best. Odds that moved make naive means biased: a good day fills the arms that were
favoured on that day. So the odds are logged, and `inverse_probability` divides each
unit by its own (Horvitz & Thompson 1952).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from operator import add

import numpy as np

from analytics import tails
from analytics.experiments import Effect, interval
from analytics.moments import Floats, Moments

ENOUGH = 100
"""Odds stay as they were until every arm has so many units."""


@dataclass(frozen=True, kw_only=True)
class Arm:
    """What is known of an arm: units, mean of the reward and its standard error."""

    n: int
    mean: float
    error: float


def odds(
    arms: Mapping[str, Arm], *, least: float, before: Mapping[str, float] | None = None
) -> dict[str, float]:
    """Return each arm's chance to be the best, squeezed so that none is below `least`.

    Beliefs are normal, with a flat prior. Each chance p becomes
    least + (1 − k · least) p of k arms; with k · least ≥ 1 all are equal. Until every
    arm has 100 units the odds are those `before`, or equal.
    """
    equal = {name: 1 / len(arms) for name in arms}
    if min(arm.n for arm in arms.values()) < ENOUGH:
        return dict(before or equal)
    free = max(0.0, 1 - least * len(arms))
    floor = (1 - free) / len(arms)
    return {name: floor + free * p for name, p in chances(arms).items()}


def chances(arms: Mapping[str, Arm]) -> dict[str, float]:
    """Return each arm's chance to have the highest mean: ∫ φ_i(x) Π_j≠i Φ_j(x) dx."""
    means = np.array([arm.mean for arm in arms.values()])
    errors = _errors(list(arms.values()))
    if not errors.all():
        return {name: 1 / len(arms) for name in arms}
    # Shapes: x and widths (nodes,), z, below and inside (arms, nodes).
    x, widths = _nodes(means, errors)
    z = (x - means[:, None]) / errors[:, None]
    below, inside = tails.normal(z), tails.density(z) / errors[:, None]
    found = [
        widths @ (inside[i] * np.prod(np.delete(below, i, axis=0), axis=0))
        for i in range(len(means))
    ]
    # 1, but for the quadrature.
    whole = sum(found)
    return {name: float(p / whole) for name, p in zip(arms, found, strict=True)}


def _errors(arms: Sequence[Arm]) -> Floats:
    """Return standard errors; where nobody differs, by the arm that differs most."""
    errors, n = np.array([[arm.error, arm.n] for arm in arms]).T
    # error · √n is a unit's standard deviation: the widest arm's, for all.
    widest = (errors * np.sqrt(n)).max() / np.sqrt(n)
    return np.asarray(np.where(errors > 0, errors, widest))


def _nodes(means: Floats, errors: Floats) -> tuple[Floats, Floats]:
    """Return places and weights of a quadrature that sees every arm at its own scale.

    Gauss and Legendre's, between all arms' means ± 0, 1, … 9 standard errors.
    """
    edges = np.unique(means[:, None] + errors[:, None] * np.arange(-9.0, 10.0))
    nodes, weights = np.polynomial.legendre.leggauss(12)
    half = np.diff(edges)[:, None] / 2
    x = edges[:-1, None] + half * (nodes + 1)
    return x.ravel(), (half * weights).ravel()


@dataclass(frozen=True, kw_only=True)
class Period:
    """The units that were assigned while the odds stood still, with their outcomes."""

    arms: Mapping[str, Moments]
    odds: Mapping[str, float]


@dataclass(frozen=True, kw_only=True, eq=False)
class Weighed:
    """All arms at once: units and means, shape (k,); the means' covariance, (k, k)."""

    names: tuple[str, ...]
    counts: Floats
    means: Floats
    covariance: Floats

    def mean(self, arm: str, *, confidence: float = 0.95) -> Effect:
        return self._of({arm: 1.0}, confidence)

    def difference(
        self, treatment: str, control: str, *, confidence: float = 0.95
    ) -> Effect:
        return self._of({treatment: 1.0, control: -1.0}, confidence)

    def arms(self) -> dict[str, Arm]:
        """Return what the next odds are computed from."""
        errors = np.sqrt(np.diag(self.covariance))
        return {
            name: Arm(n=int(n), mean=float(mean), error=float(error))
            for name, n, mean, error in zip(
                self.names, self.counts, self.means, errors, strict=True
            )
        }

    def _of(self, weights: Mapping[str, float], confidence: float) -> Effect:
        row = np.array([weights.get(name, 0.0) for name in self.names])
        error = float(np.sqrt(max(0.0, row @ self.covariance @ row)))
        return interval(float(row @ self.means), error, confidence=confidence)


class NeverDrawn(ValueError):
    """An arm without odds in a period says nothing of that period's units."""


def inverse_probability(
    periods: Sequence[Period], metric: str, *, normalised: bool = True
) -> Weighed:
    """Estimate each arm's mean over all periods' units, each weighed by 1 / its odds.

    `normalised` is Hájek's quotient Σ y/p over Σ 1/p (1971), which is steadier; without
    it Horvitz and Thompson's Σ y/p over the number of all units, which is unbiased to
    the letter. The variance is of the lots and units within each period, given its size
    and odds. Raises NeverDrawn.
    """
    names = tuple(dict.fromkeys(name for one in periods for name in one.odds))
    p = np.array([[one.odds.get(name, 0.0) for name in names] for one in periods])
    if p.min() <= 0:
        raise NeverDrawn(names)
    n, sums, squares = _sums(periods, names, metric)
    size = n.sum(axis=1)[:, None]
    below = (n / p).sum(axis=0) if normalised else np.full(len(names), size.sum())
    below = np.maximum(below, 1)  # of an arm that nobody is in yet
    # Σ y/p: naive means were 2 % off for the arm least drawn (bench-experiments).
    means = (sums / p).sum(axis=0) / below
    around = means if normalised else np.zeros(len(names))
    u = (sums - around * n) / p
    u2 = (squares - 2 * around * sums + around**2 * n) / p**2
    # Σ z zᵀ − (Σ z)(Σ z)ᵀ / n by period; a unit is in one arm, so the first is
    # diagonal.
    covariance = np.diag(u2.sum(axis=0)) - (u / np.maximum(size, 1)).T @ u
    return Weighed(
        names=names,
        counts=n.sum(axis=0),
        means=means,
        covariance=covariance / np.outer(below, below),
    )


def adjusted(periods: Sequence[Period], metric: str, covariate: str) -> Weighed:
    """Return what each arm's mean would be over all these units, adjusted.

    Inverse probability of what neither the period nor the covariate foretells of a
    unit, plus the mean of all. A period's own mean is taken off all of its arms alike:
    a good day that had a few more of an arm by lot then is no merit of that arm's. The
    slope on the covariate, known before the lot, is that within periods and arms
    together (CUPED). Raises NeverDrawn.
    """
    centred = [_centred(one, metric, covariate) for one in periods]
    whole = _whole([arm for one in centred for arm in one.arms.values()])
    theta = whole.slope(whole.vector({_Y: 1.0}), _X)
    left = [_with_sum(one, _LEFT, {_Y: 1.0, _X: -theta}) for one in centred]
    found = inverse_probability(left, _LEFT)
    return replace(found, means=found.means + whole.mean(metric))


_Y, _X, _LEFT = "metric less its mean", "covariate less its mean", "left"


def _centred(period: Period, metric: str, covariate: str) -> Period:
    whole = _whole(list(period.arms.values()))
    for name, of in ((_Y, metric), (_X, covariate)):
        period = _with_sum(period, name, {of: 1.0}, plus=-whole.mean(of))
    return period


def _whole(arms: Sequence[Moments]) -> Moments:
    return reduce(add, arms)


def _with_sum(
    period: Period, name: str, weights: Mapping[str, float], plus: float = 0.0
) -> Period:
    return replace(
        period,
        arms={
            label: arm.with_sum(name, weights, plus=plus)
            for label, arm in period.arms.items()
        },
    )


def _sums(
    periods: Sequence[Period], names: Sequence[str], metric: str
) -> tuple[Floats, Floats, Floats]:
    """Return units, Σ y and Σ y² by period and arm, each of shape (periods, k)."""
    found = np.zeros((3, len(periods), len(names)))
    for row, period in enumerate(periods):
        for name, arm in period.arms.items():
            at = arm.names.index(metric) + 1
            cells = arm.gram[0, 0], arm.gram[0, at], arm.gram[at, at]
            found[:, row, names.index(name)] = cells
    return found[0], found[1], found[2]
