"""How long the stock lasts, what is too much or too little of it, what to order. Pure.

Demand of a period is that of catalog.demanded. Order points and safety stock are those
of a periodic review with lead time L and review period R: s = E[D(L + R)] + k·σ(L + R)
at the cycle service level P₁, and an order goes up to what the target cover asks
(Silver, Pyke and Thomas 2017, Inventory and Production Management in Supply Chains,
chapters 6 and 7).
Days are whole or not; units are whole.

What expires serves demand up to its day, and counts after it only with what it is
expected to have sold by then: the rest is no stock for cover, chances, orders, and
what is too much.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from math import ceil, inf

from catalog.demanded import Expected, chance_above, left, quantile

WEEK = 7.0
LONGEST = 365.0
"""Days: stock that lasts longer is said to last so long."""
SURELY = 0.9
"""Stock that lasts too long with such a chance is too much."""
LIKELY = 0.5
"""Units that are not sold by their day with such a chance are expiring."""


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

    @property
    def passing(self) -> int:
        """Return the units that expire."""
        if self.expires_in is None:
            return 0
        return self.units if self.expiring is None else min(self.expiring, self.units)

    def saleable(self, outlook: Outlook, days: float = inf) -> float:
        """Return the units that are there to be sold within so many days."""
        if self.expires_in is None or days <= self.expires_in:
            return self.units
        # The oldest are sold first, so these sell as long as they may.
        sells = outlook.over(max(0.0, self.expires_in)).mean
        return self.units - self.passing + min(self.passing, sells)

    def by(self, days: float, outlook: Outlook) -> float:
        """Return the units to be sold within so many days, with what comes by then."""
        comes = self.incoming if self.incoming_in <= days else 0
        return self.saleable(outlook, days) + comes


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How a product's stock stands.

    `cover`: days, not beyond the day on which all of it expires; None: nothing of it
    is expected to sell. `chance_out`: that it sells
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
    lead = policy.lead_days
    chance_out = chance_above(outlook.over(lead), held.by(lead, outlook))
    need = outlook.over(policy.protected)
    point = quantile(need, policy.service_level)
    over, chance_over = _over(held, outlook, policy.over_days)
    unsold, chance_unsold = _unsold(held, outlook)
    told = Standing(
        state=State.FINE,
        cover=_cover(held, outlook),
        chance_out=chance_out,
        safety=max(0, ceil(point - need.mean)),
        reorder_point=point,
        order=_order(held, outlook, policy, point),
        over=over,
        chance_over=chance_over,
        unsold=unsold,
        chance_unsold=chance_unsold,
    )
    return replace(told, state=_state(held, outlook, policy, told))


def in_packs(units: float, pack: int) -> int:
    """Return the fewest whole packs' units that are at least so many."""
    # Else 12.000000001 of 12 are two packs.
    return max(0, ceil(units / pack - 1e-9)) * pack


def _order(held: Held, outlook: Outlook, policy: Policy, point: int) -> int:
    """Return what brings the position up to the target, if it is below the point."""
    position = held.saleable(outlook, policy.protected) + held.incoming
    # A point of 0: nothing is expected to sell.
    if position > point or point == 0:
        return 0
    until = policy.lead_days + policy.target_days
    safety = point - outlook.over(policy.protected).mean
    goal = max(point, outlook.over(until).mean + safety)
    return in_packs(goal - held.saleable(outlook, until) - held.incoming, held.pack)


def _cover(held: Held, outlook: Outlook) -> float | None:
    if not any(outlook.weekly):
        return None
    cover = days_of_cover(held.saleable(outlook), outlook.weekly)
    all_goes = held.expires_in is not None and held.passing == held.units
    return min(cover, held.expires_in or 0.0) if all_goes else cover


def _over(held: Held, outlook: Outlook, days: float) -> tuple[int, float]:
    """Return what is too much; what goes by its day before is lost, not too much."""
    target, units = outlook.over(days), int(held.saleable(outlook, days))
    over = max(0, int(units - target.mean))
    # P(D < units): that one at least is left.
    return over, 1 - chance_above(target, units - 1) if units else 0.0


def _unsold(held: Held, outlook: Outlook) -> tuple[float, float]:
    if held.expires_in is None:
        return 0.0, 0.0
    units = held.passing
    if not units:
        return 0.0, 0.0
    until = outlook.over(max(0.0, held.expires_in))
    return left(until, units), 1 - chance_above(until, units - 1)


def _state(held: Held, outlook: Outlook, policy: Policy, told: Standing) -> State:
    """What is short only because it expires is expiring: it can still be cleared."""
    if not held.units:
        return State.OUT
    lead, risk = policy.lead_days, 1 - policy.service_level
    # As if nothing expired: is it short of goods, or only of time?
    keeps = replace(held, expires_in=None).by(lead, outlook)
    if chance_above(outlook.over(lead), keeps) > risk:
        return State.SHORT
    if told.unsold >= 1 and told.chance_unsold >= LIKELY:
        return State.EXPIRING
    if told.chance_out > risk:
        return State.SHORT
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
