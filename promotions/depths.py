"""How deep terms go at most: what share of the goods they give away. Pure."""

from decimal import Decimal

from promotions.rules import (
    Amount,
    Bundle,
    FixedPrice,
    Gift,
    Multibuy,
    Percentage,
    Terms,
    Threshold,
    Tier,
)

ALL = Decimal(1)


def depth(
    terms: Terms, *, price: Decimal = Decimal(0), least: Decimal = Decimal(0)
) -> Decimal:
    """Return the largest share of the goods' value that the terms give away, 0 to 1.

    Where that depends on what is bought, it is of units at the usual `price`, or of a
    basket of the `least` amount; shipping costs no goods.
    """
    match terms:
        case Percentage(rate=rate):
            return rate
        case Amount(amount=amount, each=each):
            # Off the order: the smallest that qualifies is at least one unit.
            return _share(amount, max(least, price) if each == "order" else price)
        case Threshold(tiers=tiers):
            # Each tier is deepest where it begins.
            return max(_tier_depth(tier, price) for tier in tiers)
        case Multibuy(take=take, reduced=reduced, rate=rate):
            # At most: the reduced ones are the cheapest of each
            # group, at best as dear as all.
            return reduced * rate / take
        case Gift(spend=spend, value=value):
            return _share(value, spend)
        case FixedPrice(price=fixed):
            return _below(fixed, price)
        case Bundle(slots=slots, price=fixed):
            return _below(fixed, price * sum(slot.quantity for slot in slots))
        case _:
            return Decimal(0)


def _below(fixed: Decimal, usual: Decimal) -> Decimal:
    return ALL - _share(fixed, usual) if usual else Decimal(0)


def _tier_depth(tier: Tier, price: Decimal) -> Decimal:
    return tier.rate or _share(tier.amount, max(tier.spend, tier.quantity * price))


def _share(part: Decimal, whole: Decimal) -> Decimal:
    """Return part / whole, at most all; all of nothing."""
    return min(ALL, part / whole) if whole > 0 else ALL
