"""Checks of a whole experiment: were the arms filled as planned, is it only chance?

A sample-ratio mismatch says that something filters one arm, and then nothing of it may
be believed (Fabijan et al. 2019): alarm at p < 0.001. Several goals, arms or slices
find something by chance alone: `holm` for goals, `benjamini_hochberg` for the rest.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import accumulate

from analytics import tails
from analytics.experiments import Effect

ALARM = 0.001
"""Arms whose sizes are less likely than this are not believed."""


def mismatch(counts: Mapping[str, int], weights: Mapping[str, float]) -> float:
    """Return the p-value that arms' sizes fit their weights (Pearson's χ²).

    Weights need not add up to 1; arms of weight 0 are left out, 1 if nobody is in any.
    """
    shares = {arm: weight for arm, weight in weights.items() if weight > 0}
    n, whole = sum(counts.get(arm, 0) for arm in shares), sum(shares.values())
    if n == 0 or len(shares) < 2:
        return 1.0
    expected = {arm: n * weight / whole for arm, weight in shares.items()}
    chi2 = sum((counts.get(arm, 0) - e) ** 2 / e for arm, e in expected.items())
    # Below ALARM it sees 48 to 52 of 20,000 in 99.1 % of cases.
    return tails.chi_squared(chi2, len(shares) - 1)


def holm(p: Sequence[float]) -> list[float]:
    """Return adjusted p-values, in order: the chance of any false find (Holm 1979)."""
    order = sorted(range(len(p)), key=p.__getitem__)
    # Never less than a smaller p's: hence the running maximum.
    steps = [p[at] * (len(p) - rank) for rank, at in enumerate(order)]
    return _placed(order, accumulate(steps, max))


def benjamini_hochberg(p: Sequence[float]) -> list[float]:
    """Return adjusted p-values, in order: the false share of finds (1995)."""
    order = sorted(range(len(p)), key=p.__getitem__, reverse=True)
    # From the largest down, never more than a larger p's: the running minimum.
    steps = [p[at] * len(p) / (len(p) - rank) for rank, at in enumerate(order)]
    return _placed(order, accumulate(steps, min))


def _placed(order: Sequence[int], values: "accumulate[float]") -> list[float]:
    found = dict(zip(order, values, strict=True))
    return [min(1.0, found[at]) for at in range(len(order))]


def adjusted_interval(effect: Effect, p: float, *, confidence: float = 0.95) -> Effect:
    """Return the effect with an adjusted p-value and the interval that goes with it.

    It is the interval of the standard error that would have given this p-value, as
    GrowthBook computes it back; without end, so None, at p = 1. A p-value too small for
    a float leaves the interval as it is.
    """
    if effect.p is None:
        return effect
    if not p:
        return replace(effect, p=p)
    if p >= 1 or not effect.value:
        return replace(effect, p=p, low=None, high=None)
    # p = 2 P(T < −|value| / error), solved for the error.
    error = abs(effect.value) / -tails.quantile(p / 2, effect.df)
    half = tails.quantile((1 + confidence) / 2, effect.df) * error
    return replace(effect, p=p, low=effect.value - half, high=effect.value + half)
