"""What would apply to this cart now; nothing is recorded.

Personal offers, automatic strategies and entered codes become candidates of one search
(promotions.stacking). Reservation and redemption price the cart through the same
`priced`, so a qualification and the order that follows never disagree. Money is in
whole coins from here to the doors.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import cast
from uuid import UUID

from django.conf import settings
from django.db.models import F, Q

from analytics import identity, lookup
from catalog import pricing, shelves
from catalog.models import Product
from ml import customers
from promotions import book, codes, conditions, counters, gifts, stacking, turns
from promotions.book import Found, Terse
from promotions.codes import Entered, Known
from promotions.conditions import Asker
from promotions.counters import Holder
from promotions.discounts import Applied, Coins, Line, Missed, Rounding
from promotions.models import Offer, Strategy
from promotions.rules import Gift
from promotions.turns import Basket, Candidate

MOST_HINTS = 20
"""Of automatic strategies that miss, the nearest are told; offers and codes all are."""

REFUSED = "refused"
"""Of a code, to who is no customer: whatever is wrong with it."""


@dataclass(frozen=True, kw_only=True)
class Item:
    """A cart's line as the shop sends it; the catalogue's price where it names none."""

    sku: str
    quantity: int
    price: Decimal | None = None


@dataclass(frozen=True, kw_only=True)
class Cart:
    """A cart as the shop sends it; `shipping` is what shipping costs."""

    items: Sequence[Item]
    currency: str
    customer: str | None = None
    channel: str = ""
    shipping: Decimal = Decimal(0)
    codes: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class Shopper:
    """Who a cart is of: the person, and all of their keys; a guest is nobody."""

    person: UUID | None = None
    keys: Sequence[UUID] = ()


@dataclass(kw_only=True, slots=True)
class Entry:
    """A strategy that may apply to the cart, and by what: an offer, a code, itself."""

    strategy: Terse
    variant: str
    left: Decimal
    purse: Decimal
    offer: UUID | None = None
    code: Known | None = None

    @property
    def key(self) -> str:
        """A strategy applies once to a cart, however it came in."""
        return self.strategy.key

    @property
    def named(self) -> bool:
        """Whether the customer was told of it: by an offer, or entering a code."""
        return self.offer is not None or self.code is not None


@dataclass(kw_only=True, slots=True)
class Effect:
    """What one strategy does to the cart."""

    entry: Entry
    applied: Applied


@dataclass(kw_only=True, slots=True)
class NotApplied:
    """A strategy that does nothing for the cart, why, and what is missing."""

    entry: Entry
    missed: Missed


@dataclass(frozen=True, kw_only=True)
class Priced:
    """A cart with its best legal combination; all money in whole coins.

    `exact` is false where the search for the best had to stop.
    """

    coins: Coins
    lines: Sequence[Line]
    shipping: int
    unknown: Sequence[str]
    effects: Sequence[Effect]
    not_applied: Sequence[NotApplied]
    entered: Sequence[Entered] = ()
    exact: bool = True

    @property
    def subtotal(self) -> int:
        return sum(line.amount for line in self.lines)

    @cached_property
    def off(self) -> Sequence[int]:
        """The discount of each line."""
        applied = {effect.entry.key: effect.applied for effect in self.effects}
        return turns.off(applied, len(self.lines))

    @property
    def shipping_discount(self) -> int:
        return sum(effect.applied.shipping for effect in self.effects)

    @property
    def total(self) -> int:
        """What is to be paid, shipping included."""
        goods = self.subtotal - sum(self.off)
        return goods + self.shipping - self.shipping_discount


@dataclass(frozen=True, kw_only=True)
class Shelf:
    """A cart's lines with what their units cost the shop, for the floors."""

    lines: Sequence[Line]
    prices: Sequence[Decimal]
    products: Mapping[str, Product]
    currency: str
    rooms: dict[Decimal, list[int]] = field(default_factory=dict)

    def room(self, least_margin: Decimal, coins: Coins) -> list[int]:
        """Return how much discount each line can take before this margin's floor."""
        room = self.rooms.get(least_margin)
        if room is None:
            room = self.rooms[least_margin] = [
                (line.price - self._floor(line.sku, price, least_margin, coins))
                * line.quantity
                for line, price in zip(self.lines, self.prices, strict=True)
            ]
        return room

    def _floor(
        self, sku: str, price: Decimal, least_margin: Decimal, coins: Coins
    ) -> int:
        """An unknown or unpriced product takes no discount: its floor is its price."""
        product = self.products.get(sku)
        if product is None or not product.promotable:
            return coins.of(price)
        lowest = pricing.floor(
            price,
            product.cost,
            assumed_margin=settings.ASSUMED_MARGIN,
            least_margin=least_margin,
            currency=self.currency,
        )
        return coins.of(lowest)


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
    key = identity.find(customer) if customer and "\0" not in customer else None
    if key is None:
        return Shopper()
    keys = identity.keys(key)
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
        Q(held_until=None) | Q(held_until__lte=at),
        redeemed_at=None,
        expires_at__gt=at,
        strategy__state=Strategy.State.LIVE,
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
    asker = _asker(cart, shopper, entries, at)
    missed, candidates = _sorted_out(entries, shelf, shopper, asker, coins)
    must = frozenset(entry.key for entry in required)
    if lost := {key: missed[key] for key in must if key in missed}:
        raise stacking.Illegal(lost)
    basket = Basket(
        lines=shelf.lines,
        coins=coins,
        spare=sum(shelf.room(settings.LEAST_MARGIN, coins)),
        shipping=coins.of(cart.shipping),
        purses=_purses(entries, coins),
    )
    stack = stacking.best(
        candidates,
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
    )


def _asker(
    cart: Cart, shopper: Shopper, entries: Iterable[Entry], at: datetime
) -> Asker:
    """Read of the shopper only what some condition asks."""
    asked = [entry.strategy.rule.conditions for entry in entries]
    profile = None
    if shopper.person and any(one.segments for one in asked):
        profile = customers.profile_of(shopper.person)
    return Asker(
        at=at,
        channel=cart.channel,
        segments=frozenset([profile.segment] if profile else []),
        first_order=any(one.first_order for one in asked) and _is_new(shopper),
    )


NEW = (
    "SELECT NOT EXISTS (SELECT FROM analytics_profile WHERE customer = ANY(%s)"
    " AND orders > 0) AND NOT EXISTS (SELECT FROM analytics_storedevent"
    " WHERE customer = ANY(%s) AND type = 'order_completed') AND NOT EXISTS (SELECT"
    " FROM promotions_redemption WHERE customer = ANY(%s) AND rolled_back_at IS NULL)"
    " AND NOT EXISTS (SELECT FROM promotions_reservation r"
    " JOIN promotions_hold h ON h.reservation_id = r.id"
    " JOIN promotions_strategy s ON s.id = h.strategy_id"
    " WHERE r.customer = ANY(%s) AND r.state = 'held'"
    """ AND s.rule @> '{"conditions": {"first_order": true}}')"""
)
"""Profiles lag a second and redemptions come before the order's event: all count. So
does a reservation that holds what is for the first order."""
FIRST_LOCK = 7_102_023
"""With a person's hash, the advisory lock's key: orders that want to be the first."""


def _is_new(shopper: Shopper) -> bool:
    """Say whether this is a known customer's first order."""
    if shopper.person is None:
        return False
    row = lookup.row(NEW, [list(shopper.keys)] * 4)
    return bool(row and row[0])


def still_new(shopper: Shopper) -> bool:
    """Wait for the customer's other first orders; say whether this one still is it.

    Inside a transaction: who comes next waits for its end.
    """
    if shopper.keys:
        lock = "SELECT pg_advisory_xact_lock(%s, hashtext(%s))"
        lookup.rows(lock, [FIRST_LOCK, str(min(shopper.keys))])
    return _is_new(shopper)


def _sorted_out(
    entries: Sequence[Entry],
    shelf: Shelf,
    shopper: Shopper,
    asker: Asker,
    coins: Coins,
) -> tuple[dict[str, Missed], list[Candidate]]:
    """Tell apart what cannot apply, and why, from the candidates."""
    missed: dict[str, Missed] = {}
    allowed = _allowed(entries, shopper, asker.at)
    there = _gifts_there(entries, shelf.currency)
    inside = _Inside(shelf.lines)
    candidates = []
    for entry in entries:
        strategy, terms = entry.strategy, entry.strategy.menu[entry.variant]
        money = allowed.get(entry.key, entry.left)
        if isinstance(money, Missed):
            missed[entry.key] = money
        elif isinstance(terms, Gift) and terms.sku not in there:
            missed[entry.key] = Missed(reason="gift_out_of_stock")
        elif strategy.rule.conditions.picky and (
            no := conditions.refused(
                strategy.rule.conditions, asker, shelf.lines, strategy.zone
            )
        ):
            missed[entry.key] = no
        else:
            candidates.append(
                Candidate(
                    key=entry.key,
                    order=strategy.order,
                    terms=gifts.today(terms, there[terms.sku])
                    if isinstance(terms, Gift)
                    else terms,
                    rule=strategy.rule,
                    inside=inside.of(strategy.scopes[entry.variant]),
                    room=shelf.room(strategy.least_margin, coins),
                    budget=coins.of(min(money, entry.left)),
                    campaign=strategy.purse,
                )
            )
    return missed, candidates


class _Inside:
    """Which lines a scope is about, found by name rather than line by line."""

    def __init__(self, lines: Sequence[Line]) -> None:
        self.lines = lines
        self.everything = list(range(len(lines)))
        self.places: dict[tuple[str, str], list[int]] = {}
        for i, line in enumerate(lines):
            for named in (("c", line.category), ("s", line.sku), ("b", line.brand)):
                self.places.setdefault(named, []).append(i)

    def of(self, scope: conditions.Scope) -> list[int]:
        """Return the indexes of the lines in scope, in order."""
        if scope.excluded or not scope.named:
            return scope.inside(self.lines) if scope.excluded else self.everything
        found = [self.places.get(named) for named in scope.named]
        hits = [places for places in found if places]
        if len(hits) == 1:
            return hits[0]
        return sorted({i for places in hits for i in places})


def _allowed(
    entries: Iterable[Entry], shopper: Shopper, at: datetime
) -> dict[str, Decimal | Missed]:
    """Return what one more use may cost where there are limits, or why none may be."""
    wanted = {}
    told: dict[str, Decimal | Missed] = {}
    for entry in entries:
        if not entry.strategy.rule.limits and not entry.strategy.limits:
            continue
        needs = counters.needs(entry.strategy, holder(entry, shopper), at)
        if needs is None:
            told[entry.key] = Missed(reason="customers_only")
        else:
            wanted[entry.key] = needs
    counted = counters.used(
        [need for needs in wanted.values() for need in needs], shopper.keys
    )
    for key, needs in wanted.items():
        money = counters.allowed(needs, counted)
        told[key] = Missed(reason="limit_reached") if money is None else money
    return told


def holder(entry: Entry, shopper: Shopper) -> Holder:
    """Return who would use an entry, for its limits."""
    code = entry.code.id if entry.code else None
    return Holder(person=shopper.person, keys=shopper.keys, code=code)


def _gifts_there(entries: Iterable[Entry], currency: str) -> dict[str, Decimal]:
    """Return the gifts that the shop has and may give, with their prices of today."""
    terms = [entry.strategy.menu[entry.variant] for entry in entries]
    skus = {one.sku for one in terms if isinstance(one, Gift)}
    return gifts.prices(skus, currency)


def _purses(entries: Iterable[Entry], coins: Coins) -> dict[str, int]:
    """Return what campaigns can still pay."""
    purses = {entry.strategy.purse: entry.purse for entry in entries}
    return {name: coins.of(purse) for name, purse in purses.items()}


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
