"""What products have cost, price by price."""

from collections.abc import Collection
from datetime import datetime, timedelta
from decimal import Decimal

from django.db.models import Count, Max

from analytics import lookup
from catalog import pricing
from catalog.episodes import Step
from catalog.models import PricePoint

WINDOW = timedelta(days=30)

# From the last point at `since` or before it on; without one, from `since`.
STEPS = """
    SELECT p.sku, p.currency, p.since, p.price
    FROM unnest(%(skus)s::text[]) AS asked (sku)
    JOIN catalog_pricepoint p ON p.sku = asked.sku AND p.since >= coalesce(
      (SELECT max(b.since) FROM catalog_pricepoint b
       WHERE b.sku = asked.sku AND b.since <= %(since)s), %(since)s)
    ORDER BY p.sku, p.since, p.id
"""


def steps_of(skus: Collection[str], *, since: datetime) -> dict[str, list[Step]]:
    """Return our products' prices: from the one in force at `since` on.

    Of a product that changed its currency, those in the last one.
    """
    found: dict[str, list[Step]] = {}
    money: dict[str, str] = {}
    values = {"skus": list(skus), "since": since}
    for sku, currency, at, price in lookup.rows(STEPS, values):
        # Amounts of two currencies have no order: what came before is left.
        if money.setdefault(sku, currency) != currency:
            money[sku] = currency
            found[sku].clear()
        steps = found.setdefault(sku, [])
        if price is not None:
            steps.append(Step(at=at, price=price))
    return found


def references(
    skus: Collection[str], *, at: datetime
) -> dict[tuple[str, str], Decimal]:
    """Return (sku, currency) -> the lowest price of the 30 days before `at`."""
    changes: dict[tuple[str, str], list[tuple[datetime, Decimal | None]]] = {}
    values = {"skus": list(skus), "since": at - WINDOW, "at": at}
    for sku, currency, since, price in lookup.rows(POINTS, values):
        changes.setdefault((sku, currency), []).append((since, price))
    found = {
        key: pricing.reference_price(rows, at=at, window=WINDOW)
        for key, rows in changes.items()
    }
    return {key: price for key, price in found.items() if price is not None}


# The second part is the price in force when the window begins, one row a product.
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


def last_changes(skus: Collection[str]) -> dict[str, datetime]:
    """Return when prices changed last; a product's first price is no change."""
    points = PricePoint.objects.filter(sku__in=skus, price__isnull=False)
    rows = points.values_list("sku").annotate(Max("since"), Count("id"))
    return {sku: last for sku, last, times in rows if times > 1}
