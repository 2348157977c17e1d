"""Before an experiment: what can it find, and how many units does that take?

All is relative: the coefficient of variation `cv` is a unit's standard deviation over
the mean, and effects are shares of control's mean. Give a standard deviation for `cv`
and effects are in the metric's unit. `rho` is the metric's correlation with a
covariate that CUPED takes out. Tests are two-sided, arms need not be of one size, and
large enough to be normal (Welch's test with hundreds of units is).
"""

from math import ceil, sqrt

from analytics import tails


def smallest_effect(
    *,
    cv: float,
    treatment: int,
    control: int,
    rho: float = 0.0,
    alpha: float = 0.05,
    power: float = 0.8,
) -> float | None:
    """Return the effect that is found with a chance of `power`; None in an empty arm.

    (z₁₋α/₂ + z_power) · cv · √(1 − ρ²) · √(1/n_T + 1/n_C).
    """
    if min(treatment, control) < 1:
        return None
    return _strength(alpha, power) * _error(cv, treatment, control, rho)


def units_needed(
    *,
    effect: float,
    cv: float,
    share: float = 0.5,
    rho: float = 0.0,
    alpha: float = 0.05,
    power: float = 0.8,
) -> int:
    """Return how many units of both arms find the effect; `share` are treated.

    Raises ZeroDivisionError for an effect of 0 and a share of 0 or 1.
    """
    unit = cv * cv * (1 - rho * rho) * (1 / share + 1 / (1 - share))
    return ceil(_strength(alpha, power) ** 2 * unit / effect**2)


def power(
    *,
    effect: float,
    cv: float,
    treatment: int,
    control: int,
    rho: float = 0.0,
    alpha: float = 0.05,
) -> float:
    """Return the chance that the effect is found, on either side; 0 in an empty arm."""
    if min(treatment, control) < 1:
        return 0.0
    z = tails.quantile(1 - alpha / 2)
    shift = abs(effect) / _error(cv, treatment, control, rho)
    # The second is a find on the wrong side: it matters only for effects near nothing.
    return float(tails.normal(shift - z) + tails.normal(-shift - z))


def _strength(alpha: float, power: float) -> float:
    return tails.quantile(1 - alpha / 2) + tails.quantile(power)


def _error(cv: float, treatment: int, control: int, rho: float) -> float:
    return cv * sqrt(1 - rho * rho) * sqrt(1 / treatment + 1 / control)
