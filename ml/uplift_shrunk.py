"""The S-learner whose effects are shrunk by evidence: the first choice on small noise.

A logistic (or linear) model of features and arms × features in which the data decide
how much effects vary: where they do not, only a common shift of the log-odds is left,
which is the "response" order; where they do, it is a logistic with interactions. Arms
share what they have in common (any offer at all) before they differ. Pure.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.pipeline import make_pipeline

from ml import outcome_models, shrinkage
from ml.expansions import Expanded
from ml.outcome_models import Floats, Matrix
from ml.uplift import Codes, Learner


class ShrunkSLearner(Learner):
    """S-learner with learnt shrinkage; `bends` and `crosses` add columns.

    It can do with fewer outcomes than others: what is not known it does not vary.
    """

    events = 10

    def __init__(
        self,
        *,
        bends: bool = False,
        crosses: bool = False,
        categories: Sequence[int] = (),
        control: Any = 0,
        seed: int = 0,
    ) -> None:
        super().__init__(categories=categories, control=control, seed=seed)
        self.bends = bends
        self.crosses = crosses

    def _fit(self, x: Matrix, y: Floats, arm: Codes) -> None:
        expanded = Expanded(bends=self.bends, crosses=self.crosses)
        self.encoder_ = make_pipeline(outcome_models.encoder(self.categories), expanded)
        z = self.encoder_.fit_transform(x)
        self.contrasts_, levels = contrasts(self.shares_)
        sample = shrinkage.Sample(
            z=z,
            y=y,
            arm=arm,
            contrasts=self.contrasts_,
            levels=levels,
            groups=expanded.groups_,
            binary=self.binary_,
        )
        # No strength to search: by evidence Hillstrom's three trials have .066, .025
        # and .038 of Qini, with the usual C = 1 .063, .014 and .037 (decision 25).
        found = shrinkage.fit(sample)
        self.weights_, self.variances_ = found.weights, found.variances

    def _predict(self, x: Matrix) -> Floats:
        z = self.encoder_.transform(x)
        arms = self.contrasts_ @ self.weights_
        told = arms[:, 0] + z @ arms[:, 1:].T
        mean = outcome_models.chance(told) if self.binary_ else told
        return np.asarray(mean[:, 1:] - mean[:, [0]])


def contrasts(shares: Floats) -> tuple[Floats, Codes]:
    """Return each arm's contrasts [1 + arms, contrasts], and the contrasts' levels.

    The mean over all rows, treated at all, and with several arms each arm: the last two
    less their shares, so that the first is about the trial as a whole.
    """
    arms = len(shares) - 1
    # Any arm at all, then what one does differently: with several they share strength.
    treated = np.r_[0.0, np.ones(arms)][:, None]
    each = np.eye(arms + 1)[:, 1:] if arms > 1 else np.zeros((2, 0))
    told = np.hstack([treated, each])
    # So that the base weights are the trial's mean, whatever the arms' shares.
    centred = told - shares @ told
    levels = np.r_[0, 1, np.full(each.shape[1], 2)]
    return np.hstack([np.ones((arms + 1, 1)), centred]), levels
