"""What a variant is worth on a basket: percentage, threshold, gift. Pure.

One evaluator prices a basket everywhere: API, admin preview, backtest, batch. The
parts always add up to the whole: an order's discount is split over its lines by the
largest remainder, in minor units.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal

import msgspec


class Percentage(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="percentage"
):
    """`rate` (0.10 = 10 %) off every line in scope."""

    rate: Decimal


class Threshold(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="threshold"
):
    """Spend `spend` in scope, get `amount` off."""

    spend: Decimal
    amount: Decimal


class Gift(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="gift"):
    """Spend `spend` in scope, get one `sku` free; `value` is its shelf price."""

    spend: Decimal
    sku: str
    name: str
    value: Decimal


Terms = Percentage | Threshold | Gift
"""A variant's rule: typed and immutable; stored as JSON with its `kind`."""


def fault(terms: Terms) -> str | None:
    """Say why a rule makes no sense, if so."""
    match terms:
        case Percentage(rate=rate):
            return None if 0 < rate <= 1 else "rate must be above 0 and at most 1"
        case Threshold(spend=spend, amount=reward) | Gift(spend=spend, value=reward):
            return None if 0 < reward <= spend else "a reward must be within the spend"


@dataclass(frozen=True, kw_only=True)
class Line:
    """A cart's line at shelf prices; `floor` is the least a unit may be sold for."""

    sku: str
    category: str
    quantity: int
    price: Decimal
    floor: Decimal

    @property
    def amount(self) -> Decimal:
        return self.price * self.quantity

    @property
    def room(self) -> Decimal:
        """How much discount the line can take before its floor."""
        return max(Decimal(0), self.price - self.floor) * self.quantity


@dataclass(frozen=True, kw_only=True)
class Applied:
    """What terms do to a basket: the discount of each line by its index, and gifts."""

    lines: Mapping[int, Decimal]
    gift: str | None = None
    gift_value: Decimal = Decimal(0)

    @property
    def discount(self) -> Decimal:
        """Money off the lines; a gift's value is not part of it."""
        return sum(self.lines.values(), Decimal(0))


@dataclass(frozen=True, kw_only=True)
class Missed:
    """Terms that do not apply, why, and how much more spending would change it."""

    reason: str
    more: Decimal = Decimal(0)


def apply(
    terms: Terms, lines: Sequence[Line], *, scope: Sequence[str], unit: Decimal
) -> Applied | Missed:
    """Return what `terms` give on the lines whose category is in scope.

    An empty scope is the whole basket. `unit` is the currency's minor unit.
    """
    inside = [i for i, line in enumerate(lines) if not scope or line.category in scope]
    spent = sum((lines[i].amount for i in inside), Decimal(0))
    if spent == 0:
        return Missed(reason="nothing_in_scope", more=_least(terms))
    match terms:
        case Percentage(rate=rate):
            wanted = {i: _down(lines[i].amount * rate, unit) for i in inside}
            return _floored(wanted, lines, unit)
        case Threshold(spend=spend, amount=amount):
            if spent < spend:
                return Missed(reason="below_threshold", more=spend - spent)
            shares = {i: lines[i].amount for i in inside}
            wanted = split(min(amount, spent), shares, unit)
            cut = _floored(wanted, lines, unit)
            return _spread(cut, min(amount, spent), lines, unit)
        case Gift(spend=spend, sku=sku, value=value):
            if spent < spend:
                return Missed(reason="below_threshold", more=spend - spent)
            if value > sum((line.room for line in lines), Decimal(0)):
                return Missed(reason="margin_floor")
            return Applied(lines={}, gift=sku, gift_value=value)


def split(
    amount: Decimal, shares: Mapping[int, Decimal], unit: Decimal
) -> dict[int, Decimal]:
    """Divide an amount in proportion to the shares; the parts add up to it exactly.

    Largest remainder (Hamilton): everybody gets the share rounded down, then the units
    left over go to the largest remainders.
    """
    whole = sum(shares.values(), Decimal(0))
    exact = {i: amount * share / whole for i, share in shares.items()}
    parts = {i: _down(part, unit) for i, part in exact.items()}
    left = int((amount - sum(parts.values(), Decimal(0))) / unit)
    order = sorted(shares, key=lambda i: (parts[i] - exact[i], i))
    for i in order[:left]:
        parts[i] += unit
    return parts


def words(terms: Terms, currency: str) -> str:
    """Say the terms in plain words."""
    match terms:
        case Percentage(rate=rate):
            return f"{(rate * 100).normalize():f} % off"
        case Threshold(spend=spend, amount=amount):
            return f"spend {spend} {currency}, get {amount} {currency} off"
        case Gift(spend=spend, name=name):
            return f"spend {spend} {currency}, get “{name}” free"


def _least(terms: Terms) -> Decimal:
    return Decimal(0) if isinstance(terms, Percentage) else terms.spend


def _floored(
    wanted: Mapping[int, Decimal], lines: Sequence[Line], unit: Decimal
) -> Applied | Missed:
    """Cut every line's discount at the line's margin floor."""
    given = {i: min(part, _down(lines[i].room, unit)) for i, part in wanted.items()}
    given = {i: part for i, part in given.items() if part > 0}
    return Applied(lines=given) if given else Missed(reason="margin_floor")


def _spread(
    cut: Applied | Missed, promised: Decimal, lines: Sequence[Line], unit: Decimal
) -> Applied | Missed:
    """Give what one line's floor cut off to lines that still have room.

    A customer who was promised an amount gets it whole, or not at all.
    """
    if isinstance(cut, Missed):
        return cut
    rest = promised - cut.discount
    rooms = {i: _down(lines[i].room, unit) - part for i, part in cut.lines.items()}
    if rest > sum(rooms.values(), Decimal(0)):
        return Missed(reason="margin_floor")
    more = split(rest, rooms, unit) if rest else {}
    return Applied(lines={i: p + more.get(i, 0) for i, p in cut.lines.items()})


def _down(amount: Decimal, unit: Decimal) -> Decimal:
    return amount.quantize(unit, ROUND_DOWN)
