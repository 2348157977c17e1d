"""What is known of a customer and a category at a moment, from the log alone.

`build` is the only definition of every feature: training, the nightly scores and one
live customer all call it, the last in the web process, so it is pure NumPy. It sees
nothing at or after `day`; tests insert such events and compare. To add a feature, add
its meaning to FEATURES and its number in `_own`, `_of_customers` or ml.context, and
raise FEATURES_VERSION: a model scores only the version that it was trained on.
Late events: the cut is on `occurred_at`, so a backfilled order does enter the past.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import pi

import numpy as np
from numpy.typing import NDArray

from ml.context import ACTIVE_DAYS, Context, affinities, context, odds
from ml.meanings import FEATURES, FEATURES_VERSION, NEVER, Feature
from ml.purchases import Numbers, Pairs, Purchases, pairs
from ml.rhythm import hazard, mean_gap, overdue, pace, spread, windows

__all__ = [
    "ACTIVE_DAYS",
    "COLUMNS",
    "FEATURES",
    "FEATURES_VERSION",
    "NEVER",
    "Context",
    "Feature",
    "build",
    "context",
    "labels",
]

COLUMNS = ("entity", "category", *FEATURES)
"""The columns of `matrix`. An entity is one customer at one cut-off."""
HORIZON = 28.0
YEAR = 365.25
Columns = dict[str, Numbers]


@dataclass(frozen=True, kw_only=True)
class Chunk:
    """The lines of customers start..stop - 1, coded from 0."""

    start: int
    stop: int
    past: Purchases


def chunks(past: Purchases, *, customers: int, size: int) -> Iterator[Chunk]:
    """Part the lines by customer, so that memory is bounded by `size` customers."""
    order = np.argsort(past.customer, kind="stable")
    # Sorted once: each chunk is a slice, and no mask of all lines is made for it.
    bounds = np.searchsorted(past.customer[order], np.arange(0, customers + size, size))
    for number, start in enumerate(range(0, customers, size)):
        part = past.where(order[bounds[number] : bounds[number + 1]])
        moved = part.recoded(part.customer - start)
        yield Chunk(start=start, stop=min(start + size, customers), past=moved)


def build(
    past: Purchases,
    *,
    day: float,
    customers: int,
    categories: int,
    context: Context,
) -> NDArray[np.float32]:
    """Compute every feature of customers × categories as of `day`.

    Row i·categories + j is customer i and category j; columns are FEATURES, no NaN.
    `past` may hold these customers only, or more; lines of other codes are left out,
    but a line without a category still counts for its customer.
    """
    mine = past.before(day)
    mine = mine.where((mine.customer >= 0) & (mine.customer < customers))
    shape = (customers, categories)
    # Categories that the model does not name come after its codes (codes.recoded).
    known = np.where(mine.category < categories, mine.category, -1).astype(np.int32)
    bought = pairs(mine, known, day=day)
    # One item for all lines: these pairs are customers, lines without category too.
    whole = pairs(mine, np.zeros(len(mine), np.int32), day=day)
    columns = _of_customers(whole, mine, customers=customers, day=day)
    columns |= _own(bought, shape=shape)
    columns |= _compared(columns, context, shape=shape)
    columns |= _season(day, shape=shape)
    out = np.empty((customers * categories, len(FEATURES)), np.float32)
    for spot, name in enumerate(FEATURES):
        values = columns.get(name)
        # Of the category alone: from the context, the same for every customer.
        if values is None:
            values = context.column(name)[None, :]
        out[:, spot] = np.broadcast_to(values, shape).ravel()
    return out


def labels(
    past: Purchases,
    *,
    day: float,
    horizon: float,
    customers: int,
    categories: int,
) -> NDArray[np.int8]:
    """Say for each row of `build` whether it was bought in [day, day + horizon)."""
    inside = past.bought(day, day + horizon)
    inside &= (past.customer >= 0) & (past.customer < customers)
    inside &= (past.category >= 0) & (past.category < categories)
    happened = np.zeros((customers, categories), np.int8)
    happened[past.customer[inside], past.category[inside]] = 1
    return happened.ravel()


def matrix(
    rows: NDArray[np.float32], *, categories: int, first_entity: int = 0
) -> NDArray[np.float32]:
    """Put the entity and the category before the rows of `build`; see COLUMNS."""
    customers = len(rows) // categories
    out = np.empty((len(rows), rows.shape[1] + 2), np.float32)
    out[:, 0] = np.repeat(np.arange(customers) + first_entity, categories)
    out[:, 1] = np.tile(np.arange(categories), customers)
    out[:, 2:] = rows
    return out


def columns_of(rows: NDArray[np.float32]) -> Mapping[str, NDArray[np.float32]]:
    """Name the columns of `build`."""
    return dict(zip(FEATURES, rows.T, strict=True))


def _own(bought: Pairs, *, shape: tuple[int, int]) -> Columns:
    """What is counted from the pair's own orders."""
    spot = bought.customer.astype(np.int64) * shape[1] + bought.item

    def laid(values: Numbers, missing: float = 0.0) -> Numbers:
        out = np.full(shape[0] * shape[1], missing)
        out[spot] = values
        return out.reshape(shape)

    counts = {f"orders_{days}": bought.orders(days) for days in (7, 28, 56, 91, 182)}
    halved = {
        f"decayed_{d}": bought.total(0.5 ** (bought.age / d)) for d in (14, 30, 100)
    }
    shelf, lately = bought.shelf, bought.age < 182
    gap = mean_gap(bought)
    held, next_28 = hazard(bought, horizon=HORIZON)
    columns = {name: laid(values) for name, values in (counts | halved).items()}
    return columns | {
        "orders_all": laid(bought.orders()),
        "recency": laid(np.minimum(bought.newest(), NEVER), NEVER),
        "gap_mean": laid(gap, NEVER),
        "gap_sd": laid(spread(bought), NEVER),
        "cadence": laid(overdue(bought, gap), 1.0),
        "windows_3": laid(windows(bought, 3)),
        "windows_6": laid(windows(bought, 6)),
        "spend_91": laid(bought.total(shelf * (bought.age < 91))),
        "spend_168": laid(bought.total(shelf * (bought.age < 168))),
        "discount_share": laid(
            _share(bought, bought.discount * lately, shelf * lately)
        ),
        "coupon_orders": laid(bought.total(lately & (bought.coupon > 0))),
        "gaps_held": laid(held),
        "gaps_ending": laid(next_28),
        "stock": laid(_stock(bought), 0.0),
    }


def _share(rows: Pairs, part: Numbers, whole: Numbers) -> Numbers:
    total = rows.total(whole)
    return np.divide(rows.total(part), total, out=np.zeros(len(rows)), where=total > 0)


def _stock(rows: Pairs) -> Numbers:
    """log((newest quantity + ½) / (mean quantity + ½)): above 0 they stocked up."""
    orders = rows.orders()
    newest = rows.quantity[rows.first[1:] - 1]
    return np.log((newest + 0.5) / (rows.total(rows.quantity) / orders + 0.5))


def _of_customers(
    whole: Pairs, past: Purchases, *, customers: int, day: float
) -> Columns:
    def laid(values: Numbers, missing: float = 0.0) -> Numbers:
        out = np.full(customers, missing)
        out[whole.customer] = values
        return out[:, None]

    lately = whole.age < 182
    gap = mean_gap(whole)
    counts = {f"customer_orders_{d}": whole.orders(d) for d in (7, 28, 91, 182)}
    halved = {
        f"customer_decayed_{d}": whole.total(0.5 ** (whole.age / d))
        for d in (14, 30, 100)
    }
    return {name: laid(values) for name, values in (counts | halved).items()} | {
        "customer_orders_all": laid(whole.orders()),
        "customer_recency": laid(np.minimum(whole.newest(), NEVER), NEVER),
        "customer_gap": laid(gap, NEVER),
        "customer_overdue": laid(overdue(whole, gap), 1.0),
        "customer_breadth": _breadth(past, customers=customers, day=day)[:, None],
        "customer_spend": laid(whole.total(whole.shelf * (whole.age < 91))),
        "customer_spend_168": laid(whole.total(whole.shelf * (whole.age < 168))),
        "customer_discount_share": laid(
            _share(whole, whole.discount * lately, whole.shelf * lately)
        ),
        "customer_coupon_orders": laid(whole.total(lately & (whole.coupon > 0))),
        "customer_tenure": laid(np.minimum(whole.oldest(), NEVER)),
        "customer_trend": laid(pace(whole.orders(28), whole.orders(91), 28, 91)),
    }


def _breadth(past: Purchases, *, customers: int, day: float) -> Numbers:
    """Count the categories of the last 91 days."""
    kept = (np.floor(day - past.day) < 91) & (past.category >= 0)
    # Customer and category in one number, so that each pair counts once.
    keys = past.customer[kept].astype(np.int64) << 32 | past.category[kept]
    return np.bincount(np.unique(keys) >> 32, minlength=customers).astype(np.float64)


def _compared(own: Columns, context: Context, *, shape: tuple[int, int]) -> Columns:
    """What compares the pair with the customer, and with all other customers."""
    # Two visits at the category's own share are mixed in.
    share = (own["decayed_100"] + 2 * context.column("category_share")) / (
        own["customer_decayed_100"] + 2
    )
    # Whoever comes λ times a day has λ · d / ln 2 decayed visits in the end, and 1 −
    # 0.5^(tenure / d) of that so far: this is 28 · λ by each half-life.
    pace_14, pace_30, pace_100 = (
        own[f"customer_decayed_{d}"]
        * HORIZON
        * np.log(2)
        / d
        / (1 - 0.5 ** (np.maximum(own["customer_tenure"], 1) / d))
        for d in (14, 30, 100)
    )
    visits = 0.2 * pace_14 + 0.4 * pace_30 + 0.4 * pace_100
    # P(none) = (1 − share)^visits, as a Poisson's mean; `chance` is of one or more.
    expected = -visits * np.log1p(-np.minimum(share, 0.95))
    chance = np.clip(-np.expm1(-expected), 1e-4, 1 - 1e-4)
    gaps = own["gaps_held"]
    # Two gaps that ended as `chance` says are mixed in: few gaps tell little.
    hazard = (own["gaps_ending"] + 2 * chance) / (gaps + 2)
    hazard = np.clip(hazard, 1e-4, 1 - 1e-4)
    return {
        "visits_expected": np.log1p(visits),
        "chance": odds(chance),
        "hazard": odds(hazard),
        "affinity": affinities(own, context),
        "basket_share": _ratio(own["orders_182"], own["customer_orders_182"]),
        "spend_share": _ratio(own["spend_168"], own["customer_spend_168"]),
        "trend": np.where(
            own["orders_all"] > 0, pace(own["orders_56"], own["orders_182"], 56, 182), 0
        ),
    }


def _ratio(part: Numbers, whole: Numbers) -> Numbers:
    whole = np.broadcast_to(whole, part.shape)
    return np.divide(part, whole, out=np.zeros(part.shape), where=whole > 0)


def _season(day: float, *, shape: tuple[int, int]) -> Columns:
    angle = 2 * pi * day / YEAR
    return {
        "week_sin": np.full((1, 1), np.sin(angle)),
        "week_cos": np.full((1, 1), np.cos(angle)),
    }
