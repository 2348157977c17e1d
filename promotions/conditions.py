"""Do a rule's conditions hold for this cart, customer and moment? Pure.

What depends only on who asks and when is checked first, once; what depends on amounts
is checked where the strategy's turn comes, since it may count what others have taken.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, lru_cache
from zoneinfo import ZoneInfo

from promotions.coins import Coins, Left, Line, Missed, More
from promotions.rules import Bundle, Conditions, Rule, Terms


@dataclass(frozen=True, kw_only=True)
class Asker:
    """Who asks, where and when. A guest is in no segment, and has no first order."""

    at: datetime
    channel: str = ""
    segments: frozenset[str] = frozenset()
    first_order: bool = False


def refused(
    conditions: Conditions, asker: Asker, lines: Sequence[Line], zone: str
) -> Missed | None:
    """Say which condition on asker, moment and products fails; None if all hold."""
    if reason := _asker_fault(conditions, asker) or _products_fault(conditions, lines):
        return Missed(reason=reason)
    if conditions.weekdays or conditions.hours:
        local = asker.at.astimezone(_zone(zone))
        if conditions.weekdays and local.isoweekday() not in conditions.weekdays:
            return Missed(reason="not_today")
        if conditions.hours and not _within(local.hour, *conditions.hours):
            return Missed(reason="not_at_this_hour")
    return None


def lacking(
    rule: Rule, left: Left, inside: Sequence[int], coins: Coins
) -> Missed | None:
    """Say whether a least amount or quantity is not reached; None if all are.

    `left.amount` must be on the conditions' basis.
    """
    conditions = rule.conditions
    if not conditions.least_amount and not conditions.least_quantity:
        return None
    counted = inside if conditions.of == "scope" else range(len(left.lines))
    spend = quantity = 0
    if conditions.least_amount:
        amount = left.amount
        spend = coins.of(conditions.least_amount) - sum([amount[i] for i in counted])
    if conditions.least_quantity:
        lines = left.lines
        quantity = conditions.least_quantity - sum([lines[i].quantity for i in counted])
    if spend <= 0 and quantity <= 0:
        return None
    more = More(spend=max(0, spend), quantity=max(0, quantity))
    return Missed(reason="below_threshold", more=more)


@dataclass(frozen=True, kw_only=True)
class Scope:
    """What a strategy is about; nothing named is the whole basket."""

    categories: frozenset[str] = frozenset()
    skus: frozenset[str] = frozenset()
    brands: frozenset[str] = frozenset()
    excluded: frozenset[str] = frozenset()

    @classmethod
    def of(cls, rule: Rule, terms: Terms, categories: Iterable[str]) -> "Scope":
        """Return a variant's scope; a bundle's is what its slots name."""
        excluded = frozenset(rule.excluded_skus)
        if isinstance(terms, Bundle):
            return cls(
                skus=frozenset(sku for slot in terms.slots for sku in slot.skus),
                categories=frozenset(c for s in terms.slots for c in s.categories),
                excluded=excluded,
            )
        return cls(
            categories=frozenset(categories),
            skus=frozenset(rule.skus),
            brands=frozenset(rule.brands),
            excluded=excluded,
        )

    @cached_property
    def named(self) -> Sequence[tuple[str, str]]:
        """What is named: ("c", category), ("s", sku), ("b", brand)."""
        kinds = (("c", self.categories), ("s", self.skus), ("b", self.brands))
        return [(kind, name) for kind, names in kinds for name in names]

    def inside(self, lines: Sequence[Line]) -> list[int]:
        """Return the indexes of the lines in scope."""
        everything = not (self.categories or self.skus or self.brands)
        return [
            i
            for i, line in enumerate(lines)
            if (
                everything
                or line.category in self.categories
                or line.sku in self.skus
                or line.brand in self.brands
            )
            and line.sku not in self.excluded
        ]


def _asker_fault(conditions: Conditions, asker: Asker) -> str | None:
    if conditions.channels and asker.channel not in conditions.channels:
        return "other_channel"
    if conditions.segments and asker.segments.isdisjoint(conditions.segments):
        return "other_segment"
    if conditions.first_order and not asker.first_order:
        return "not_the_first_order"
    return None


def _products_fault(conditions: Conditions, lines: Sequence[Line]) -> str | None:
    wanted = (
        (conditions.skus, "sku"),
        (conditions.categories, "category"),
        (conditions.brands, "brand"),
    )
    for names, field in wanted:
        if names and not any(getattr(line, field) in names for line in lines):
            return "product_missing"
    return None


def _within(hour: int, since: int, until: int) -> bool:
    """Half-open; (22, 2) runs past midnight."""
    if since < until:
        return since <= hour < until
    return hour >= since or hour < until


@lru_cache(maxsize=256)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)
