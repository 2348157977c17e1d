"""Propose better prices: what promotions.price_plans finds, category by category.

Every week the whole shelf is priced, and the few categories that gain most are
proposed; a category with a price change under way is left alone, and so is one whose
change was rejected of late, unless its gain was doubtful and is not any more. By hand a
category is proposed whatever it gains, as long as it gains anything. One category takes
a fraction of a second, so the back office asks for it; the whole shelf is a worker's.
Two who propose a category at once are told apart by a lock: the second finds the first.
"""

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from decimal import Decimal
from enum import Enum

import numpy as np
from django.conf import settings
from django.db import transaction

from analytics import lookup
from catalog import competitors, history, pricing, sizes
from catalog.models import Product
from catalog.price_rules import Shelf
from catalog.rulebook import Rulebook
from ml import forecasts, opinions
from ml.forecasts import Demand
from promotions import (
    price_changes,
    price_families,
    price_floors,
    price_gains,
    price_lines,
    price_plans,
)
from promotions.models import OPEN, PriceLine, Strategy
from promotions.price_changes import ANSWER, Found
from promotions.price_lines import Change
from promotions.price_plans import Item

PROPOSAL_LOCK = 7_102_035
"""The advisory lock's key: of two proposals at a time, the second sees the first."""
MOST = 5
"""Proposals a week: more are not looked through."""
MOST_LINES = 2000
"""Of a weekly proposal: an operator looks through them."""
REMEMBERS = timedelta(days=90)
OPEN_STATES = ("proposed", "returned", "live", "paused")


class Why(Enum):
    """Why no price is proposed."""

    UNKNOWN = "nothing is known of its demand"
    RESTS = "all its prices changed too lately, or are to change"
    NONE = "no allowed price is better"


class NothingToGain(Exception):
    """No price of the category can be proposed: `why` names the reason."""

    def __init__(self, category: str, why: Why) -> None:
        super().__init__(category)
        self.why = why


class UnderWay(Exception):
    """The category has a price change that waits or runs: `strategy`."""

    def __init__(self, strategy: Strategy) -> None:
        super().__init__(strategy.called)
        self.strategy = strategy


def propose(*, at: datetime) -> list[Strategy]:
    """Propose the price changes that promise most, a category each."""
    busy, unwanted = _under_way(at), _rejected(at)
    drafts = []
    for category, found in _found(shelf(at=at)).items():
        draft = price_changes.change(category, found, at=at)
        was = unwanted.get(category)
        news = was is None or was <= 0 < draft.low
        if category not in busy and draft.margin > 0 and news:
            drafts.append(draft)
    chosen = sorted(drafts, key=lambda draft: -draft.margin)[:MOST]
    made = []
    for draft in chosen:
        with suppress(UnderWay):  # somebody was quicker
            made.append(_proposed(draft, by="platform", at=at))
    return made


def propose_for(category: str, *, by: str, at: datetime) -> Strategy:
    """Propose the best prices of one category.

    :raises UnderWay: another of its changes waits or runs.
    :raises NothingToGain: there are none better than today's.
    """
    # Before anything is priced; it is asked again under the lock.
    _alone(category, at)
    items = shelf([category], at=at)
    found = _found(items).get(category)
    if not found:
        raise NothingToGain(category, _why_none(items))
    return _proposed(price_changes.change(category, found, at=at), by=by, at=at)


def answer(category: str, *, by: str, at: datetime) -> Strategy:
    """Propose to follow cheaper competitors as far as the rules let us, at its cost.

    Families keep their order: others of them may go down as well, or all stay.

    :raises UnderWay: another of its changes waits or runs.
    :raises NothingToGain: nobody undercuts us, or no allowed price comes closer.
    """
    _alone(category, at)
    items = shelf([category], at=at)
    found = _changes(items, price_plans.best(items, price_plans.closeness))
    if not found:
        raise NothingToGain(category, _why_none(items))
    change = price_changes.change(category, found, at=at, title=ANSWER)
    return _proposed(change, by=by, at=at)


def _proposed(change: Change, *, by: str, at: datetime) -> Strategy:
    """Propose a change of a category that no other was proposed of meanwhile.

    :raises UnderWay: one was.
    """
    with transaction.atomic():
        # Held until the commit: who has waited here finds the first one's strategy.
        lookup.rows("SELECT pg_advisory_xact_lock(%s)", [PROPOSAL_LOCK])
        for category in change.scope:
            _alone(category, at)
        return price_lines.propose(change, by=by, at=at)


def _why_none(items: Sequence[Item]) -> Why:
    if not items:
        return Why.UNKNOWN
    return Why.RESTS if all(one.shelf.frozen for one in items) else Why.NONE


def _found(items: Sequence[Item]) -> dict[str, list[tuple[Item, Decimal]]]:
    """Return what to change, by category: the products that gain, the rest stays."""
    found: dict[str, list[tuple[Item, Decimal]]] = {}
    for item, price in _changes(items, price_plans.best(items)):
        found.setdefault(item.category, []).append((item, price))
    return {category: few(rows) for category, rows in found.items()}


def _changes(items: Sequence[Item], best: Mapping[str, Decimal]) -> Found:
    """Return what moves; families with members that were not asked about stay whole."""
    moves = {i.sku: best[i.sku] for i in items if best[i.sku] != i.shelf.price}
    broken = {*price_families.out_of_order(moves, Rulebook())}
    return [
        (item, moves[item.sku])
        for item in items
        if item.sku in moves and item.sku not in broken
    ]


def few(rows: Found) -> list[tuple[Item, Decimal]]:
    """Keep the families that gain most, whole, up to what an operator looks through."""
    families: dict[str, list[tuple[Item, Decimal]]] = {}
    for item, price in rows:
        families.setdefault(item.family or item.sku, []).append((item, price))
    gains = {
        key: sum(price_gains.gain(item, price).margin for item, price in some)
        for key, some in families.items()
    }
    kept: list[tuple[Item, Decimal]] = []
    for key in sorted(families, key=lambda key: -gains[key]):
        if len(kept) + len(families[key]) <= MOST_LINES:
            kept += families[key]
    return kept


def shelf(categories: Collection[str] | None = None, *, at: datetime) -> list[Item]:
    """Return the products that may be priced, with what is believed of their demand."""
    # Of one currency: what products gain is added up.
    rows = Product.objects.filter(
        price__gt=0, promotable=True, currency=settings.CURRENCY
    ).exclude(category="")
    # What much more than usual is said against is in no proposal (ml.opinions).
    rows = rows.exclude(sku__in=opinions.held().skus)
    if categories is not None:
        rows = rows.filter(category__in=categories)
    products = list(rows.order_by("sku"))
    skus = [one.sku for one in products]
    book, demand = Rulebook(), forecasts.of_products(skus, at=at)
    frozen, cheapest = _frozen(products, book, at), _cheapest(skus, at)
    return [
        _item(one, demand[one.sku], book, one.sku in frozen, cheapest.get(one.sku))
        for one in products
        # Where no unit is expected, all prices earn alike: nothing.
        if one.sku in demand and any(demand[one.sku].baseline.units)
    ]


def _item(
    product: Product,
    demand: Demand,
    book: Rulebook,
    frozen: bool,  # noqa: FBT001
    cheapest: Decimal | None,
) -> Item:
    rules, price = book.of(product.category), product.price or Decimal(0)
    plain = demand.baseline
    # Over the time for which a price without an end is watched.
    units, doubt = forecasts.cover(plain.units, plain.low, plain.high, OPEN.days)
    size = sizes.parsed(product.size)
    cost = pricing.unit_cost(price, product.cost, settings.ASSUMED_MARGIN)
    return Item(
        sku=product.sku,
        category=product.category,
        shelf=Shelf(
            price=price,
            floor=price_floors.floor(product, rules.least_margin),
            listed=product.listed_price or price,
            currency=product.currency,
            cheapest=cheapest,
            frozen=frozen,
        ),
        rules=rules,
        cost=float(cost),
        units=units,
        doubt=doubt,
        elasticity=demand.elasticity,
        error=demand.elasticity_error,
        stock=_stock(product),
        family=product.family,
        amount=size.amount if size else None,
        unit=size.unit if size else "",
    )


def _stock(product: Product) -> float:
    """What can be sold: all that is there, unless more comes in time."""
    comes = product.lead_days is not None and product.lead_days < OPEN.days
    return np.inf if product.stock is None or comes else float(product.stock)


def _frozen(products: Sequence[Product], book: Rulebook, at: datetime) -> set[str]:
    """Return what changed too lately, or is to change by what was approved already."""
    days = {one.sku: book.of(one.category).least_days for one in products}
    last = history.last_changes(days)
    late = {sku for sku, when in last.items() if when > at - timedelta(days=days[sku])}
    approved = PriceLine.objects.filter(state__in=["planned", "running"])
    return late | set(approved.values_list("sku", flat=True))


def _cheapest(skus: Sequence[str], at: datetime) -> dict[str, Decimal]:
    found = competitors.bounds(skus, at)
    return {sku: min(row.price for row in rows) for sku, rows in found.items()}


def _under_way(at: datetime) -> set[str]:
    """Return the categories with a price change that waits or runs."""
    return {name for one in _open(at) for name in one.scope}


def _alone(category: str, at: datetime) -> None:
    for one in _open(at):
        if category in one.scope:
            raise UnderWay(one)


def _open(at: datetime) -> list[Strategy]:
    rows = Strategy.objects.filter(state__in=OPEN_STATES, campaign__ends_at__gt=at)
    return [one for one in rows.order_by("proposed_at") if one.prices]


def _rejected(at: datetime) -> dict[str, float]:
    """Return what operators did not want of late: what its low end was at best."""
    rows = Strategy.objects.filter(
        kind=Strategy.Kind.PRICES,
        state=Strategy.State.REJECTED,
        decided_at__gt=at - REMEMBERS,
    )
    found: dict[str, float] = {}
    for scope, forecast in rows.values_list("scope", "forecast"):
        for name in scope:
            low = float(forecast.get("low", 0.0))
            found[name] = max(low, found.get(name, low))
    return found
