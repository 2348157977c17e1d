"""What competitors ask for our products: bounds of prices, histories, feeds' ages.

A match counts once a rule was sure of it or a person said so (catalog.matching).
"""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from analytics import lookup
from catalog.episodes import Step
from catalog.models import Match

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


HISTORIES = """
    SELECT p.product_id, p.currency, p.at, p.price, p.shelf_price, p.available
    FROM unnest(%(ids)s::bigint[]) AS asked (id)
    JOIN catalog_competitorprice p ON p.product_id = asked.id AND p.at >= coalesce(
      (SELECT max(b.at) FROM catalog_competitorprice b
       WHERE b.product_id = asked.id AND b.at <= %(since)s), %(since)s)
    ORDER BY p.product_id, p.at
"""


def histories(products: Collection[int], *, since: datetime) -> dict[int, list[Step]]:
    """Return competitors' prices: from the one in force at `since` on.

    Of a product that changed its currency, those in the last one.
    """
    found: dict[int, list[Step]] = {}
    money: dict[int, str] = {}
    values = {"ids": list(products), "since": since}
    for product, currency, at, price, shelf, available in lookup.rows(
        HISTORIES, values
    ):
        if money.setdefault(product, currency) != currency:
            money[product] = currency
            found[product].clear()
        step = Step(at=at, price=price, shelf=shelf, available=available)
        found.setdefault(product, []).append(step)
    return found
