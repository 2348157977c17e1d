"""What products have cost before: the log's price changes.

It reads all price changes of the log: for an approval's guard, not for a request.
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from decimal import Decimal

from analytics import events, store
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


def steps_of(skus: Collection[str], *, since: datetime) -> dict[str, list[Step]]:
    """Return our products' prices: from the one in force at `since` on."""
    found: dict[str, list[Step]] = {}
    for stored in store.read(until=store.high_water(), types=["price_changed"]):
        event = stored.event
        if isinstance(event, events.PriceChanged) and event.sku in skus:
            step = Step(at=stored.occurred_at, price=event.price)
            found.setdefault(event.sku, []).append(step)
    for steps in found.values():
        steps.sort(key=lambda step: step.at)
        while len(steps) > 1 and steps[1].at <= since:
            del steps[0]
    return found
