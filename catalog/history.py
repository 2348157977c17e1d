"""What products have cost, price by price."""

from collections.abc import Collection
from datetime import datetime

from catalog.episodes import Step
from catalog.models import PricePoint


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
