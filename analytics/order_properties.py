"""Orders as the Segment family sends them: what was paid, by line, in one currency.

An order comes with a total and with prices, which need not agree: what was paid is
spread over the lines, so that it adds up exactly.
"""

from decimal import ROUND_DOWN, Decimal

from analytics import events
from analytics.properties import Product, Properties
from analytics.scalars import amount, count
from analytics.sent import Refused
from analytics.wording import Wording


def checkout(seen: Properties, currency: str) -> events.Event:
    value = seen.money("value")
    return events.CheckoutStarted(
        order_id=seen.label("order_id"),
        currency=_currency(seen, currency),
        value=seen.money("revenue") if value is None else value,
        skus=seen.skus,
    )


def updated(seen: Properties, _: str) -> events.Event:
    total = seen.money("total")
    return events.OrderUpdated(
        order_id=seen.label("order_id", least=1),
        total=seen.money("revenue") if total is None else total,
    )


def refunded(seen: Properties, currency: str) -> events.Event:
    total = seen.money("total")
    return events.OrderRefunded(
        order_id=seen.label("order_id", least=1),
        currency=_currency(seen, currency),
        amount=seen.money("value") if total is None else total,
        skus=seen.skus,
    )


def cancelled(seen: Properties, _: str) -> events.Event:
    return events.OrderCancelled(order_id=seen.label("order_id", least=1))


def _currency(seen: Properties, default: str) -> str:
    found = (seen.label("currency") or default).upper()
    if len(found) != 3 or not found.isascii() or not found.isalpha():
        raise Refused(
            Wording("Expected a currency such as USD"), "$.properties.currency"
        )
    return found


def completed(seen: Properties, currency: str) -> events.Event:
    """An order. What was paid is spread over its lines, so that it adds up exactly."""
    products = seen.things()
    if not products:
        raise Refused(Wording("An order needs its products"), "$.properties.products")
    gross, counts = [], []
    for place, product in enumerate(products):
        path = f"$.properties.products[{place}]"
        counts.append(count(product.quantity, f"{path}.quantity"))
        price = amount(product.price, f"{path}.price") or Decimal(0)
        # 0.37 kg are priced as such, and count as one unit.
        weight = amount(product.quantity, f"{path}.quantity")
        gross.append(price * (Decimal(1) if weight is None else weight))
    # Without any price the whole goes by units.
    paid = spread(_paid(seen, gross), gross if any(gross) else [*map(Decimal, counts)])
    return events.OrderCompleted(
        order_id=seen.label("order_id", least=1),
        currency=_currency(seen, currency),
        lines=tuple(
            _line(place, product, counts[place], gross[place], paid[place])
            for place, product in enumerate(products)
        ),
    )


def _line(
    place: int, product: Product, quantity: int, gross: Decimal, paid: Decimal
) -> events.OrderLine:
    item = product.item(f"$.properties.products[{place}]")
    return events.OrderLine(
        sku=item["sku"],
        category=item["category"],
        quantity=quantity,
        paid=paid,
        coupon_discount=max(gross - paid, Decimal(0)),
    )


def _paid(seen: Properties, gross: list[Decimal]) -> Decimal:
    """Revenue is after discounts, without shipping and tax; total includes them."""
    if (revenue := seen.money("revenue")) is not None:
        return revenue
    nothing = Decimal(0)
    if (total := seen.money("total")) is not None:
        apart = (seen.money("shipping") or nothing) + (seen.money("tax") or nothing)
        return max(total - apart, nothing)
    if (value := seen.money("value")) is not None:
        return value
    return max(sum(gross, nothing) - (seen.money("discount") or nothing), nothing)


def spread(whole: Decimal, weights: list[Decimal]) -> list[Decimal]:
    """Split an amount by weights, by largest remainder: the parts add up to it.

    In the smallest unit that the amount or a weight is written in, at least a cent.
    """
    for value in (whole, *weights):
        if not value.is_finite():
            raise Refused(
                Wording("Expected an amount below 1e9"), "$.properties.products"
            )
    total = sum(weights, Decimal(0))
    if total <= 0:
        weights, total = [Decimal(1)] * len(weights), Decimal(len(weights))
    digits = max(2, *(-int(v.as_tuple().exponent) for v in (whole, *weights)))
    # The log takes four decimals at most.
    unit = Decimal(1).scaleb(-min(digits, 4))
    exact = [whole * weight / total for weight in weights]
    parts = [part.quantize(unit, ROUND_DOWN) for part in exact]
    missing = int((whole - sum(parts, Decimal(0))) / unit)
    # Minus the remainder, so the largest come first; of equals the earlier line.
    order = sorted(range(len(parts)), key=lambda i: parts[i] - exact[i])
    for place in order[:missing]:
        parts[place] += unit
    return parts
