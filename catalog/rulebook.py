"""The rules of prices as operators set them; each change is logged."""

from collections.abc import Collection
from dataclasses import fields
from datetime import datetime
from typing import Any

from django.db import transaction

from analytics import events, store
from catalog.models import PricingRule, Product
from catalog.price_rules import Rules

FIELDS = [field.name for field in fields(Rules)]


class Rulebook:
    """All rules at a moment."""

    def __init__(self) -> None:
        rows = PricingRule.objects.values("category", *FIELDS)
        self._of = {row.pop("category"): Rules(**row) for row in rows}
        self._usual = self._of.get("", Rules())

    def of(self, category: str) -> Rules:
        """Return a category's rules: its own, those of all others, or the defaults."""
        return self._of.get(category, self._usual)


def progressive(skus: Collection[str]) -> set[str]:
    """Return the products whose mark-downs are shown against their first price."""
    book = Rulebook()
    rows = Product.objects.filter(sku__in=skus).values_list("sku", "category")
    return {sku for sku, category in rows if book.of(category).progressive}


def set_rule(rule: PricingRule, *, by: str, at: datetime) -> None:
    """Save a rule, and log it."""
    said = {name: getattr(rule, name) for name in FIELDS}
    written: dict[str, Any] = {
        name: value if isinstance(value, bool | int | None) else str(value)
        for name, value in said.items()
    }
    with transaction.atomic():
        rule.save()
        _log(rule.category, written, by, at)


def drop_rule(rule: PricingRule, *, by: str, at: datetime) -> None:
    """Forget a rule, and log it: that of all categories, or the defaults, count."""
    with transaction.atomic():
        rule.delete()
        _log(rule.category, None, by, at)


def _log(category: str, rule: dict[str, Any] | None, by: str, at: datetime) -> None:
    event = events.PricingRuleSet(category=category, by=by, rule=rule)
    store.append([event], at=at)
