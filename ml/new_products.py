"""Products too new to be ranked by orders that are like what a customer buys."""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import numpy as np

from analytics import lookup
from catalog.models import Product
from ml import live, own_past, tastes
from ml.listings import MODEL

NEW = timedelta(days=56)
MOST_NEW = 2000
VECTORS = """
    SELECT c.product_id, v.vector FROM ml_productcontent c
    JOIN ml_contentvector v ON v.id = c.content_id
    WHERE c.product_id = ANY(%s) AND c.source = 'text' AND v.model = %s
    ORDER BY c.product_id
"""


def newcomers(
    person: UUID, *, at: datetime, most: int, excluded: Collection[str] = ()
) -> list[str]:
    """Return products too new to be ranked that are like what a customer buys.

    Nothing for who has not bought: there is nothing to be like.
    """
    bought = own_past.bought(person, at=at, half_life=tastes.HALF_LIFE)
    # What is ranked by orders has its place among the others.
    barred = {*excluded, *bought, *live.ranked_skus()}
    new = [(sku, row) for sku, row in _new(at) if sku not in barred]
    weights = sorted(bought.items(), key=lambda one: -one[1])[: tastes.MOST]
    mine = dict(_vectors([sku for sku, _ in weights]))
    known = [(mine[sku], weight) for sku, weight in weights if sku in mine]
    if not new or not known:
        return []
    worth = tastes.wanted(
        np.array([row for _, row in new]),
        np.array([row for row, _ in known]),
        np.array([weight for _, weight in known]),
    )
    order = np.argsort(-worth, kind="stable")[:most]
    return [new[place][0] for place in order if worth[place] > 0]


def _new(at: datetime) -> list[tuple[str, Any]]:
    fresh = Product.objects.filter(first_listed_at__gt=at - NEW)
    sold = fresh.filter(promotable=True, price__isnull=False).exclude(stock=0)
    newest = sold.order_by("-first_listed_at", "sku")[:MOST_NEW]
    return list(_vectors(list(newest.values_list("sku", flat=True))))


def _vectors(skus: Sequence[str]) -> Iterator[tuple[str, Any]]:
    """Yield products' vectors, read in binary: two small numbers, then the halves."""
    rows = lookup.rows(VECTORS, [list(skus), MODEL], prepare=False)
    for sku, vector in rows:
        yield sku, np.frombuffer(vector, ">f2", offset=4).astype(np.float32)
