"""Fit the ranker: which of a customer's candidates went into the next basket.

Logistic regression, because on Complete Journey boosted trees gained nothing over it
that outlived one cut-off. Worker only; what it returns is plain arrays.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from ml.ranking import Ranker

STRENGTH = 0.1
WIDE = 5.0
"""Features are clipped this many standard deviations from their mean."""


def fit(x: NDArray[Any], y: NDArray[Any]) -> Ranker:
    """Fit to rows of features and whether each was bought; needs some of both."""
    # Summed in float64: float32 loses digits over 500,000 rows.
    mean, scale = x.mean(0, np.float64), x.std(0, dtype=np.float64)
    # A feature that never varies is 0 after the shift, by whatever it is divided.
    scale[scale < 1e-9] = 1.0
    low, high = mean - WIDE * scale, mean + WIDE * scale
    rows = np.clip(x, low.astype(np.float32), high.astype(np.float32))
    # In place: a copy of 500,000 rows of 43 features takes 86 MB.
    rows -= mean.astype(np.float32)
    rows /= scale.astype(np.float32)
    model = LogisticRegression(C=STRENGTH, max_iter=100).fit(rows, y)
    return Ranker(
        low=low,
        high=high,
        mean=mean,
        scale=scale,
        weight=model.coef_[0].astype(np.float64),
        bias=float(model.intercept_[0]),
    )
