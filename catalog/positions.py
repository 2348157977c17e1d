"""Where our prices stand beside competitors': counted every hour, by a worker.

Each matched product has a row (Position): both prices, what was sold lately, since when
we are undercut, whether a promotion of theirs runs. All of it can be counted again.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.conf import settings
from django.db import transaction

from analytics import store
from catalog import episodes, pricing
from catalog.competitors import MATCHED, STALE, histories
from catalog.episodes import Promotion, Step
from catalog.history import steps_of
from catalog.mirrors import lock, mirror
from catalog.models import CompetitorProduct, Match, Position, Product

SOLD_IN = timedelta(days=28)
BACK = timedelta(days=400)
"""So far back histories are read."""
NAMES = (
    *("product_id", "sku", "category", "currency", "ours", "theirs", "cost", "units"),
    *("fresh", "undercut_since", "promotion_since", "usual", "depth", "counted_at"),
)


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A competitor's product and ours, which has a price in the same currency."""

    theirs: CompetitorProduct
    ours: Product
    price: Decimal


def count(*, at: datetime) -> int:
    """Count all positions anew; return how many there are."""
    pairs = list(_pairs())
    sold = store.units_sold(at - SOLD_IN, at)
    ours = steps_of({one.ours.sku for one in pairs}, since=at - BACK)
    theirs = histories([one.theirs.pk for one in pairs], since=at - BACK)
    rows = [
        _row(one, sold, ours.get(one.ours.sku, []), theirs.get(one.theirs.pk, []), at)
        for one in pairs
    ]
    with transaction.atomic():
        lock("catalog_position")
        mirror("catalog_position", NAMES, rows, key=["product_id"])
        Position.objects.exclude(product__in=[row[0] for row in rows]).delete()
    return len(rows)


def _pairs() -> Iterator[Pair]:
    matches = Match.objects.filter(state__in=MATCHED).select_related("product", "sku")
    for match in matches.order_by("product"):
        ours, theirs = match.sku, match.product
        if ours is None or ours.price is None or ours.currency != theirs.currency:
            continue
        yield Pair(theirs=theirs, ours=ours, price=ours.price)


def _row(
    pair: Pair,
    sold: Mapping[str, float],
    ours: Sequence[Step],
    theirs: Sequence[Step],
    at: datetime,
) -> tuple[object, ...]:
    mine, other, price = pair.ours, pair.theirs, pair.price
    running = [one for one in episodes.promotions(theirs, at=at) if one.end is None]
    promotion: Promotion | None = running[-1] if running else None
    fresh = other.available and at - other.seen_at <= STALE
    since = None
    if fresh and other.price < price:
        since = episodes.undercut_since(ours, theirs, at=at) or other.since
    return (
        *(other.pk, mine.sku, mine.category, mine.currency, price, other.price),
        pricing.unit_cost(price, mine.cost, settings.ASSUMED_MARGIN),
        sold.get(mine.sku, 0.0) / (SOLD_IN / timedelta(weeks=1)),
        *(fresh, since, promotion and promotion.start, promotion and promotion.usual),
        *(promotion and promotion.depth, at),
    )
