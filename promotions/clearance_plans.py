"""A product's clearance: what is to go by when, its path of prices, how it is kept.

What was planned first is kept with the strategy, so that each week a path is planned
anew from what was sold since: the first belief learns from every week that is over.

The last week ends on the day on which the goods expire, so it may be a part of one.

What a unit left at the end is worth (`salvage`): nothing of what expires; of what is
too much its cost, less what it costs to hold it for as long as it lasts. What expires
may be sold below its cost, what is too much may not.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from math import ceil
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings

from catalog import markdown_luck, markdowns, price_rules, pricing
from catalog.markdown_luck import Outcome, Spread
from catalog.markdowns import Belief, Clearance
from catalog.models import Product, StockRule
from catalog.price_rules import Shelf
from catalog.rulebook import Rulebook
from ml import forecasts
from ml.forecasts import Demand
from promotions import campaigns
from promotions.models import Supply

MOST_WEEKS = forecasts.HORIZON
WEEK = timedelta(days=7)
PRICES = 7
"""Prices that are tried of a product, at most."""
LEAST_NOISE = 0.02
LEVEL_ERROR = (0.1, 1.0)
SEED = 37


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A product's clearance as it was planned first: what is kept with a strategy.

    From `starts` on, by weeks; money is float.
    """

    sku: str
    starts: date
    ends: date
    asked: Clearance
    level_error: float
    elasticity: float
    elasticity_error: float
    expires: bool
    zone: str = "UTC"

    @property
    def belief(self) -> Belief:
        return markdowns.prior(
            level_error=self.level_error,
            elasticity=self.elasticity,
            elasticity_error=self.elasticity_error,
        )

    def week(self, number: int) -> date:
        """Return the day on which a week begins, or all ends."""
        return min(self.starts + number * WEEK, self.ends)

    def moment(self, number: int) -> datetime:
        """Return when a week begins, at the shop's midnight, or all ends."""
        return campaigns.midnight(self.week(number), self.zone)


@dataclass(frozen=True, kw_only=True)
class Path:
    """A product's path from week `first` of its plan on, and what it comes to.

    `charged`: the price's index in each week before; `held` the one now. `asked` is
    what is left to clear, `level` how demand is believed to be beside its forecast.
    """

    plan: Plan
    first: int
    charged: tuple[int, ...]
    asked: Clearance
    indices: tuple[int, ...]
    told: Outcome
    nothing: Outcome
    belief: Belief

    @property
    def held(self) -> int:
        return self.charged[-1] if self.charged else 0

    @property
    def level(self) -> float:
        return self.belief.expected_level

    def worths(self) -> markdowns.Floats:
        """Return what each of next week's prices recovers: markdowns.worths."""
        return markdowns.worths(self.asked, self.belief, held=self.held)

    @property
    def marked(self) -> bool:
        return any(index != self.held for index in self.indices)


def planned(
    product: Product, demand: Demand, rule: StockRule, row: Supply, *, at: datetime
) -> Plan | None:
    """Say what is to be cleared by when, at which prices; None: there is no time."""
    starts = at.astimezone(ZoneInfo(settings.SHOP_ZONE)).date() + timedelta(days=1)
    expires = row.state == Supply.State.EXPIRING
    ends = starts + timedelta(days=rule.clear_days)
    if expires and product.expires_on:
        ends = product.expires_on
    ends = min(ends, starts + MOST_WEEKS * WEEK)
    # Without shelf discounts: what sold by them is no demand at today's price.
    price, demand = product.price or Decimal(0), demand.baseline
    if ends <= starts or demand.units[0] <= 0:
        return None
    units = row.units
    if expires and product.expiring is not None:
        units = min(units, product.expiring)
    cost = pricing.unit_cost(price, product.cost, settings.ASSUMED_MARGIN)
    years = (row.cover or 365.0) / 365.0
    worth = 0.0 if expires else float(cost) * max(0.0, 1 - float(rule.holding) * years)
    # What costs more than it sells for already may stay at its price.
    least = Decimal(0) if expires else min(price, cost)
    prices = _prices(product, rule, least)
    if units < 1 or len(prices) < 2:
        return None
    spreads = [(high - low) / (2 * forecasts.Z80) for low, high in _ends(demand)]
    mean = demand.units[0]
    # At least Poisson's: what sells now and then has intervals that end at zero.
    spread = max(spreads[0], mean**0.5)
    relative = (spread / mean) ** 2
    # The part of a week's error that lasts is doubt of the level; the rest is noise.
    error = (forecasts.LASTING * relative) ** 0.5
    return Plan(
        sku=product.sku,
        starts=starts,
        ends=ends,
        asked=Clearance(
            stock=units,
            prices=prices,
            units=tuple(_weeks(demand.units, ends - starts)),
            # `Clearance` takes no price below it.
            salvage=min(worth, prices[-1]),
            # A variance is mean + noise · mean²; over mean², 1 / mean is no noise.
            noise=max(
                LEAST_NOISE, (1 - forecasts.LASTING) * relative - 1 / max(mean, 0.1)
            ),
            steps=rule.steps,
        ),
        level_error=min(max(error, LEVEL_ERROR[0]), LEVEL_ERROR[1]),
        elasticity=demand.elasticity,
        elasticity_error=max(0.1, demand.elasticity_error),
        expires=expires,
        zone=settings.SHOP_ZONE,
    )


def _ends(demand: Demand) -> Iterator[tuple[float, float]]:
    yield from zip(demand.low, demand.high, strict=True)


def _weeks(units: Sequence[float], time: timedelta) -> Iterator[float]:
    for week in range(ceil(time / WEEK)):
        part = min(1.0, time / WEEK - week)
        yield max(part * units[min(week, len(units) - 1)], 1e-6)


def _prices(product: Product, rule: StockRule, least: Decimal) -> tuple[float, ...]:
    """Return the prices that may be tried, falling from today's: with its endings."""
    price = product.price or Decimal(0)
    rules = replace(
        Rulebook().of(product.category), most_down=rule.deepest, most_up=Decimal(0)
    )
    shelf = Shelf(price=price, floor=least, listed=price, currency=product.currency)
    allowed = [one for one in price_rules.candidates(shelf, rules) if 0 < one < price]
    found = [price]
    for part in range(1, PRICES):
        aim = price * (1 - rule.deepest * part / (PRICES - 1))
        near = min(allowed, key=lambda one: abs(one - aim), default=None)
        if near is not None and near < found[-1]:
            found.append(near)
    return tuple(float(one) for one in found)


def found(
    plan: Plan, asked: Clearance, belief: Belief, charged: tuple[int, ...] = ()
) -> Path:
    """Find the best path for what is left, after so many weeks' prices."""
    held = charged[-1] if charged else 0
    indices = markdowns.path(asked, belief, held=held)
    none = (held,) * asked.weeks
    return Path(
        plan=plan,
        first=len(charged),
        charged=charged,
        asked=asked,
        indices=indices,
        told=markdown_luck.outcome(asked, belief, indices, seed=SEED, held=held),
        nothing=markdown_luck.outcome(asked, belief, none, seed=SEED, held=held),
        belief=belief,
    )


def kept(path: Path) -> dict[str, Any]:
    """Write what is planned of a product into a strategy's forecast."""
    plan, asked = path.plan, path.plan.asked
    return {
        "starts": plan.starts.isoformat(),
        "ends": plan.ends.isoformat(),
        "weeks": asked.weeks,
        "stock": asked.stock,
        "prices": list(asked.prices),
        "units": [round(one, 4) for one in asked.units],
        "salvage": round(asked.salvage, 4),
        "noise": round(asked.noise, 4),
        "steps": asked.steps,
        "level_error": round(plan.level_error, 4),
        "elasticity": round(plan.elasticity, 4),
        "elasticity_error": round(plan.elasticity_error, 4),
        "expires": plan.expires,
        "zone": plan.zone,
        "charged": list(path.charged),
        "path": list(path.indices),
        "now": path.asked.stock,
        "level": round(path.level, 4),
        "stock_after": [
            [round(one.mean, 1), round(one.low, 1), round(one.high, 1)]
            for one in path.told.stock
        ],
        "beside": [round(one.mean, 1) for one in path.nothing.stock],
        "recovered": _ends_of(path.told.recovered),
        "gain": _ends_of(path.told.gain),
        "left": _ends_of(path.told.left),
        "left_beside": round(path.nothing.left.mean, 1),
    }


def _ends_of(spread: Spread) -> list[float]:
    return [round(one, 2) for one in (spread.mean, spread.low, spread.high)]


def read(sku: str, told: Mapping[str, Any]) -> Plan:
    """Read a plan that was kept."""
    starts = date.fromisoformat(told["starts"])
    ends = told.get("ends")  # plans of 2026 had whole weeks alone
    return Plan(
        sku=sku,
        starts=starts,
        ends=date.fromisoformat(ends) if ends else starts + told["weeks"] * WEEK,
        asked=Clearance(
            stock=told["stock"],
            prices=tuple(told["prices"]),
            units=tuple(told["units"]),
            salvage=told["salvage"],
            noise=told["noise"],
            steps=told["steps"],
        ),
        level_error=told["level_error"],
        elasticity=told["elasticity"],
        elasticity_error=told["elasticity_error"],
        expires=told["expires"],
        zone=told.get("zone", "UTC"),
    )
