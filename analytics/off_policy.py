"""What another policy would have earned, estimated from the log of the one that ran.

A log holds for each decision the action, its probability and the reward. Against it
stand a draft policy's probabilities and, for some, a model of the reward that was not
fitted on the same rows (cross-fit it: intervals are too narrow otherwise). Estimators
and names are those of Open Bandit Pipeline (Saito et al. 2021). Pure NumPy.

ips       mean of w r (Horvitz & Thompson 1952); unbiased where propensities are true
snips     the same over the mean of w (Swaminathan & Joachims 2015): less variance
dm        the model alone: no variance, all its bias
dr        dm + mean of w (r − q) (Dudík et al. 2011): right if either is
sndr      dr with the weights normalised
switch_dr dr that trusts the model where w > τ (Wang, Agarwal & Dudík 2017)
dr_os     dr with weights shrunk to λ w / (w² + λ) (Su et al. 2020)

w is the draft's probability of the action over the log's; q the model's reward.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

NORMAL_95 = 1.959963984540054


class Malformed(ValueError):
    """These arrays are no log, policy or model; the message says which and why."""


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A policy's mean reward, its standard error and normal 95 % interval."""

    value: float
    error: float

    @property
    def low(self) -> float:
        return self.value - NORMAL_95 * self.error

    @property
    def high(self) -> float:
        return self.value + NORMAL_95 * self.error


@dataclass(frozen=True, kw_only=True, eq=False)
class Log:
    """What was decided: action [rows] from 0, reward [rows], propensity [rows].

    The propensity is the probability with which the action of the row was chosen.
    """

    action: Integers
    reward: Floats
    propensity: Floats

    def __post_init__(self) -> None:
        if not len(self.action) == len(self.reward) == len(self.propensity) > 0:
            raise Malformed("action, reward and propensity are not of one length")
        if not ((self.propensity > 0) & (self.propensity <= 1)).all():
            raise Malformed("propensities are above 0 and at most 1")


@dataclass(frozen=True, kw_only=True, eq=False)
class Draft:
    """A policy over a log: its probabilities [rows, actions], and a model of reward.

    :raises Malformed: rows do not add up to 1, or shapes do not fit.
    """

    log: Log
    policy: Floats
    model: Floats | None = None

    def __post_init__(self) -> None:
        rows = len(self.log.action)
        if self.policy.ndim != 2 or len(self.policy) != rows:
            raise Malformed("the policy is not [rows, actions] of the log")
        if (self.policy < 0).any() or not np.allclose(self.policy.sum(axis=1), 1):
            raise Malformed("a policy's probabilities add up to 1 in each row")
        if self.log.action.min() < 0 or self.log.action.max() >= self.policy.shape[1]:
            raise Malformed("the log has actions which the policy does not know")
        if self.model is not None and self.model.shape != self.policy.shape:
            raise Malformed("the model's shape is not the policy's")

    @cached_property
    def weight(self) -> Floats:
        """The draft's probability of what was done, over the log's, [rows]."""
        rows = np.arange(len(self.log.action))
        # Propensities are above 0: Log refuses others.
        return np.asarray(self.policy[rows, self.log.action] / self.log.propensity)

    @cached_property
    def foretold(self) -> Floats:
        """The model's mean reward under the draft, [rows]."""
        # Row by row: no [rows, actions] product in between.
        return np.asarray(np.einsum("ij,ij->i", self.policy, self._known))

    @cached_property
    def residual(self) -> Floats:
        """Reward less the model's for what was done, [rows]."""
        rows = np.arange(len(self.log.action))
        return np.asarray(self.log.reward - self._known[rows, self.log.action])

    @property
    def effective(self) -> float:
        """So many rows of the draft's own would say as much: (Σw)² / Σw² (Kish)."""
        squares = float(self.weight @ self.weight)
        return float(self.weight.sum()) ** 2 / squares if squares else 0.0

    @property
    def _known(self) -> Floats:
        if self.model is None:
            raise Malformed("this estimator needs a model of the reward")
        return self.model


def ips(draft: Draft) -> Estimate:
    return _mean(draft.weight * draft.log.reward)


def snips(draft: Draft) -> Estimate:
    return _ratio(draft.weight, draft.log.reward, np.zeros(len(draft.weight)))


def dm(draft: Draft) -> Estimate:
    """Its error is of the rows drawn alone: the model's bias shows nowhere."""
    return _mean(draft.foretold)


def dr(draft: Draft) -> Estimate:
    return _mean(draft.foretold + draft.weight * draft.residual)


def gained(draft: Draft, over: Draft) -> Estimate:
    """Return dr of one draft less that of another over the same log, row by row."""
    parts = [one.foretold + one.weight * one.residual for one in (draft, over)]
    return _mean(parts[0] - parts[1])


def observed(log: Log) -> Estimate:
    """Return what the policy that ran earned: the mean reward."""
    return _mean(log.reward)


def sndr(draft: Draft) -> Estimate:
    return _ratio(draft.weight, draft.residual, draft.foretold)


def switch_dr(draft: Draft, *, most: float) -> Estimate:
    """`most` is τ: rows whose weight is above it are left to the model.

    Where there are any, its error leaves out the model's bias, as dm's does.
    """
    return _mean(switched(draft, most))


def dr_os(draft: Draft, *, shrinkage: float) -> Estimate:
    """`shrinkage` is λ: 0 is dm, infinity is dr."""
    return _mean(shrunk(draft, shrinkage))


def tuned(
    draft: Draft, estimator: Callable[[Draft, float], Floats], grid: Sequence[float]
) -> float:
    """Return the setting of the least estimated mean squared error.

    Variance of the mean, plus the square of the difference to dr less what noise alone
    would make of it (as Su et al. 2020, section 5, with a plain estimate of the bias).
    """
    full = draft.foretold + draft.weight * draft.residual

    def badness(setting: float) -> float:
        parts = estimator(draft, setting)
        away = _mean(parts - full)
        # E(away²) is bias² + noise²: what noise alone makes of it is no bias.
        bias = max(away.value**2 - away.error**2, 0.0)
        return _mean(parts).error ** 2 + bias

    return min(grid, key=badness)


def switched(draft: Draft, most: float) -> Floats:
    """Return each row's part of Switch-DR; their mean is the estimate."""
    kept = draft.weight * (draft.weight <= most)
    return np.asarray(draft.foretold + kept * draft.residual)


def shrunk(draft: Draft, shrinkage: float) -> Floats:
    """Return each row's part of DRos; their mean is the estimate."""
    if np.isinf(shrinkage):
        # λ w / (w² + λ) is ∞/∞ here; its limit is w.
        kept = draft.weight
    else:
        squares = draft.weight**2 + shrinkage
        kept = np.divide(
            shrinkage * draft.weight,
            squares,
            out=np.zeros_like(squares),
            # w and λ both 0: nothing is kept.
            where=squares > 0,
        )
    return np.asarray(draft.foretold + kept * draft.residual)


def _mean(parts: Floats) -> Estimate:
    rows = len(parts)
    error = float(parts.std(ddof=1)) / rows**0.5 if rows > 1 else float("inf")
    return Estimate(value=float(parts.mean()), error=error)


def _ratio(weight: Floats, value: Floats, added: Floats) -> Estimate:
    """Mean of `added`, plus Σ w v / Σ w; the error by the delta method."""
    total = float(weight.mean())
    if total == 0:
        raise Malformed("the draft never does what was done: nothing is known of it")
    ratio = float(np.mean(weight * value)) / total
    # The quotient's influence function: its spread over rows is the delta method's
    # error.
    parts = added + weight * (value - ratio) / total
    return Estimate(value=float(added.mean()) + ratio, error=_mean(parts).error)
