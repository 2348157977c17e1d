"""What would apply to this cart now; nothing is recorded.

Personal offers, automatic strategies and entered codes become candidates of one search
(promotions.stacking). Reservation and redemption price the cart through the same
`priced`, so a qualification and the order that follows never disagree. Money is in
whole coins from here to the doors.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import cast
from uuid import UUID

from django.conf import settings
from django.db.models import F, Q

from analytics import identity
from analytics.persons import nobody
from catalog import pricing, shelves
from catalog.models import Product
from promotions import book, candidates, codes, stacking
from promotions.book import Found
from promotions.codes import Entered, Known
from promotions.coins import Coins, Line, Missed, Rounding
from promotions.models import Offer, Strategy
from promotions.shopping import (
    Cart,
    Effect,
    Entry,
    Item,
    NotApplied,
    Priced,
    Shelf,
    Shopper,
)
from promotions.turns import Basket

MOST_HINTS = 20
"""Of automatic strategies that miss, the nearest are told; offers and codes all are."""

REFUSED = "refused"
"""Of a code, to who is no customer: whatever is wrong with it."""


def qualify(cart: Cart, *, at: datetime, proposed: Collection[UUID] = ()) -> Priced:
    """Price a cart as it would be at `at`, past or future; nothing is recorded.

    A guest has no personal offers. Of `proposed` strategies is shown what they would
    do, were they live.
    """
    shopper = who(cart.customer)
    entered = enter(cart, shopper, at=at, proposed=proposed)
    shelf = shelved(cart)
    entries = may_apply(cart, shelf, shopper, entered, at=at, proposed=proposed)
    return priced(cart, shelf, shopper, entries, entered=entered, at=at)


def who(customer: str | None) -> Shopper:
    """Return the person behind the shop's id; nobody for a stranger or a guest."""
    # PostgreSQL holds no NUL in a text, so nobody is called that.
    named = customer and "\0" not in customer and not nobody(customer)
    key = identity.find(customer) if customer and named else None
    if key is None:
        return Shopper()
    keys = identity.keys(key)
    # The person's key first: counters add up all the others' under it.
    return Shopper(person=key, keys=[key, *(one for one in keys if one != key)])


def enter(
    cart: Cart, shopper: Shopper, *, at: datetime, proposed: Collection[UUID] = ()
) -> list[Entered]:
    """Look the cart's codes up; only a customer is told why one is refused.

    What a guest or visitor were told would help who guesses.
    """
    found = codes.enter(
        cart.codes,
        keys=shopper.keys,
        currency=cart.currency,
        at=at,
        proposed=proposed,
    )
    if not any(one.refused for one in found) or identity.customers(shopper.keys):
        return found
    return [replace(one, refused=one.refused and REFUSED) for one in found]


def usable(
    customer: UUID | None = None, *, currency: str | None, at: datetime
) -> list[Offer]:
    """Return the offers that may be used now: one person's, or everybody's.

    A person's are those of all their keys; none without consent.
    """
    offers = Offer.objects.filter(
        # What another cart held is free at its end, before beat comes by.
        Q(held_until=None) | Q(held_until__lte=at),
        redeemed_at=None,
        expires_at__gt=at,
        strategy__state=Strategy.State.LIVE,
        # What the checkout would refuse for want of money is not shown.
        strategy__spent__lt=F("strategy__budget") - F("strategy__reserved"),
        strategy__campaign__starts_at__lte=at,
        strategy__campaign__ends_at__gt=at,
    )
    if customer is not None:
        offers = offers.filter(customer__in=identity.willing(customer))
    if currency is not None:
        offers = offers.filter(strategy__currency=currency)
    return list(offers.select_related("strategy__campaign").order_by("id"))


def shelved(cart: Cart) -> Shelf:
    """Look the cart's products up; what the catalogue does not know has no category."""
    products = shelves.products((item.sku for item in cart.items), cart.currency)
    coins = coined(cart.currency)
    prices = [_price(item, products.get(item.sku), cart) for item in cart.items]
    lines = [
        _line(item, price, products.get(item.sku), coins)
        for item, price in zip(cart.items, prices, strict=True)
    ]
    return Shelf(lines=lines, prices=prices, products=products, currency=cart.currency)


def coined(currency: str) -> Coins:
    """Return a currency's coins, rounded as the shop rounds."""
    rounding = cast(Rounding, settings.DISCOUNT_ROUNDING)
    return Coins(unit=pricing.minor_unit(currency), rounding=rounding)


def may_apply(
    cart: Cart,
    shelf: Shelf,
    shopper: Shopper,
    entered: Sequence[Entered],
    *,
    at: datetime,
    proposed: Collection[UUID] = (),
) -> list[Entry]:
    """Return all that may apply: personal offers, automatic strategies, codes'."""
    found = book.automatic(shelf.lines, currency=cart.currency, at=at)
    by_code = codes.by_strategy(entered)
    found += book.named(by_code, currency=cart.currency, at=at)
    of = {str(strategy): code for strategy, code in by_code.items()}
    found += book.named(proposed, currency=cart.currency, at=at, proposed=True)
    entries = {
        one.strategy.key: _entry(one, code=of.get(one.strategy.key)) for one in found
    }
    if shopper.person:
        for offer in usable(shopper.person, currency=cart.currency, at=at):
            # Two keys of a person may each have an offer of a strategy: take one.
            entries.setdefault(str(offer.strategy_id), _offered(offer))
    return list(entries.values())


def priced(
    cart: Cart,
    shelf: Shelf,
    shopper: Shopper,
    entries: Sequence[Entry],
    *,
    at: datetime,
    entered: Sequence[Entered] = (),
    required: Iterable[Entry] = (),
) -> Priced:
    """Find the best legal combination of the entries on the cart.

    :raises stacking.Illegal: the `required` ones cannot all apply together.
    """
    coins = coined(cart.currency)
    asker = candidates.asking(cart, shopper, entries, at)
    missed, able = candidates.sorted_out(entries, shelf, shopper, asker, coins)
    must = frozenset(entry.key for entry in required)
    if lost := {key: missed[key] for key in must if key in missed}:
        raise stacking.Illegal(lost)
    basket = Basket(
        lines=shelf.lines,
        coins=coins,
        # What gifts may be worth in all; strategies' own least margins come on top.
        spare=sum(shelf.room(settings.LEAST_MARGIN, coins)),
        shipping=coins.of(cart.shipping),
    )
    stack = stacking.best(
        able,
        basket,
        required=must,
        objective=cast(stacking.Objective, settings.COMBINATION_OBJECTIVE),
    )
    by_key = {entry.key: entry for entry in entries}
    return Priced(
        coins=coins,
        lines=shelf.lines,
        shipping=basket.shipping,
        unknown=sorted({item.sku for item in cart.items} - shelf.products.keys()),
        effects=[
            Effect(entry=by_key[key], applied=applied)
            for key, applied in stack.applied.items()
        ],
        not_applied=_told(by_key, {**missed, **stack.missed}),
        entered=entered,
        exact=stack.exact,
    )


def _price(item: Item, product: Product | None, cart: Cart) -> Decimal:
    price = item.price if item.price is not None else product and product.price
    return pricing.rounded(price or Decimal(0), cart.currency)


def _line(item: Item, price: Decimal, product: Product | None, coins: Coins) -> Line:
    """What must not be promoted is in no category: no strategy is about it."""
    about = product if product is not None and product.promotable else None
    return Line(
        sku=item.sku,
        category=about.category if about else "",
        brand=about.brand if about else "",
        quantity=item.quantity,
        price=coins.of(price),
    )


def _entry(found: Found, code: Known | None) -> Entry:
    return Entry(
        strategy=found.strategy,
        variant=found.strategy.variant,
        left=found.left,
        purse=found.purse,
        code=code,
    )


def _offered(offer: Offer) -> Entry:
    strategy, campaign = offer.strategy, offer.strategy.campaign
    return Entry(
        strategy=book.terse([str(strategy.id)])[str(strategy.id)],
        variant=offer.variant,
        left=strategy.budget - strategy.spent - strategy.reserved,
        purse=campaign.budget - campaign.spent - campaign.reserved,
        offer=offer.id,
        turn=offer.turn,
    )


def _told(
    entries: Mapping[str, Entry], missed: Mapping[str, Missed]
) -> list[NotApplied]:
    """Return what the customer was told of, and the nearest of the rest."""
    rows = [
        NotApplied(entry=entries[key], missed=one)
        for key, one in missed.items()
        if one.more or entries[key].named
    ]
    named = [row for row in rows if row.entry.named]
    near = [row for row in rows if not row.entry.named]
    return named + sorted(near, key=_distance)[:MOST_HINTS]


def _distance(row: NotApplied) -> tuple[int, int]:
    more = row.missed.more
    return (more.spend, more.quantity) if more else (0, 0)
