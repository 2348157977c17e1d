"""What a customer bought lately, cut to a fixed length: the input of the two towers.

Pure NumPy: training, the night and the web process count bags from `ml.purchases`.
"""

from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ml.purchases import Codes, Purchases, pairs

Floats = NDArray[np.float32]

LENGTH = 128
"""Items kept of a bag, the heaviest by the longest half-life."""
HALF_LIVES = (20.0, 100.0)
"""Days after which a purchase counts half; weights of each sum to 1 over a bag."""
CONTEXT = ("orders_28", "orders", "recency", "lines")
"""log1p of orders in 28 days, of all orders, of days since the last, of pairs."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Bags:
    """One row a customer: items (n × LENGTH, -1 where empty), weights, context."""

    item: Codes
    weight: Floats
    context: Floats

    def __len__(self) -> int:
        return len(self.item)

    def where(self, rows: NDArray[Any]) -> Self:
        return type(self)(**{f.name: getattr(self, f.name)[rows] for f in fields(self)})


def bags(past: Purchases, item: Codes, *, day: float, customers: int) -> Bags:
    """Fill a bag for each of the customers 0..customers-1 as of `day`.

    `past` must hold nothing at or after `day`. Without purchases a bag is empty.
    """
    grouped = pairs(past, item, day=day)
    decayed = [grouped.total(np.exp2(-grouped.age / days)) for days in HALF_LIVES]
    order = np.lexsort((-decayed[-1], grouped.customer))
    owner = grouped.customer[order]
    place = np.arange(len(order)) - np.searchsorted(owner, owner)
    kept, place = order[place < LENGTH], place[place < LENGTH]
    owner = grouped.customer[kept]
    into = np.full((customers, LENGTH), -1, np.int32)
    into[owner, place] = grouped.item[kept]
    weight = np.zeros((customers, LENGTH, len(HALF_LIVES)), np.float32)
    for column, values in enumerate(decayed):
        weight[owner, place, column] = values[kept]
    weight /= np.maximum(weight.sum(axis=1, keepdims=True), 1e-12)
    return Bags(item=into, weight=weight, context=_context(past, day, customers))


def _context(past: Purchases, day: float, customers: int) -> Floats:
    _, first = np.unique(past.order, return_index=True)
    who, age = past.customer[first], day - past.day[first]
    recency = np.full(customers, 365.0)
    np.minimum.at(recency, who, age)
    columns = (
        np.bincount(who[age < 28], minlength=customers),
        np.bincount(who, minlength=customers),
        recency,
        np.bincount(past.customer, minlength=customers),
    )
    return np.log1p(np.column_stack(columns)).astype(np.float32)
