"""Plain models of an outcome, 0/1 or a number, on numbers and categories.

The bricks of ml.uplift and of the doubly robust scores. A column is a number (NaN:
missing) or, if it is named in `categories`, a code. Linear ones see numbers with the
median for missing ones and a flag for that, clipped and logged (ml.estimators.Clip),
and categories one-hot; trees see both as they are. Settings are safe ones, not
searched: library defaults are the trap of uplift (docs/decisions/0025). Pure.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from ml.estimators import Clip

Matrix = NDArray[Any]
Floats = NDArray[np.float64]

LEVELS = 60
"""The rarest levels of a category beyond so many are seen as one."""
# A boosted T-learner had .0563 of Qini on Hillstrom's women with these, .0368 with the
# library's defaults (research report, 20 splits).
TREES, LEAVES, RATE = 100, 8, 0.05
LEAF_ROWS, LEAF_EVENTS = 100, 10
"""A leaf holds so many rows, and so many positives where they come at the mean rate."""


def is_binary(y: Floats) -> bool:
    return bool(np.isin(y, (0.0, 1.0)).all())


def chance(log_odds: Floats) -> Floats:
    return np.asarray(expit(log_odds))


def encoder(categories: Sequence[int]) -> ColumnTransformer:
    """Return what makes columns fit for linear models: mean 0, variance 1, one-hot."""
    # Kept even where all is missing: scikit-learn would drop the column, and all places
    # after it move.
    imputer = SimpleImputer(
        strategy="median", add_indicator=True, keep_empty_features=True
    )
    one_hot = OneHotEncoder(
        handle_unknown="infrequent_if_exist",
        max_categories=LEVELS,
        min_frequency=20,
        sparse_output=False,
    )
    numbers = make_pipeline(imputer, Clip(), StandardScaler())
    return ColumnTransformer(
        [
            ("numbers", numbers, partial(_others, tuple(categories))),
            ("categories", one_hot, list(categories)),
        ]
    )


def _others(categories: tuple[int, ...], x: Matrix) -> list[int]:
    return [spot for spot in range(x.shape[1]) if spot not in categories]


def ridge(*, binary: bool, strength: float, seed: int) -> Any:
    """Return a linear model with an L2 penalty of 1 / `strength` on its weights."""
    if binary:
        return LogisticRegression(C=strength, max_iter=200, random_state=seed)
    return Ridge(alpha=1 / strength, random_state=seed)


def linear(
    categories: Sequence[int], *, binary: bool, strength: float, seed: int
) -> Pipeline:
    """Return an unfitted linear model with its encoder."""
    model = ridge(binary=binary, strength=strength, seed=seed)
    return Pipeline([("encoder", encoder(categories)), ("model", model)])


def boosted(
    categories: Sequence[int], y: Floats, *, seed: int, leaf: int = LEAF_ROWS
) -> Pipeline:
    """Return an unfitted boosting for outcomes like `y`.

    A leaf has `leaf` rows at least, and ten positives at the mean rate of 0/1 outcomes.
    """
    binary = is_binary(y)
    # The rarer kind: ten of it make a leaf, whichever that is.
    rate = min(y.mean(), 1 - y.mean()) if binary else 1.0
    kind = HistGradientBoostingClassifier if binary else HistGradientBoostingRegressor
    model = kind(
        max_iter=TREES,
        learning_rate=RATE,
        max_leaf_nodes=LEAVES,
        # Never more than a tenth of the rows: where positives are rare nothing would
        # split.
        min_samples_leaf=min(
            max(leaf, int(LEAF_EVENTS / max(rate, 1e-9))), max(len(y) // 10, 1)
        ),
        # The default keeps a tenth of the rows apart from 10,000 rows on.
        early_stopping=False,
        # few_levels lays the categories first.
        categorical_features=list(range(len(categories))) or None,
        random_state=seed,
    )
    return Pipeline([("encoder", few_levels(categories)), ("model", model)])


def few_levels(categories: Sequence[int]) -> ColumnTransformer:
    """Return what puts the categories first, as codes below LEVELS, for trees."""
    codes = OrdinalEncoder(
        handle_unknown="use_encoded_value",
        unknown_value=np.nan,
        max_categories=LEVELS,
    )
    return ColumnTransformer(
        [
            ("categories", codes, list(categories)),
            ("numbers", "passthrough", partial(_others, tuple(categories))),
        ]
    )


def expected(model: Any, x: Matrix) -> Floats:
    """Return P(1), or the number that is expected, of each row."""
    if hasattr(model, "predict_proba"):
        return np.asarray(model.predict_proba(x)[:, 1], np.float64)
    return np.asarray(model.predict(x), np.float64)
