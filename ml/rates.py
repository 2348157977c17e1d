"""Purchase rates, shrunk: the learner that needs no labels, so a young log has scores.

Visits are Poisson at each customer's own rate λ ~ Gamma(a, b); a visit holds category j
with the customer's own share θ ~ Beta(k·θ_j, k·(1 − θ_j)). So of n visits in `days`
days, m of them with the category, it follows that P(none within the horizon h) =
(β / (β + h·θ))^α, with α = a + n, β = b + days, θ = (m + k·θ_j) / (n + k). The prior is
fitted to the counts alone (empirical Bayes), a and b to counts cut off at zero: who
never came is not in the log. Evaluated by ml.predictors.Rates.

Source: Goodhardt, Ehrenberg & Chatfield (1984), The Dirichlet: A Comprehensive Model of
Buying Behaviour, JRSS A 147(5): NBD visits, Dirichlet choices.
"""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize, minimize_scalar
from scipy.special import betaln, gammaln
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from ml import predictors

Matrix = NDArray[Any]
Numbers = NDArray[np.float64]
READ = ("orders_91", "customer_orders_91", "customer_tenure")
"""Counts in the last DAYS days, and how long the customer has been seen."""
DAYS = 91.0
ROWS = 50_000
"""Rows the share's strength is fitted to, evenly spread."""
FEW = 0.5
"""So many purchases are added to a category's: one never bought keeps a chance."""


class Rates(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """The same as a baseline: counts come from the matrix, `y` gives classes alone.

    `category`, `orders`, `visits` and `tenure` are the columns of the category's code
    and of READ.
    """

    def __init__(
        self,
        *,
        category: int = 0,
        orders: int = 0,
        visits: int = 0,
        tenure: int = 0,
        horizon: float = 28.0,
    ) -> None:
        self.category = category
        self.orders = orders
        self.visits = visits
        self.tenure = tenure
        self.horizon = horizon

    def fit(self, X: Matrix, y: Matrix) -> Self:  # noqa: N803
        X, y = validate_data(self, X, y)  # noqa: N806
        check_classification_targets(y)
        self.classes_ = np.unique(y)
        if len(self.classes_) < 2:
            raise ValueError("There is but one class, nothing to tell apart.")
        counted = (self.orders, self.visits, self.tenure)
        self.arrays_ = fit(
            X, category=self.category, counted=counted, horizon=self.horizon
        )
        return self

    def predict_proba(self, X: Matrix) -> Numbers:  # noqa: N803
        check_is_fitted(self)
        X = validate_data(self, X, reset=False)  # noqa: N806
        chance = predictors.read(self.arrays_).probability(X)
        return np.column_stack([1 - chance, chance])

    def predict(self, X: Matrix) -> Matrix:  # noqa: N803
        chance = self.predict_proba(X)[:, 1]
        return np.take(self.classes_, chance > 0.5)


def baseline(columns: Sequence[str], seed: int) -> Rates:
    """Make an unfitted one for a matrix with these columns."""
    orders, visits, tenure = (columns.index(name) for name in READ)
    category = columns.index("category")
    return Rates(category=category, orders=orders, visits=visits, tenure=tenure)


def fit(
    x: Matrix, *, category: int, counted: Sequence[int], horizon: float
) -> dict[str, Any]:
    """Fit the prior to rows of customers × categories, laid out for ml.predictors.

    `category` and `counted` are columns: the category's code, then READ. The window is
    as long as the customer seen longest has been there, at most DAYS.
    """
    bought, visits, tenure = (np.maximum(x[:, one], 0.0) for one in counted)
    # No more than the visits: a beta-binomial knows no other.
    bought = np.minimum(bought, visits)
    days = float(min(tenure.max() + 1.0, DAYS))
    levels, code = np.unique(x[:, category], return_inverse=True)
    share = _shares(bought, visits, code)
    came = visits > 0
    # Rows are customers × categories: each customer counts as one.
    a, b = _visits(visits[came], days, weight=1 / len(levels))
    return {
        "form": np.array("rates"),
        "slope": np.float64(1),
        "shift": np.float64(0),
        "columns": np.array(counted, np.int64),
        "category": np.array(category),
        "levels": levels,
        "level_values": share,
        # A category that the fit has not seen is no more usual than the rarest.
        "otherwise": np.float64(share.min()),
        "shape": np.float64(a),
        "rate": np.float64(b),
        "strength": np.float64(
            _strength(bought[came], visits[came], share[code[came]])
        ),
        "days": np.float64(days),
        "most_days": np.float64(DAYS),
        "horizon": np.float64(horizon),
    }


def _shares(bought: Numbers, visits: Numbers, code: NDArray[np.int64]) -> Numbers:
    """Return the share of all visits that hold each category."""
    times = np.bincount(code, bought) + FEW
    return np.asarray(times / (np.bincount(code, visits) + 2 * FEW), np.float64)


def _visits(visits: Numbers, days: float, *, weight: float) -> tuple[float, float]:
    """Fit Gamma(a, b) to counts of at least one; log a is Normal(0, 1) beforehand.

    The prior keeps a handful of customers from an extreme; fifty outweigh it.
    """
    n, rows = np.unique(visits, return_counts=True)
    if not len(n):
        return 1.0, days
    weights = rows * weight

    def loss(logs: Numbers) -> float:
        # logs are those of a and of the mean number of visits.
        a, b = np.exp(logs[0]), days * np.exp(logs[0] - logs[1])
        none = a * np.log(b / (b + days))
        told = gammaln(a + n) - gammaln(a) - gammaln(n + 1) + none
        # Less log P(at least one): counts of 0 were never seen.
        told += n * np.log(days / (b + days)) - np.log(-np.expm1(none))
        return float(-(weights * told).sum() + logs[0] ** 2 / 2)

    start = [0.0, float(np.log(np.average(n, weights=weights)))]
    bounds = [(-3.0, 4.0), (start[1] - 6.0, start[1] + 1.0)]
    a, mean = np.exp(minimize(loss, start, method="L-BFGS-B", bounds=bounds).x)
    return float(a), float(days * a / mean)


def _strength(bought: Numbers, visits: Numbers, share: Numbers) -> float:
    """Fit k of the beta-binomial; log k is Normal(log 5, 1.5) beforehand."""
    step = max(len(bought) // ROWS, 1)
    m, n, base = bought[::step], visits[::step], share[::step]

    def loss(log: float) -> float:
        k = np.exp(log)
        yes, no = k * base, k * (1 - base)
        told = betaln(m + yes, n - m + no) - betaln(yes, no)
        return float(-told.sum() + ((log - np.log(5)) / 1.5) ** 2 / 2)

    found = minimize_scalar(loss, bounds=(np.log(0.2), np.log(500)), method="bounded")
    return float(np.exp(found.x))
