"""What competitors ask for our products: bounds of prices, histories, feeds' ages.

A match counts once a rule was sure of it or a person said so (catalog.matching).
"""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from analytics import lookup
from catalog.episodes import Step
from catalog.models import CompetitorPrice, Match

STALE = timedelta(days=7)
"""A price that was not seen for so long says nothing of today."""
MATCHED = (Match.State.AUTOMATIC, Match.State.CONFIRMED)


class Bound(NamedTuple):
    """What a competitor asked, and how long ago it was last seen so."""

    competitor: str
    price: Decimal
    age: timedelta


BOUNDS = """
    SELECT m.sku, c.competitor, p.price,
      CASE WHEN c.seen_at <= %(at)s THEN c.seen_at ELSE p.at END
    FROM catalog_match m
    JOIN catalog_competitorproduct c ON c.id = m.product_id
    JOIN catalog_product o ON o.sku = m.sku
    CROSS JOIN LATERAL (
      SELECT price, currency, available, at FROM catalog_competitorprice
      WHERE product_id = c.id AND at <= %(at)s ORDER BY at DESC LIMIT 1) p
    WHERE m.sku = ANY(%(skus)s) AND m.state = ANY(%(matched)s)
      AND p.available AND p.price > 0 AND p.currency = o.currency
    ORDER BY m.sku, p.price, c.competitor
"""
"""As of a moment: the price in force then, and when it had last been seen by then."""


def bounds(
    skus: Collection[str], at: datetime, *, oldest: timedelta = STALE
) -> dict[str, list[Bound]]:
    """Return what competitors ask for each product, in its currency, the lowest first.

    Only what they have in stock and was seen within `oldest` before `at`.
    """
    found: dict[str, list[Bound]] = {}
    values: Mapping[str, Any] = {
        "at": at,
        "skus": [sku for sku in skus if "\0" not in sku],
        "matched": list(MATCHED),
    }
    for sku, competitor, price, seen_at in lookup.rows(BOUNDS, values):
        age = at - seen_at
        if age <= oldest:
            found.setdefault(sku, []).append(Bound(competitor, price, age))
    return found


def histories(products: Collection[int], *, since: datetime) -> dict[int, list[Step]]:
    """Return competitors' prices: from the one in force at `since` on."""
    rows = CompetitorPrice.objects.filter(product__in=list(products)).order_by("at")
    found: dict[int, list[Step]] = {}
    for row in rows:
        steps = found.setdefault(row.product_id, [])
        if row.at < since:
            steps.clear()
        steps.append(
            Step(
                at=row.at,
                price=row.price,
                shelf=row.shelf_price,
                available=row.available,
            )
        )
    return found
