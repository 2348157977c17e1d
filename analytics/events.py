"""The vocabulary: one frozen struct for each thing that can happen.

A type's name in `VOCABULARY` is what the log stores, for ever; classes may be renamed,
names may not. To change a type's shape, raise its `schema` and add an upcast; what is
stored is never rewritten. Every type must say which of its fields are personal, since
erasure blanks exactly those. Facts are complete on their own: a line carries the
category and the price of its moment, so replay needs no join to today's catalogue.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, ClassVar
from uuid import UUID

import msgspec

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Label = Annotated[str, msgspec.Meta(max_length=200)]
"""Text that may be empty. Bounded: an index holds it, and an index row 2,704 bytes."""
Currency = Annotated[str, msgspec.Meta(pattern="^[A-Z]{3}$")]
Count = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]
MOST = Decimal(10**9)
Rate = Annotated[float, msgspec.Meta(ge=0, le=1)]


class Unreadable(Exception):
    """An event does not fit its type; the message names the field's path."""


def _plausible(amounts: Sequence[Decimal]) -> bool:
    """Whether every amount is fine: a sum keeps the most decimals of its parts."""
    try:
        total = sum(amounts, Decimal(0))
    except ArithmeticError:
        return False
    if not total.is_finite() or total >= MOST:
        return False
    return min(amounts) >= 0 and _decimals(total) <= 4


def _decimals(amount: Decimal) -> int:
    exponent = amount.as_tuple().exponent
    return -exponent if isinstance(exponent, int) else 0


def _amount_fault(amount: Decimal) -> str | None:
    if not amount.is_finite() or amount >= MOST:
        return "Expected an amount below 1e9"
    if amount < 0:
        return "Expected an amount >= 0"
    if _decimals(amount) > 4:
        return "Expected an amount of at most 4 decimals"
    return None


class Event(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every type shares; the class variables describe the type itself."""

    schema: ClassVar[int] = 1
    personal: ClassVar[frozenset[str]]

    def fault(self) -> str | None:
        """Say what no type can say: why this must not enter the log, with the path.

        Asked at the door only; what the log holds is trusted, so replay stays fast.
        """
        return None


class OrderLine(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    omit_defaults=True,
    gc=False,
):
    """One line of an order. `paid` is what the shop received for the whole line."""

    sku: Text
    category: Label = ""
    quantity: Count = 1
    paid: Decimal
    shelf_discount: Decimal = Decimal(0)
    coupon_discount: Decimal = Decimal(0)

    @property
    def amounts(self) -> tuple[Decimal, Decimal, Decimal]:
        return self.paid, self.shelf_discount, self.coupon_discount

    def fault(self) -> str | None:
        names = ("paid", "shelf_discount", "coupon_discount")
        for name, amount in zip(names, self.amounts, strict=True):
            if reason := _amount_fault(amount):
                return f"{reason} - at `$.{name}`"
        return None


class OrderCompleted(Event, frozen=True, kw_only=True):
    """A customer paid for an order."""

    personal: ClassVar[frozenset[str]] = frozenset({"order_id"})
    order_id: Text
    currency: Currency
    lines: Annotated[tuple[OrderLine, ...], msgspec.Meta(min_length=1)]

    def fault(self) -> str | None:
        # All amounts at once, then line by line only to find the one at fault: 1.47 M
        # lines pass 1.6 s sooner.
        if _plausible([amount for line in self.lines for amount in line.amounts]):
            return None
        for number, line in enumerate(self.lines):
            if reason := line.fault():
                return reason.replace("$", f"$.lines[{number}]")
        return None


class ProductViewed(Event, frozen=True, kw_only=True):
    """A customer looked at a product."""

    personal: ClassVar[frozenset[str]] = frozenset()
    sku: Text
    category: Label = ""


class ProductAdded(Event, frozen=True, kw_only=True):
    """A customer put a product into the cart."""

    personal: ClassVar[frozenset[str]] = frozenset()
    sku: Text
    category: Label = ""
    quantity: Count = 1


class OfferShown(Event, frozen=True, kw_only=True):
    """The storefront showed an offer: the exposure."""

    personal: ClassVar[frozenset[str]] = frozenset()
    offer: UUID
    placement: Label = ""


class CampaignAnnounced(Event, frozen=True, kw_only=True):
    """The shop ran a campaign of its own, outside Proffer; dates are half-open."""

    personal: ClassVar[frozenset[str]] = frozenset()
    campaign: Text
    kind: Text
    starts_on: str
    ends_on: str

    def fault(self) -> str | None:
        for name in ("starts_on", "ends_on"):
            try:
                date.fromisoformat(getattr(self, name))
            except ValueError:
                return f"Expected a date such as 2026-11-24 - at `$.{name}`"
        return None


class CouponIssued(Event, frozen=True, kw_only=True):
    """A coupon of a shop's campaign became valid for some products."""

    personal: ClassVar[frozenset[str]] = frozenset()
    campaign: Text
    coupon: Text
    skus: tuple[str, ...]


class CampaignReceived(Event, frozen=True, kw_only=True):
    """A customer was sent a campaign of the shop."""

    personal: ClassVar[frozenset[str]] = frozenset()
    campaign: Text


class CouponRedeemed(Event, frozen=True, kw_only=True):
    """A customer used a coupon of a shop's campaign."""

    personal: ClassVar[frozenset[str]] = frozenset()
    campaign: Text
    coupon: Text


class PriceChanged(Event, frozen=True, kw_only=True):
    """A product's shelf price moved; `was` is null for a new product."""

    personal: ClassVar[frozenset[str]] = frozenset()
    sku: Text
    price: Decimal
    was: Decimal | None = None
    currency: Currency


class StockChanged(Event, frozen=True, kw_only=True):
    """A product's stock moved; `was` is null for a new product."""

    personal: ClassVar[frozenset[str]] = frozenset()
    sku: Text
    stock: Count
    was: Count | None = None


class ModelPromoted(Event, frozen=True, kw_only=True):
    """A trained model took charge of a task's scores."""

    personal: ClassVar[frozenset[str]] = frozenset()
    model: UUID
    task: Text
    estimator: Text
    checksum: Text
    validation: dict[str, float]
    reason: Text


class StrategyProposed(Event, frozen=True, kw_only=True):
    """The platform or an operator proposed a strategy, with its forecast."""

    personal: ClassVar[frozenset[str]] = frozenset()
    kind: Text
    title: Text
    by: Text
    scope: tuple[str, ...]
    menu: dict[str, dict[str, Any]]
    budget: Decimal
    currency: Currency
    holdout: Rate
    forecast: dict[str, Any]


class StrategyDecided(Event, frozen=True, kw_only=True):
    """What every operator's decision on a strategy carries."""

    personal: ClassVar[frozenset[str]] = frozenset()
    by: Text
    comment: Annotated[str, msgspec.Meta(max_length=2000)] = ""


class StrategyApproved(StrategyDecided, frozen=True, kw_only=True):
    """An operator approved; the strategy is live from now on."""


class StrategyRejected(StrategyDecided, frozen=True, kw_only=True):
    """An operator rejected; the strategy will never be live."""


class StrategyEnded(StrategyDecided, frozen=True, kw_only=True):
    """A live strategy stopped forming offers and taking redemptions."""


class OfferAssigned(Event, frozen=True, kw_only=True):
    """A customer came into a strategy's audience and got an arm.

    Written once for each customer and strategy, for the holdout too, so that what the
    strategy earned can be counted from the log alone. `probability` is that of this
    very choice: of the arm, times that of the variant within the arm.
    """

    personal: ClassVar[frozenset[str]] = frozenset()
    strategy: UUID
    arm: Text
    variant: str | None
    probability: Rate


class OffersComputed(Event, frozen=True, kw_only=True):
    """A refresh of all customers' offers ended."""

    personal: ClassVar[frozenset[str]] = frozenset()
    customers: Count
    offers: Count
    strategies: dict[str, int]
    model: UUID | None


class OfferRedeemed(Event, frozen=True, kw_only=True):
    """An order used a strategy's offer.

    `discount` is what it gave at shelf prices; `gift_value` is the part of it that was
    a gift, and so is on none of the order's lines.
    """

    personal: ClassVar[frozenset[str]] = frozenset({"order_id"})
    strategy: UUID
    redemption: UUID
    variant: Text
    offer: UUID | None
    order_id: Text
    discount: Decimal
    gift_value: Decimal = Decimal(0)
    currency: Currency


VOCABULARY: Mapping[str, type[Event]] = {
    "campaign_announced": CampaignAnnounced,
    "campaign_received": CampaignReceived,
    "coupon_issued": CouponIssued,
    "coupon_redeemed": CouponRedeemed,
    "model_promoted": ModelPromoted,
    "offer_assigned": OfferAssigned,
    "offer_redeemed": OfferRedeemed,
    "offer_shown": OfferShown,
    "offers_computed": OffersComputed,
    "order_completed": OrderCompleted,
    "price_changed": PriceChanged,
    "product_added": ProductAdded,
    "product_viewed": ProductViewed,
    "stock_changed": StockChanged,
    "strategy_approved": StrategyApproved,
    "strategy_ended": StrategyEnded,
    "strategy_proposed": StrategyProposed,
    "strategy_rejected": StrategyRejected,
}

NAMES: Mapping[type[Event], str] = {kind: name for name, kind in VOCABULARY.items()}

FROM_SHOPS = frozenset(
    {
        "campaign_announced",
        "campaign_received",
        "coupon_issued",
        "coupon_redeemed",
        "offer_shown",
        "order_completed",
        "product_added",
        "product_viewed",
    }
)
"""What a shop may report. The rest only Proffer itself can say."""

Upcast = Callable[[dict[str, Any]], dict[str, Any]]
UPCASTS: Mapping[tuple[str, int], Upcast] = {}
"""(type, schema as stored) -> the data one schema later."""

_decoders = {
    name: msgspec.json.Decoder(kind, strict=True) for name, kind in VOCABULARY.items()
}


def decode(name: str, data: str | bytes, *, schema: int | None = None) -> Event:
    """Read an event of the type `name` from JSON, upcast to today's schema.

    :raises Unreadable: the data do not fit; the message holds the field's path.
    """
    try:
        if schema is None or schema == VOCABULARY[name].schema:
            return _decoders[name].decode(data)
        return _upcast(name, msgspec.json.decode(data), schema)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Unreadable(str(error)) from error


def encode(event: Event) -> bytes:
    """Write the data of an event as JSON; an order's lines leave defaults out."""
    return msgspec.json.encode(event)


def _upcast(name: str, data: dict[str, Any], schema: int) -> Event:
    for step in range(schema, VOCABULARY[name].schema):
        data = UPCASTS[name, step](data)
    return msgspec.convert(data, VOCABULARY[name])
