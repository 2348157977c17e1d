"""What a model goes by on the whole: the average customers, and each feature's effect.

Measured once, at training, on rows of the newest cut-off. Pure NumPy.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ml import features
from ml.predictors import Calibrated
from ml.reasons import Average
from ml.splits import Split

ROWS = 50_000
"""Of 100 categories: each average is of 500 customers."""
CLEAR = 0.3
"""A correlation of value and contribution below this is no direction."""

Direction = Literal["raises", "lowers", "both"]
Effect = dict[str, str | float]
"""feature, strength and direction."""


@dataclass(frozen=True, kw_only=True)
class Explained:
    """`effects`: strongest first, the mean |contribution| less its mean."""

    average: Average
    effects: list[Effect]


def explained(predictor: Calibrated, rows: Split, *, categories: int) -> Explained:
    """Measure a predictor on rows; see Predictor for the unit of contributions."""
    shares = predictor.contributions(rows.x)
    average = Average.measured(
        # Without entity and category, which are no features.
        rows.x[:, 2:],
        shares[:, 2:],
        predictor.probability(rows.x),
        category=rows.category,
        categories=categories,
    )
    return Explained(average=average, effects=_effects(rows.x, shares))


def _effects(x: NDArray[Any], shares: NDArray[Any]) -> list[Effect]:
    moved = shares - shares.mean(axis=0)
    strength = np.abs(moved).mean(axis=0)
    found: list[Effect] = [
        {
            "feature": name,
            "strength": round(float(strength[spot]), 5),
            "direction": _direction(name, x[:, spot], moved[:, spot]),
        }
        for spot, name in enumerate(features.COLUMNS)
        if strength[spot] > 0
    ]
    return sorted(found, key=lambda one: -float(one["strength"]))


def _direction(name: str, values: NDArray[Any], moved: NDArray[Any]) -> Direction:
    """Say what a higher value does; a category's code is no quantity."""
    logs = np.copysign(np.log1p(np.abs(values)), values)
    if name == "category" or not logs.std() or not moved.std():
        return "both"
    r = float(np.corrcoef(logs, moved)[0, 1])
    if abs(r) < CLEAR:
        return "both"
    return "raises" if r > 0 else "lowers"
