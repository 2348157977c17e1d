"""The guards of a proposal as they are at this very moment.

What was stored of them when it was proposed may have mended itself since, or broken.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from catalog.models import Product
from promotions import book, guards, price_guards, stock_needs
from promotions.guards import Guard
from promotions.histories import replaced
from promotions.models import Strategy
from promotions.rules import Gift

State = Strategy.State


def standing(strategy: Strategy, *, at: datetime) -> list[Guard]:
    """Return the guards that hold or not at this very moment."""
    campaign = strategy.campaign
    if strategy.prices:
        before_it = [one.id for one in replaced(strategy)]
        return [
            guards.period(campaign.starts_at, campaign.ends_at, at),
            *price_guards.standing(strategy, before_it, at=at),
            *([] if "clearance" in strategy.forecast else [in_stock(strategy, at=at)]),
        ]
    gifts = [one for one in strategy.terms.values() if isinstance(one, Gift)]
    return [
        guards.period(campaign.starts_at, campaign.ends_at, at),
        guards.money(strategy.budget, strategy.left, strategy.currency),
        guards.group(book.decoded(strategy).rule, _of_its_group(strategy)),
        *([guards.gift(_priced(gifts, strategy), strategy.currency)] if gifts else []),
        in_stock(strategy, at=at),
    ]


def checks(strategy: Strategy, *, at: datetime) -> list[dict[str, Any]]:
    """Return a proposal's guards as they are told: those of the moment as they are now.

    What was stored of these when it was proposed may have mended itself since.
    """
    now = guards.stored(standing(strategy, at=at))
    names = {guard["name"] for guard in now}
    return [guard for guard in strategy.guards if guard["name"] not in names] + now


def in_stock(strategy: Strategy, *, at: datetime) -> Guard:
    """Check what a strategy will sell against the stock and what is under way."""
    found = stock_needs.need(strategy, at=at)
    return guards.stock(
        products=found.all_products,
        known=found.products,
        days=found.days,
        wanted=found.usual + (found.extra or 0.0),
        extra=found.extra,
        there=found.there,
        incoming=found.incoming,
        missing=found.missing,
        stale=found.stale,
    )


def _priced(
    gifts: Sequence[Gift], strategy: Strategy
) -> list[tuple[str, Decimal, Decimal | None]]:
    """Return gifts with their value and their price on the shelf, if on sale."""
    sold = Product.objects.filter(promotable=True, currency=strategy.currency)
    prices = dict(
        sold.filter(sku__in=[one.sku for one in gifts]).values_list("sku", "price")
    )
    return [(one.sku, one.value, prices.get(one.sku)) for one in gifts]


def _of_its_group(strategy: Strategy) -> list[tuple[str, str]]:
    """Return the title and mode of live strategies of the same group."""
    group = strategy.rule.get("group")
    if not group:
        return []
    others = Strategy.objects.filter(state=State.LIVE, rule__group=group)
    others = others.exclude(id__in=[strategy.id, *(o.id for o in replaced(strategy))])
    return [(one.title, one.rule.get("mode", "stack")) for one in others]
