"""The learners that compete, each with what it may tune.

All share one face: `fit(X, y)` and `predict_proba(X)` on a matrix whose columns are
named to the factory, so training never asks which one it holds. Every learner takes its
seed. To let another one compete, add it to CANDIDATES: a Pipeline of a
ColumnTransformer and the learner, which ml.exports reads by position. "numbers" are the
columns but NO_NUMBERS: clipped to the 0.5 and 99.5 % quantiles of training, then
sign(x)·log(1 + |x|); the logistic scales them to mean 0 and variance 1 besides.
"category" is one-hot for the logistic (unknown: all zeros), for trees the smoothed
purchase rate (unknown: the overall rate). The positive class is 1.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler, TargetEncoder
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from ml import rates

Matrix = NDArray[Any]
Numbers = NDArray[np.float64]
Factory = Callable[[Sequence[str], int], Any]
"""(the matrix's columns, seed) -> an unfitted estimator."""

NO_NUMBERS = frozenset({"entity", "category", "week_sin", "week_cos"})
"""The season stays out until training cuts span a year: over four months it is but
another name for the cut-off, and with it calibration on the next months got worse."""


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A learner and the settings to try, the first being the default."""

    make: Factory
    search: tuple[Mapping[str, object], ...] = ({},)


class Clip(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Move outliers to the training quantiles, then take the signed log(1 + |x|).

    One household that bought 4,000 $ of fuel must not set the scale for all.
    """

    def __init__(self, *, quantile: float = 0.995) -> None:
        self.quantile = quantile

    def fit(self, X: Matrix, y: object = None) -> Self:  # noqa: N803
        X = validate_data(self, X, dtype=[np.float64, np.float32])  # noqa: N806
        self.low_, self.high_ = np.quantile(
            X, [1 - self.quantile, self.quantile], axis=0
        ).astype(X.dtype)
        return self

    def transform(self, X: Matrix) -> Numbers:  # noqa: N803
        check_is_fitted(self)
        X = validate_data(  # noqa: N806
            self, X, dtype=[np.float64, np.float32], reset=False
        )
        clipped = np.clip(X, self.low_, self.high_)
        return np.asarray(np.copysign(np.log1p(np.abs(clipped)), clipped))

    def get_feature_names_out(self, input_features: Any = None) -> Any:
        return input_features


class CategoryRate(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Baseline: the share of training rows of the category that bought."""

    def __init__(self, *, column: int = 0, strength: float = 20.0) -> None:
        self.column = column
        self.strength = strength

    def fit(self, X: Matrix, y: Matrix) -> Self:  # noqa: N803
        X, y = validate_data(self, X, y)  # noqa: N806
        self.classes_ = labels(y)
        positive = y == self.classes_[-1]
        self.prior_ = float(positive.mean())
        self.levels_, codes = np.unique(X[:, self.column], return_inverse=True)
        bought = np.bincount(codes, weights=positive) + self.strength * self.prior_
        self.rates_ = bought / (np.bincount(codes) + self.strength)
        return self

    def predict_proba(self, X: Matrix) -> Numbers:  # noqa: N803
        check_is_fitted(self)
        X = validate_data(self, X, reset=False)  # noqa: N806
        values = X[:, self.column]
        # Beyond the last level the look-up would leave the array; `known` puts it
        # right.
        spot = np.searchsorted(self.levels_, values).clip(max=len(self.levels_) - 1)
        known = self.levels_[spot] == values
        return both(np.where(known, self.rates_[spot], self.prior_))

    def predict(self, X: Matrix) -> Matrix:  # noqa: N803
        chance = self.predict_proba(X)[:, 1]
        return np.take(self.classes_, chance > 0.5)


class Frequency(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Baseline: purchases as a Poisson process at the pace of the last 182 days.

    P = 1 - exp(-(n / 6.5 + 0.02)) for n orders; 6.5 horizons of 28 days fit into 182.
    """

    def __init__(self, *, column: int = 0) -> None:
        self.column = column

    def fit(self, X: Matrix, y: Matrix) -> Self:  # noqa: N803
        X, y = validate_data(self, X, y)  # noqa: N806
        self.classes_ = labels(y)
        return self

    def predict_proba(self, X: Matrix) -> Numbers:  # noqa: N803
        check_is_fitted(self)
        X = validate_data(self, X, reset=False)  # noqa: N806
        return both(-np.expm1(-(np.maximum(X[:, self.column], 0) / 6.5 + 0.02)))

    def predict(self, X: Matrix) -> Matrix:  # noqa: N803
        chance = self.predict_proba(X)[:, 1]
        return np.take(self.classes_, chance > 0.5)


class Calibrated(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A fitted estimator whose log-odds are bent to fit rows that it has not seen.

    Platt scaling on the log-odds, p' = σ(a·logit p + b). Isotonic steps were no better
    on a year of grocery data and tie customers' ranks.
    """

    def __init__(self, *, estimator: Any) -> None:
        self.estimator = estimator

    def fit(self, X: Matrix, y: Matrix) -> Self:  # noqa: N803
        return self.link(self.estimator.predict_proba(X)[:, 1], y)

    def link(self, chance: Matrix, y: Matrix) -> Self:
        """Fit the link on what the estimator, or its like, foretold for `y`."""
        # As good as unpenalised: a pull of the slope to 0 would flatten every chance.
        self.link_ = LogisticRegression(C=1e6).fit(_log_odds(chance), y)
        self.classes_ = self.link_.classes_
        return self

    def bent(self, chance: Matrix) -> Numbers:
        """Move P(positive) by the fitted link."""
        odds = _log_odds(chance)
        return np.asarray(self.link_.predict_proba(odds)[:, 1], np.float64)

    def predict_proba(self, X: Matrix) -> Numbers:  # noqa: N803
        check_is_fitted(self)
        return both(self.bent(self.estimator.predict_proba(X)[:, 1]))


def _log_odds(chance: Matrix) -> Numbers:
    sure = 1e-6
    clipped = np.clip(chance, sure, 1 - sure)
    return np.log(np.asarray(clipped / (1 - clipped), np.float64)).reshape(-1, 1)


def labels(y: Matrix) -> Matrix:
    """Return the labels in order, the positive one last.

    :raises ValueError: there is but one class, or these are no classes.
    """
    check_classification_targets(y)
    found = np.unique(y)
    if len(found) < 2:
        raise ValueError("There is but one class, nothing to tell apart.")
    return found


def both(chance: Numbers) -> Numbers:
    """Return the two columns of `predict_proba` for P(positive)."""
    return np.column_stack([1 - chance, chance])


def _numeric(columns: Sequence[str]) -> list[int]:
    return [spot for spot, name in enumerate(columns) if name not in NO_NUMBERS]


def _logistic(columns: Sequence[str], seed: int) -> Pipeline:
    """With so few columns, Newton steps on the Hessian beat lbfgs fourfold."""
    one_hot = OneHotEncoder(
        handle_unknown="ignore", sparse_output=False, dtype=np.float32
    )
    return make_pipeline(
        ColumnTransformer(
            [
                ("numbers", make_pipeline(Clip(), StandardScaler()), _numeric(columns)),
                ("category", one_hot, [columns.index("category")]),
            ]
        ),
        LogisticRegression(solver="newton-cholesky", random_state=seed),
    )


def _on_rates(columns: Sequence[str], seed: int, learner: Any) -> Pipeline:
    """Trees see the category as its smoothed purchase rate, cross-fitted."""
    # Cross-fitted, else each row's own label is part of its category's rate.
    folds = StratifiedKFold(5, shuffle=True, random_state=seed)
    rate = TargetEncoder(target_type="binary", smooth=20.0, cv=folds)
    return make_pipeline(
        ColumnTransformer(
            [
                ("numbers", Clip(), _numeric(columns)),
                ("category", rate, [columns.index("category")]),
            ]
        ),
        learner,
    )


def _tree(columns: Sequence[str], seed: int) -> Pipeline:
    tree = DecisionTreeClassifier(min_samples_leaf=200, random_state=seed)
    return _on_rates(columns, seed, tree)


def _forest(columns: Sequence[str], seed: int) -> Pipeline:
    """Capped: four times the trees gained 0.0005 nats."""
    # Few trees rather than few rows: of a small shop a tenth of the rows would not
    # split at all with 200 a leaf.
    forest = RandomForestClassifier(
        25, min_samples_leaf=200, max_samples=0.2, n_jobs=2, random_state=seed
    )
    return _on_rates(columns, seed, forest)


def _boosting(columns: Sequence[str], seed: int) -> Pipeline:
    boosting = HistGradientBoostingClassifier(
        max_iter=100,
        learning_rate=0.1,
        min_samples_leaf=500,
        max_features=0.3,
        # The default, "auto", keeps a tenth of the rows apart where there are over
        # 10,000.
        early_stopping=False,
        random_state=seed,
    )
    return _on_rates(columns, seed, boosting)


def redeeming(*, seed: int) -> Pipeline:
    """Learn ml.redemption: Clip, then mean 0 and variance 1, then a logistic.

    C was chosen on earlier campaigns; few redeemers ask for a strong pull to zero.
    """
    learner = LogisticRegression(C=0.02, max_iter=500, random_state=seed)
    return make_pipeline(Clip(), StandardScaler(), learner)


def _category_rate(columns: Sequence[str], seed: int) -> CategoryRate:
    return CategoryRate(column=columns.index("category"))


def _frequency(columns: Sequence[str], seed: int) -> Frequency:
    return Frequency(column=columns.index("orders_182"))


def _grid(step: str, **options: Sequence[object]) -> tuple[Mapping[str, object], ...]:
    """Zip the options into settings: the first of each, the second of each, …"""
    names = [f"{step}__{name}" for name in options]
    rows = zip(*options.values(), strict=True)
    return tuple(dict(zip(names, row, strict=True)) for row in rows)


BASELINES: Mapping[str, Candidate] = {
    "category_rate": Candidate(make=_category_rate),
    "frequency": Candidate(make=_frequency),
    # So the first winner of a young shop has beaten who was in charge (decision 29).
    "rates": Candidate(make=rates.baseline),
}
# From simple to complex, by what it takes to explain and serve a score: of equals the
# first is promoted.
CANDIDATES: Mapping[str, Candidate] = {
    "logistic": Candidate(
        make=_logistic,
        search=_grid("logisticregression", C=(1.0, 0.1, 0.01, 0.001)),
    ),
    "tree": Candidate(
        make=_tree,
        search=_grid(
            "decisiontreeclassifier",
            max_depth=(8, 10, 12),
            min_samples_leaf=(200, 100, 200),
        ),
    ),
    "boosting": Candidate(
        make=_boosting,
        search=_grid(
            "histgradientboostingclassifier",
            max_leaf_nodes=(15, 31),
            learning_rate=(0.1, 0.07),
        ),
    ),
    "forest": Candidate(
        make=_forest,
        search=_grid("randomforestclassifier", max_features=("sqrt", 0.3)),
    ),
}
