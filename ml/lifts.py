"""How an offer moves the odds of buying in a week: a posterior over customers, variants.

    logit P(buys in scope in a week | offer) = logit w0 + b
    b = (1, d / D) ⊗ z · θ + own

with w0 = 1 − (1 − p0)^(1/weeks) the chance without an offer, z = (1, kind, segment,
scope, traits) of the customer and the offer, d its discount and D a usual one. So b has
a level, which comes with any offer, and a slope in the discount, and both may differ by
kind, segment, category and trait; what data do not tell apart is shrunk to what is
common. Customers who were held back have no b: a base part γ·z, which all share, takes
up what p0 gets wrong (`Posterior.unprompted`); it was learnt from customers who had
offers, so it is too high for whom they move.

A week, not the whole horizon: an offer works until it is used, and customers are
watched for different times. Each counts with the weeks until the first purchase in
scope, or the end (discrete-time event history; Allison 1982), so that what two weeks
taught holds for four, and who buys every week anyway has no room to be moved.

`own` is how the customer answered earlier offers, beyond what all the rest foretold
(`answers`). Segments that no trait shows, such as those whom offers drive away, show
there.

A Gaussian prior, centred on what past campaigns or prices suggest, is updated by
everybody whom a lot drew into an arm: logistic regression by Newton steps, its
posterior by Laplace's approximation, the variances of the blocks by EM (MacKay 1992,
"Bayesian interpolation"; Bishop 2006, 9.3.4). Pure NumPy: the web process may load it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
BLOCKS: Mapping[str, float] = {
    "kind": 0.15,
    "segment": 0.2,
    "scope": 0.15,
    "trait": 0.2,
}
"""What θ is shrunk by within a block before any data: the standard deviation."""
DOUBT = 6.0
"""So many coefficients' worth of data that standard deviation counts for."""
OWN = 0.7
"""How far customers' answers differ beyond what is known of them, in log-odds."""
BASE = 0.3
"""The base part's standard deviation: how far w0 may be off, in log-odds."""
SHARE = 0.4
"""The part of a prior lift that comes with any offer. With 0.4, half the discount has
0.7 of the lift, as a square root has."""
ROUNDS, STEPS = 4, 12
ODDS = 1e-4
"""Chances are kept this far from 0 and 1."""
WEEKS = 4.0
"""Of the horizon of p0 (settings.HORIZON_DAYS)."""


@dataclass(frozen=True, kw_only=True)
class Who:
    """Some customers: P(buys in scope | no offer), segments, [customers, traits].

    `own`: their own answers so far; None: nobody was ever offered anything.
    """

    p0: Floats
    segment: Sequence[str]
    traits: Floats
    own: Floats | None = None

    @property
    def answers(self) -> Floats:
        return np.zeros(len(self.p0)) if self.own is None else self.own

    def __getitem__(self, rows: Any) -> "Who":
        places = np.arange(len(self.p0))[rows]
        return Who(
            p0=self.p0[places],
            segment=[self.segment[i] for i in places.tolist()],
            traits=self.traits[places],
            own=None if self.own is None else self.own[places],
        )


@dataclass(frozen=True, kw_only=True)
class What:
    """A variant: its kind, its categories, and its discount as a share of the goods."""

    kind: str
    scope: Sequence[str]
    depth: float


@dataclass(frozen=True, kw_only=True)
class Group:
    """Customers whom a lot gave a variant, or nothing (`treated` False).

    `weeks`: until they bought in scope, that one whole, or the end; `bought`: who did.
    """

    who: Who
    what: What
    treated: bool
    weeks: Floats
    bought: NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class Prior:
    """The lift of an offer at the discount `depth`, and its standard error.

    `leaning`: by how much more, or less, the lift of some categories' offers is
    expected to be. `basis`: "assumed", or "observational" from the log.
    """

    lift: float
    error: float
    depth: float
    basis: str
    leaning: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class Design:
    """The columns of z."""

    kinds: tuple[str, ...]
    segments: tuple[str, ...]
    scopes: tuple[str, ...]
    traits: int

    @property
    def blocks(self) -> list[str]:
        """Name each column's block; the first is the one of everybody."""
        sizes = {
            "kind": len(self.kinds),
            "segment": len(self.segments),
            "scope": len(self.scopes),
            "trait": self.traits,
        }
        return ["all", *(name for name, n in sizes.items() for _ in range(n))]

    def z(self, who: Who, what: What) -> Floats:
        """Return [customers, columns]; a scope's categories share one unit."""
        kind = [float(what.kind == one) for one in self.kinds]
        share = 1 / max(1, len(what.scope))
        scope = [share * (one in what.scope) for one in self.scopes]
        codes = {name: i for i, name in enumerate(self.segments)}
        place = np.array([codes.get(one, -1) for one in who.segment], dtype=int)
        segment = (place[:, None] == np.arange(len(self.segments))).astype(float)
        n = len(who.p0)
        return np.hstack(
            [
                np.ones((n, 1)),
                np.tile(kind, (n, 1)),
                segment,
                np.tile(scope, (n, 1)),
                who.traits[:, : self.traits],
            ]
        )


@dataclass(frozen=True, kw_only=True)
class Posterior:
    """What is believed of θ = (levels, slopes), each in the order of z, and of γ.

    `spread` has the standard deviation of scopes' levels and slopes, for a category of
    which nothing was seen. `seen`: how many customers it rests on.
    """

    design: Design
    depth: float
    basis: str
    leaning: Mapping[str, float]
    base: Floats
    mean: Floats
    covariance: Floats
    spread: tuple[float, float]
    seen: int

    def unprompted(self, who: Who, what: What) -> Floats:
        """Return a week's P(buys in scope | no offer), by p0 and who was held back."""
        return expit(logit(weekly(who.p0)) + self.correction(who, what))

    def correction(self, who: Who, what: What) -> Floats:
        """Return what is added to the log-odds of w0."""
        return np.asarray(self.design.z(who, what) @ self.base)

    def lift(self, who: Who, what: What) -> Floats:
        """Return each customer's expected b."""
        return np.asarray(self._b(who, what, self.mean[None])[0])

    def drawn(self, who: Who, what: What, thetas: Floats) -> Floats:
        """Return b under each of the `sample`s, [samples, customers]."""
        b = self._b(who, what, thetas[:, : len(self.mean)])
        unseen = sum(one not in self.design.scopes for one in what.scope)
        if unseen:
            share = unseen / len(what.scope)
            luck = thetas[:, len(self.mean) :] * np.array(self.spread)
            b += share * (luck[:, :1] + luck[:, 1:] * what.depth / self.depth)
        return b

    def sample(self, size: int, *, seed: int) -> Floats:
        """Draw θ, and two standard normals for a category never seen."""
        rng = np.random.default_rng(seed)
        normal = rng.standard_normal((size, len(self.mean) + 2))
        theta = self.mean + normal[:, :-2] @ self._root.T
        return np.asarray(np.hstack([theta, normal[:, -2:]]))

    @cached_property
    def _root(self) -> Floats:
        values, vectors = np.linalg.eigh(self.covariance)
        return np.asarray(vectors * np.sqrt(np.maximum(values, 0)))

    def _b(self, who: Who, what: What, thetas: Floats) -> Floats:
        z, deep = self.design.z(who, what), what.depth / self.depth
        levels, slopes = np.split(thetas, 2, axis=1)
        hint = sum(self.leaning.get(one, 0.0) for one in what.scope)
        known = hint / max(1, len(what.scope)) * deep
        return np.asarray((levels + deep * slopes) @ z.T + known + who.answers)


def untaught(prior: Prior) -> Posterior:
    """Return what is believed before anybody was drawn into an arm."""
    return learn([], prior)


@dataclass(frozen=True, kw_only=True)
class Taught:
    """What groups teach: the posterior, and each row's weekly chance but for `own`."""

    posterior: Posterior
    chance: Sequence[Floats]


def learn(groups: Sequence[Group], prior: Prior) -> Posterior:
    """Update the prior by what the groups did."""
    return taught(groups, prior).posterior


def taught(groups: Sequence[Group], prior: Prior) -> Taught:
    """Update the prior by what the groups did, and say what was to be expected."""
    design = Design(
        kinds=_names(group.what.kind for group in groups),
        segments=_names(name for group in groups for name in group.who.segment if name),
        scopes=_names(name for group in groups for name in group.what.scope),
        traits=groups[0].who.traits.shape[1] if groups else 0,
    )
    blocks = design.blocks
    size = len(blocks)
    mean = np.zeros(3 * size)
    mean[size], mean[2 * size] = SHARE * prior.lift, (1 - SHARE) * prior.lift
    variance = _at_first(blocks, prior)
    theta, covariance, chance = mean, np.diag(variance), np.zeros(0)
    if groups:
        x, offset, n, y = _rows(groups, design, prior)
        own = np.concatenate([group.treated * group.who.answers for group in groups])
        for _ in range(ROUNDS):
            theta, covariance = _newton(x, offset + own, n, y, mean, variance, theta)
            variance = _variances(blocks, theta - mean, covariance, variance)
        chance = expit(offset + x @ theta)
    posterior = Posterior(
        design=design,
        depth=prior.depth,
        basis="randomised" if groups else prior.basis,
        leaning=dict(prior.leaning),
        base=theta[:size],
        mean=theta[size:],
        covariance=covariance[size:, size:],
        spread=_spread(blocks, variance),
        seen=sum(len(group.bought) for group in groups),
    )
    ends = np.cumsum([len(group.bought) for group in groups])[:-1]
    parts = np.split(chance, ends) if groups else []
    return Taught(posterior=posterior, chance=parts)


def answers(
    bought: NDArray[np.bool_], weeks: Floats, chance: Floats, person: Ints
) -> Floats:
    """Return each person's own answer: how much more they bought when offered.

    Rows are what was offered, with the weeks watched (`Group`) and the chance expected
    in each; `person` numbers them. The mode of a normal deviation of
    the log-odds with the standard deviation OWN, by one Newton step.
    """
    more = np.bincount(person, bought - weeks * chance)
    known = np.bincount(person, weeks * chance * (1 - chance))
    return np.asarray(more / (OWN**-2 + known))


def _spread(blocks: Sequence[str], variance: Floats) -> tuple[float, float]:
    """Return the standard deviation of scopes' levels and slopes."""
    if "scope" not in blocks:
        return BLOCKS["scope"], BLOCKS["scope"]
    place, size = blocks.index("scope"), len(blocks)
    level, slope = variance[place + size], variance[place + 2 * size]
    return float(level**0.5), float(slope**0.5)


def logit(p: Floats) -> Floats:
    """Return log-odds, of chances kept off 0 and 1."""
    kept = np.clip(p, ODDS, 1 - ODDS)
    return np.asarray(np.log(kept / (1 - kept)))


def expit(eta: Floats) -> Floats:
    """Return chances of log-odds."""
    return np.asarray(1 / (1 + np.exp(-eta)))


def weekly(p: Floats) -> Floats:
    """Return a week's chance, of that of buying at least once within a horizon."""
    kept = np.clip(p, ODDS, 1 - ODDS)
    return np.asarray(-np.expm1(np.log1p(-kept) / WEEKS))


def _names(found: object) -> tuple[str, ...]:
    return tuple(sorted(set(found)))  # type: ignore[call-overload]


def _at_first(blocks: Sequence[str], prior: Prior) -> Floats:
    """Return the variances of (base, levels, slopes)."""
    common = prior.error**2 / 2
    within = np.array([BLOCKS.get(name, 0.0) ** 2 for name in blocks])
    base = np.full(len(blocks), BASE**2)
    levels, slopes = within.copy(), within.copy()
    levels[0] = slopes[0] = common
    return np.concatenate([base, levels, slopes])


def _rows(
    groups: Sequence[Group], design: Design, prior: Prior
) -> tuple[Floats, Floats, Floats, Floats]:
    """Return (x, offset, weeks, y): x is [customers, (base, levels, slopes)]."""
    parts, offsets = [], []
    for group in groups:
        z = design.z(group.who, group.what)
        deep = group.what.depth / prior.depth if group.treated else 0.0
        parts.append(np.hstack([z, z * group.treated, z * deep]))
        hint = sum(prior.leaning.get(one, 0.0) for one in group.what.scope)
        known = deep * hint / max(1, len(group.what.scope))
        offsets.append(logit(weekly(group.who.p0)) + known)
    bought = np.concatenate([group.bought for group in groups]).astype(float)
    weeks = np.concatenate([group.weeks for group in groups])
    return np.vstack(parts), np.concatenate(offsets), weeks, bought


def _newton(
    x: Floats,
    offset: Floats,
    n: Floats,
    y: Floats,
    mean: Floats,
    variance: Floats,
    start: Floats,
) -> tuple[Floats, Floats]:
    """Return the mode and the inverse of the curvature there; `n` trials a row."""
    theta, precision = start, 1 / variance

    def loss(theta: Floats) -> float:
        eta = offset + x @ theta
        fit = n @ np.logaddexp(0, eta) - y @ eta
        return float(fit + 0.5 * precision @ (theta - mean) ** 2)

    def curvature(p: Floats) -> Floats:
        return np.asarray((x * (n * p * (1 - p))[:, None]).T @ x + np.diag(precision))

    best = loss(theta)
    for _ in range(STEPS):
        p = expit(offset + x @ theta)
        gradient = x.T @ (n * p - y) + precision * (theta - mean)
        step = np.linalg.solve(curvature(p), gradient)
        size = 1.0
        while (now := loss(theta - size * step)) > best and size > 1e-4:
            size /= 2
        if best - now < 1e-6 * (1 + abs(best)):
            break
        theta, best = theta - size * step, now
    p = expit(offset + x @ theta)
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
            usual = BASE if part == 0 else first
            if mine:
                total = second[mine].sum() + DOUBT * usual**2
                variance[mine] = total / (len(mine) + DOUBT)
    return variance
