"""What products have cost before: the log's price changes.

It reads all price changes of the log: for an approval's guard, not for a request.
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from decimal import Decimal

from analytics import events, lookup, store
from catalog import pricing
from catalog.episodes import Step


def reference_prices(
    skus: Collection[str], *, currency: str, at: datetime
) -> Mapping[str, Decimal]:
    """Return the products' lowest prices of the 30 days before `at`.

    A product without a price then is missing.
    """
    changes: dict[str, list[tuple[datetime, Decimal]]] = {}
    wanted = frozenset(skus)
    for stored in store.read(until=store.high_water(), types=["price_changed"]):
        event = stored.event
        if not isinstance(event, events.PriceChanged) or event.sku not in wanted:
            continue
        if event.currency == currency:
            changes.setdefault(event.sku, []).append((stored.occurred_at, event.price))
    found = {
        sku: pricing.reference_price(sorted(rows), at=at)
        for sku, rows in changes.items()
    }
    return {sku: price for sku, price in found.items() if price is not None}


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
        if money.setdefault(sku, currency) != currency:
            money[sku] = currency
            found[sku].clear()
        found.setdefault(sku, []).append(Step(at=at, price=price))
    return found
