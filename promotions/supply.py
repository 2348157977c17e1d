"""How every product's stock stands beside its forecast and what promotions will sell.

A worker counts it (`refresh`); pages, targeting and approval read the table. Products
whose stock the shop does not send have no row, and nothing is said of them. Categories
of which half of the demand is for goods that more likely than not are sold out before
an order could arrive are `short`: no promotion of theirs is proposed, and no offer
newly made. Forecasts that nobody makes any more are as if there were none.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from django.db import transaction
from django.db.models import QuerySet

from analytics import lookup
from catalog import demanded, levels, stock
from catalog.demanded import Expected
from catalog.models import Product, StockRule
from catalog.stock import Held, Outlook
from ml import forecasts
from ml.forecasts import Demand
from promotions import extra_units, scopes
from promotions.models import PriceLine, Strategy, Supply

State = Supply.State
WEEK = 7
CHUNK = 5000
HALF = 0.5
# 0.001, so that goods that sell nothing count by their number: a category of those
# alone would else be short (0 ≥ 0) by one of them.
SHORT = """
    SELECT category FROM promotions_supply WHERE category <> ''
    GROUP BY category
    HAVING sum(greatest(weekly, 0.001)) FILTER (WHERE chance_out >= 0.5)
        >= %s * sum(greatest(weekly, 0.001))
"""


def refresh(*, at: datetime) -> int:
    """Count anew how all products stand; return how many have a stock."""
    # No stock sent means unknown, not none.
    products = list(Product.objects.filter(stock__isnull=False))
    known = outlooks([one.sku for one in products], at)
    promoted = _promoted(known, at)
    rules = levels.rules()
    rows = [
        _row(one, known.get(one.sku), promoted.get(one.sku, {}), rules, at)
        for one in products
    ]
    # In one go: who reads meanwhile sees the counts of before, not an empty table.
    with transaction.atomic():
        Supply.objects.all().delete()
        Supply.objects.bulk_create(rows, batch_size=CHUNK)
    return len(rows)


def outlooks(skus: Iterable[str], at: datetime) -> dict[str, Demand]:
    """Return the products' forecasts from this week on, but of those that are stale."""
    found = forecasts.of_products(list(skus), at=at)
    return {sku: _from(one, at.date()) for sku, one in found.items()}


def _from(demand: Demand, today: date) -> Demand:
    """Drop the weeks that are over; of the last one at least is left."""
    gone = min(max(0, (today - demand.first).days // WEEK), len(demand.units) - 1)
    return replace(
        demand,
        first=demand.first + timedelta(days=gone * WEEK),
        units=demand.units[gone:],
        low=demand.low[gone:],
        high=demand.high[gone:],
    )


def short() -> frozenset[str]:
    """Return the categories whose goods run short, by the demand for them."""
    return frozenset(name for (name,) in lookup.rows(SHORT, [HALF]))


def runs_short(strategy: Strategy, names: frozenset[str]) -> bool:
    """Whether all that a strategy is about runs short."""
    return bool(strategy.scope) and names.issuperset(strategy.scope)


def goods_of(strategy: Strategy) -> QuerySet[Product]:
    if strategy.prices:
        lines = PriceLine.objects.filter(strategy=strategy)
        return Product.objects.filter(sku__in=lines.values("sku"))
    return scopes.products(strategy)


@dataclass(frozen=True, kw_only=True)
class Push:
    """What a live strategy adds to a product's demand each day, for so many days."""

    each_day: float
    days: float

    def within(self, days: float) -> float:
        return self.each_day * min(days, self.days)


def _promoted(known: Mapping[str, Demand], at: datetime) -> dict[str, dict[str, Push]]:
    """Share what live strategies will sell among their goods: sku -> strategy -> push.

    By what the goods sell anyway.
    """
    live = Strategy.objects.filter(
        state=Strategy.State.LIVE, campaign__ends_at__gt=at
    ).select_related("campaign")
    found: dict[str, dict[str, Push]] = {}
    for strategy in live.order_by("id"):
        goods = goods_of(strategy).filter(stock__isnull=False)
        mine = [
            (sku, known[sku].units[0])
            for sku in goods.values_list("sku", flat=True)
            if sku in known
        ]
        weekly = sum(units for _, units in mine)
        each_day = extra_units.each_day(strategy, weekly, at=at) if weekly else None
        if not each_day or each_day <= 0:
            continue
        days = extra_units.days_left(strategy, at)
        for sku, units in mine:
            push = Push(each_day=each_day * units / weekly, days=days)
            found.setdefault(sku, {})[str(strategy.id)] = push
    return found


def outlook(demand: Demand, pushes: Iterable[Push] = ()) -> Outlook:
    """Return a forecast as the stock's rules read it, with what promotions add."""
    added = list(pushes)

    def over(days: float) -> Expected:
        mean, deviation = forecasts.cover(demand.units, demand.low, demand.high, days)
        extra = sum(one.within(days) for one in added)
        return demanded.more(Expected(mean=mean, deviation=deviation), extra)

    week = [
        units + sum(one.within(WEEK * (n + 1)) - one.within(WEEK * n) for one in added)
        for n, units in enumerate(demand.units)
    ]
    return Outlook(weekly=week, over=over)


def held(product: Product, today: date) -> Held:
    """Return what a shop has of a product."""
    coming = product.incoming_on
    expires = product.expires_on
    return Held(
        units=product.stock or 0,
        incoming=product.incoming or 0,
        incoming_in=max(0, (coming - today).days) if coming else 0,
        pack=product.pack,
        expires_in=max(0, (expires - today).days) if expires else None,
        expiring=product.expiring,
    )


def _row(
    product: Product,
    demand: Demand | None,
    pushes: Mapping[str, Push],
    rules: Mapping[str, StockRule],
    at: datetime,
) -> Supply:
    rule = levels.rule_of(product.category, rules)
    policy = levels.policy(rule, product.lead_days)
    ahead = outlook(demand, pushes.values()) if demand else None
    told = stock.standing(held(product, at.date()), ahead, policy)
    # As long as an order of today has to last.
    ordered_for = policy.lead_days + policy.target_days
    return Supply(
        product=product,
        category=product.category,
        state=told.state.value,
        units=product.stock or 0,
        incoming=product.incoming or 0,
        weekly=demand.units[0] if demand else 0.0,
        promoted=sum(one.within(ordered_for) for one in pushes.values()),
        cover=told.cover,
        chance_out=told.chance_out,
        lead_days=policy.lead_days,
        lead_assumed=product.lead_days is None,
        protected_days=policy.protected,
        safety=told.safety,
        reorder_point=told.reorder_point,
        order=told.order,
        over=told.over,
        chance_over=told.chance_over,
        unsold=told.unsold,
        chance_unsold=told.chance_unsold,
        computed_at=at,
    )
