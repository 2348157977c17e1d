"""Where a proposal's gain would come from, and what it does to stock.

Customers stand in one of three ways to a category: they bought there and are slipping
away, they never bought there though they might, or they buy there.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import numpy as np
from django.db.models import Count, Q, Sum

from analytics import lookup
from catalog.models import Product
from promotions.value import Floats

LAPSING, UNWON, REGULAR = "lapsing", "unwon", "regular"
LATE = 2.0
"""Whoever has stayed away so many of their usual gaps is slipping away."""
MONTH = 28
"""Days: the usual gap of who bought only once."""
WEEKS = 26
"""More stock than sells in so many weeks is too much."""

BOUGHT = """
    SELECT coalesce(c.person, a.customer), sum(a.orders), max(a.last_at),
        min(p.first_order_at)
    FROM analytics_affinity a
    LEFT JOIN analytics_customer c ON c.key = a.customer
    LEFT JOIN analytics_profile p ON p.customer = a.customer
    WHERE a.category = %s AND a.orders > 0 GROUP BY 1
"""


@dataclass(frozen=True, kw_only=True)
class Part:
    """Customers of one kind in a proposal: how many, and what they would bring."""

    kind: str
    reach: int
    margin: float


@dataclass(frozen=True, kw_only=True)
class Stock:
    """Units on hand in a category, None where the feed does not say, and sold a week.

    `weeks`: how long the stock lasts; `too_much` of it is there.
    """

    on_hand: int | None
    weekly: float

    @property
    def weeks(self) -> float | None:
        if self.on_hand is None or self.weekly <= 0:
            return None
        return self.on_hand / self.weekly

    @property
    def too_much(self) -> bool:
        return self.weeks is not None and self.weeks > WEEKS


def kinds(category: str, customers: Sequence[UUID], *, at: datetime) -> list[str]:
    """Say of each customer how they stand to a category."""
    rows = lookup.rows(BOUGHT, [category], prepare=False)
    known = {
        person: _kind(orders, last, first, at) for person, orders, last, first in rows
    }
    return [known.get(one, UNWON) for one in customers]


def parts(kinds: Sequence[str], margin: Floats) -> Iterator[Part]:
    """Split what a proposal brings by kind, the largest first; `margin` by customer."""
    named, inside = np.array(kinds), margin > 0
    found = [
        Part(
            kind=kind,
            reach=int((mine := inside & (named == kind)).sum()),
            margin=float(margin[mine].sum()),
        )
        for kind in (LAPSING, UNWON, REGULAR)
    ]
    yield from sorted((one for one in found if one.reach), key=lambda one: -one.margin)


def stock() -> Mapping[str, Stock]:
    """Return every category's stock."""
    rows = Product.objects.values("category").annotate(
        units=Sum("stock"), unknown=Count("pk", filter=Q(stock=None))
    )
    weekly = dict(lookup.rows(WEEKLY, [], prepare=False))
    return {
        row["category"]: Stock(
            on_hand=None if row["unknown"] else row["units"],
            weekly=float(weekly.get(row["category"], 0.0)),
        )
        for row in rows
    }


WEEKLY = """
    SELECT a.category, sum(a.units) * 7.0 / greatest(1, extract(day FROM
        max(a.last_at) - min(p.first_order_at)))
    FROM analytics_affinity a JOIN analytics_profile p ON p.customer = a.customer
    WHERE a.orders > 0 GROUP BY 1
"""


def _kind(orders: int, last: datetime, first: datetime | None, at: datetime) -> str:
    gap = (last - (first or last)).days / max(1, orders - 1) if orders > 1 else MONTH
    return LAPSING if (at - last).days > LATE * max(gap, 7) else REGULAR
