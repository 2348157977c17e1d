"""How an offer moves a week's odds of buying: a posterior over customers and variants.

    logit P(buys in scope in a week | offer) = logit w0 + b
    b = (1, d / D) ⊗ (z · θ + u)

with w0 = 1 − (1 − p0)^(1/weeks) the chance without an offer, z = (1, kind, segment,
scope, traits) of the customer and the offer, d its discount and D a usual one. So b has
a level, which comes with any offer, and a slope in the discount, and both may differ by
kind, segment, category and trait; what data do not tell apart is shrunk to what is
common. Customers who were held back have no b: a base part γ·z, which all share, takes
up what p0 gets wrong (`Posterior.unprompted`); it was learnt from customers who had
offers, so it is too high for whom they move.

u is of the customer's type, which no trait shows: some are moved by offers, the more
the deeper, some hardly, and some are driven away. How many of each there are, and how
each answers, is learnt (ml.lift_fits); of a customer is known how likely they are of
which type, from how they answered offers before (`Who.types`). Whoever is addressed may
also buy more or less of all the rest: `address` is by how much the log of these
purchases changes, for all alike.

A week, not the whole horizon: an offer works until it is used, and customers are
watched for different times (discrete-time event history; Allison 1982), so that what
two weeks taught holds for four, and who buys every week anyway has no room to be moved.
Pure NumPy: the web process may load it.
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
ODDS = 1e-4
"""Chances are kept this far from 0 and 1."""
WEEKS = 4.0
"""Of the horizon of p0 (settings.HORIZON_DAYS)."""


@dataclass(frozen=True, kw_only=True)
class Who:
    """Some customers: P(buys in scope | no offer), segments, [customers, traits].

    `types`: how likely each is of which type, [customers, types]; zeros, or None:
    nothing is known of them.
    """

    p0: Floats
    segment: Sequence[str]
    traits: Floats
    types: Floats | None = None

    def __getitem__(self, rows: Any) -> "Who":
        # Of a mask as of indices: the segments are a list, which takes neither.
        places = np.arange(len(self.p0))[rows]
        return Who(
            p0=self.p0[places],
            segment=[self.segment[i] for i in places.tolist()],
            traits=self.traits[places],
            types=None if self.types is None else self.types[places],
        )


@dataclass(frozen=True, kw_only=True)
class What:
    """A variant: its kind, its categories, and its discount as a share of the goods."""

    kind: str
    scope: Sequence[str]
    depth: float


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
        # −1 fits no column: a segment that taught nothing is as all are.
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
class Types:
    """Types of customers; one number for each.

    `share` of all customers, and their u = (`level`, `slope`).
    """

    share: Floats
    level: Floats
    slope: Floats


ONE_TYPE = Types(share=np.ones(1), level=np.zeros(1), slope=np.zeros(1))


@dataclass(frozen=True, kw_only=True)
class Posterior:
    """What is believed of θ = (levels, slopes), each in the order of z, of γ and u.

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
    types: Types = ONE_TYPE
    address: float = 0.0

    def unprompted(self, who: Who, what: What) -> Floats:
        """Return a week's P(buys in scope | no offer), by p0 and who was held back."""
        return expit(logit(weekly(who.p0)) + self.correction(who, what))

    def correction(self, who: Who, what: What) -> Floats:
        """Return what is added to the log-odds of w0."""
        return np.asarray(self.design.z(who, what) @ self.base)

    def weights(self, who: Who) -> Floats:
        """Return how likely each customer is of which type, [customers, types]."""
        share = self.types.share
        # Known by another posterior, which had another number of types: start anew.
        if who.types is None or who.types.shape[1] != len(share):
            return np.tile(share, (len(who.p0), 1))
        known = who.types.sum(axis=1, keepdims=True)
        likely = who.types / np.where(known > 0, known, 1.0)
        return np.asarray(np.where(known > 0, likely, share))

    def shifts(self, what: What) -> Floats:
        """Return each type's (1, d / D) ⊗ u."""
        return np.asarray(self.types.level + what.depth / self.depth * self.types.slope)

    def moved(self, w0: Floats, who: Who, what: What, thetas: Floats) -> Floats:
        """Return a week's P(buys | offer) under each of the samples, over all types."""
        b, likely = self.drawn(who, what, thetas), self.weights(who)
        shifts = self.shifts(what)
        return np.asarray(
            sum(likely[:, c] * lifted(w0, b + shifts[c]) for c in range(len(shifts)))
        )

    def drawn(self, who: Who, what: What, thetas: Floats) -> Floats:
        """Return b but for u under each of the `sample`s, [samples, customers]."""
        # The two columns behind θ are luck, see `sample`.
        b = self._b(who, what, thetas[:, : len(self.mean)])
        unseen = sum(one not in self.design.scopes for one in what.scope)
        if unseen:
            share = unseen / len(what.scope)
            # Unlike the others by as much as categories that were seen differ among
            # each other.
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
        # Not Cholesky, which refuses a covariance that rounding left with an eigenvalue
        # just below 0.
        values, vectors = np.linalg.eigh(self.covariance)
        return np.asarray(vectors * np.sqrt(np.maximum(values, 0)))

    def _b(self, who: Who, what: What, thetas: Floats) -> Floats:
        z, deep = self.design.z(who, what), what.depth / self.depth
        levels, slopes = np.split(thetas, 2, axis=1)
        hint = sum(self.leaning.get(one, 0.0) for one in what.scope)
        known = hint / max(1, len(what.scope)) * deep
        return np.asarray((levels + deep * slopes) @ z.T + known)


def lifted(chance: Floats, lift: Floats | float) -> Floats:
    """Return the chance whose log-odds are `lift` above those of `chance`."""
    # By odds: who buys nearly always has no room left, whatever the lift.
    odds = chance / np.maximum(1 - chance, 1e-12) * np.exp(lift)
    return np.asarray(odds / (1 + odds))


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
