"""What terms are called, in plain words. Pure.

A text is English and knows its pattern and values (analytics.wording), so that whoever
shows it can say it in the reader's language.
"""

from decimal import Decimal

from analytics.wording import OR, Wording, joined
from promotions.rules import (
    Amount,
    Bundle,
    FixedPrice,
    Gift,
    Multibuy,
    Percentage,
    Shipping,
    Terms,
    Threshold,
    Tier,
)


def words(terms: Terms, currency: str) -> str:
    """Say the terms in plain words."""
    match terms:
        case Percentage(rate=rate):
            return Wording("%(percent)s off", percent=_percent(rate))
        case Amount(amount=amount, each=each):
            return Wording(EACH[each], amount=amount, currency=currency)
        case FixedPrice(price=price):
            return Wording("now %(price)s %(currency)s", price=price, currency=currency)
        case Shipping(rate=rate, price=None):
            if rate == 1:
                return Wording("free shipping")
            return Wording("%(percent)s off shipping", percent=_percent(rate))
        case Shipping(price=price):
            return Wording(
                "shipping for %(price)s %(currency)s", price=price, currency=currency
            )
        case _:
            return _basket_words(terms, currency)


EACH = {
    "unit": Wording("%(amount)s %(currency)s off each"),
    "line": Wording("%(amount)s %(currency)s off each product"),
    "order": Wording("%(amount)s %(currency)s off"),
}


def reward(terms: Terms | Tier, currency: str) -> str:
    """Say what one gets, without what for."""
    match terms:
        case Tier(rate=rate, amount=amount):
            return f"{_percent(rate)} off" if rate else f"{amount} {currency} off"
        case Threshold(amount=amount):
            return f"{amount} {currency} off"
        case Gift(name=name):
            return f"“{name}” free"
        case _:
            return words(terms, currency)


def _basket_words(terms: Threshold | Multibuy | Bundle | Gift, currency: str) -> str:
    match terms:
        case Threshold():
            return joined(OR, [_tier_words(one, currency) for one in terms.tiers])
        case Multibuy():
            return _multibuy_words(terms)
        case Bundle(slots=slots, price=price):
            return Wording(
                "%(number)s for %(price)s %(currency)s",
                number=sum(slot.quantity for slot in slots),
                price=price,
                currency=currency,
            )
        case Gift(spend=spend, name=name):
            return Wording(
                "spend %(spend)s %(currency)s, get “%(name)s” free",
                spend=spend,
                currency=currency,
                name=name,
            )


def priced(amount: object, currency: str) -> Wording:
    """Say an amount, which whoever speaks to customers may write as money."""
    return Wording("%(amount)s %(currency)s", amount=amount, currency=currency)


def _percent(rate: Decimal) -> str:
    # `f`, since 10 normalized is 1E+1.
    return f"{(rate * 100).normalize():f} %"


def _tier_words(tier: Tier, currency: str) -> Wording:
    values = {
        "spend": tier.spend,
        "currency": currency,
        "number": tier.quantity,
        "off": _percent(tier.rate) if tier.rate else priced(tier.amount, currency),
    }
    if tier.spend and tier.quantity:
        return Wording(
            "spend %(spend)s %(currency)s on %(number)s or more, get %(off)s off",
            **values,
        )
    if tier.spend:
        return Wording("spend %(spend)s %(currency)s, get %(off)s off", **values)
    return Wording("buy %(number)s, get %(off)s off", **values)


def _multibuy_words(terms: Multibuy) -> Wording:
    values = {
        "take": terms.take,
        "pay": terms.take - terms.reduced,
        "number": terms.reduced,
        "off": _percent(terms.rate),
    }
    if terms.rate == 1:
        return Wording(FREE[terms.same_sku], **values)
    return Wording(CHEAPEST[terms.same_sku, terms.reduced == 1], **values)


FREE = {
    False: Wording("%(take)s for %(pay)s"),
    True: Wording("%(take)s for %(pay)s of the same"),
}
CHEAPEST = {
    (False, True): Wording("take %(take)s, the cheapest %(off)s off"),
    (False, False): Wording("take %(take)s, the %(number)s cheapest %(off)s off"),
    (True, True): Wording("take %(take)s of the same, the cheapest %(off)s off"),
    (True, False): Wording(
        "take %(take)s of the same, the %(number)s cheapest %(off)s off"
    ),
}
"""By whether it is of the same product, and whether one is reduced."""
