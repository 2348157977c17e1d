"""What becomes of goods: their costs, prices and stock, and the rules for both."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec

from analytics.shapes import Count, Currency, Event, Text


class CostChanged(Event, frozen=True, kw_only=True):
    """What a unit of a product costs the shop moved; null: it does not say any more."""

    sku: Text
    cost: Decimal | None
    was: Decimal | None = None
    currency: Currency


class PriceChanged(Event, frozen=True, kw_only=True):
    """A product's shelf price moved; `was` is null for a new product.

    `strategy` moved it, if not the shop's feed.
    """

    sku: Text
    price: Decimal
    was: Decimal | None = None
    currency: Currency
    strategy: UUID | None = None


class PriceOverruled(Event, frozen=True, kw_only=True):
    """The shop's feed brought another price than a strategy had set: the feed's counts.

    `price` is null where the product is not on sale any more.
    """

    sku: Text
    strategy: UUID
    price: Decimal | None
    was: Decimal
    currency: Currency


class PriceWithdrawn(Event, frozen=True, kw_only=True):
    """A product is not on sale any more, until a price of it comes again."""

    sku: Text
    was: Decimal
    currency: Currency


class PriceStep(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A product's price from a moment on, up to an end, if there is one."""

    sku: Text
    price: Decimal
    was: Decimal
    starts_at: datetime
    ends_at: datetime | None = None


class PricesProposed(Event, frozen=True, kw_only=True):
    """The prices of a strategy that changes prices; it follows its proposal."""

    lines: tuple[PriceStep, ...]


class PricesRolled(Event, frozen=True, kw_only=True):
    """Lines of a strategy went into force or out of it, or were found overruled.

    State -> the lines (sku, start) that are so now; what the prices became is said by
    the events beside it.
    """

    lines: dict[Text, tuple[tuple[Text, datetime], ...]]


class PricingRuleSet(Event, frozen=True, kw_only=True):
    """An operator said what prices may become, in a category; null: no rule any more.

    An empty category stands for all those without a rule of their own.
    """

    category: str
    by: Text
    rule: dict[str, Any] | None


class StockRuleSet(Event, frozen=True, kw_only=True):
    """An operator said how goods are kept in stock; null: no rule any more.

    An empty category stands for all those without a rule of their own.
    """

    category: str
    by: Text
    rule: dict[str, Any] | None


class StockChanged(Event, frozen=True, kw_only=True):
    """A product's stock moved; `was` is null for a new product."""

    sku: Text
    stock: Count
    was: Count | None = None
