"""Columns that let a linear model bend and cross: hinges of numbers, products of pairs.

Made for ml.shrinkage, which keeps them in groups of their own (`groups_`) and lets
those vanish that do not help. Takes the columns that outcome_models.encoder makes.
Pure: NumPy and scikit-learn's face.
"""

from typing import Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

# Hinges took drawn trials with curved effects from .049 to .103 of Qini, pairs crossed
# ones from −.01 to .157; on Hillstrom both change less than .002 (decision 25).
KNOTS = (0.2, 0.4, 0.6, 0.8)
MOST_CROSSED = 24
"""With more columns than this, pairs would be too many: none are made."""
LEAST_DEVIATION = 0.01


class Expanded(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Columns as they are (group 0), their hinges (1), and products of pairs (2).

    A hinge is max(z − a quantile, 0). Added columns have mean 0 and variance 1; those
    that hardly vary are left out, so that one-hot columns get no hinge but their own.
    """

    def __init__(self, *, bends: bool = False, crosses: bool = False) -> None:
        self.bends = bends
        self.crosses = crosses

    def fit(self, X: Floats, y: object = None) -> Self:  # noqa: N803
        self.knots_ = self._knots(X) if self.bends else []
        width = X.shape[1]
        crossed = self.crosses and width <= MOST_CROSSED
        self.pairs_ = np.triu_indices(width if crossed else 0, 1)
        added, groups = self._added(X)
        self.means_, deviations = added.mean(axis=0), added.std(axis=0)
        self.kept_ = deviations > LEAST_DEVIATION
        self.scales_ = np.maximum(deviations, LEAST_DEVIATION)
        kept = np.concatenate([np.zeros(width, np.int64), groups[self.kept_]])
        # Numbered without gaps: a group may have lost all its columns.
        self.groups_ = np.unique(kept, return_inverse=True)[1]
        return self

    def transform(self, X: Floats) -> Floats:  # noqa: N803
        check_is_fitted(self)
        added = (self._added(X)[0] - self.means_) / self.scales_
        return np.hstack([X, added[:, self.kept_]])

    def _knots(self, x: Floats) -> list[tuple[int, float]]:
        found = []
        for column, values in enumerate(x.T):
            # A column of two values has nothing to bend.
            if len(np.unique(values)) > 2:
                at = np.unique(np.quantile(values, KNOTS))
                found += [(column, float(knot)) for knot in at]
        return found

    def _added(self, x: Floats) -> tuple[Floats, Integers]:
        left, right = self.pairs_
        hinges = [np.maximum(x[:, column] - knot, 0) for column, knot in self.knots_]
        bent = np.column_stack(hinges) if hinges else np.zeros((len(x), 0))
        groups = np.repeat([1, 2], [bent.shape[1], len(left)])
        return np.hstack([bent, x[:, left] * x[:, right]]), groups
