"""Put lines of price changes into force, and out of it: one transaction, all or none.

What should be in force follows from the strategies' states and the lines' periods, so
to roll twice is safe, and a worker that was away catches up. Locks are taken in one
order: strategies by id, then the products (catalog.prices), the log last.
"""

from collections.abc import Sequence

from analytics import events
from promotions.models import PriceLine


def steps(lines: Sequence[PriceLine]) -> events.PricesProposed:
    """Return lines as the log holds them."""
    return events.PricesProposed(
        lines=tuple(
            events.PriceStep(
                sku=line.sku,
                price=line.price,
                was=line.was,
                starts_at=line.starts_at,
                ends_at=line.ends_at,
            )
            for line in lines
        )
    )
