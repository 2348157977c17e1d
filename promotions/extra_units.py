"""How many units a strategy is expected to sell beyond what would sell anyway.

What its forecast promises tells it: margin gained and discounts given come from the
extra goods' margin. A price change has it by line. Of what was written by hand, and has
no forecast, it is what the elasticity of its goods makes of its deepest variant; that
is observational, and needs a forecast that is not stale. None: nothing is known.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal

from django.conf import settings

from ml import forecasts
from promotions import book, depths, scopes
from promotions.models import OPEN, PriceLine, Strategy

DAY = 86_400.0
LEAST_PRICE = 0.05
"""Of the price: demand for less is not extrapolated."""


def days_left(strategy: Strategy, at: datetime) -> float:
    """Return for how many days it will run."""
    campaign = strategy.campaign
    span = campaign.ends_at - max(at, campaign.starts_at)
    return max(0.0, span.total_seconds() / DAY)


def each_day(strategy: Strategy, weekly: float, *, at: datetime) -> float | None:
    """Return the extra units a day while it runs; its goods sell `weekly` anyway."""
    if strategy.prices:
        lines = PriceLine.objects.filter(strategy=strategy)
        return _of_lines(lines.exclude(state=PriceLine.State.OVERRULED))
    usual, told = scopes.usual(strategy), strategy.forecast
    if not usual.products or usual.price <= 0:
        return None
    if "margin" in told and "cost" in told and usual.margin > 0:
        money = max(0.0, float(told["margin"]) + float(told["cost"]))
        units = money / float(usual.margin) / float(usual.price)
        return units / float(told.get("days", settings.HORIZON_DAYS))
    return _by_elasticity(strategy, usual.price, weekly, at)


def _of_lines(lines: Iterable[PriceLine]) -> float:
    """Return what lines expect beyond the prices before, over all of their time."""
    told = list(lines)
    if not told:
        return 0.0
    more = sum(
        one.expects.get("units", 0.0) - one.expects.get("units_before", 0.0)
        for one in told
    )
    ends = max(one.ends_at or one.starts_at + OPEN for one in told)
    span = ends - min(one.starts_at for one in told)
    return float(max(0.0, more / max(span / timedelta(days=1), 1.0)))


def _by_elasticity(
    strategy: Strategy, price: Decimal, weekly: float, at: datetime
) -> float | None:
    known = forecasts.of_categories(strategy.scope or None, at=at)
    if not known:
        return None
    least = book.decoded(strategy).rule.conditions.least_amount
    terms = strategy.terms.values()
    deepest = max(depths.depth(one, price=price, least=least) for one in terms)
    slope = sum(one.elasticity for one in known.values()) / len(known)
    # What is sold at a discount already is not sold by this one.
    weekly *= sum(one.undiscounted for one in known.values()) / len(known)
    new = max(LEAST_PRICE, 1 - float(deepest))
    # Prices as parts of today's: an elasticity asks for their ratio alone.
    at_price = forecasts.at_price(weekly, slope, price=1.0, new=new)
    return max(0.0, at_price - weekly) / 7
