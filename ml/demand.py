"""How a category's units answered shelf discounts, from the log alone.

For each category, over product-weeks with a sale, by least squares with a fixed effect
for every product and every week:

    log units = product + week + value · log(paid / shelf value)

so a value of -1.5 says: 10 % off the shelf price went with about 17 % more units of the
product. Standard errors are clustered by week. Categories are then shrunk to their
common mean by their precision (random effects, DerSimonian & Laird 1986); one with too
little data gets the mean, with an interval that spans the categories.

Read it as "observational": the shop chose when to discount. Discounted products were
often in the mailer or on display as well, which sells too (the value overstates: on The
Complete Journey, whose displays and mailers are known, allowing for them moves the
median of the 100 largest categories from -1.25 to -0.95). Units come partly from sister
products and from stockpiling, so a category gains less than its products; weeks without
a sale are not seen (it understates). The intervals hold sampling error only, none of
this.
"""

from datetime import datetime

import numpy as np
import polars as pl
from django.db import transaction
from numpy.typing import NDArray

from ml import lines
from ml.models import Elasticity
from ml.pooling import pool

Numbers = NDArray[np.float64]
WEEKS = 52
LEAST_ROWS = 200
LEAST_WEEKS = 12
LEAST_OF_A_PRODUCT = 8
ROUNDS = 10
"""Alternating demeaning; the values stand to three decimals after eight rounds."""
Z95 = 1.96


def refresh(*, at: datetime) -> int:
    """Measure all categories on the year before `at`; replace the table's rows."""
    measured = estimate(panel(lines.standing(lines.read(until=at))))
    rows = shrunk(measured).iter_rows(named=True)
    with transaction.atomic():
        Elasticity.objects.all().delete()
        stored = Elasticity.objects.bulk_create(
            Elasticity(computed_at=at, **row) for row in rows
        )
    return len(stored)


def panel(history: pl.DataFrame) -> pl.DataFrame:
    """Sum up product-weeks: category, sku, week, units (log), price (log paid/shelf).

    Weeks count back from the last order; products seen in few weeks are left out.
    """
    sold = history.filter(
        pl.col("category") != "", pl.col("quantity") > 0, pl.col("paid") > 0
    ).with_columns(week=(pl.col("at").max() - pl.col("at")).dt.total_days() // 7)
    weekly = (
        sold.filter(pl.col("week") < WEEKS)
        .group_by("category", "sku", "week")
        .agg(
            pl.col("quantity").sum().log().alias("units"),
            (pl.col("paid").sum() / (pl.col("paid") + pl.col("shelf_discount")).sum())
            .log()
            .alias("price"),
        )
    )
    return weekly.filter(pl.len().over("category", "sku") >= LEAST_OF_A_PRODUCT)


def estimate(panel: pl.DataFrame) -> pl.DataFrame:
    """Regress each category by itself: category, value, error, weeks.

    `value` and `error` are null where there is too little to regress.
    """
    within = _demeaned(panel, "units", "price")
    moved = (pl.col("price") ** 2).sum()
    slopes = within.group_by("category").agg(
        ((pl.col("price") * pl.col("units")).sum() / moved).alias("value"),
        moved.alias("moved"),
        pl.len().alias("rows"),
        pl.col("week").n_unique().alias("weeks"),
    )
    enough = (
        (pl.col("rows") >= LEAST_ROWS)
        & (pl.col("weeks") >= LEAST_WEEKS)
        & (pl.col("moved") > 1e-6)
    )
    return (
        slopes.join(_clustered(within, slopes), on="category")
        .select(
            pl.col("category").cast(pl.String),
            pl.when(enough).then("value").alias("value"),
            pl.when(enough).then(pl.col("score") / pl.col("moved")).alias("error"),
            "weeks",
        )
        .sort("category")
    )


def shrunk(measured: pl.DataFrame) -> pl.DataFrame:
    """Pull the categories to their mean: category, value, low, high, weeks.

    Empty when nothing was measured. A value v with error e becomes m + k·(v − m),
    k = s²/(s² + e²) for mean m and spread s; the interval counts the mean's error too.
    """
    known = measured.drop_nulls("value")
    if known.is_empty():
        return pl.DataFrame()
    pooled = pool(known["value"].to_numpy(), known["error"].to_numpy())
    weight = pl.lit(pooled.spread**2) / (pooled.spread**2 + pl.col("error") ** 2)
    k = weight.fill_nan(0).fill_null(0)
    value = pooled.mean + k * (pl.col("value").fill_null(pooled.mean) - pooled.mean)
    variance = (1 - k) * pooled.spread**2 + ((1 - k) * pooled.error) ** 2
    return measured.select(
        "category",
        value.alias("value"),
        (value - Z95 * variance.sqrt()).alias("low"),
        (value + Z95 * variance.sqrt()).alias("high"),
        "weeks",
    )


def _demeaned(panel: pl.DataFrame, *columns: str) -> pl.DataFrame:
    """Take product and week means out by turns, within each category."""
    for _ in range(ROUNDS):
        for effect in ("sku", "week"):
            panel = panel.with_columns(
                pl.col(name) - pl.col(name).mean().over("category", effect)
                for name in columns
            )
    return panel


def _clustered(within: pl.DataFrame, slopes: pl.DataFrame) -> pl.DataFrame:
    """Return each category's `score`: the root of Σ_week (Σ price · residual)²."""
    residual = pl.col("units") - pl.col("value") * pl.col("price")
    weekly = (
        within.join(slopes.select("category", "value"), on="category")
        .group_by("category", "week")
        .agg((pl.col("price") * residual).sum().alias("score"))
    )
    return weekly.group_by("category").agg((pl.col("score") ** 2).sum().sqrt())
