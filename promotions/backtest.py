"""What a strategy would have done on past baskets: same evaluator, other clock.

A sample of the log's last four weeks of orders is priced with all that is live and the
strategy beside it, each at the hour of its order. A personal offer that was written
by hand gets its forecast here, priced as the platform prices its own. Worker only.
"""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
from django.conf import settings
from django.db import transaction

from analytics import events, store
from catalog import history, pricing
from ml import scores
from ml.customers import segments
from promotions import (
    arms,
    audiences,
    book,
    carts,
    forecasts,
    guards,
    planning,
    response,
    scopes,
    trials,
)
from promotions.book import Terse
from promotions.forecasts import Forecast
from promotions.guards import Guard, Tried
from promotions.models import Strategy
from promotions.shopping import Cart, Entry, Item, Priced, Shelf, Shopper
from promotions.value import People, Response

LAST = timedelta(days=28)
MOST_ORDERS = 400
MOST_SECONDS = 20.0
MOST_UNITS = 1000
"""A line of more units than this is goods by weight: it counts as one unit."""
REDUCTIONS = frozenset({"percentage"})
"""Kinds that announce a reduction by a rate. What a set price or a basket gives depends
on what it is compared with."""
NOMINAL = Decimal(1)
"""The log tells no shipping costs: with one unit of money it is seen who gets it off,
and the sum is left out of all costs."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What the strategy did; money in its currency.

    `orders` were in the log's last `days`, `baskets` of them were tried, `touched` got
    something. `cost` is what the whole campaign would give if orders came as they did:
    for a code, if every customer entered it. `floored` baskets would have got more but
    for a margin floor. `stopped`: time was over before all were tried.
    """

    orders: int
    days: int
    baskets: int
    touched: int
    cost: Decimal
    mean: Decimal
    worst: Decimal
    kept: Decimal
    floored: int
    stopped: bool
    at: datetime


@dataclass(frozen=True, kw_only=True)
class Basket:
    """One past basket's outcome; shares are of its goods' value."""

    applied: bool = True
    given: Decimal = Decimal(0)
    share: Decimal = Decimal(0)
    kept: Decimal = Decimal(1)
    floored: bool


def review(strategy: Strategy, *, at: datetime) -> Outcome | None:
    """Try a proposal and store what came of it; None if it was decided meanwhile."""
    outcome, lawful = run(strategy, at=at), _lawful(strategy, at=at)
    forecast, reach = _forecast(strategy, at=at)
    strategy.forecast = strategy.forecast | forecast
    planned = planning.stored(_plan(strategy, at=at), strategy.forecast)
    with transaction.atomic():
        rows = Strategy.objects.select_for_update()
        row = rows.filter(id=strategy.id, state=Strategy.State.PROPOSED).first()
        if row is None:
            return None
        found = Tried(
            baskets=outcome.baskets,
            touched=outcome.touched,
            worst=outcome.worst,
            kept=outcome.kept,
        )
        ours = [guards.tried(found, settings.LEAST_MARGIN), *lawful, *reach]
        names = {guard.name for guard in ours}
        kept = [guard for guard in row.guards if guard["name"] not in names]
        row.guards = [*kept, *guards.stored(ours)]
        tried = {"tried": msgspec.to_builtins(asdict(outcome))}
        row.forecast = row.forecast | forecast | planned | tried
        row.save(update_fields=["guards", "forecast"])
    return outcome


def _forecast(
    strategy: Strategy, *, at: datetime
) -> tuple[dict[str, Any], list[Guard]]:
    """Forecast a personal offer written by hand, and guard that it reaches anybody.

    Nothing without scores, which are in the shop's currency. What the platform proposed
    has its forecast already.
    """
    known = strategy.forecast
    if strategy.trigger != "offer" or ("reach" in known and "priced_at" not in known):
        return {}, []
    matrix = scores.matrix()
    if not matrix.categories or strategy.currency != settings.CURRENCY:
        return {}, []
    audience = audiences.of(matrix, segments(), at=at)
    if not audience.inside(strategy.scope):
        return {}, [guards.reached(0)]
    believed = response.believed()
    people = audience.before(strategy.scope)
    found = _priced(strategy, people, believed)
    told = forecasts.stored(found, believed, days=settings.HORIZON_DAYS)
    return told | {"priced_at": at.isoformat()}, [guards.reached(found.reach)]


def _priced(strategy: Strategy, people: People, believed: Response) -> Forecast:
    menu, scope, turns = strategy.terms, strategy.scope, strategy.turns
    if strategy.allocation == Strategy.Allocation.TRIAL:
        return trials.trial(
            menu,
            scope,
            people,
            believed,
            turns=turns,
            each=1 - settings.HELD_OUT,
            holdout=strategy.holdout,
            budget=float(strategy.left),
        )
    return forecasts.forecast(
        menu,
        scope,
        people,
        believed,
        turns=turns,
        each=arms.treated(strategy),
        budget=float(strategy.left),
    )


def _plan(strategy: Strategy, *, at: datetime) -> planning.Test | None:
    """Plan a test where there is one: its bases read sixteen weeks of orders."""
    if not strategy.holdout:
        return None
    return planning.plan(strategy, planning.bases(strategy.currency, at=at))


def run(strategy: Strategy, *, at: datetime, seconds: float = MOST_SECONDS) -> Outcome:
    """Price a sample of past orders with the strategy; nothing is stored."""
    until = time.monotonic() + seconds
    campaign = strategy.campaign
    clock = max(at, campaign.starts_at)
    orders, count = store.sample("order_completed", last=LAST, most=MOST_ORDERS)
    mine = _entries(strategy)
    found: list[Basket] = []
    tried = 0
    for order in orders:
        if time.monotonic() > until:
            break
        tried += 1
        if basket := _basket(order, strategy, mine, clock):
            found.append(basket)
    return _summed(found, tried, count, strategy, stopped=tried < len(orders), at=at)


def _lawful(strategy: Strategy, *, at: datetime) -> list[Guard]:
    """Compare what a reduction of prices would leave with the last 30 days' lowest."""
    if strategy.kind not in REDUCTIONS:
        return []
    shelf = scopes.products(strategy)
    now = {sku: price for sku, price in shelf.values_list("sku", "price") if price}
    before = history.reference_prices(now, currency=strategy.currency, at=at)
    prices = [(sku, now[sku], lowest) for sku, lowest in sorted(before.items())]
    deep = max(map(guards.depth, strategy.terms.values()))
    return [guards.reference(deep, prices)]


def _entries(strategy: Strategy) -> list[Entry]:
    """Return every variant that somebody may get, as if no limit had counted yet."""
    terse = book.decoded(strategy)
    free = replace(
        terse, rule=msgspec.structs.replace(terse.rule, limits=()), limits=()
    )
    labels = list(free.menu) if strategy.trigger == "offer" else [free.variant]
    return [
        Entry(strategy=free, variant=label, left=strategy.budget, purse=strategy.left)
        for label in labels
    ]


def _basket(
    order: store.Stored, strategy: Strategy, mine: Sequence[Entry], clock: datetime
) -> Basket | None:
    """Price one basket; None where the strategy gives nothing."""
    cart = _cart(order.event, strategy.currency)
    if cart is None or not _first(order, mine[0].strategy):
        return None
    entries = [_without_first(entry) for entry in mine]
    shelf = carts.shelved(cart)
    shopper = Shopper(
        person=order.customer, keys=[order.customer] if order.customer else []
    )
    at = order.occurred_at
    alone = [carts.priced(cart, shelf, shopper, [one], at=at) for one in entries]
    best, entry = max(
        zip(alone, entries, strict=True), key=lambda pair: _given(pair[0])
    )
    free = carts.priced(cart, _unfloored(shelf, entry), shopper, [entry], at=at)
    floored = _given(free) > _given(best)
    if not _given(best):
        return Basket(applied=False, floored=True) if floored else None
    others = [
        one
        for one in carts.may_apply(cart, shelf, shopper, (), at=clock)
        if one.strategy.id not in (strategy.id, strategy.replaces_id)
    ]
    both = carts.priced(cart, shelf, shopper, [*others, entry], at=at)
    return Basket(
        given=_goods(best) * best.coins.unit,
        share=Decimal(_goods(both)) / max(1, both.subtotal),
        kept=_kept(both, shelf),
        floored=floored,
    )


def _cart(event: events.Event, currency: str) -> Cart | None:
    if not isinstance(event, events.OrderCompleted) or event.currency != currency:
        return None
    items = [_item(line, currency) for line in event.lines if line.quantity]
    return Cart(items=items, currency=currency, shipping=NOMINAL) if items else None


def _item(line: events.OrderLine, currency: str) -> Item:
    shelf = sum(line.amounts, Decimal(0))
    units = line.quantity if line.quantity <= MOST_UNITS else 1
    price = pricing.rounded(shelf / units, currency)
    return Item(sku=line.sku, quantity=units, price=price)


def _first(order: store.Stored, strategy: Terse) -> bool:
    """Whether the order is a first one, if the rule asks for that."""
    if not strategy.rule.conditions.first_order:
        return True
    if order.customer is None:
        return False
    return store.first_position(order.type, order.customer) == order.position


def _without_first(entry: Entry) -> Entry:
    """Take away a condition that `_first` has looked at: by now nobody is new."""
    rule = entry.strategy.rule
    asked = msgspec.structs.replace(rule.conditions, first_order=False)
    loose = msgspec.structs.replace(rule, conditions=asked)
    return replace(entry, strategy=replace(entry.strategy, rule=loose))


def _unfloored(shelf: Shelf, entry: Entry) -> Shelf:
    """Return the same shelf with room down to nothing."""
    whole = [line.amount for line in shelf.lines]
    margins = (entry.strategy.least_margin, settings.LEAST_MARGIN)
    return replace(shelf, rooms=dict.fromkeys(margins, whole))


def _given(priced: Priced) -> int:
    """Return what a cart is given in coins: discounts, shipping, gifts' value."""
    return sum(effect.applied.worth for effect in priced.effects)


def _goods(priced: Priced) -> int:
    """Return what a cart is given off its goods, and in gifts."""
    return _given(priced) - priced.shipping_discount


def _kept(priced: Priced, shelf: Shelf) -> Decimal:
    """Return the margin left on the goods that had some, as a share of what is paid.

    What its shelf price sells below the floor already is nobody's discount.
    """
    room = shelf.room(settings.LEAST_MARGIN, priced.coins)
    unit, assumed = priced.coins.unit, settings.ASSUMED_MARGIN
    gifts = sum(effect.applied.gift_value for effect in priced.effects) * unit
    paid, cost = Decimal(0), gifts * (1 - assumed)
    for i, line in enumerate(shelf.lines):
        if room[i] > 0:
            product = shelf.products.get(line.sku)
            known = product.cost if product else None
            paid += (line.amount - priced.off[i]) * unit
            cost += line.quantity * pricing.unit_cost(shelf.prices[i], known, assumed)
    return (paid - cost) / paid if paid > 0 else Decimal(1)


def _summed(
    found: Sequence[Basket],
    tried: int,
    count: int,
    strategy: Strategy,
    *,
    stopped: bool,
    at: datetime,
) -> Outcome:
    touched = [basket for basket in found if basket.applied]
    total = sum((basket.given for basket in touched), Decimal(0))
    campaign = strategy.campaign
    ahead = campaign.ends_at - max(at, campaign.starts_at)
    orders = Decimal(count) * max(Decimal(0), Decimal(ahead / LAST))
    return Outcome(
        orders=count,
        days=LAST.days,
        baskets=tried,
        touched=len(touched),
        cost=pricing.rounded(total / max(1, tried) * orders, strategy.currency),
        mean=pricing.rounded(total / max(1, len(touched)), strategy.currency),
        worst=round(max((one.share for one in touched), default=Decimal(0)), 4),
        kept=round(min((one.kept for one in touched), default=Decimal(1)), 4),
        floored=sum(basket.floored for basket in found),
        stopped=stopped,
        at=at,
    )


def waiting(*, at: datetime, older: timedelta = timedelta(days=1)) -> list[Strategy]:
    """Return the proposals that were not tried yet, or not within a day."""
    rows = Strategy.objects.filter(state=Strategy.State.PROPOSED)
    return [row for row in rows.select_related("campaign") if _is_due(row, at - older)]


def _is_due(strategy: Strategy, since: datetime) -> bool:
    tried: dict[str, Any] = strategy.forecast.get("tried") or {}
    return not tried or datetime.fromisoformat(tried["at"]) < since
