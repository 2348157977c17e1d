"""Stock as the shop told it: by day, and the rules by which it is kept."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import transaction

from analytics import events, store
from catalog.mirrors import mirror
from catalog.models import StockDay, StockRule
from catalog.stock import Policy

KEPT = timedelta(days=400)
FIELDS = (
    *("service_level", "target_days", "over_days", "review_days", "lead_days"),
    *("clear_days", "deepest", "steps", "holding"),
)


def note(counted: Mapping[str, int], *, at: datetime) -> None:
    """Keep what stock came to on a day; in the caller's transaction."""
    if counted:
        rows = [(sku, at.date(), units) for sku, units in counted.items()]
        mirror("catalog_stockday", ["sku", "day", "stock"], rows, key=["sku", "day"])


def history(sku: str, *, since: date) -> list[tuple[date, int]]:
    """Return a product's stock by day, the oldest first; the last before `since` too.

    Only days on which it changed are there.
    """
    rows = StockDay.objects.filter(sku=sku).order_by("-day").values_list("day", "stock")
    found = []
    for day, units in rows:
        found.append((day, units))
        if day <= since:
            break
    return found[::-1]


def forget(*, at: datetime) -> None:
    """Drop what is older than a year and a bit."""
    StockDay.objects.filter(day__lt=(at - KEPT).date()).delete()


def rules() -> Mapping[str, StockRule]:
    """Return the rules by category; "" is that of all others."""
    found = {row.category: row for row in StockRule.objects.all()}
    return {"": StockRule()} | found


def rule_of(category: str, known: Mapping[str, StockRule]) -> StockRule:
    """Return a category's rule, or that of all others."""
    return known.get(category) or known[""]


def set_rule(rule: StockRule, *, by: str, at: datetime) -> None:
    """Save a rule, and log it."""
    said = {name: getattr(rule, name) for name in FIELDS}
    written = {
        name: str(value) if isinstance(value, Decimal) else value
        for name, value in said.items()
    }
    with transaction.atomic():
        rule.save()
        _log(rule.category, written, by, at)


def drop_rule(rule: StockRule, *, by: str, at: datetime) -> None:
    """Forget a rule, and log it: that of all categories, or the defaults, count."""
    with transaction.atomic():
        rule.delete()
        _log(rule.category, None, by, at)


def _log(category: str, rule: dict[str, Any] | None, by: str, at: datetime) -> None:
    store.append([events.StockRuleSet(category=category, by=by, rule=rule)], at=at)


def policy(rule: StockRule, lead_days: int | None) -> Policy:
    """Return how a product is kept in stock; where it is silent, the rule says."""
    return Policy(
        service_level=float(rule.service_level),
        target_days=rule.target_days,
        over_days=rule.over_days,
        review_days=rule.review_days,
        lead_days=rule.lead_days if lead_days is None else lead_days,
    )
