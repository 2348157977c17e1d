"""What cancelled and refunded orders leave of their lines. Pure.

A line is split into the part that goes back at a moment and the part that stays; both
keep the line's own time, so that a cut-off before the moment still sees the whole. The
night reads many orders and a live answer one customer's by the same rule.
"""

from collections.abc import Sequence

import msgspec


class Line(msgspec.Struct, gc=False):
    """A line of an order in the log, money as numbers."""

    sku: str
    category: str = ""
    quantity: float = 1.0
    paid: float = 0.0
    shelf_discount: float = 0.0
    coupon_discount: float = 0.0


class Back(msgspec.Struct, gc=False):
    """A refund, or a cancellation, which has no amount and names nothing.

    `at` is in microseconds since 1970.
    """

    order_id: str = ""
    at: int = 0
    amount: float | None = None
    skus: list[str] = []


class Order(msgspec.Struct, gc=False):
    """What is read of an order_completed."""

    lines: list[Line]
    order_id: str = ""


Part = tuple[Line, int | None]
"""A part of a line, and when it went back: None, it stays."""


def parts(lines: Sequence[Line], back: Sequence[Back]) -> list[Part]:
    """Split lines by what went back; quantities and money of the parts add up.

    Without an amount the named products go back whole (all, if none is named). With
    one, their units and money go back in its share of what was paid for them; an amount
    that names no product and is not the whole is money alone, and the units stay.
    """
    kept, gone = dict(enumerate(lines)), list[Part]()
    # In their order: what one refund took, a later one cannot take again.
    for one in sorted(back, key=lambda each: each.at):
        named = [i for i, line in kept.items() if not one.skus or line.sku in one.skus]
        share = _share(one, [kept[i] for i in named])
        for i in named:
            if share == 1:
                gone.append((kept.pop(i), one.at))
            elif share > 0:
                line, units = kept[i], share if one.skus else 0.0
                gone.append((_part(line, units, share), one.at))
                kept[i] = _part(line, 1 - units, 1 - share)
    return [*gone, *((line, None) for line in kept.values())]


def _share(one: Back, named: Sequence[Line]) -> float:
    paid = sum(line.paid for line in named)
    # Of what cost nothing no share can be told: it goes whole.
    if one.amount is None or paid <= 0:
        return 1.0
    return min(max(one.amount, 0.0) / paid, 1.0)


def _part(line: Line, units: float, paid: float) -> Line:
    return Line(
        sku=line.sku,
        category=line.category,
        quantity=line.quantity * units,
        paid=line.paid * paid,
        shelf_discount=line.shelf_discount * units,
        coupon_discount=line.coupon_discount * units,
    )
