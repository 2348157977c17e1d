"""Evaluate fitted classifiers from plain arrays, with the reasons for each answer.

scikit-learn fits (ml.estimators), ml.exports lays the fitted out, as ml.rates does
itself, and this module is the only one that evaluates: in training's own figures, by
night, and in the web process. So what was measured is what is served. Pure NumPy.

`x` always has the columns that the estimator was fitted on. A contribution is in
log-odds for a linear model and for boosting, in probability for a tree and a forest;
only its sign and rank are ever told to people.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[Any]
Numbers = NDArray[np.float64]
Arrays = Mapping[str, NDArray[Any]]
SURE = 1e-6
"""Probabilities are kept this far from 0 and 1, so that log-odds are finite."""
ROWS = 20_000
"""Rows walked through the trees at a time: 100 trees then take 16 MB a level."""


class Predictor(Protocol):
    """A fitted classifier; rows in, log-odds or contributions out."""

    def log_odds(self, x: Matrix) -> Numbers: ...

    def contributions(self, x: Matrix) -> Numbers: ...


@dataclass(frozen=True, kw_only=True)
class Clipped:
    """Outliers moved to the training quantiles, then the signed log(1 + |x|)."""

    columns: NDArray[np.int64]
    low: Matrix
    high: Matrix

    @classmethod
    def of(cls, arrays: Arrays) -> Self:
        return cls(columns=arrays["columns"], low=arrays["low"], high=arrays["high"])

    def __call__(self, x: Matrix) -> Matrix:
        kept = np.clip(x[:, self.columns], self.low, self.high)
        return np.asarray(np.copysign(np.log1p(np.abs(kept)), kept))


@dataclass(frozen=True, kw_only=True)
class Levels:
    """A value for each level of a code column; `otherwise` for an unknown level."""

    column: int
    levels: Matrix
    values: Numbers
    otherwise: float

    def __call__(self, x: Matrix) -> Numbers:
        codes = x[:, self.column]
        spot = np.searchsorted(self.levels, codes).clip(max=len(self.levels) - 1)
        known = self.levels[spot] == codes
        return np.where(known, self.values[spot], self.otherwise)


@dataclass(frozen=True, kw_only=True)
class Linear:
    """Clipped, scaled numbers and a weight for each level of the category."""

    clipped: Clipped
    mean: Numbers
    scale: Numbers
    weights: Numbers
    intercept: float
    levels: Levels

    @classmethod
    def of(cls, arrays: Arrays) -> Self:
        return cls(
            clipped=Clipped.of(arrays),
            mean=arrays["mean"],
            scale=arrays["scale"],
            weights=arrays["weights"],
            intercept=float(arrays["intercept"]),
            levels=_levels(arrays),
        )

    def log_odds(self, x: Matrix) -> Numbers:
        # Scaling is folded into the weights: no scaled copy of the rows is made.
        slopes = self.weights / self.scale
        base = self.intercept - float(self.mean @ slopes)
        return np.asarray(self.clipped(x) @ slopes + base + self.levels(x))

    def contributions(self, x: Matrix) -> Numbers:
        """Return what lifts each row above a row of average values, by column."""
        told = np.zeros(x.shape)
        scaled = (self.clipped(x) - self.mean) / self.scale
        told[:, self.clipped.columns] = scaled * self.weights
        told[:, self.levels.column] = self.levels(x) - self.levels.values.mean()
        return told


@dataclass(frozen=True, kw_only=True)
class Trees:
    """Trees in one set of arrays; a leaf is its own child on both sides.

    `summed`: leaves add up to log-odds (boosting) instead of averaging to a
    probability (tree, forest). `value` of an inner node is the mean of its rows.
    """

    clipped: Clipped
    levels: Levels
    roots: NDArray[np.int32]
    feature: NDArray[np.int32]
    threshold: Numbers
    left: NDArray[np.int32]
    right: NDArray[np.int32]
    value: Numbers
    base: float
    depth: int
    summed: bool

    @classmethod
    def of(cls, arrays: Arrays) -> Self:
        names = ("roots", "feature", "threshold", "left", "right", "value")
        return cls(
            clipped=Clipped.of(arrays),
            levels=_levels(arrays),
            **{name: arrays[name] for name in names},
            base=float(arrays["base"]),
            depth=int(arrays["depth"]),
            summed=bool(arrays["summed"]),
        )

    def log_odds(self, x: Matrix) -> Numbers:
        parts = [
            self._leaves(self._seen(x[start : start + ROWS]))
            for start in range(0, len(x), ROWS)
        ]
        found = np.concatenate(parts) if parts else np.zeros(0)
        return found + self.base if self.summed else logit(found)

    def contributions(self, x: Matrix) -> Numbers:
        """Follow each path and credit each step to its feature (Saabas 2014)."""
        parts = [
            self._credited(x[start : start + ROWS]) for start in range(0, len(x), ROWS)
        ]
        return np.concatenate(parts) if parts else np.zeros(x.shape)

    def _credited(self, x: Matrix) -> Numbers:
        seen = self._seen(x)
        told = np.zeros(seen.shape)
        node = np.broadcast_to(self.roots, (len(x), len(self.roots))).copy()
        rows = np.arange(len(x))[:, None]
        for _ in range(self.depth):
            child = self._step(seen, node, rows)
            # At a leaf the child is the node itself, and nothing is credited.
            moved = self.value[child] - self.value[node]
            # Not +=, which counts once where two trees step on one feature.
            np.add.at(told, (rows, self.feature[node]), moved)
            node = child
        spread = np.zeros(x.shape)
        spread[:, self.clipped.columns] = told[:, :-1]
        spread[:, self.levels.column] = told[:, -1]
        return spread if self.summed else spread / len(self.roots)

    def _seen(self, x: Matrix) -> Matrix:
        """Lay out the trees' own columns: the numbers, last the category's rate."""
        seen = np.column_stack([self.clipped(x), self.levels(x)])
        # scikit-learn's trees and forests compare float32, its boosting float64.
        return seen if self.summed else seen.astype(np.float32)

    def _leaves(self, seen: Matrix) -> Numbers:
        # (rows, trees): where each row stands in each tree.
        node = np.broadcast_to(self.roots, (len(seen), len(self.roots))).copy()
        rows = np.arange(len(seen))[:, None]
        for _ in range(self.depth):
            node = self._step(seen, node, rows)
        values = self.value[node]
        return np.asarray(values.sum(axis=1) if self.summed else values.mean(axis=1))

    def _step(
        self, seen: Matrix, node: NDArray[np.int32], rows: Matrix
    ) -> NDArray[np.int32]:
        # At the threshold goes left, as in scikit-learn.
        below = seen[rows, self.feature[node]] <= self.threshold[node]
        return np.where(below, self.left[node], self.right[node])


@dataclass(frozen=True, kw_only=True)
class Rates:
    """Shrunk purchase rates, see ml.rates; `columns` are those of its READ.

    Counts are of `days` days, or of as many as the customer has been seen for since
    the fit, at most `most_days`: so an old fit does not mistake more days for more
    orders.
    """

    columns: NDArray[np.int64]
    levels: Levels
    shape: float
    rate: float
    strength: float
    days: float
    most_days: float
    horizon: float

    @classmethod
    def of(cls, arrays: Arrays) -> Self:
        names = ("shape", "rate", "strength", "days", "most_days", "horizon")
        numbers = {name: float(arrays[name]) for name in names}
        return cls(columns=arrays["columns"], levels=_levels(arrays), **numbers)

    def log_odds(self, x: Matrix) -> Numbers:
        (shape, rate), _, mine = self._known(x)
        none = shape * np.log1p(self.horizon * mine / rate)
        # none = −log P(none): log-odds of the contrary are log(e^none − 1), by expm1.
        return np.asarray(none + np.log(-np.expm1(-none)))

    def contributions(self, x: Matrix) -> Numbers:
        """Return by how much logs of rates lie above the shop's, by column."""
        told = np.zeros(x.shape)
        (shape, rate), usual, mine = self._known(x)
        # Category over all, own share over the category's, own visits over the shop's:
        # multiplied they are the rate.
        told[:, self.levels.column] = np.log(usual / self.levels.values.mean())
        told[:, self.columns[0]] = np.log(mine / usual)
        told[:, self.columns[1]] = np.log(shape / rate * self.rate / self.shape)
        return told

    def _known(self, x: Matrix) -> tuple[tuple[Numbers, Numbers], Numbers, Numbers]:
        """Return the customer's shape and rate, the category's share and theirs."""
        bought, visits, tenure = np.maximum(x[:, self.columns], 0.0).T.astype(float)
        days = np.minimum(np.maximum(tenure, self.days), self.most_days)
        usual = self.levels(x)
        mine = np.minimum(bought, visits) + self.strength * usual
        share = mine / (visits + self.strength)
        return (self.shape + visits, self.rate + days), usual, share


@dataclass(frozen=True, kw_only=True)
class Calibrated:
    """Log-odds bent to fit rows that the estimator has not seen (Platt 1999)."""

    inner: Predictor
    slope: float
    shift: float

    def log_odds(self, x: Matrix) -> Numbers:
        sure = logit(SURE)
        inside = np.clip(self.inner.log_odds(x), sure, -sure)
        return np.asarray(inside * self.slope + self.shift)

    def probability(self, x: Matrix) -> Numbers:
        return expit(self.log_odds(x))

    def contributions(self, x: Matrix) -> Numbers:
        # The shift is the same for everybody: no part of it.
        return self.inner.contributions(x) * self.slope


KINDS: Mapping[str, type[Linear] | type[Trees] | type[Rates]] = {
    "linear": Linear,
    "trees": Trees,
    "rates": Rates,
}


def read(arrays: Arrays) -> Calibrated:
    """Make a predictor of what ml.exports laid out."""
    inner = KINDS[str(arrays["form"])].of(arrays)
    return Calibrated(
        inner=inner, slope=float(arrays["slope"]), shift=float(arrays["shift"])
    )


def logit(p: Any) -> Any:
    inside = np.clip(p, SURE, 1 - SURE)
    return np.log(inside / (1 - inside))


def expit(log_odds: Numbers) -> Numbers:
    return np.asarray(1 / (1 + np.exp(-log_odds)), np.float64)


def _levels(arrays: Arrays) -> Levels:
    return Levels(
        column=int(arrays["category"]),
        levels=arrays["levels"],
        values=arrays["level_values"],
        otherwise=float(arrays["otherwise"]),
    )
