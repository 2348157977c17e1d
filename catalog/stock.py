"""How long the stock lasts, what is too much or too little of it, what to order. Pure.

Demand of a period has a mean and a standard deviation. Fast movers are normal; below
SLOW units slow movers are counted one by one: Poisson, or negative binomial where they
vary more. Order points and safety stock are those of a periodic review with lead time L
and review period R: s = E[D(L + R)] + k·σ(L + R) at the cycle service level P₁, and an
order goes up to what the target cover asks (Silver, Pyke and Thomas 2017, Inventory and
Production Management in Supply Chains, chapters 6 and 7, on slow movers chapter 9).
Days are whole or not; units are whole.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from math import ceil, exp, inf, log
from statistics import NormalDist

SLOW = 10.0
"""Units expected: fewer are counted one by one."""
NONE = 1e-9
"""Units expected: fewer are none."""
WEEK = 7.0
LONGEST = 365.0
"""Days: stock that lasts longer is said to last so long."""
SURELY = 0.9
"""Stock that lasts too long with such a chance is too much."""
LIKELY = 0.5
"""Units that are not sold by their day with such a chance are expiring."""


@dataclass(frozen=True, kw_only=True)
class Expected:
    """The units demanded in a period."""

    mean: float
    deviation: float = 0.0

    @property
    def slow(self) -> bool:
        return self.mean < SLOW


@dataclass(frozen=True, kw_only=True)
class Outlook:
    """What is expected to sell: `weekly` units of the coming weeks, of which the last
    stands for all after it, and `over` so many coming days."""

    weekly: Sequence[float]
    over: Callable[[float], Expected]


class State(StrEnum):
    """What is to be said of a product's stock first; the gravest first."""

    OUT = "out"
    SHORT = "short"
    EXPIRING = "expiring"
    OVER = "over"
    FINE = "fine"
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True)
class Policy:
    """How a product is kept in stock.

    `service_level`: the chance that the stock outlasts what is under way;
    `target_days`: for so long it should last once an order is in; what lasts longer
    than `over_days` is too much; `review_days`: orders are placed so often;
    `lead_days`: from an order to its arrival.
    """

    service_level: float
    target_days: int
    over_days: int
    review_days: int
    lead_days: int

    @property
    def protected(self) -> int:
        """Days until an order that is not placed today could arrive."""
        return self.lead_days + self.review_days


@dataclass(frozen=True, kw_only=True)
class Held:
    """What a shop has of a product, and what is on its way.

    `expiring` units are not sold from `expires_in` days on; the oldest are sold first.
    """

    units: int
    incoming: int = 0
    incoming_in: float = 0.0
    pack: int = 1
    expires_in: float | None = None
    expiring: int | None = None

    def by(self, days: float) -> int:
        """Return the units that are there within so many days."""
        return self.units + (self.incoming if self.incoming_in <= days else 0)


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How a product's stock stands.

    `cover`: days; None: nothing of it is expected to sell. `chance_out`: that it sells
    out before an order of today arrives. `over`: units beyond what is not too much,
    `chance_over` that some of them are left then. `unsold`: units expected to be left
    when they expire, `chance_unsold` that any are. `order`: whole packs; 0: none.
    """

    state: State
    cover: float | None
    chance_out: float
    safety: int
    reorder_point: int
    order: int
    over: int
    chance_over: float
    unsold: float
    chance_unsold: float


def chance_above(expected: Expected, units: float) -> float:
    """Return P(D > units)."""
    if units < 0:
        return 1.0
    if expected.slow:
        return max(0.0, 1 - sum(_up_to(expected, int(units))))
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
    """Return E[(D − units)⁺]: what is asked for in vain.

    Of the normal it is σ·G(k), with G(k) = φ(k) − k·(1 − Φ(k)), the unit normal loss.
    """
    return expected.mean - units + left(expected, units)


def left(expected: Expected, units: float) -> float:
    """Return E[(units − D)⁺]: what is not sold."""
    if units <= 0:
        return 0.0
    if expected.slow:
        chances = _up_to(expected, int(units))
        return sum((units - sold) * chance for sold, chance in enumerate(chances))
    if expected.deviation <= 0:
        return max(0.0, units - expected.mean)
    k = (expected.mean - units) / expected.deviation
    return expected.deviation * unit_loss(k)


def unit_loss(k: float) -> float:
    """Return G(k), the expected loss of a unit normal above k."""
    unit = NormalDist()
    return unit.pdf(k) - k * (1 - unit.cdf(k))


def days_of_cover(units: float, weekly: Sequence[float]) -> float:
    """Return in how many days so many units are expected to sell, at most LONGEST."""
    days = 0.0
    for week in range(int(LONGEST / WEEK) + 1):
        sells = weekly[min(week, len(weekly) - 1)] if weekly else 0.0
        if sells >= units:
            return min(days + (WEEK * units / sells if sells else 0.0), LONGEST)
        days, units = days + WEEK, units - sells
    return LONGEST


def standing(held: Held, outlook: Outlook | None, policy: Policy) -> Standing:
    """Say how a stock stands.

    Without an outlook nothing is known but whether it is sold out.
    """
    if outlook is None:
        return _unknown(held)
    chance_out = chance_above(outlook.over(policy.lead_days), held.by(policy.lead_days))
    need = outlook.over(policy.protected)
    point = quantile(need, policy.service_level)
    over, chance_over = _over(held, outlook.over(policy.over_days))
    unsold, chance_unsold = _unsold(held, outlook)
    told = Standing(
        state=State.FINE,
        cover=days_of_cover(held.units, outlook.weekly)
        if any(outlook.weekly)
        else None,
        chance_out=chance_out,
        safety=max(0, ceil(point - need.mean)),
        reorder_point=point,
        order=_order(held, outlook, policy, point),
        over=over,
        chance_over=chance_over,
        unsold=unsold,
        chance_unsold=chance_unsold,
    )
    return replace(told, state=_state(held, policy, told))


def more(expected: Expected, extra: float) -> Expected:
    """Add what promotions are expected to sell beyond, as a Poisson of its own."""
    if extra <= 0:
        return expected
    deviation = (expected.deviation**2 + extra) ** 0.5
    return Expected(mean=expected.mean + extra, deviation=deviation)


def in_packs(units: float, pack: int) -> int:
    """Return the fewest whole packs' units that are at least so many."""
    return max(0, ceil(units / pack - 1e-9)) * pack


def _order(held: Held, outlook: Outlook, policy: Policy, point: int) -> int:
    """Return what brings the position up to the target, if it is below the point."""
    position = held.units + held.incoming
    if position > point or point == 0:
        return 0
    goal = outlook.over(policy.lead_days + policy.target_days).mean
    safety = point - outlook.over(policy.protected).mean
    return in_packs(max(point, goal + safety) - position, held.pack)


def _over(held: Held, target: Expected) -> tuple[int, float]:
    over = max(0, int(held.units - target.mean))
    return over, 1 - chance_above(target, held.units - 1) if held.units else 0.0


def _unsold(held: Held, outlook: Outlook) -> tuple[float, float]:
    if held.expires_in is None:
        return 0.0, 0.0
    units = held.units if held.expiring is None else min(held.expiring, held.units)
    if not units:
        return 0.0, 0.0
    until = outlook.over(max(0.0, held.expires_in))
    return left(until, units), 1 - chance_above(until, units - 1)


def _state(held: Held, policy: Policy, told: Standing) -> State:
    if not held.units:
        return State.OUT
    if told.chance_out > 1 - policy.service_level:
        return State.SHORT
    if told.unsold >= 1 and told.chance_unsold >= LIKELY:
        return State.EXPIRING
    if told.over >= max(1, held.pack) and told.chance_over >= SURELY:
        return State.OVER
    return State.FINE


def _unknown(held: Held) -> Standing:
    return Standing(
        state=State.UNKNOWN if held.units else State.OUT,
        cover=None,
        chance_out=0.0 if held.units else 1.0,
        safety=0,
        reorder_point=0,
        order=0,
        over=0,
        chance_over=0.0,
        unsold=0.0,
        chance_unsold=0.0,
    )


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
    elif variance > mean * (1 + 1e-9):
        size, share = mean**2 / (variance - mean), 1 - mean / variance
        chance = exp(size * log(mean / variance))
    else:
        size, share, chance = inf, 0.0, exp(-mean)
    sold = 0
    while True:
        yield chance
        sold += 1
        by = mean / sold if size == inf else share * (size + sold - 1) / sold
        chance *= by
