"""What is known of a customer and a category at a moment, from the log alone.

`build` is the only definition of every feature: training, the nightly scores and one
live customer all call it. It sees nothing at or after `at`; tests insert such events
and compare. To add a feature, add its meaning to FEATURES and its expression below, and
raise FEATURES_VERSION: a model scores only the version that it was trained on.
Late events: the cut is on `occurred_at`, so a backfilled order does enter the past.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from math import pi
from uuid import UUID

import numpy as np
import polars as pl
from numpy.typing import NDArray

FEATURES_VERSION = 1
NEVER = 365.0
"""Days: stands for "not yet" in recencies and gaps, and caps them."""
WINDOWS = (7, 28, 56, 91, 182)
ACTIVE_DAYS = 84

FEATURES: Mapping[str, str] = {
    "orders_7": "orders with the category, last 7 days; 0 without",
    "orders_28": "orders with the category, last 28 days; 0 without",
    "orders_56": "orders with the category, last 56 days; 0 without",
    "orders_91": "orders with the category, last 91 days; 0 without",
    "orders_182": "orders with the category, last 182 days; 0 without",
    "orders_all": "orders with the category, ever; 0 without",
    "decayed_30": "orders with the category, each halved every 30 days; 0 without",
    "decayed_100": "orders with the category, each halved every 100 days; 0 without",
    "recency": "days since the category was last bought; 365 for never",
    "gap_mean": "mean days between its orders; 365 under two orders",
    "gap_sd": "standard deviation of those gaps; 365 under three orders",
    "cadence": "recency / gap_mean, at most 10: above 1 it is overdue; 1 for never",
    "windows_3": "of the last 3 windows of 28 days, those with a purchase; 0 without",
    "windows_6": "of the last 6 windows of 28 days, those with a purchase; 0 without",
    "spend_91": "shelf value bought in the category, last 91 days; 0 without",
    "spend_168": "shelf value bought in the category, last 168 days; 0 without",
    "discount_share": "discounts / shelf value in the category, 182 days; 0 without",
    "coupon_orders": "its orders with a coupon, last 182 days; 0 without",
    "basket_share": "share of the customer's 182-day orders that hold it; 0 without",
    "spend_share": "share of the customer's 168-day shelf value; 0 without",
    "trend": "log of its 56-day pace over its 182-day pace, both +½; 0 without",
    "customer_orders_28": "the customer's orders, last 28 days; 0 without",
    "customer_orders_91": "the customer's orders, last 91 days; 0 without",
    "customer_orders_all": "the customer's orders, ever; 0 without",
    "customer_recency": "days since the last order; 365 for never",
    "customer_gap": "mean days between orders; 365 under two orders",
    "customer_breadth": "categories bought, last 91 days; 0 without",
    "customer_spend": "shelf value bought, last 91 days; 0 without",
    "customer_discount_share": "discounts / shelf value, 182 days; 0 without",
    "customer_coupon_orders": "orders with a coupon, last 182 days; 0 without",
    "customer_tenure": "days since the first order; 0 without",
    "customer_trend": "log of the 28-day pace over the 91-day pace, both +½; 0",
    "category_rate_28": "share of active customers who bought it in 28 days; 0",
    "category_rate_182": "share of active customers who bought it in 182 days; 0",
    "category_price": "shelf value of a unit, last 182 days; 0 without",
    "category_discount": "discounts / shelf value, last 28 days; 0 without",
    "category_trend": "log of its orders' 28-day pace over the 182-day pace; 0",
    "week_sin": "the season: sine of the share of the year gone; always known",
    "week_cos": "the season: cosine of the share of the year gone; always known",
}
CAPPED = ("recency", "gap_mean", "gap_sd", "customer_recency", "customer_gap")
MISSING = {**dict.fromkeys(FEATURES, 0.0), **dict.fromkeys(CAPPED, NEVER), "cadence": 1}
COLUMNS = ("entity", "category", *FEATURES)
"""The columns of `matrix`. An entity is one customer at one cut-off."""


def context(
    history: pl.DataFrame, *, at: datetime, categories: Sequence[str]
) -> pl.DataFrame:
    """Measure each category as of `at` over all customers; `build` joins the rows.

    Besides features it holds `category_spend`: the mean shelf value that a customer who
    buys in a window of 28 days buys in it, over the last six windows.
    """
    past = _past(history, at=at)
    active = past.filter(pl.col("age") < ACTIVE_DAYS)["customer"].n_unique()
    measured = (
        past.filter(pl.col("age") < 182, pl.col("category").is_in(categories))
        .group_by("category")
        .agg(
            (_buyers(28) / max(active, 1)).alias("category_rate_28"),
            (_buyers(182) / max(active, 1)).alias("category_rate_182"),
            _share("shelf", "quantity", days=182).alias("category_price"),
            _share("discount", "shelf", days=28).alias("category_discount"),
            _pace(_orders(28), _orders(182), days=(28, 182)).alias("category_trend"),
            (_sum("shelf", 168) / _visits(168)).alias("category_spend"),
        )
    )
    return _grid(categories=categories).join(
        measured, on="category", how="left", maintain_order="left"
    )


def build(
    history: pl.DataFrame,
    *,
    at: datetime,
    customers: Sequence[UUID],
    categories: Sequence[str],
    context: pl.DataFrame,
) -> pl.DataFrame:
    """Compute every feature of customers × categories as of `at`.

    Rows come customer by customer, in the order given: columns customer, category and
    FEATURES, no nulls. `history` may hold these customers only, or everybody.
    """
    past = _past(
        history.filter(pl.col("customer").is_in(_keys(customers).implode())), at=at
    )
    season = 2 * pi * at.timetuple().tm_yday / 365.25
    frame = _grid(customers=customers, categories=categories)
    for part, on in (
        (_pairs(past, categories=categories), ["customer", "category"]),
        (_customers(past), ["customer"]),
        (context, ["category"]),
    ):
        frame = frame.join(part, on=on, how="left", maintain_order="left")
    return frame.with_columns(
        *_affinity(),
        week_sin=pl.lit(np.sin(season)),
        week_cos=pl.lit(np.cos(season)),
    ).select(
        "customer",
        "category",
        *(
            pl.col(name).cast(pl.Float32).fill_nan(None).fill_null(MISSING[name])
            for name in FEATURES
        ),
    )


def labels(
    history: pl.DataFrame,
    *,
    at: datetime,
    horizon_days: int,
    customers: Sequence[UUID],
    categories: Sequence[str],
) -> NDArray[np.int8]:
    """Say for each row of `build` whether it was bought in [at, at + horizon)."""
    end = at + timedelta(days=horizon_days)
    bought = history.filter(pl.col("at").is_between(at, end, closed="left"))
    happened = bought.select("customer", "category", label=pl.lit(1, pl.Int8)).unique()
    frame = _grid(customers=customers, categories=categories).join(
        happened, on=["customer", "category"], how="left", maintain_order="left"
    )
    return frame["label"].fill_null(0).to_numpy()


def matrix(
    frame: pl.DataFrame, *, categories: Sequence[str], first_entity: int = 0
) -> NDArray[np.float32]:
    """Lay the rows of `build` out as numbers in the order of COLUMNS."""
    codes = {category: code for code, category in enumerate(categories)}
    numbers = frame.select(
        (pl.col("customer").rle_id() + first_entity).alias("entity"),
        pl.col("category").cast(pl.String).replace_strict(codes),
        *FEATURES,
    )
    return numbers.cast(pl.Float32).to_numpy()


def _keys(customers: Sequence[UUID]) -> pl.Series:
    return pl.Series("customer", [str(key) for key in customers], pl.Categorical())


def _grid(
    *, categories: Sequence[str], customers: Sequence[UUID] | None = None
) -> pl.DataFrame:
    columns = pl.DataFrame(pl.Series("category", categories, pl.Categorical()))
    if customers is None:
        return columns
    return pl.DataFrame(_keys(customers)).join(columns, how="cross")


def _past(history: pl.DataFrame, *, at: datetime) -> pl.DataFrame:
    """Keep what happened before `at`; `age` counts whole days back from it."""
    shelf = pl.col("paid") + pl.col("shelf_discount")
    return history.filter(pl.col("at") < at).with_columns(
        age=(pl.lit(at) - pl.col("at")).dt.total_days(),
        shelf=shelf,
        discount=pl.col("shelf_discount") + pl.col("coupon_discount"),
    )


def _pairs(past: pl.DataFrame, *, categories: Sequence[str]) -> pl.DataFrame:
    keys = ["customer", "category"]
    orders = _by_order(past.filter(pl.col("category").is_in(categories)), keys)
    age = pl.col("age")
    return orders.group_by(keys).agg(
        *((age < days).sum().alias(f"orders_{days}") for days in WINDOWS),
        pl.len().alias("orders_all"),
        (0.5 ** (age / 30)).sum().alias("decayed_30"),
        (0.5 ** (age / 100)).sum().alias("decayed_100"),
        *_rhythm("recency", "gap_mean"),
        age.sort().diff().std().clip(upper_bound=NEVER).alias("gap_sd"),
        *(_windows(count).alias(f"windows_{count}") for count in (3, 6)),
        *(_sum("shelf", days).alias(f"spend_{days}") for days in (91, 168)),
        _share("discount", "shelf", days=182).alias("discount_share"),
        ((age < 182) & (pl.col("coupon") > 0)).sum().alias("coupon_orders"),
    )


def _customers(past: pl.DataFrame) -> pl.DataFrame:
    orders = _by_order(past, ["customer"])
    age = pl.col("age")
    named = past.filter(age < 91, pl.col("category") != "")
    breadth = named.group_by("customer").agg(
        pl.col("category").n_unique().alias("customer_breadth")
    )
    measured = orders.group_by("customer").agg(
        *((age < days).sum().alias(f"customer_orders_{days}") for days in (28, 91)),
        (age < 182).sum().alias("customer_orders_182"),
        pl.len().alias("customer_orders_all"),
        *_rhythm("customer_recency", "customer_gap"),
        _sum("shelf", 91).alias("customer_spend"),
        _sum("shelf", 168).alias("customer_spend_168"),
        _share("discount", "shelf", days=182).alias("customer_discount_share"),
        ((age < 182) & (pl.col("coupon") > 0)).sum().alias("customer_coupon_orders"),
        age.max().alias("customer_tenure"),
        _pace((age < 28).sum(), (age < 91).sum(), days=(28, 91)).alias(
            "customer_trend"
        ),
    )
    return measured.join(breadth, on="customer", how="left")


def _affinity() -> list[pl.Expr]:
    """What compares the pair with itself and with the customer."""
    orders, spend = pl.col("orders_182"), pl.col("spend_168")
    return [
        (pl.col("recency") / pl.col("gap_mean").fill_null(NEVER).clip(1))
        .clip(upper_bound=10)
        .alias("cadence"),
        (orders / pl.col("customer_orders_182")).alias("basket_share"),
        (spend / pl.col("customer_spend_168")).alias("spend_share"),
        _pace(pl.col("orders_56"), orders, days=(56, 182)).alias("trend"),
    ]


def _by_order(lines: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
    return lines.group_by(*keys, "order").agg(
        pl.col("age").first(),
        pl.col("shelf", "discount").sum(),
        pl.col("coupon_discount").sum().alias("coupon"),
    )


def _rhythm(recency: str, gap: str) -> list[pl.Expr]:
    age = pl.col("age")
    mean = (age.max() - age.min()) / (pl.len() - 1)
    return [
        age.min().clip(upper_bound=int(NEVER)).alias(recency),
        pl.when(pl.len() > 1).then(mean).clip(upper_bound=NEVER).alias(gap),
    ]


def _windows(count: int) -> pl.Expr:
    age = pl.col("age")
    return (age.filter(age < count * 28) // 28).n_unique()


def _sum(column: str, days: int) -> pl.Expr:
    return pl.col(column).filter(pl.col("age") < days).sum()


def _share(part: str, whole: str, *, days: int) -> pl.Expr:
    total = _sum(whole, days)
    return pl.when(total > 0).then(_sum(part, days) / total)


def _buyers(days: int) -> pl.Expr:
    return pl.col("customer").filter(pl.col("age") < days).n_unique()


def _orders(days: int) -> pl.Expr:
    return pl.col("order").filter(pl.col("age") < days).n_unique()


def _visits(days: int) -> pl.Expr:
    """Count the customers' windows of 28 days with a purchase."""
    window = pl.struct("customer", pl.col("age") // 28)
    return window.filter(pl.col("age") < days).n_unique()


def _pace(recent: pl.Expr, longer: pl.Expr, *, days: tuple[int, int]) -> pl.Expr:
    """Compare two windows' orders per day; ½ an order keeps zero finite."""
    return ((recent + 0.5) / (longer * days[0] / days[1] + 0.5)).log()
