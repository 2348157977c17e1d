"""A cart and who asks, as the checkout sends them; what a strategy does to it. Data.

Money is in whole coins but for `Item` and `Cart`, which are as the shop sent them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from uuid import UUID

from django.conf import settings

from catalog import pricing
from catalog.models import Product
from promotions import turns
from promotions.book import Terse
from promotions.codes import Entered, Known
from promotions.coins import Applied, Coins, Line, Missed


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
    turn: int = 0
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
    # Kept: candidates of one least margin share
    # one list, by which turns.State knows them.
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
        # What costs the shop nothing is not free either: a coin stays.
        return max(coins.of(lowest), min(1, coins.of(price)))
