"""What products have cost, price by price."""

from collections.abc import Collection
from datetime import datetime, timedelta
from decimal import Decimal

from django.db import connection

from catalog import pricing
from catalog.episodes import Step
from catalog.models import PricePoint

WINDOW = timedelta(days=30)


def steps_of(skus: Collection[str], *, since: datetime) -> dict[str, list[Step]]:
    """Return our products' prices: from the one in force at `since` on.

    Of a product that changed its currency, those in the last one.
    """
    found: dict[str, list[PricePoint]] = {}
    rows = PricePoint.objects.filter(sku__in=list(skus)).order_by("since", "id")
    for point in rows:
        points = found.setdefault(point.sku, [])
        if point.since <= since or (points and points[-1].currency != point.currency):
            points.clear()
        points.append(point)
    return {
        sku: [
            Step(at=point.since, price=point.price)
            for point in points
            if point.price is not None
        ]
        for sku, points in found.items()
    }


def references(
    skus: Collection[str], *, at: datetime
) -> dict[tuple[str, str], Decimal]:
    """Return (sku, currency) -> the lowest price of the 30 days before `at`."""
    changes: dict[tuple[str, str], list[tuple[datetime, Decimal | None]]] = {}
    with connection.cursor() as cursor:
        cursor.execute(POINTS, {"skus": list(skus), "since": at - WINDOW, "at": at})
        for sku, currency, since, price in cursor.fetchall():
            changes.setdefault((sku, currency), []).append((since, price))
    found = {
        key: pricing.reference_price(rows, at=at, window=WINDOW)
        for key, rows in changes.items()
    }
    return {key: price for key, price in found.items() if price is not None}


POINTS = """
SELECT sku, currency, since, price FROM catalog_pricepoint
WHERE sku = ANY(%(skus)s) AND since > %(since)s AND since < %(at)s
UNION ALL
SELECT p.sku, p.currency, p.since, p.price
FROM unnest(%(skus)s::text[]) AS asked(sku), LATERAL (
  SELECT * FROM catalog_pricepoint o
  WHERE o.sku = asked.sku AND o.since <= %(since)s
  ORDER BY o.since DESC, o.id DESC LIMIT 1
) p
ORDER BY 1, 2, 3
"""
