"""A stock in lots, and how likely it moves from one level to another. Pure.

Demand of a week is negative binomial with variance mean + noise · mean², or Poisson.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
LOTS = 60
"""Stock is planned in so many lots at most."""
FINEST = 4000
"""More units than that are counted in equal bundles."""


def chances(mean: Floats, noise: float, most: int) -> Floats:
    """Return P(D = 0 … most) in a new last axis: negative binomial, or Poisson."""
    # Its logarithm is taken.
    mean = np.maximum(mean, 1e-12)[..., None]
    count = np.arange(1, most + 1)
    if noise <= 1e-9:
        # log P(0), and log P(k) / P(k − 1) = log(m / k).
        first, steps = -mean, np.log(mean) - np.log(count)
    else:
        size = 1 / noise
        first = -size * np.log1p(noise * mean)
        share = np.log(noise * mean) - np.log1p(noise * mean)
        # P(k) / P(k − 1) = p (r + k − 1) / k, with r = 1 / noise and p = noise m / (1 +
        # noise m).
        steps = share + np.log((size + count - 1) / count)
    logs = np.concatenate([first, first + np.cumsum(steps, axis=-1)], axis=-1)
    return np.asarray(np.exp(logs))


@dataclass(frozen=True, kw_only=True)
class Grid:
    """Stock levels: lots of `units` each; `lots` of them are all that is there."""

    stock: int

    @property
    def bundle(self) -> int:
        return -(-self.stock // FINEST) or 1

    @property
    def lots(self) -> int:
        return min(LOTS, self.stock)

    @property
    def units(self) -> float:
        """Units of a lot."""
        return self.stock / max(self.lots, 1)

    def sales(self, mean: Floats, noise: float) -> Floats:
        """Return the chances of selling 0 … lots, where there are enough, [..., S].

        Shared between the two nearest lots, so that the mean is kept.
        """
        pieces = self.stock // self.bundle
        found = chances(mean / self.bundle, noise, pieces)
        place = np.arange(pieces + 1) * self.lots / max(pieces, 1)
        # Linear weights [pieces, lots] of the two lots on either side of a place.
        near = 1 - np.abs(place[:, None] - np.arange(self.lots + 1)[None, :])
        return np.asarray(found @ np.maximum(near, 0.0))

    def moves(self, sales: Floats) -> Floats:
        """Return P(from s lots to s') as [..., S, S]; whoever sells more sells out."""
        lots = np.arange(self.lots + 1)
        gap = lots[:, None] - lots[None, :]
        found = np.where(gap >= 0, sales[..., np.maximum(gap, 0)], 0.0)
        found[..., 0] = 0.0
        # All demand beyond what is there ends in an empty shelf.
        found[..., 0] = 1 - found.sum(axis=-1)
        return np.asarray(np.maximum(found, 0.0))
