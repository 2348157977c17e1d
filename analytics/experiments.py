"""What the difference between two arms is, and how sure that is.

Everything comes from moments (analytics.moments). Intervals are Welch's (1947), which
suppose one look, at an end fixed before. Whoever looks every day, and may stop then,
takes `sequential`. The numbers are those of GrowthBook's gbstats, but for an arm
without any spread: a holdout's discounts are certainly zero, and are compared.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import exp, log, sqrt

from analytics import tails
from analytics.moments import Floats, Moments

TUNING = 5000
"""About so many units the confidence sequence is tightest for."""


@dataclass(frozen=True, kw_only=True)
class Effect:
    """Treatment less control, in the metric's unit or as a share of control's mean.

    `error` is the standard error, `df` Welch's degrees of freedom, `p` two-sided. All
    but `value` are None where nothing can be estimated: an arm is too small, or nobody
    differs from anybody yet, which is not the same as a certain zero. Where there is
    nothing to divide by, `value` is 0.
    """

    value: float
    error: float | None = None
    df: float | None = None
    low: float | None = None
    high: float | None = None
    p: float | None = None

    @property
    def estimable(self) -> bool:
        return self.error is not None


@dataclass(frozen=True, kw_only=True)
class Side:
    """One arm's metric: its mean, that after adjustment, and its unit's variance."""

    n: int
    mean: float
    adjusted: float
    variance: float

    @property
    def squared_error(self) -> float:
        return self.variance / self.n if self.n else 0.0


def difference(
    treatment: Moments,
    control: Moments,
    metric: str,
    *,
    relative: bool = False,
    covariate: str | None = None,
    ratio_of: str | None = None,
    binary: bool = False,
    pooled: bool = False,
    confidence: float = 0.95,
) -> Effect:
    """Return treatment less control in a mean, a proportion or a ratio.

    A `binary` metric is 0 or 1, and its variance p (1 − p). With `ratio_of` the metric
    is Σ metric / Σ ratio_of, its variance by the delta method (Deng, Knoblich & Lu
    2018). A `covariate`, known before the experiment, takes away what it foretells:
    y − θ x with θ of both arms together (CUPED, Deng, Xu, Kohavi & Walker 2013).
    `relative` divides by the size of control's mean, which is not adjusted, and adds
    that mean's own error, by the delta method too. `pooled`: no arm varies less than
    both do together. A small arm's own variance may be far too small by luck: where few
    bought, and at many looks (see `sequential`).
    """
    one, two = _sides(treatment, control, metric, ratio_of, covariate, binary=binary)
    if pooled:
        one, two = _cautious(one, two)
    value, squares = one.adjusted - two.adjusted, (one.squared_error, two.squared_error)
    df = _welch(one, two)
    # Of nothing there is no share.
    if relative and not two.mean:
        return Effect(value=0.0)
    if relative:
        base = abs(two.mean)
        value /= base
        # Var(T/C) ≈ v_T / C² + v_C T² / C⁴, to the first order.
        squares = (squares[0] / base**2, squares[1] * one.mean**2 / base**4)
    error = 0.0 if df is None else sqrt(sum(squares))
    return interval(value, error, df=df, confidence=confidence)


def interval(
    value: float, error: float, *, df: float | None = None, confidence: float = 0.95
) -> Effect:
    """Return an estimate with its interval, of Student's t or, without `df`, normal."""
    if not error:
        return Effect(value=value)
    half = tails.quantile((1 + confidence) / 2, df) * error
    p = tails.two_sided(value / error, df)
    return Effect(
        value=value, error=error, df=df, low=value - half, high=value + half, p=p
    )


def _cautious(one: Side, two: Side) -> tuple[Side, Side]:
    """Give arms at least the variance that they have together, about one mean."""
    n = one.n + two.n
    if not n:
        return one, two
    # What the two means add to the variance about one: n₁n₂/n² (m₁ − m₂)².
    apart = (one.adjusted - two.adjusted) ** 2 * one.n * two.n / n**2
    both = (one.n * one.variance + two.n * two.variance) / n + apart
    return (
        replace(one, variance=max(one.variance, both)),
        replace(two, variance=max(two.variance, both)),
    )


def _welch(one: Side, two: Side) -> float | None:
    """Return degrees of freedom; None if an arm is too small, or neither spread."""
    if min(one.n, two.n) < 2:
        return None
    a, b = one.squared_error, two.squared_error
    below = a**2 / (one.n - 1) + b**2 / (two.n - 1)
    # Welch and Satterthwaite's; 0 only if neither arm has any spread.
    return (a + b) ** 2 / below if below else None


def _sides(
    treatment: Moments,
    control: Moments,
    metric: str,
    ratio_of: str | None,
    covariate: str | None,
    *,
    binary: bool,
) -> tuple[Side, Side]:
    both, theta = treatment + control, 0.0
    if covariate is not None:
        # One θ of both arms moves no effect. Eight weeks before take 66 % and more of
        # the variance of four weeks' spend (bench-experiments).
        theta = both.slope(_linear(both, metric, ratio_of), covariate)
    known = {covariate: theta} if covariate else {}
    one, two = (
        _side(arm, metric, ratio_of, known, binary=binary)
        for arm in (treatment, control)
    )
    return one, two


def _side(
    arm: Moments,
    metric: str,
    ratio_of: str | None,
    known: Mapping[str, float],
    *,
    binary: bool,
) -> Side:
    foretold, mean, spread = arm.vector(known), arm.mean(metric), arm.spread
    if binary:
        at = arm.names.index(metric)
        spread = spread.copy()
        spread[at, at] = mean * (1 - mean)
    if ratio_of is not None:
        mean = _over(mean, arm.mean(ratio_of))
    weights = _linear(arm, metric, ratio_of) - foretold
    return Side(
        n=arm.n,
        mean=mean,
        # Not about the covariate's mean: that is in both arms, and cancels.
        adjusted=mean - float(foretold @ arm.means),
        # Rounding may leave it a hair below 0.
        variance=max(0.0, float(weights @ spread @ weights)),
    )


def _linear(arm: Moments, metric: str, ratio_of: str | None) -> Floats:
    """Return weights of a unit's numbers whose sum varies as the metric does."""
    if ratio_of is None:
        return arm.vector({metric: 1.0})
    below = arm.mean(ratio_of)
    ratio = _over(arm.mean(metric), below)
    # M/D varies as (M − R D) / D does: the derivatives by M and by D.
    return arm.vector({metric: _over(1, below), ratio_of: -_over(ratio, below)})


def _over(above: float, below: float) -> float:
    """Divide; by zero it is 0, as in gbstats."""
    return above / below if below else 0.0


def sequential(
    effect: Effect, n: int, *, confidence: float = 0.95, tuning: float = TUNING
) -> Effect:
    """Return the effect with an interval and a p-value that hold at every look.

    The asymptotic confidence sequence of Waudby-Smith, Arbour, Sinha, Kennedy & Ramdas
    (2021, equations 9, 155 and 161 of version 7); `n` counts both arms' units. It is
    tightest near `tuning` units, and always wider than the fixed interval. It is
    asymptotic: give it an effect with a `pooled` error.
    """
    if effect.error is None:
        return effect
    alpha = 1 - confidence
    # ρ² that makes the sequence tightest near `tuning` units.
    rho2 = (-2 * log(alpha) + log(-2 * log(alpha) + 1)) / tuning
    more = n * rho2 + 1
    # In 20 looks 0.7 % false finds; with a t-test at each look 26 %
    # (bench-experiments).
    half = effect.error * sqrt(2 * more / (n * rho2) * log(sqrt(more) / alpha))
    z2 = (effect.value / effect.error) ** 2
    p = min(1.0, sqrt(more) * exp(-n * rho2 * z2 / (2 * more)))
    return replace(
        effect, df=None, low=effect.value - half, high=effect.value + half, p=p
    )


@dataclass(frozen=True, kw_only=True)
class Prior:
    """What is believed of an effect before, normally distributed."""

    mean: float = 0.0
    variance: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Belief:
    """What is believed of an effect afterwards, normally distributed.

    `chance` that it is above 0; `risk` is what choosing the treatment is expected to
    lose: the mean of max(0, −effect). None where nothing can be estimated.
    """

    value: float
    error: float | None = None
    low: float | None = None
    high: float | None = None
    chance: float | None = None
    risk: float | None = None


def bayes(
    effect: Effect, prior: Prior | None = None, *, confidence: float = 0.95
) -> Belief:
    """Return the posterior of an effect; without a prior, of a flat one.

    Precisions add up; the data's is normal, of the effect's standard error.
    """
    if effect.error is None:
        return Belief(value=effect.value)
    precision, value = effect.error**-2, effect.value
    if prior is not None:
        known = precision + 1 / prior.variance
        value = (value * precision + prior.mean / prior.variance) / known
        precision = known
    error = precision**-0.5
    half = tails.quantile((1 + confidence) / 2) * error
    z = value / error
    return Belief(
        value=value,
        error=error,
        low=value - half,
        high=value + half,
        chance=float(tails.normal(z)),
        # E max(0, −X) of a normal X.
        risk=float(error * tails.density(z) - value * tails.normal(-z)),
    )


def total(effect: Effect, n: float) -> Effect:
    """Return a difference of means as the whole that `n` treated units make.

    With a share for `n` it is an effect on those who were triggered, diluted to all.
    """

    def scaled(one: float | None) -> float | None:
        return None if one is None else one * n

    return replace(
        effect,
        value=effect.value * n,
        error=scaled(effect.error),
        low=scaled(effect.low),
        high=scaled(effect.high),
    )
