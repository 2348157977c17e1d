"""Each category as of a moment over all customers, and how categories go together.

`context` is measured once a cut-off; it is kept with the model as plain arrays, so that
one live customer is built without anybody else's lines. Pure.
The affinity is learnt from the past alone: a ridge regression foretells each category
of the last closed windows of 28 days from all categories before it, so that what
sister categories say counts (EASE's idea, Steck 2019, with time between both sides).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from ml.purchases import Codes, Numbers, Purchases, pairs

ACTIVE_DAYS = 84
WINDOW = 28.0
LESSONS = 6
"""Closed windows that the affinity is learnt from."""
RIDGE = 1500.0
LEAST_CHANCE, MOST_CHANCE = 0.002, 0.98
MEASURES = (
    "category_rate_28",
    "category_rate_182",
    "category_share",
    "category_price",
    "category_discount",
    "category_discount_7",
    "category_trend",
    "category_spend",
)


@dataclass(frozen=True, kw_only=True)
class Context:
    """`measures` is categories × MEASURES; `weights` inputs × categories.

    `category_spend` is the mean shelf value that a customer who buys in a window of 28
    days buys in it, over the last six windows.
    """

    day: float
    measures: NDArray[np.float64]
    weights: NDArray[np.float32]

    def column(self, name: str) -> Numbers:
        return self.measures[:, MEASURES.index(name)]

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return what a model file holds; `of` reads it back."""
        return {
            "context_day": np.array(self.day),
            "context_measures": self.measures,
            "context_weights": self.weights,
        }

    @classmethod
    def of(cls, arrays: Mapping[str, NDArray[np.generic]]) -> Self:
        return cls(
            day=float(arrays["context_day"]),
            measures=np.asarray(arrays["context_measures"], np.float64),
            weights=np.asarray(arrays["context_weights"], np.float32),
        )


def context(past: Purchases, *, day: float, categories: int) -> Context:
    """Measure each category 0..categories-1 as of `day` over all customers."""
    before = past.before(day)
    # Codes from `categories` on are those that the model does not name (ml.codes): they
    # count for the customer, for no category.
    known = np.where(before.category < categories, before.category, -1)
    return Context(
        day=day,
        measures=_measures(before, known.astype(np.int32), day, categories),
        weights=_learnt(before, known.astype(np.int32), day, categories),
    )


def inputs(own: Mapping[str, Numbers]) -> NDArray[np.float32]:
    """Lay a customer's row of the affinity out: customers × (3 categories + 4)."""
    halves = [np.log1p(own[f"decayed_{days}"]) for days in (14, 30, 100)]
    visits = [np.log1p(own[f"customer_decayed_{days}"]) for days in (14, 30, 100)]
    one = np.ones_like(visits[0])
    return np.concatenate([*halves, *visits, one], axis=1).astype(np.float32)


def affinities(own: Mapping[str, Numbers], context: Context) -> Numbers:
    """Return what a customer's categories foretell for each, as `odds`."""
    chance = np.asarray(inputs(own) @ context.weights, np.float64)
    # A ridge regression's chances may leave 0 to 1.
    return odds(np.clip(chance, LEAST_CHANCE, MOST_CHANCE))


def odds(chance: Numbers) -> Numbers:
    """Return odds in thousandths: estimators.Clip takes log(1 + x) of them.

    So a logistic gets nearly the log-odds. On four fifths of the households of The
    Complete Journey three such features gained it 0.0008 nats over their log-odds,
    which the logarithm would bend.
    """
    return np.asarray(1000 * chance / (1 - chance))


def decayed(
    past: Purchases, item: Codes, *, day: float, shape: tuple[int, int]
) -> dict[str, Numbers]:
    """Count each customer's orders with each item, halved every 14, 30, 100 days."""
    rows = pairs(past, item, day=day)
    out = {}
    for days in (14, 30, 100):
        table = np.zeros(shape)
        table[rows.customer, rows.item] = rows.total(0.5 ** (rows.age / days))
        out[f"decayed_{days}"] = table
    return out


def _learnt(
    past: Purchases, item: Codes, day: float, categories: int
) -> NDArray[np.float32]:
    """Solve the ridge regression over the closed windows; zeros without any."""
    size = 3 * categories + 4
    gram, cross = np.zeros((size, size)), np.zeros((size, categories))
    first = past.day.min() if len(past) else day
    customers = int(past.customer.max()) + 1 if len(past) else 0
    for back in range(1, LESSONS + 1):
        cut = day - back * WINDOW
        # With less before it nobody can be told active, and few purchases are known.
        if cut - first < ACTIVE_DAYS:
            break
        # x: active customers × (3 categories + 4), y: what they bought in the window.
        x, y = _lesson(past, item, cut, customers, categories)
        gram += x.T @ x
        cross += x.T @ y
    gram[np.diag_indices(size)] += RIDGE
    # The constant is not shrunk; a trace stays, so that it solves without a lesson too.
    gram[-1, -1] -= RIDGE - 1e-3
    return np.asarray(np.linalg.solve(gram, cross), np.float32)


def _lesson(
    past: Purchases, item: Codes, cut: float, customers: int, categories: int
) -> tuple[Numbers, Numbers]:
    earlier = past.known(cut)
    before, shape = past.where(earlier), (customers, categories)
    own = decayed(before, item[earlier], day=cut, shape=shape)
    visits = decayed(
        before, np.zeros(len(before), np.int32), day=cut, shape=(customers, 1)
    )
    own |= {f"customer_{name}": values for name, values in visits.items()}
    inside = past.bought(cut, cut + WINDOW) & (item >= 0)
    y = np.zeros(shape)
    y[past.customer[inside], item[inside]] = 1
    active = np.zeros(customers, bool)
    active[past.customer[earlier & (past.day >= cut - ACTIVE_DAYS)]] = True
    return inputs(own)[active].astype(np.float64), y[active]


def _measures(
    past: Purchases, item: Codes, day: float, categories: int
) -> NDArray[np.float64]:
    rows = pairs(past, item, day=day)
    age = np.floor(day - past.day)
    active = max(len(np.unique(past.customer[age < ACTIVE_DAYS])), 1)
    of_order = rows.item[rows.of]

    def orders(days: float) -> Numbers:
        return np.bincount(of_order[rows.age < days], minlength=categories).astype(
            float
        )

    def buyers(days: float) -> Numbers:
        return (
            np.bincount(rows.item[rows.newest() < days], minlength=categories) / active
        )

    def added(values: Numbers, days: float) -> Numbers:
        kept = (item >= 0) & (age < days)
        found = np.bincount(item[kept], values[kept], minlength=categories)
        return found.astype(np.float64)

    window = rows.age // 28
    # The first of a pair's orders in each window: several there are one purchase.
    opens = np.ones(len(window), bool)
    opens[1:] = (window[1:] != window[:-1]) | (rows.of[1:] != rows.of[:-1])
    visits = np.bincount(of_order[opens & (rows.age < 168)], minlength=categories)
    shelf = past.shelf
    baskets = len(np.unique(past.order[age < 182]))
    return np.column_stack(
        [
            buyers(28),
            buyers(182),
            orders(182) / max(baskets, 1),
            _over(added(shelf, 182), added(past.quantity, 182)),
            _over(added(past.discount, 28), added(shelf, 28)),
            _over(added(past.shelf_discount, 7), added(shelf, 7)),
            np.log((orders(28) + 0.5) / (orders(182) * 28 / 182 + 0.5)),
            _over(added(shelf, 168), visits.astype(float)),
        ]
    )


def _over(part: Numbers, whole: Numbers) -> Numbers:
    return np.divide(part, whole, out=np.zeros(len(part)), where=whole > 0)
