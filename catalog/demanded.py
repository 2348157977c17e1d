"""Units that are demanded in a period: chances, quantiles, what is left. Pure.

Fast movers are normal; below SLOW units they are counted one by one: Poisson, or
negative binomial where they vary more (Silver, Pyke and Thomas 2017, Inventory and
Production Management in Supply Chains, chapters 6 and 9). Nobody demands less than
nothing: what a wide normal holds below 0 counts as 0.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil, exp, inf, log
from statistics import NormalDist

SLOW = 10.0
"""Units expected: fewer are counted one by one."""
NONE = 1e-9
"""Units expected: fewer are none."""


@dataclass(frozen=True, kw_only=True)
class Expected:
    """The units demanded in a period."""

    mean: float
    deviation: float = 0.0

    @property
    def slow(self) -> bool:
        return self.mean < SLOW


def chance_above(expected: Expected, units: float) -> float:
    """Return P(D > units)."""
    if units < 0:
        return 1.0
    if expected.slow:
        return max(0.0, 1 - sum(_up_to(expected, int(units))))
    # Units are whole: P(D > 5) begins half-way to 6.
    return 1 - _normal(expected).cdf(units + 0.5)


def quantile(expected: Expected, level: float) -> int:
    """Return the fewest units that demand does not exceed with so high a chance.

    :raises ValueError: the level is not within (0, 1).
    """
    if not 0 < level < 1:
        raise ValueError("a service level is above 0 and below 1")
    if expected.slow:
        return _slow_quantile(expected, level)
    # The order point is a continuous one: x̂ + kσ, rounded up.
    return max(0, ceil(_normal(expected).inv_cdf(level) - 1e-9))


def shortfall(expected: Expected, units: float) -> float:
    """Return E[(D⁺ − units)⁺]: what is asked for in vain; `units` are not negative.

    Of the normal it is σ·G(k), with G(k) = φ(k) − k·(1 − Φ(k)), the unit normal loss.
    """
    mean = expected.mean + _below_zero(expected)
    return mean - units + left(expected, units)


def left(expected: Expected, units: float) -> float:
    """Return E[(units − D⁺)⁺]: what is not sold, at most all units."""
    if units <= 0:
        return 0.0
    if expected.slow:
        chances = _up_to(expected, int(units))
        return sum((units - sold) * chance for sold, chance in enumerate(chances))
    if expected.deviation <= 0:
        return max(0.0, units - expected.mean)
    k = (expected.mean - units) / expected.deviation
    # E(units − D)⁺ of the normal, less what it puts below nothing.
    kept = expected.deviation * unit_loss(k) - _below_zero(expected)
    return min(max(0.0, kept), units)


def _below_zero(expected: Expected) -> float:
    """Return E[(−D)⁺] of the normal: that much less of it is sold than it says."""
    if expected.slow or expected.deviation <= 0:
        return 0.0
    return expected.deviation * unit_loss(expected.mean / expected.deviation)


def unit_loss(k: float) -> float:
    """Return G(k), the expected loss of a unit normal above k."""
    unit = NormalDist()
    return unit.pdf(k) - k * (1 - unit.cdf(k))


def more(expected: Expected, extra: float) -> Expected:
    """Add what promotions are expected to sell beyond, as a Poisson of its own."""
    if extra <= 0:
        return expected
    # A Poisson's variance is its mean, and variances add up.
    deviation = (expected.deviation**2 + extra) ** 0.5
    return Expected(mean=expected.mean + extra, deviation=deviation)


def _normal(expected: Expected) -> NormalDist:
    # The standard deviation of what is counted is never below the Poisson's by much,
    # but a forecast may be surer than that: it is taken at its word.
    return NormalDist(expected.mean, max(expected.deviation, 1e-9))


def _up_to(expected: Expected, most: int) -> list[float]:
    """Return P(D = 0 … most) of a slow mover."""
    chances = _chances(expected)
    return [chance for chance, _ in zip(chances, range(most + 1), strict=False)]


def _slow_quantile(expected: Expected, level: float) -> int:
    total = 0.0
    for units, chance in enumerate(_chances(expected)):
        total += chance
        # Sums of floats may stay a hair below a level for ever.
        if total >= level - 1e-12 or units > 100_000:
            return units
    raise AssertionError  # the chances never end


def _chances(expected: Expected) -> Iterator[float]:
    """Yield P(D = 0), P(D = 1), …: negative binomial, or Poisson if it varies less.

    With mean m and variance v > m it has r = m² / (v − m) and p = m / v.
    """
    mean, variance = expected.mean, expected.deviation**2
    if mean < NONE:
        chance, size, share = 1.0, 0.0, 0.0
    # All but equal is Poisson: r would have no end.
    elif variance > mean * (1 + 1e-9):
        size, share = mean**2 / (variance - mean), 1 - mean / variance
        chance = exp(size * log(mean / variance))
    else:
        size, share, chance = inf, 0.0, exp(-mean)
    sold = 0
    while True:
        yield chance
        sold += 1
        # P(k) / P(k − 1).
        by = mean / sold if size == inf else share * (size + sold - 1) / sold
        chance *= by
