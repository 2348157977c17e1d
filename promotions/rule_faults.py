"""What makes no sense in terms, a rule or limits, and which field it is about. Pure."""

import itertools
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import msgspec

from catalog import pricing
from promotions.rules import (
    Amount,
    Bundle,
    Gift,
    Limit,
    Multibuy,
    Percentage,
    Rule,
    Shipping,
    Slot,
    Terms,
    Threshold,
    Tier,
)

# Columns of money hold 14 digits, 4 of them decimals.
HIGHEST = Decimal(10) ** 9
FINEST = 6
"""Decimals of a rate: 1e-999999 would take seconds to reckon with."""


def fault(terms: Terms, currency: str = "") -> str | None:
    """Say why terms make no sense, if so; with a currency, whether its coins do.

    A fault of one field begins with that field's path (see `place`).
    """
    if wrong := _amounts_fault(terms, currency):
        return wrong
    match terms:
        case Percentage(rate=rate) | Shipping(rate=rate, price=None):
            return _rate_fault(rate)
        case Shipping(rate=rate):
            return "price: give a rate or a price, not both" if rate != 1 else None
        case Multibuy(take=take, reduced=reduced, rate=rate):
            few = reduced < take
            return _rate_fault(rate) if few else "reduced must be fewer than `take`"
        case Bundle(slots=slots):
            return _slots_fault(slots)
        case _:
            return _reward_fault(terms)


def rule_fault(rule: Rule, currency: str = "") -> str | None:
    """Say why a rule makes no sense, if so."""
    if wrong := _amounts_fault(rule, currency):
        return wrong
    if rule.mode != "stack" and not rule.group:
        return f"group: mode {rule.mode!r} needs one"
    if rule.conditions.hours and rule.conditions.hours[0] == rule.conditions.hours[1]:
        return "conditions.hours must not begin and end at the same hour"
    if len(set(rule.conditions.weekdays)) < len(rule.conditions.weekdays):
        return "conditions.weekdays must name each day once"
    return limits_fault(rule.limits)


def limits_fault(limits: tuple[Limit, ...]) -> str | None:
    """Say why limits make no sense, if so."""
    for number, limit in enumerate(limits):
        at = f"limits[{number}].most"
        if not limit.most.is_finite() or not 0 <= limit.most < HIGHEST:
            return f"{at} must be at least 0 and below 10⁹"
        if limit.of == "uses" and limit.most != int(limit.most):
            return f"{at} of uses must be a whole number"
        # What the column of counters holds.
        if limit.most != round(limit.most, 4):
            return f"{at}: money has no more than 4 decimals"
    kinds = [(limit.of, limit.per, limit.period) for limit in limits]
    if len(set(kinds)) < len(kinds):
        return "limits: two are of the same kind"
    return None


PLACE = re.compile(r"[a-z_]+(?:\[\d+\])?(?:\.[a-z_]+)*")


def place(fault: str, of: msgspec.Struct) -> str:
    """Return the path of the field that a fault is about; empty for none alone."""
    found = PLACE.match(fault)
    root = found[0].partition(".")[0].partition("[")[0] if found else ""
    return found[0] if found and root in of.__struct_fields__ else ""


def _reward_fault(terms: Terms) -> str | None:
    match terms:
        case Amount(amount=amount):
            return None if amount > 0 else "amount must be above 0"
        case Threshold():
            return _tiers_fault(terms.tiers)
        case Gift(spend=spend, value=value):
            return None if 0 < value <= spend else "value must be within the spend"
        case _:
            return None


def _rate_fault(rate: Decimal) -> str | None:
    return None if 0 < rate <= 1 else "rate must be above 0 and at most 1"


def _tiers_fault(tiers: tuple[Tier, ...]) -> str | None:
    for number, tier in enumerate(tiers):
        at = f"higher[{number - 1}]." if number else ""
        if (tier.amount > 0) == (tier.rate > 0) or tier.rate > 1:
            return f"{at}amount: a tier gives an amount, or a rate of at most 1"
        # From a quantity on there may be no least
        # spend; the floor at the checkout guards that.
        if tier.amount > tier.spend and not tier.quantity:
            return f"{at}amount: a reward must be within the spend"
        if not tier.spend and not tier.quantity:
            return f"{at}spend: a tier begins at some spend or quantity"
    for number, (a, b) in enumerate(itertools.pairwise(tiers)):
        if b.spend < a.spend or b.quantity < a.quantity or b == a:
            return f"higher[{number}].spend: tiers must rise"
        # Else more is given where less is left, and promotions.stacking is not exact.
        if b.spend and _reward_at(b, b.spend) < _reward_at(a, b.spend):
            return f"higher[{number}].amount: a higher tier must not give less"
    return None


def _reward_at(tier: Tier, spend: Decimal) -> Decimal:
    return tier.rate * spend or tier.amount


def _slots_fault(slots: tuple[Slot, ...]) -> str | None:
    for number, slot in enumerate(slots):
        if not slot.skus and not slot.categories:
            return f"slots[{number}].skus: a slot names products or categories"
    named = [name for slot in slots for name in (*slot.skus, *slot.categories)]
    return (
        "slots must not name the same twice" if len(set(named)) < len(named) else None
    )


def _amounts_fault(rule: msgspec.Struct, currency: str) -> str | None:
    """Refuse NaN, infinities, what is negative or huge, and what no coins make."""
    for name, amount in _amounts(rule):
        if not amount.is_finite() or not 0 <= amount < HIGHEST:
            return f"{name} must be at least 0 and below 10⁹"
        if name.endswith("rate"):
            if amount != round(amount, FINEST):
                return f"{name}: a rate has no more than {FINEST} decimals"
        elif currency and (wrong := pricing.decimals_fault(amount, currency)):
            return f"{name}: {wrong}"
    return None


def _amounts(value: Any, path: str = "") -> Iterator[tuple[str, Decimal]]:
    for name in getattr(value, "__struct_fields__", ()):
        inner = getattr(value, name)
        if isinstance(inner, Decimal):
            yield path + name, inner
        elif isinstance(inner, tuple):
            for number, part in enumerate(inner):
                # Some limits count uses, which are no money (`limits_fault`).
                if not isinstance(part, Limit):
                    yield from _amounts(part, f"{path}{name}[{number}].")
        else:
            yield from _amounts(inner, f"{path}{name}.")
