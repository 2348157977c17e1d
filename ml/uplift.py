"""Learners of uplift: what an offer changes, for each customer and each arm.

All share one face: `fit(X, y, treatment)` on a trial whose treatment was randomised,
and `predict(X)`, the expected change of the outcome against control, [rows, arms], the
arms in the order of `arms_`. X is a matrix of floats, missing numbers NaN; the columns
named in `categories` hold codes, whose order means nothing. The outcome is 0/1 or a
number (spend). Arms are any labels. Pure: no Django, no clock; each takes its seed.

A learner that the data cannot carry raises TooFew and is left out by whoever asked.
The baselines are in ml.uplift_baselines. Names follow Künzel et al. (PNAS 2019). How
one of them is chosen: ml.uplift_selection; why these: docs/decisions/0025.
"""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from ml import outcome_models
from ml.outcome_models import Floats, Matrix

Codes = NDArray[np.int64]

LEAST_EVENTS = 30
"""So many outcomes of each kind each arm must have for an effect that varies."""
LEAST_RATE = 0.05
"""Below this base rate class transformation drowns in the customers who do nothing."""


class TooFew(ValueError):
    """The trial cannot carry this learner; the message says what is missing."""


class Learner(BaseEstimator):  # type: ignore[misc]
    """What all learners share: labels become codes, 0 being control."""

    events = LEAST_EVENTS

    def __init__(
        self, *, categories: Sequence[int] = (), control: Any = 0, seed: int = 0
    ) -> None:
        self.categories = categories
        self.control = control
        self.seed = seed

    def fit(self, X: Matrix, y: Matrix, treatment: Matrix) -> Self:  # noqa: N803
        """Learn from a randomised trial: [rows, columns], [rows], [rows].

        :raises TooFew: an arm has too few outcomes for this learner.
        :raises ValueError: there is no control, or nothing but control.
        """
        outcome = np.asarray(y, np.float64)
        self.arms_, arm = coded(treatment, self.control)
        self.shares_ = np.bincount(arm, minlength=len(self.arms_) + 1) / len(arm)
        self.binary_ = outcome_models.is_binary(outcome)
        self._require(outcome, arm)
        self._fit(np.asarray(X, np.float64), outcome, arm)
        return self

    def predict(self, X: Matrix) -> Floats:  # noqa: N803
        """Return the uplift of each arm over control, [rows, arms]."""
        check_is_fitted(self)
        return self._predict(np.asarray(X, np.float64))

    def _require(self, y: Floats, arm: Codes) -> None:
        names = [self.control, *self.arms_]
        for code, name in enumerate(names):
            mine = y[arm == code]
            count = min(int((mine != 0).sum()), variety(mine, self.binary_))
            if count < self.events:
                raise TooFew(
                    f"arm {name} has {count} outcomes of a kind, {self.events} needed"
                )

    @abstractmethod
    def _fit(self, x: Matrix, y: Floats, arm: Codes) -> None: ...

    @abstractmethod
    def _predict(self, x: Matrix) -> Floats: ...

    def _linear(self, strength: float) -> Any:
        return outcome_models.linear(
            self.categories, binary=self.binary_, strength=strength, seed=self.seed
        )

    def _boosted(self, y: Floats, extra: Sequence[int] = ()) -> Any:
        columns = [*self.categories, *extra]
        return outcome_models.boosted(columns, y, seed=self.seed)


def coded(treatment: Matrix, control: Any) -> tuple[Matrix, Codes]:
    """Return the arms but control in order, and each row's code: 0 control, 1 … arms.

    :raises ValueError: there is no control, or nothing but control.
    """
    labels = np.asarray(treatment)
    found, codes = np.unique(labels, return_inverse=True)
    if control not in found.tolist():
        raise ValueError(f"no row has the control {control!r}")
    if len(found) < 2:
        raise ValueError("there is but one arm, nothing to compare")
    # Control first, the others as they were sorted.
    order = np.argsort(found != control, kind="stable")
    place = np.empty(len(found), np.int64)
    place[order] = np.arange(len(found))
    return found[order[1:]], place[codes]


def variety(y: Floats, binary: bool) -> int:  # noqa: FBT001
    """Return how many outcomes there are of the other kind: zeros, or any number."""
    return int((y == 0).sum()) if binary else len(y)


class SLogistic(Learner):
    """S-learner: one regularised logistic (ridge for numbers) with interactions.

    Columns are the features, the arms and arms × features; `interaction` below 1 scales
    the last, so that effects are shrunk harder to one common shift of the log-odds.
    """

    def __init__(
        self,
        *,
        strength: float = 1.0,
        interaction: float = 1.0,
        categories: Sequence[int] = (),
        control: Any = 0,
        seed: int = 0,
    ) -> None:
        super().__init__(categories=categories, control=control, seed=seed)
        self.strength = strength
        self.interaction = interaction

    def _fit(self, x: Matrix, y: Floats, arm: Codes) -> None:
        self.encoder_ = outcome_models.encoder(self.categories)
        z = self.encoder_.fit_transform(x)
        arms = np.arange(1, len(self.arms_) + 1)
        given = (arm[:, None] == arms).astype(np.float64)
        # Columns scaled down need larger weights, which the penalty holds down.
        crossed = [given[:, [a]] * z * self.interaction for a in range(len(arms))]
        model = outcome_models.ridge(
            binary=self.binary_, strength=self.strength, seed=self.seed
        )
        # Columns: features, arms, arms × features; weights are taken apart in this
        # order.
        model.fit(np.hstack([z, given, *crossed]), y)
        self.model_ = model
        weights = np.ravel(getattr(model, "coef_", np.zeros(0)))
        width = z.shape[1]
        self.base_ = weights[:width]
        self.shift_ = weights[width : width + len(arms)]
        self.slopes_ = weights[width + len(arms) :].reshape(len(arms), width)

    def _predict(self, x: Matrix) -> Floats:
        z = self.encoder_.transform(x)
        without = z @ self.base_ + float(np.ravel(self.model_.intercept_)[0])
        lift = self.shift_ + z @ (self.slopes_ * self.interaction).T
        if not self.binary_:
            return np.asarray(lift)
        chance = outcome_models.chance
        return chance(without[:, None] + lift) - chance(without)[:, None]


class SBoosted(Learner):
    """S-learner: one boosting that sees the arm as one more category."""

    def _fit(self, x: Matrix, y: Floats, arm: Codes) -> None:
        model = self._boosted(y, [x.shape[1]])
        self.model_ = model.fit(np.column_stack([x, arm]), y)

    def _predict(self, x: Matrix) -> Floats:
        told = [
            outcome_models.expected(
                self.model_, np.column_stack([x, np.full(len(x), code)])
            )
            for code in range(len(self.arms_) + 1)
        ]
        return np.column_stack(told[1:]) - told[0][:, None]


class TLearner(Learner):
    """T-learner: one outcome model for each arm, boosted or logistic."""

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
        self.models_ = [
            self._model(y[arm == code]).fit(x[arm == code], y[arm == code])
            for code in range(len(self.arms_) + 1)
        ]

    def _model(self, y: Floats) -> Any:
        return self._boosted(y) if self.boosted else self._linear(self.strength)

    def _predict(self, x: Matrix) -> Floats:
        told = [outcome_models.expected(model, x) for model in self.models_]
        return np.column_stack(told[1:]) - told[0][:, None]


class ClassTransformation(Learner):
    """Class transformation (Jaskowski & Jaroszewicz 2012), for 0/1 outcomes.

    Z = 1 where an arm's customer responded or a control one did not; τ = 2 P(Z) − 1.
    Each row weighs 1 / (2 e(its arm)), so that unequal shares count alike.
    """

    def __init__(
        self,
        *,
        strength: float = 1.0,
        categories: Sequence[int] = (),
        control: Any = 0,
        seed: int = 0,
    ) -> None:
        super().__init__(categories=categories, control=control, seed=seed)
        self.strength = strength

    def _fit(self, x: Matrix, y: Floats, arm: Codes) -> None:
        if not self.binary_:
            raise TooFew("class transformation is for outcomes of 0 and 1")
        if min(y.mean(), 1 - y.mean()) < LEAST_RATE:
            raise TooFew(f"a base rate of {y.mean():.1%}, {LEAST_RATE:.0%} needed")
        self.models_ = [
            self._one(x, y, arm, code) for code in range(1, len(self.arms_) + 1)
        ]

    def _one(self, x: Matrix, y: Floats, arm: Codes, code: int) -> Any:
        rows = (arm == 0) | (arm == code)
        given = arm[rows] == code
        alike = np.where(given, y[rows], 1 - y[rows])
        # Else, with unequal arms, Z tells above all which arm a row is in.
        weight = np.where(given, 0.5 / given.mean(), 0.5 / (1 - given.mean()))
        model = self._linear(self.strength)
        return model.fit(x[rows], alike, model__sample_weight=weight)

    def _predict(self, x: Matrix) -> Floats:
        told = [outcome_models.expected(model, x) for model in self.models_]
        return 2 * np.column_stack(told) - 1
