"""What all statistics are computed from: an arm's sums, never its rows.

Sums of a unit's numbers and of their products, so that days, segments and shards add
up and a GROUP BY makes them. Kept as float64: sums of 30 M amounts of cents are exact
to a relative 1e-9, and a spread below a millionth of the mean counts as none.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
NOISE = 1e-12
"""A sum of squares less so much of itself is rounding, not a spread."""


class OtherNumbers(ValueError):
    """Sums of different numbers cannot be added."""


@dataclass(frozen=True, eq=False)
class Moments:
    """Sums over an arm's units; with z = (1, y1, …, yk) of a unit, gram = Σ z zᵀ.

    `names` are the k numbers', `gram` is symmetric of shape (k + 1, k + 1).
    """

    names: tuple[str, ...]
    gram: Floats

    @classmethod
    def of(cls, names: Sequence[str], rows: ArrayLike) -> "Moments":
        """Sum up rows of shape (units, k)."""
        values = np.asarray(rows, dtype=np.float64).reshape(-1, len(names))
        # The leading 1 makes the number of units and the plain sums a part of the gram.
        z = np.column_stack([np.ones(len(values)), values])
        return cls(tuple(names), z.T @ z)

    @classmethod
    def none(cls, names: Sequence[str]) -> "Moments":
        """Return the sums of no unit: where `sum` starts."""
        return cls.of(names, [])

    def __add__(self, other: "Moments") -> "Moments":
        return Moments(self._same(other), self.gram + other.gram)

    def __sub__(self, other: "Moments") -> "Moments":
        return Moments(self._same(other), self.gram - other.gram)

    def _same(self, other: "Moments") -> tuple[str, ...]:
        if self.names != other.names:
            raise OtherNumbers(self.names, other.names)
        return self.names

    @property
    def n(self) -> int:
        """How many units."""
        return round(float(self.gram[0, 0]))

    def total(self, name: str) -> float:
        return float(self.gram[0, self._at(name)])

    def mean(self, name: str) -> float:
        """Return the mean of all units; 0 of none."""
        return self.total(name) / (self.n or 1)

    def variance(self, name: str) -> float:
        """Return the unbiased sample variance; 0 below two units."""
        return self.covariance(name, name)

    def covariance(self, a: str, b: str) -> float:
        """Return the unbiased sample covariance; 0 below two units."""
        return float(self.spread[self._at(a) - 1, self._at(b) - 1])

    def correlation(self, a: str, b: str) -> float:
        """Return Pearson's correlation; 0 if either is constant."""
        squares = self.variance(a) * self.variance(b)
        return self.covariance(a, b) / sqrt(squares) if squares else 0.0

    @cached_property
    def spread(self) -> Floats:
        """The unbiased covariance matrix of the k numbers, shape (k, k)."""
        if self.n < 2:
            return np.zeros((len(self.names), len(self.names)))
        sums, squares = self.gram[0, 1:], self.gram[1:, 1:]
        # Σ (y − m)(y − m)ᵀ = Σ y yᵀ − (Σ y)(Σ y)ᵀ / n, shape (k, k).
        around = squares - np.outer(sums, sums) / self.n
        constant = np.diag(around) <= NOISE * np.diag(squares)
        around[constant, :] = around[:, constant] = 0.0
        return np.asarray(around / (self.n - 1))

    def with_sum(
        self, name: str, weights: Mapping[str, float], *, plus: float = 0.0
    ) -> "Moments":
        """Add a number that is a weighted sum of others, and `plus` for every unit."""
        row = np.zeros(len(self.names) + 1)
        row[0] = plus
        row[[self._at(one) for one in weights]] = list(weights.values())
        # z' = C z, so Σ z' z'ᵀ = C gram Cᵀ, shape (k + 2, k + 2).
        change = np.vstack([np.eye(len(row)), row])
        return Moments((*self.names, name), change @ self.gram @ change.T)

    @property
    def means(self) -> Floats:
        """The k means, shape (k,)."""
        return np.asarray(self.gram[0, 1:] / max(self.n, 1))

    def slope(self, weights: Floats, covariate: str) -> float:
        """Return the regression slope of a weighted sum on a number; 0 if constant."""
        x = self.vector({covariate: 1.0})
        below = float(x @ self.spread @ x)
        return float(weights @ self.spread @ x) / below if below else 0.0

    def vector(self, weights: Mapping[str, float]) -> Floats:
        """Return weights by name as a vector over all k numbers."""
        found = np.zeros(len(self.names))
        found[[self._at(name) - 1 for name in weights]] = list(weights.values())
        return found

    def _at(self, name: str) -> int:
        return self.names.index(name) + 1
