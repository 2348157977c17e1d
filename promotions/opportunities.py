"""Where a proposal's gain would come from, and what it does to stock.

Customers stand in one of four ways to a category, and the first that is true counts:
they bought there and are slipping away; they buy there; they never did, but they buy
what goes with it (cross-sell); they never did, though they may. Worker only.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

import numpy as np
from django.db.models import Count, Q, Sum

from analytics import lookup
from catalog.models import Product
from ml import lines, together
from promotions.beliefs import Floats

LAPSING, REGULAR, CROSS_SELL, UNWON = "lapsing", "regular", "cross-sell", "unwon"
TIMES = 1.5
"""Categories go together that surely share an order so much oftener than by chance."""
MEMORY = timedelta(days=365)
"""So old may an order be that tells of pairs."""
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
    """Customers of one kind in a proposal: how many, and what they would bring.

    Of a cross-sell, `partner` is what they buy, which is in one order with the category
    `times` as often as by chance.
    """

    kind: str
    reach: int
    margin: float
    partner: str = ""
    times: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Partner:
    """What goes with a category, `times` as often as by chance."""

    category: str
    times: float


@dataclass(frozen=True, kw_only=True)
class Stands:
    """How each customer stands to a category, and what goes with it, if anything."""

    kinds: Sequence[str]
    partner: Partner | None = None


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


def partners(*, at: datetime) -> Mapping[str, Partner]:
    """Return what goes with each category best, for those with which something does."""
    history = lines.arrays(lines.read(until=at))
    now = at.timestamp() / 86_400
    past = history.purchases
    past = past.where(past.bought(now - MEMORY.days, now))
    if not len(past):
        return {}
    found = together.of_categories(past, categories=len(history.categories))
    # A category shares all orders with itself.
    np.fill_diagonal(found.low, 0.0)
    return {
        name: Partner(
            category=history.categories[best],
            times=float(found.times[place, best]),
        )
        for place, name in enumerate(history.categories)
        # By the interval's low end: a pair that was seen twice is luck.
        if found.low[place, best := int(found.low[place].argmax())] >= TIMES
    }


def kinds(
    category: str,
    customers: Sequence[UUID],
    *,
    at: datetime,
    partner: Partner | None = None,
) -> Stands:
    """Say of each customer how they stand to a category, with which a partner goes."""
    known, theirs = _known(category, at), {}
    if partner:
        theirs = _known(partner.category, at)
    buyers = {one for one, kind in theirs.items() if kind == REGULAR}
    others = dict.fromkeys(buyers, CROSS_SELL)
    # What was bought in the category itself goes before what goes with it.
    every = others | known
    return Stands(kinds=[every.get(one, UNWON) for one in customers], partner=partner)


def parts(stands: Stands, margin: Floats) -> Iterator[Part]:
    """Split what a proposal brings by kind, the largest first; `margin` by customer."""
    named, inside = np.array(stands.kinds), margin > 0
    found = [
        Part(
            kind=kind,
            reach=int((mine := inside & (named == kind)).sum()),
            margin=float(margin[mine].sum()),
        )
        for kind in (LAPSING, REGULAR, CROSS_SELL, UNWON)
    ]
    if partner := stands.partner:
        named_after = {"partner": partner.category, "times": partner.times}
        found = [
            replace(one, **named_after) if one.kind == CROSS_SELL else one  # type: ignore[arg-type]
            for one in found
        ]
    yield from sorted((one for one in found if one.reach), key=lambda one: -one.margin)


def _known(category: str, at: datetime) -> dict[UUID, str]:
    """Say of whoever bought in a category whether they still do."""
    rows = lookup.rows(BOUGHT, [category], prepare=False)
    return {
        person: _kind(orders, last, first, at) for person, orders, last, first in rows
    }


def stock() -> Mapping[str, Stock]:
    """Return every category's stock."""
    rows = Product.objects.values("category").annotate(
        units=Sum("stock"), unknown=Count("pk", filter=Q(stock=None))
    )
    weekly = dict(lookup.rows(WEEKLY, [], prepare=False))
    return {
        row["category"]: Stock(
            # With one product of unknown stock the sum is too
            # small, and nothing is known.
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
    # From the person's first order of all: when they first bought in
    # the category is not kept.
    gap = (last - (first or last)).days / max(1, orders - 1) if orders > 1 else MONTH
    return LAPSING if (at - last).days > LATE * max(gap, 7) else REGULAR
