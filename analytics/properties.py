"""The properties of the Segment family's events, as they come: all may be missing."""

from decimal import Decimal
from typing import Any

import msgspec

from analytics.scalars import Scalar, amount, count, number, text
from analytics.sent import Refused

MOST = 1e300
"""Of a number that means nothing to us; infinity cannot be written as JSON."""


class Product(msgspec.Struct):
    product_id: Scalar = None
    sku: Scalar = None
    category: Scalar = None
    quantity: Scalar = None
    price: Scalar = None

    @property
    def code(self) -> Scalar:
        """What the shop calls it: the sku, else its own id."""
        return self.product_id if self.sku in (None, "") else self.sku

    def item(self, path: str = "$.properties") -> dict[str, str]:
        return {
            "sku": text(self.code, f"{path}.sku", least=1),
            "category": text(self.category, f"{path}.category"),
        }


class Properties(Product):
    """Every property that some event is read from; whatever else comes is ignored."""

    dwell_seconds: Scalar = None
    time_on_page: Scalar = None
    list_id: Scalar = None
    position: Scalar = None
    products: Any = None
    query: Scalar = None
    filters: Any = None
    sorts: Any = None
    promotion_id: Scalar = None
    id: Scalar = None
    creative: Scalar = None
    name: Scalar = None
    offer_id: Scalar = None
    placement: Scalar = None
    order_id: Scalar = None
    checkout_id: Scalar = None
    step: Scalar = None
    currency: Scalar = None
    value: Scalar = None
    revenue: Scalar = None
    total: Scalar = None
    shipping: Scalar = None
    tax: Scalar = None
    discount: Scalar = None
    coupon: Scalar = None
    coupon_id: Scalar = None
    coupon_name: Scalar = None
    share_via: Scalar = None
    rating: Scalar = None
    experiment_id: Scalar = None
    experimentId: Scalar = None  # noqa: N815
    variation_id: Scalar = None
    variationId: Scalar = None  # noqa: N815

    def things(self) -> list[Product]:
        """Return the products of a cart or an order.

        :raises Refused: they are no list of products.
        """
        try:
            return msgspec.convert(self.products or [], list[Product])
        except msgspec.ValidationError as error:
            reason = str(error).replace("`$", "`$.properties.products")
            raise Refused(reason, "$.properties.products") from error

    @property
    def skus(self) -> tuple[str, ...]:
        codes = (text(p.code, "$.properties.products") for p in self.things())
        return tuple(filter(None, codes))

    @property
    def dwell(self) -> float | None:
        seconds = number(self.dwell_seconds, "$.properties.dwell_seconds")
        if seconds is None:
            seconds = number(self.time_on_page, "$.properties.time_on_page")
        return None if seconds is None else min(max(seconds, 0.0), 86_400.0)

    def money(self, name: str) -> Decimal | None:
        return amount(getattr(self, name), f"$.properties.{name}")

    def label(self, name: str, *, least: int = 0) -> str:
        return text(getattr(self, name), f"$.properties.{name}", least=least)

    def units(self) -> int:
        return count(self.quantity, "$.properties.quantity")

    def whole(self, name: str) -> int | None:
        """Return a whole number; anything else, such as a step's name, is none."""
        value = getattr(self, name)
        try:
            found = float(value)
        except (TypeError, ValueError, OverflowError):
            return None
        # Its size first: int() of infinity raises, and no comparison holds for NaN.
        return int(found) if abs(found) < 1e6 and found == int(found) else None


_properties = msgspec.json.Decoder(Properties, strict=False)
_anything = msgspec.json.Decoder(dict[str, Any])


def properties(raw: msgspec.Raw) -> Properties:
    """Read the properties of an event; null is none.

    :raises Refused: one that we read has a shape that it cannot have.
    """
    if bytes(raw) == b"null":
        return Properties()
    try:
        return _properties.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Refused(str(error).replace("`$", "`$.properties")) from error


def numbers(raw: msgspec.Raw) -> dict[str, float | bool]:
    """Return the numbers among the properties of an event that we do not know.

    :raises Refused: the properties are no object.
    """
    if bytes(raw) == b"null":
        return {}
    try:
        given = _anything.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Refused(str(error).replace("`$", "`$.properties")) from error
    kept = {k[:200]: v for k, v in given.items() if isinstance(v, (bool, int, float))}
    return {name: v for name, v in list(kept.items())[:100] if abs(v) < MOST}
