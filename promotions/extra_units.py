"""How many units a strategy is expected to sell beyond what would sell anyway.

What its forecast promises tells it: margin gained and discounts given come from the
extra goods' margin. A price change has it by line. Of what was written by hand, and has
no forecast, it is what the elasticity of its goods makes of its deepest variant; that
is observational. None: nothing is known.
"""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

from django.conf import settings

from ml import forecasts
from promotions import book, guards, scopes
from promotions.models import PriceLine, Strategy

DAY = 86_400.0
OPEN = 28
"""Days: a price change without an end is expected for so long."""
LEAST_PRICE = 0.05
"""Of the price: demand for less is not extrapolated."""


def days_left(strategy: Strategy, at: datetime) -> float:
    """Return for how many days it will run."""
    campaign = strategy.campaign
    span = campaign.ends_at - max(at, campaign.starts_at)
    return max(0.0, span.total_seconds() / DAY)


def each_day(strategy: Strategy, weekly: float) -> float | None:
    """Return the extra units a day while it runs; its goods sell `weekly` anyway."""
    if strategy.prices:
        return _of_lines(PriceLine.objects.filter(strategy=strategy))
    usual, told = scopes.usual(strategy), strategy.forecast
    if not usual.products or usual.price <= 0:
        return None
    if "margin" in told and "cost" in told and usual.margin > 0:
        money = max(0.0, float(told["margin"]) + float(told["cost"]))
        units = money / float(usual.margin) / float(usual.price)
        return units / float(told.get("days", settings.HORIZON_DAYS))
    return _by_elasticity(strategy, usual.price, weekly)


def _of_lines(lines: Iterable[PriceLine]) -> float:
    """Return what lines expect beyond the prices before; they follow each other."""
    more, days = 0.0, 0
    for line in lines:
        told = line.expects
        more += told.get("units", 0.0) - told.get("units_before", 0.0)
        ends = line.ends_at
        days = max(days, (ends - line.starts_at).days if ends else OPEN)
    return max(0.0, more / max(days, 1))


def _by_elasticity(strategy: Strategy, price: Decimal, weekly: float) -> float | None:
    known = forecasts.of_categories(strategy.scope or None)
    if not known:
        return None
    least = book.decoded(strategy).rule.conditions.least_amount
    terms = strategy.terms.values()
    deepest = max(guards.depth(one, price=price, least=least) for one in terms)
    slope = sum(one.elasticity for one in known.values()) / len(known)
    new = max(LEAST_PRICE, 1 - float(deepest))
    at_price = forecasts.at_price(weekly, slope, price=1.0, new=new)
    return max(0.0, at_price - weekly) / 7
