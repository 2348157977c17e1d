"""Matrix factorisation with a classifier's face.

Entities × items are filled with how strongly each pair is tied (decayed purchases), a
non-negative product of two thin matrices smooths them, and a logistic link turns the
smoothed strength into a probability. Alone it loses to plain frequency on groceries;
it competes because it sees neighbours' tastes, which no feature does. An entity's rows
must come together: its missing items count as strength 0.
"""

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.decomposition import NMF
from sklearn.linear_model import LogisticRegression
from sklearn.utils.validation import check_is_fitted, validate_data

Matrix = NDArray[Any]
Numbers = NDArray[np.float64]


class Factorisation(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Factorise the strengths of (entity, item) pairs; link them to y by logistic.

    `entity`, `item` and `strength` are column numbers of X; strengths are >= 0.
    """

    def __init__(
        self,
        *,
        entity: int = 0,
        item: int = 0,
        strength: int = 0,
        rank: int = 16,
        random_state: int | None = None,
    ) -> None:
        self.entity = entity
        self.item = item
        self.strength = strength
        self.rank = rank
        self.random_state = random_state

    def fit(self, X: Matrix, y: Matrix) -> Self:  # noqa: N803
        X, y = validate_data(self, X, y)  # noqa: N806
        self.classes_ = np.unique(y)
        self.items_ = np.unique(X[:, self.item])
        filled, rows, columns = self._filled(X)
        rank = min(self.rank, *filled.shape)
        self.factors_ = NMF(
            rank, init="nndsvda", max_iter=400, tol=1e-3, random_state=self.random_state
        )
        weights = self.factors_.fit_transform(filled)
        smoothed = _at(weights, self.factors_.components_, rows, columns)
        self.link_ = LogisticRegression(C=1e3).fit(smoothed, y)
        return self

    def predict_proba(self, X: Matrix) -> Numbers:  # noqa: N803
        check_is_fitted(self)
        X = validate_data(self, X, reset=False)  # noqa: N806
        filled, rows, columns = self._filled(X)
        weights = self.factors_.transform(filled)
        smoothed = _at(weights, self.factors_.components_, rows, columns)
        return np.asarray(self.link_.predict_proba(smoothed), np.float64)

    def predict(self, X: Matrix) -> Matrix:  # noqa: N803
        chance = self.predict_proba(X)[:, 1]
        return np.take(self.classes_, chance > 0.5)

    def _filled(
        self,
        X: Numbers,  # noqa: N803
    ) -> tuple[csr_matrix, NDArray[np.intp], NDArray[np.intp]]:
        """Lay the strengths out; items not seen in `fit` get the nearest column."""
        entities, rows = np.unique(X[:, self.entity], return_inverse=True)
        last = len(self.items_) - 1
        columns = np.searchsorted(self.items_, X[:, self.item]).clip(max=last)
        strength = np.log1p(np.maximum(X[:, self.strength], 0))
        strength[self.items_[columns] != X[:, self.item]] = 0
        shape = (len(entities), len(self.items_))
        return csr_matrix((strength, (rows, columns)), shape), rows, columns


def _at(
    weights: Numbers, components: Numbers, rows: NDArray[Any], columns: NDArray[Any]
) -> Numbers:
    """Read the product off at the pairs; the log makes the link nearly straight."""
    product = (weights @ components)[rows, columns]
    return np.asarray(np.log(product + 0.01)).reshape(-1, 1)
