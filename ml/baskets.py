"""What a customer may put into the next basket: features of customer × product.

One definition for training, the night's batch and one live customer. All of it is as of
each customer's own moment `now`, the visit itself, which a live system knows: clocks
are shifted so that every customer's now is 0. What the shop at large buys (`Shelf`) is
as of the night before.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.neighbours import decayed
from ml.purchases import Codes, Numbers, Pairs, Purchases, pairs
from ml.shelves import Shelf, Visits

OWN = 0.7
"""The weight of the own profile against the neighbours' in the feature `blend`."""
FEATURES = (
    "orders", "orders_28", "orders_91", "fresh_15", "fresh_40", "fresh_100",
    "share", "share_fresh", "share_fresh_30", "share_since", "recency", "visits_since",
    "gap", "due", "due_off", "once", "never", "last_visit", "last_three",
    "weekday", "quantity", "discount", "to_best", "to_best_30",
    "rank", "rank_30", "category_fresh", "category_recency", "category_due",
    "category_share", "sister_newer", "popular", "kept", "near", "near_to_best",
    "near_rank", "visits", "since_visit", "visit_gap", "basket", "overslept",
    "blend", "blend_rank",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Rows:
    """Candidates, by customer: row i proposes product[i] to customer[i]."""

    customer: Codes
    product: Codes
    near: Numbers

    def __len__(self) -> int:
        return len(self.product)

    def where(self, kept: NDArray[np.bool_]) -> "Rows":
        """Keep these rows."""
        return Rows(
            customer=self.customer[kept],
            product=self.product[kept],
            near=self.near[kept],
        )


def shifted(past: Purchases, now: Numbers) -> Purchases:
    """Set the clocks so that each customer's `now` is 0."""
    moved = now[past.customer]
    return replace(past, day=past.day - moved, until=past.until - moved)


def features(
    shop: Shelf, past: Purchases, rows: Rows, now: Numbers
) -> NDArray[np.float32]:
    """Return the features of each row, (rows, FEATURES).

    `past` is coded by the vocabulary; `now` is in days, one of each customer.
    """
    moved = shifted(past, now)
    visits = Visits.of(moved, customers=len(now), day=0.0)
    products = pairs(moved, moved.product, day=0.0)
    lines = np.bincount(products.customer[products.of], minlength=len(now))
    found = _of_rows(shop, moved, products, visits, rows)
    found |= _beside(found, rows, customers=len(now))
    found["popular"] = np.log(shop.popular[rows.product] + 1e-5)
    found["kept"] = np.log(shop.kept[rows.product])
    found["near"] = np.log(rows.near + 1e-4)
    for name, value in _of_customers(visits, lines).items():
        found[name] = value[rows.customer]
    return np.stack([found[name] for name in FEATURES], 1).astype(np.float32)


def _of_rows(
    shop: Shelf, moved: Purchases, products: Pairs, visits: Visits, rows: Rows
) -> dict[str, NDArray[Any]]:
    """Say how the customer has bought the product, and its category."""
    # Product −1, outside the vocabulary, reads the last place: no category.
    kinds = np.append(shop.category, -1)[moved.product]
    categories = pairs(moved, kinds, day=0.0)
    at = _found(products, rows.customer, rows.product)
    spot = _found(categories, rows.customer, shop.category[rows.product])
    found = _spread(_of_pairs(products, visits), at)
    for name, value in _spread(_of_pairs(categories, visits), spot).items():
        found["category_" + name] = value
    found["never"] = at < 0
    found["category_share"] = (found["n"] + 0.5) / (found["category_n"] + 1)
    # Never bought, its age is 400 days: then any purchase of the category is newer.
    found["sister_newer"] = (found["category_age"] < found["age"]) * (at >= 0)
    return found


def _beside(
    found: Mapping[str, NDArray[Any]], rows: Rows, *, customers: int
) -> dict[str, NDArray[Any]]:
    """Compare a candidate with the customer's others."""
    who = rows.customer
    blend = OWN * found["weight"] + (1 - OWN) * rows.near
    return {
        "to_best": _to_best(who, found["fresh_100"], customers),
        "to_best_30": _to_best(who, found["fresh_40"], customers),
        "near_to_best": _to_best(who, rows.near, customers),
        "rank": _ranks(who, -found["share_fresh"]),
        "rank_30": _ranks(who, -found["share_fresh_30"]),
        "near_rank": _ranks(who, -rows.near),
        "blend": np.log(blend + 1e-4),
        "blend_rank": _ranks(who, -blend),
    }


def _of_customers(visits: Visits, lines: NDArray[Any]) -> dict[str, NDArray[Any]]:
    """Say how often each customer comes, when last, and how much they buy."""
    count = np.diff(visits.first).astype(float)
    some = count > 0
    # 60 and 14 days stand for "not known" (product_meanings).
    last = np.full(len(count), 60.0)
    last[some] = visits.age[visits.first[:-1][some]]
    oldest = np.full(len(count), 60.0)
    oldest[some] = visits.age[visits.first[1:][some] - 1]
    gap = np.where(count > 1, (oldest - last) / np.maximum(count - 1, 1), 14.0)
    return {
        "visits": np.log1p(count),
        "since_visit": np.log1p(last),
        "visit_gap": np.log1p(gap),
        "basket": np.log1p(lines / np.maximum(count, 1)),
        "overslept": np.log1p(np.minimum(last / np.maximum(gap, 0.5), 10)),
    }


MISSING = {"age": 400.0, "recency": np.log1p(400.0), "visits_since": 5.0, "gap": 5.0}


def _of_pairs(bought: Pairs, visits: Visits) -> dict[str, Numbers]:
    who = bought.customer
    n = bought.orders()
    newest, oldest = bought.newest(), bought.oldest()
    gap = np.where(n > 1, (oldest - newest) / np.maximum(n - 1, 1), 0.0)
    due = np.where(n > 1, newest / np.maximum(gap, 1.0), 0.0).clip(max=6)
    since = visits.within(who, newest)
    chances = visits.within(who, oldest) + 1
    count = np.maximum(np.diff(visits.first), 1)[who]
    fresh = {half: decayed(bought, half) for half in (15.0, 40.0, 100.0, 30.0)}
    of = bought.of
    # Ages are whole days before now: 0 and 6 are the 24 hours on either side of this
    # moment of the week, two days of seven, so 1 / 3.5 is chance below.
    same = bought.total(np.isin(bought.age % 7, (0, 6)))
    third = np.bincount(of, visits.within(who[of], bought.age) < 3, len(bought))
    return {
        "n": n,
        "age": newest,
        "orders": np.log1p(n),
        "orders_28": np.log1p(bought.orders(28)),
        "orders_91": np.log1p(bought.orders(91)),
        "weight": fresh[100.0],
        "fresh_15": np.log1p(4 * fresh[15.0]),
        "fresh_40": np.log1p(2 * fresh[40.0]),
        "fresh_100": np.log1p(fresh[100.0]),
        "fresh": np.log1p(2 * fresh[40.0]),
        "share": np.log(n / count + 0.01),
        "share_fresh": np.log(
            fresh[100.0] / np.maximum(visits.decayed(100.0)[who], 1) + 0.01
        ),
        "share_fresh_30": np.log(
            fresh[30.0] / np.maximum(visits.decayed(30.0)[who], 0.5) + 0.01
        ),
        "share_since": np.log((n - 0.5) / (chances + 1)),
        "recency": np.log1p(newest),
        "visits_since": np.log1p(since),
        "gap": np.where(n > 1, np.log1p(gap), 5.0),
        "due": np.where(n > 1, np.log1p(due), 0.0),
        "due_off": np.where(n > 1, np.abs(np.log((newest + 1) / (gap + 1))), 2.0),
        "once": (n == 1).astype(float),
        "last_visit": (since == 0).astype(float),
        "last_three": third,
        "weekday": (same + 1) / (n + 3.5),
        "quantity": np.log(np.maximum(bought.total(bought.quantity) / n, 0.1)),
        "discount": bought.total(bought.discount)
        / np.maximum(bought.total(bought.shelf), 0.01),
    }


def _spread(of: Mapping[str, Numbers], at: NDArray[np.int64]) -> dict[str, Any]:
    """Give each row its pair's values, and who has none what stands for that."""
    # Place −1, no such pair, reads the last: what stands for missing.
    return {
        name: np.append(value, MISSING.get(name, 0.0))[at] for name, value in of.items()
    }


def _found(bought: Pairs, customer: Codes, item: Codes) -> NDArray[np.int64]:
    """Return each row's place among the pairs, -1 for none."""
    key = bought.customer.astype(np.int64) << 32 | bought.item
    sought = customer.astype(np.int64) << 32 | item.astype(np.int64)
    if not len(key):
        return np.full(len(sought), -1)
    # Pairs come by customer, then item, so the keys are sorted.
    at = np.searchsorted(key, sought).clip(max=len(key) - 1)
    return np.where((key[at] == sought) & (item >= 0), at, -1)


def _to_best(customer: Codes, value: Numbers, customers: int) -> Numbers:
    best = np.zeros(customers)
    np.maximum.at(best, customer, value)
    return np.sqrt(value / np.maximum(best[customer], 1e-9))


def _ranks(customer: Codes, value: Numbers) -> Numbers:
    """Log rank within the customer, best (smallest value) first."""
    order = np.lexsort((value, customer))
    sorted_ = customer[order]
    first = np.searchsorted(sorted_, sorted_)
    rank = np.empty(len(order))
    rank[order] = np.arange(len(order)) - first
    return np.log1p(rank)
