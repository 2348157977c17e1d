"""What an operator may promise: a strategy's terms and its rule, typed. Pure.

Schema 1. Rules are data, stored as JSON and decoded here only: unknown fields, wrong
types and what makes no sense (promotions.rule_faults) are refused before anything is
saved, and a live strategy's rule never changes (a trigger in the database sees to that
too): a change is a new version. Money is in the strategy's currency, on the shop's tax
basis.
"""

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from analytics import shapes
from analytics.wording import OR, Wording, joined

Name = Annotated[str, Meta(min_length=1, max_length=200)]
Names = Annotated[tuple[Name, ...], Meta(max_length=1000)]
Count = Annotated[int, Meta(ge=0, le=1_000_000)]
Some = Annotated[int, Meta(ge=1, le=10_000)]


class Typed(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False
):
    """What all rules are made of."""


class Percentage(Typed, frozen=True, kw_only=True, tag_field="kind", tag="percentage"):
    """`rate` (0.10 = 10 %) off the lines in scope.

    `each` "line" rounds line by line; "order" rounds once and splits the sum.
    """

    rate: Decimal
    each: Literal["line", "order"] = "line"


class Amount(Typed, frozen=True, kw_only=True, tag_field="kind", tag="amount"):
    """`amount` off: each unit, each line, or all that is in scope together."""

    amount: Decimal
    each: Literal["unit", "line", "order"] = "order"


class FixedPrice(Typed, frozen=True, kw_only=True, tag_field="kind", tag="fixed_price"):
    """A unit in scope costs `price`; what is cheaper already stays as it is."""

    price: Decimal


class Tier(Typed, frozen=True, kw_only=True):
    """From `spend` money or `quantity` units on: `amount` or `rate` off."""

    spend: Decimal = Decimal(0)
    quantity: Count = 0
    amount: Decimal = Decimal(0)
    rate: Decimal = Decimal(0)


class Threshold(Typed, frozen=True, kw_only=True, tag_field="kind", tag="threshold"):
    """Spend `spend` in scope, get `amount` off; the highest tier reached counts."""

    spend: Decimal
    amount: Decimal
    higher: Annotated[tuple[Tier, ...], Meta(max_length=100)] = ()

    @property
    def tiers(self) -> tuple[Tier, ...]:
        """All tiers, the lowest first."""
        return (Tier(spend=self.spend, amount=self.amount), *self.higher)


class Multibuy(Typed, frozen=True, kw_only=True, tag_field="kind", tag="multibuy"):
    """Of `take` units in scope, the `reduced` cheapest are `rate` off (1 = free).

    3 for 2: take 3. The second at half price: take 2, rate 0.5. The dearest units make
    the first group. `same_sku`: a group is of one product. `times`: so many groups.
    """

    take: Annotated[int, Meta(ge=2, le=1000)]
    reduced: Annotated[int, Meta(ge=1, le=1000)] = 1
    rate: Decimal = Decimal(1)
    same_sku: bool = False
    times: Some | None = None


class Slot(Typed, frozen=True, kw_only=True):
    """`quantity` units of one of these products or categories."""

    quantity: Some = 1
    skus: Names = ()
    categories: Names = ()


class Bundle(Typed, frozen=True, kw_only=True, tag_field="kind", tag="bundle"):
    """One set, every slot filled with the dearest units that fit, costs `price`."""

    slots: Annotated[tuple[Slot, ...], Meta(min_length=1, max_length=20)]
    price: Decimal
    times: Some | None = None


class Gift(Typed, frozen=True, kw_only=True, tag_field="kind", tag="gift"):
    """Spend `spend` in scope, get one `sku` free; `value` is its shelf price."""

    spend: Decimal
    sku: Name
    name: Name
    value: Decimal


class Shipping(Typed, frozen=True, kw_only=True, tag_field="kind", tag="shipping"):
    """`rate` off what shipping costs (1 = free), or shipping for `price`."""

    rate: Decimal = Decimal(1)
    price: Decimal | None = None


Terms = (
    Percentage | Amount | FixedPrice | Threshold | Multibuy | Bundle | Gift | Shipping
)
"""A variant of a strategy's menu: typed and immutable; stored with its `kind`."""
Basis = Literal["initial", "discounted"]
"""Shelf amounts, or what is left of them after strategies of an earlier priority."""


class Conditions(Typed, frozen=True, kw_only=True):
    """What must hold for the terms to apply; all that is named must.

    `segments`: the customer is in one of them. `skus`, `categories`, `brands`: a line
    of the cart is one of each that is named. `least_amount` and `least_quantity` are of
    the lines in scope, or of the whole basket (`of`). `weekdays` are ISO (Monday 1),
    `hours` half-open, both in the campaign's zone; (22, 2) runs past midnight.
    """

    segments: Names = ()
    first_order: bool = False
    skus: Names = ()
    categories: Names = ()
    brands: Names = ()
    channels: Names = ()
    least_amount: Decimal = Decimal(0)
    least_quantity: Count = 0
    of: Literal["scope", "basket"] = "basket"
    basis: Basis = "initial"
    weekdays: Annotated[
        tuple[Annotated[int, Meta(ge=1, le=7)], ...], Meta(max_length=7)
    ] = ()
    hours: (
        tuple[Annotated[int, Meta(ge=0, le=23)], Annotated[int, Meta(ge=0, le=24)]]
        | None
    ) = None

    @property
    def picky(self) -> bool:
        """Whether anything is asked of who, where, when or what else."""
        return bool(
            self.segments
            or self.first_order
            or self.skus
            or self.categories
            or self.brands
            or self.channels
            or self.weekdays
            or self.hours
        )

    @property
    def asks(self) -> bool:
        """Whether there is a least amount or quantity."""
        return bool(self.least_amount or self.least_quantity)


class Limit(Typed, frozen=True, kw_only=True):
    """At most so many uses, or so much money, per holder and period.

    Periods begin at midnight in the campaign's zone; weeks on Monday.
    """

    most: Decimal
    of: Literal["uses", "money"] = "uses"
    per: Literal["strategy", "customer", "code"] = "strategy"
    period: Literal["ever", "day", "week", "month"] = "ever"


Limits = Annotated[tuple[Limit, ...], Meta(max_length=20)]


class Rule(Typed, frozen=True, kw_only=True):
    """All of a strategy but its menu and its categories.

    A line is in scope if the strategy names no category, sku or brand, or one of the
    line's, unless its sku is excluded.

    Combination: strategies apply in the order of `priority` (low first), then id.
    `exclusive`: alone on the order. Of a `group`, all may apply ("stack"), or one: the
    first by priority, the best or the worst for the customer, whatever the shop's
    objective. Two strategies discount the same line only if both say `shares_lines`.
    `basis`: on what rates are taken.

    `gives_back`: what a rollback returns to budgets and limits.
    """

    schema: Literal[1] = 1
    skus: Names = ()
    brands: Names = ()
    excluded_skus: Names = ()
    conditions: Conditions = Conditions()
    priority: Annotated[int, Meta(ge=-1000, le=1000)] = 0
    exclusive: bool = False
    group: Annotated[str, Meta(max_length=100)] = ""
    mode: Literal["stack", "first", "best", "worst"] = "stack"
    shares_lines: bool = False
    basis: Basis = "initial"
    most_per_line: Decimal | None = None
    most_per_order: Decimal | None = None
    limits: Limits = ()
    # A use that never comes back hurts customers (Vendure 1466, Sylius 944), one that
    # does beside a discount that was kept is abused: so the rule says which.
    gives_back: Literal["all", "money", "nothing"] = "all"

    @property
    def caps(self) -> bool:
        """Whether a line or an order gets at most so much."""
        return self.most_per_line is not None or self.most_per_order is not None

    @property
    def plain(self) -> bool:
        """Whether what it gives depends only on lines that nobody else discounts."""
        initial = self.basis == "initial" and not self.shares_lines
        return initial and (
            self.conditions.basis == "initial" or not self.conditions.asks
        )


def converted(given: object, kind: Any) -> Any:
    """Read plain values as a type made of these.

    :raises msgspec.ValidationError: they are none; the message names the place.
    """
    # Not strict: amounts come as text and as numbers. What Decimal reads beyond plain
    # digits (1_000, １２) is refused below.
    value = msgspec.convert(given, kind, strict=False)
    if at := next(_misspelt(value, given, "$"), None):
        raise msgspec.ValidationError(f"Expected plain digits - at `{at}`")
    return value


def decoded_menu(menu: object) -> dict[str, Terms]:
    """Read a menu as stored or sent: label -> terms.

    :raises msgspec.ValidationError: it is not one; the message names the place.
    """
    found: dict[str, Terms] = converted(menu, dict[Name, Terms])
    return found


def decoded_rule(rule: object) -> Rule:
    """Read a rule as stored or sent; `{}` is the rule that asks nothing.

    :raises msgspec.ValidationError: it is not one; the message names the place.
    """
    found: Rule = converted(rule, Rule)
    return found


def decoded_limits(limits: object) -> tuple[Limit, ...]:
    """Read a campaign's limits.

    :raises msgspec.ValidationError: they are none; the message names the place.
    """
    found: tuple[Limit, ...] = converted(limits, Limits)
    return found


EVERYTHING = "*"


def touches(
    rule: Rule, menu: Iterable[Terms], categories: tuple[str, ...]
) -> list[str]:
    """Return the keys of which a cart must have one for the strategy to matter.

    `c:` and a category, `s:` and a sku, `b:` and a brand; "*" matters to every cart.
    """
    named = [
        *(f"c:{name}" for name in categories),
        *(f"s:{name}" for name in rule.skus),
        *(f"b:{name}" for name in rule.brands),
    ]
    for terms in menu:
        if isinstance(terms, Bundle):
            named += [f"s:{sku}" for slot in terms.slots for sku in slot.skus]
            named += [f"c:{name}" for slot in terms.slots for name in slot.categories]
    # A rule that excludes skus alone is about all others, so it touches everything.
    return sorted(set(named)) or [EVERYTHING]


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


def _misspelt(value: Any, given: Any, at: str) -> Iterator[str]:
    """Find the amounts that a Decimal reads, and a person would not."""
    if isinstance(value, Decimal) and isinstance(given, str):
        if not shapes.spelled(given):
            yield at
    else:
        for name, one, its in _parts(value, given):
            yield from _misspelt(one, its, at + name)


def _parts(value: Any, given: Any) -> Iterator[tuple[str, Any, Any]]:
    """Yield the parts of what was read: path, part, and what it was read from."""
    match value:
        case tuple():
            for number, (one, its) in enumerate(zip(value, given, strict=True)):
                yield f"[{number}]", one, its
        case dict():
            # msgspec keeps the order of a dict.
            for (name, its), one in zip(given.items(), value.values(), strict=True):
                yield f".{name}", one, its
        case msgspec.Struct():
            # Fields that were not sent have their
            # defaults, which were not spelt by anybody.
            for name in filter(given.__contains__, value.__struct_fields__):
                yield f".{name}", getattr(value, name), given[name]
        case _:
            pass


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
