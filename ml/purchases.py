"""Order lines as parallel arrays: what every feature is counted from.

Pure NumPy, so that the nightly scores of all customers and the web process's features
of one customer are counted by the same code. Customers, products and categories are
codes into lists that the caller holds; -1 stands for one that is not in the list.
"""

from dataclasses import dataclass, fields, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.int32]
Numbers = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Purchases:
    """One row of each array is one order line; times are days since 1970 UTC.

    `until` is the day when the line, or this part of it, went back; inf: it stands.
    """

    customer: Codes
    order: NDArray[np.int64]
    day: Numbers
    product: Codes
    category: Codes
    quantity: Numbers
    paid: Numbers
    shelf_discount: Numbers
    coupon_discount: Numbers
    until: Numbers

    def __len__(self) -> int:
        return len(self.day)

    @property
    def shelf(self) -> Numbers:
        """What the lines would have cost at the shelf price."""
        return self.paid + self.shelf_discount

    @property
    def discount(self) -> Numbers:
        return self.shelf_discount + self.coupon_discount

    def where(self, rows: NDArray[Any]) -> Self:
        """Keep these rows: a mask, or indices."""
        return type(self)(**{f.name: getattr(self, f.name)[rows] for f in fields(self)})

    def recoded(self, customer: Codes) -> Self:
        """Give the same lines other customer codes."""
        return replace(self, customer=customer.astype(np.int32))

    @property
    def newest(self) -> float:
        """The moment of the last order or return."""
        back = self.until[np.isfinite(self.until)]
        return float(max(self.day.max(), back.max(initial=-np.inf)))

    def known(self, day: float) -> NDArray[np.bool_]:
        """Mark what had happened before the moment, and had not gone back by then."""
        return (self.day < day) & (self.until >= day)

    def bought(self, start: float, end: float) -> NDArray[np.bool_]:
        """Mark what was bought in [start, end) and not given back by the end."""
        return self.known(end) & (self.day >= start)

    def before(self, day: float) -> Self:
        """Keep what was known before the moment."""
        return self.where(self.known(day))


@dataclass(frozen=True, kw_only=True)
class History:
    """Order lines with what their codes stand for, each list sorted."""

    purchases: Purchases
    customers: list[str]
    products: list[str]
    categories: list[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Pairs:
    """What each customer did with each item, one row a pair, by customer, then item.

    `first`, `of` and `age` go down to orders: pair i's orders are the rows
    first[i]:first[i + 1], newest last; row j belongs to pair of[j] and lies age[j]
    whole days back. Amounts are sums over the order's lines of the item.
    """

    customer: Codes
    item: Codes
    first: NDArray[np.int64]
    of: NDArray[np.int64]
    age: Numbers
    quantity: Numbers
    shelf: Numbers
    discount: Numbers
    coupon: Numbers

    def __len__(self) -> int:
        return len(self.customer)

    def total(self, values: NDArray[Any]) -> Numbers:
        """Add a value of each order up by pair."""
        return np.bincount(self.of, values, len(self)).astype(np.float64)

    def orders(self, days: float = np.inf) -> Numbers:
        """Count the orders of the last `days`."""
        return self.total(self.age < days)

    def newest(self) -> Numbers:
        """Return the age of each pair's newest order."""
        return self.age[self.first[1:] - 1]

    def oldest(self) -> Numbers:
        return self.age[self.first[:-1]]


def pairs(past: Purchases, item: Codes, *, day: float) -> Pairs:
    """Group lines by customer and `item` as of `day`; rows with item -1 are left out.

    `past` must hold nothing at or after `day`.
    """
    kept = np.flatnonzero(item >= 0)
    key = past.customer[kept].astype(np.int64) << 32 | item[kept]
    # By pair, then time; the number parts orders of one moment.
    kept = kept[np.lexsort((past.order[kept], past.day[kept], key))]
    key = past.customer[kept].astype(np.int64) << 32 | item[kept]
    order = past.order[kept]
    opens = np.empty(len(kept), bool)
    opens[:1] = True
    # Lines of one order are one purchase of the item.
    opens[1:] = (key[1:] != key[:-1]) | (order[1:] != order[:-1])
    spot = np.cumsum(opens) - 1
    lines = kept[opens]
    # One row an order and item so far; from here on one a pair, whose orders follow
    # each other.
    keys, first = np.unique(key[opens], return_index=True)
    bounds = np.append(first, len(lines)).astype(np.int64)

    def added(values: Numbers) -> Numbers:
        return np.bincount(spot, values[kept], len(lines)).astype(np.float64)

    return Pairs(
        customer=(keys >> 32).astype(np.int32),
        item=(keys & 0xFFFFFFFF).astype(np.int32),
        first=bounds,
        of=np.repeat(np.arange(len(keys)), np.diff(bounds)),
        age=np.floor(day - past.day[lines]),
        quantity=added(past.quantity),
        shelf=added(past.shelf),
        discount=added(past.discount),
        coupon=added(past.coupon_discount),
    )
