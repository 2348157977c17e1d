"""What an operator may promise: a strategy's terms and its rule, typed. Pure.

Schema 1. Rules are data, stored as JSON and decoded by promotions.rule_reading only:
unknown fields, wrong types and what makes no sense (promotions.rule_faults) are refused
before anything is saved, and a live strategy's rule never changes (a trigger in the
database sees to that too): a change is a new version. Money is in the strategy's
currency, on the shop's tax basis.
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

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
