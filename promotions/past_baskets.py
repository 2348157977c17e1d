"""One past basket before a strategy: what it would have got, by the carts' evaluator.

An order of the log is laid out as a cart at its shelf prices and priced at its own
hour: with the strategy alone, without margin floors, and beside all that is live. The
strategy need not be stored. Of a personal offer the variant that gives most counts, as
if everybody had it. Limits are taken as unused, and customers as they are today.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from uuid import UUID

import msgspec
from django.conf import settings

from analytics import events, glances, store
from catalog import pricing
from promotions import book, carts
from promotions.book import Terse
from promotions.models import Strategy
from promotions.shopping import Cart, Entry, Item, Priced, Shelf, Shopper

MOST_UNITS = 1000
"""A line of more units than this is goods by weight: it counts as one unit."""
NOMINAL = Decimal(1)
"""The log tells no shipping costs: with one unit of money it is seen who gets it off,
and the sum is left out of all costs."""


@dataclass(frozen=True, kw_only=True)
class Basket:
    """One past basket's outcome; shares are of its goods' value."""

    customer: UUID | None
    applied: bool = True
    given: Decimal = Decimal(0)
    share: Decimal = Decimal(0)
    kept: Decimal = Decimal(1)
    floored: bool


@dataclass(frozen=True, kw_only=True)
class Trial:
    """A strategy to try: an entry for each variant that somebody may get.

    What is live at `clock` stands beside it.
    """

    strategy: Strategy
    entries: Sequence[Entry]
    clock: datetime


def trial(strategy: Strategy, *, at: datetime) -> Trial:
    """Prepare a strategy, stored or not, as if no limit had counted yet."""
    terse = book.decoded(strategy)
    free = replace(
        terse, rule=msgspec.structs.replace(terse.rule, limits=()), limits=()
    )
    labels = list(free.menu) if strategy.trigger == "offer" else [free.variant]
    return Trial(
        strategy=strategy,
        entries=[
            Entry(strategy=free, variant=one, left=strategy.budget, purse=strategy.left)
            for one in labels
        ],
        # Of a campaign to come: what will be live beside it then.
        clock=max(at, strategy.campaign.starts_at),
    )


def basket(order: store.Stored, trial: Trial) -> Basket | None:
    """Price one order's basket; None where the strategy gives nothing."""
    strategy, mine = trial.strategy, trial.entries
    cart = _cart(order.event, strategy.currency)
    if cart is None or not _first(order, mine[0].strategy):
        return None
    # `_first` has asked at the order's time; the carts' evaluator asks of today.
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
        # Nothing given, but only for a floor: that is worth knowing.
        nothing = Basket(customer=order.customer, applied=False, floored=True)
        return nothing if floored else None
    # The version that it replaces would end with its approval.
    others = [
        one
        for one in carts.may_apply(cart, shelf, shopper, (), at=trial.clock)
        if one.strategy.id not in (strategy.id, strategy.replaces_id)
    ]
    both = carts.priced(cart, shelf, shopper, [*others, entry], at=at)
    return Basket(
        customer=order.customer,
        given=_goods(best) * best.coins.unit,
        # Beside all that is live, as the guard asks; `given` is the strategy's own.
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
    # The log has a line's sum: a unit's price is its mean, to the coin.
    price = pricing.rounded(shelf / units, currency)
    return Item(sku=line.sku, quantity=units, price=price)


def _first(order: store.Stored, strategy: Terse) -> bool:
    """Whether the order is a first one, if the rule asks for that."""
    if not strategy.rule.conditions.first_order:
        return True
    if order.customer is None:
        return False
    return glances.first_position(order.type, order.customer) == order.position


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
