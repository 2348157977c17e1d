"""Learners of uplift that regress a score made for each customer: X and DR.

`DoublyRobust` regresses the doubly robust score of each arm (Kennedy 2023), `XLearner`
the imputed effects of Künzel et al. (PNAS 2019). `robust_scores` is also what judges
every learner (ml.uplift_selection): its mean over any group chosen beforehand is the
effect in that group, without bias in a randomised trial. Pure, as ml.uplift.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import Pipeline

from ml import outcome_models
from ml.outcome_models import Floats, Matrix
from ml.uplift import Codes, Learner

FOLDS = 3
LEAF_ROWS = 200
"""Scores are noisier than outcomes: their trees have larger leaves."""


class DoublyRobust(Learner):
    """DR-learner: a regression on cross-fitted doubly robust scores."""

    def __init__(
        self,
        *,
        boosted: bool = False,
        strength: float = 1e-3,
        categories: Sequence[int] = (),
        control: Any = 0,
        seed: int = 0,
    ) -> None:
        super().__init__(categories=categories, control=control, seed=seed)
        self.boosted = boosted
        self.strength = strength

    def _fit(self, x: Matrix, y: Floats, arm: Codes) -> None:
        means = outcome_means(x, y, arm, categories=self.categories, seed=self.seed)
        scores = robust_scores(y, arm, means)
        self.models_ = [self._regression().fit(x, score) for score in scores.T]

    def _regression(self) -> Any:
        if self.boosted:
            return trees(self.categories, seed=self.seed)
        return outcome_models.linear(
            self.categories, binary=False, strength=self.strength, seed=self.seed
        )

    def _predict(self, x: Matrix) -> Floats:
        return np.column_stack([model.predict(x) for model in self.models_])


class XLearner(Learner):
    """X-learner, boosted: each side's effects imputed by the other side's model.

    τ = e τ_control + (1 − e) τ_arm, e being the arm's share of the two.
    """

    def _fit(self, x: Matrix, y: Floats, arm: Codes) -> None:
        without, mine = arm == 0, y[arm == 0]
        control = self._boosted(mine).fit(x[without], mine)
        self.pairs_ = []
        for code in range(1, len(self.arms_) + 1):
            given = arm == code
            model = self._boosted(y[given]).fit(x[given], y[given])
            gained = y[given] - outcome_models.expected(control, x[given])
            missed = outcome_models.expected(model, x[without]) - mine
            of_arm = trees(self.categories, seed=self.seed).fit(x[given], gained)
            of_control = trees(self.categories, seed=self.seed).fit(x[without], missed)
            share = given.sum() / (given.sum() + without.sum())
            self.pairs_.append((of_arm, of_control, float(share)))

    def _predict(self, x: Matrix) -> Floats:
        return np.column_stack(
            [
                share * of_control.predict(x) + (1 - share) * of_arm.predict(x)
                for of_arm, of_control, share in self.pairs_
            ]
        )


def trees(categories: Sequence[int], *, seed: int) -> Pipeline:
    """Return an unfitted boosting of scores."""
    model = HistGradientBoostingRegressor(
        max_iter=outcome_models.TREES,
        learning_rate=outcome_models.RATE,
        max_leaf_nodes=outcome_models.LEAVES,
        min_samples_leaf=LEAF_ROWS,
        early_stopping=False,
        categorical_features=list(range(len(categories))) or None,
        random_state=seed,
    )
    encoder = outcome_models.few_levels(categories)
    return Pipeline([("encoder", encoder), ("model", model)])


def outcome_means(
    x: Matrix, y: Floats, arm: Codes, *, categories: Sequence[int], seed: int
) -> Floats:
    """Return each row's expected outcome in each arm, [rows, 1 + arms], cross-fitted.

    A linear model with the arms as shifts: it only takes variance off, so that it need
    not be right.
    """
    arms = int(arm.max())
    told = np.zeros((len(y), arms + 1))
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    for learn, rest in folds.split(x, arm):
        model = outcome_models.linear(
            # The arm is one more category, the last column: shifts, no interactions.
            [*categories, x.shape[1]],
            binary=outcome_models.is_binary(y),
            strength=0.1,
            seed=seed,
        )
        model.fit(np.column_stack([x, arm])[learn], y[learn])
        for code in range(arms + 1):
            asked = np.column_stack([x[rest], np.full(len(rest), code)])
            told[rest, code] = outcome_models.expected(model, asked)
    return told


def robust_scores(y: Floats, arm: Codes, means: Floats) -> Floats:
    """Return the doubly robust score of each arm against control, [rows, arms].

    ψ_a = μ_a − μ_0 + 1[arm = a] (y − μ_a) / e_a − 1[arm = 0] (y − μ_0) / e_0, with the
    arms' shares as e (Robins, Rotnitzky & Zhao 1994).
    """
    shares = np.bincount(arm, minlength=means.shape[1]) / len(arm)
    rows = np.arange(len(y))
    full = means.copy()
    # One cell a row: each customer was in one arm.
    full[rows, arm] += (y - means[rows, arm]) / shares[arm]
    return np.asarray(full[:, 1:] - full[:, [0]])
