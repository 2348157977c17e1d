"""Combine estimates of one thing from several places by random effects. Pure."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.floating[Any]]


@dataclass(frozen=True, kw_only=True)
class Pooled:
    """The common mean, its standard error, and how far the places differ (sd)."""

    mean: float
    error: float
    spread: float


def pool(values: Numbers, errors: Numbers) -> Pooled:
    """Combine estimates by random effects (DerSimonian & Laird 1986)."""
    weights = 1 / np.maximum(errors, 1e-6) ** 2
    mean = np.average(values, weights=weights)
    # Cochran's Q less what it is expected to be if all places are alike (n − 1).
    excess = float((weights * (values - mean) ** 2).sum()) - (len(values) - 1)
    scale = float(weights.sum() - (weights**2).sum() / weights.sum())
    variance = max(0.0, excess / scale) if scale > 0 else 0.0
    # Once more with the spread: the surest place must not rule where places differ.
    weights = 1 / (np.maximum(errors, 1e-6) ** 2 + variance)
    return Pooled(
        mean=float(np.average(values, weights=weights)),
        error=float(weights.sum() ** -0.5),
        spread=variance**0.5,
    )
