"""What learners of uplift must beat: one effect for all, and who responds anyway.

Both win on some trials: where effects do not vary, and where they are in proportion to
the response. Pure, as ml.uplift.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ml import outcome_models
from ml.outcome_models import Floats, Matrix
from ml.uplift import LEAST_EVENTS, Codes, Learner, TooFew, variety


class Constant(Learner):
    """Baseline "treat all or none": every customer gains what the arm gains on average.

    Its Qini is 0 by definition: it orders nobody before another.
    """

    events = 0

    def _fit(self, x: Matrix, y: Floats, arm: Codes) -> None:
        self.effects_ = effects(y, arm, len(self.arms_))

    def _predict(self, x: Matrix) -> Floats:
        return np.tile(self.effects_, (len(x), 1))


class Response(Learner):
    """Baseline "response": who would respond anyway gains most, in proportion.

    τ_a(x) = μ(x) · (ȳ_a − ȳ_0) / ȳ of a plain outcome model μ that never sees the
    treatment. An arm that does harm turns the order round.
    """

    events = 0

    def __init__(
        self,
        *,
        boosted: bool = False,
        strength: float = 1.0,
        categories: Sequence[int] = (),
        control: Any = 0,
        seed: int = 0,
    ) -> None:
        super().__init__(categories=categories, control=control, seed=seed)
        self.boosted = boosted
        self.strength = strength

    def _fit(self, x: Matrix, y: Floats, arm: Codes) -> None:
        count = min(int((y != 0).sum()), variety(y, self.binary_))
        if count < LEAST_EVENTS:
            raise TooFew(f"{count} outcomes of a kind, {LEAST_EVENTS} needed")
        model = self._boosted(y) if self.boosted else self._linear(self.strength)
        self.model_ = model.fit(x, y)
        # Spends and refunds may cancel out.
        scale = float(np.mean(y)) or 1.0
        self.lifts_ = effects(y, arm, len(self.arms_)) / scale

    def _predict(self, x: Matrix) -> Floats:
        return np.outer(outcome_models.expected(self.model_, x), self.lifts_)


def effects(y: Floats, arm: Codes, arms: int) -> Floats:
    """Return the mean of each arm less control's, [arms]."""
    totals = np.bincount(arm, weights=y, minlength=arms + 1)
    means = totals / np.maximum(np.bincount(arm, minlength=arms + 1), 1)
    return np.asarray(means[1:] - means[0])
