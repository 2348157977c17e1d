"""How a category's units answered shelf discounts, from the log alone.

For each category, over product-weeks with a sale, by Poisson regression with a fixed
effect for every product and every week (ml.poisson_effects):

    log E[units] = product + week + value · log(paid / shelf value)

so a value of -1.5 says: 10 % off the shelf price went with about 17 % more units of the
product. Standard errors are clustered by week and by product. Categories are then
shrunk to their common mean by their precision (random effects, DerSimonian & Laird
1986), products likewise to their category's; one with too little data gets the mean,
with an interval that spans the others.

Read it as "observational": the shop chose when to discount. Discounted products were
often in the mailer or on display as well, which sells too (the value overstates: on The
Complete Journey, whose displays and mailers are known, allowing for them moved the
median of the 100 largest categories from -1.25 to -0.95 in a regression of logs). Units
come partly from sister products (ml.cross_effects) and from stockpiling, so a category
gains less than its products; weeks without a sale are not seen (it understates). The
intervals hold sampling error only, none of this.
"""

from datetime import datetime
from typing import Any

import numpy as np
import polars as pl
from django.db import transaction

from ml import lines, poisson_effects
from ml.models import Elasticity
from ml.poisson_effects import Numbers
from ml.pooling import pool

WEEKS = 52
LEAST_ROWS = 200
LEAST_WEEKS = 12
LEAST_OF_A_PRODUCT = 8
Z95 = 1.96
WIDER = 1.1
"""Products' errors times this: weeks' effects and the products' spread are estimates
too. Measured on planted shops (demo.bench.planted_demand), seeds 1000 to 1019."""
LEAST_MOVED = 0.05
"""Σ expected units · squared log price moves, below which a product tells nothing."""
USUAL, USUAL_WEIGHT = 0.5, 4.0
"""How far values differ (sd) in the literature (Bijmolt, van Heerde & Pieters 2005),
and for how many values that counts: of a few alone no spread can be told."""


def refresh(*, at: datetime) -> int:
    """Measure all categories on the year before `at`; replace the table's rows."""
    measured = estimate(panel(lines.standing(lines.read(until=at))))
    rows = shrunk(measured).iter_rows(named=True)
    # Readers see the old rows or the new ones, never none.
    with transaction.atomic():
        Elasticity.objects.all().delete()
        stored = Elasticity.objects.bulk_create(
            Elasticity(computed_at=at, **row) for row in rows
        )
    return len(stored)


def panel(history: pl.DataFrame) -> pl.DataFrame:
    """Sum up product-weeks: category, sku, week, units, price (log paid/shelf value).

    Weeks count back from the last order; products seen in few weeks are left out.
    """
    # What was given away has no log price.
    sold = history.filter(
        pl.col("category") != "", pl.col("quantity") > 0, pl.col("paid") > 0
    ).with_columns(week=(pl.col("at").max() - pl.col("at")).dt.total_days() // 7)
    weekly = (
        sold.filter(pl.col("week") < WEEKS)
        .group_by("category", "sku", "week")
        .agg(
            pl.col("quantity").sum().alias("units"),
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
    names = panel.group_by("category").agg(
        pl.len().alias("rows"), pl.col("week").n_unique().alias("weeks")
    )
    # Sorted: group_by keeps no order, and `of` numbers what _fitted returns.
    names = names.sort("category").with_row_index("of")
    found, _ = _fitted(panel, names)
    enough = (
        (pl.col("rows") >= LEAST_ROWS)
        & (pl.col("weeks") >= LEAST_WEEKS)
        & pl.col("error").is_finite()
    )
    return names.with_columns(
        pl.Series("value", found.value), pl.Series("error", found.error)
    ).select(
        pl.col("category").cast(pl.String),
        pl.when(enough).then("value").alias("value"),
        pl.when(enough).then("error").alias("error"),
        "weeks",
    )


def _fitted(
    panel: pl.DataFrame, names: pl.DataFrame
) -> tuple[poisson_effects.Fitted, pl.DataFrame]:
    """Regress all categories at once; return the rows in the order of the fit too."""
    code = {
        # With the category: a product of two of them is two items, since an effect must
        # belong to one regression (poisson_effects.fit).
        name: pl.struct("category", column).rank("dense").cast(pl.Int64) - 1
        for name, column in (("item", "sku"), ("cell", "week"))
    }
    rows = panel.join(names.select("category", "of"), on="category").with_columns(
        pl.col("of").cast(pl.Int64), **code
    )
    columns = [
        rows[name].to_numpy() for name in ("units", "price", "of", "item", "cell")
    ]
    # Not of logs, which are biased where few are sold: 87 % of planted intervals held
    # the truth, of these 96.6 % for categories and 94.6 % for products
    # (docs/benchmarks.md).
    return poisson_effects.fit(*columns), rows


def by_product(panel: pl.DataFrame, whole: pl.DataFrame) -> pl.DataFrame:
    """Shrink each product's own answer to its category's: sku, value, error.

    `whole` is `shrunk` of the categories. How far products of a category differ is
    pooled over all of them.
    """
    names = panel.select("category").unique().sort("category").with_row_index("of")
    if whole.is_empty() or names.is_empty():
        return pl.DataFrame(schema={"sku": str, "value": float, "error": float})
    fit, rows = _fitted(panel, names)
    items = rows["item"].to_numpy()
    own, moved = _newton(fit, items)
    # A product's few weeks do not tell how far they scatter, its category's do.
    of_item = np.zeros(len(moved), np.int64)
    of_item[items] = rows["of"].to_numpy()
    error = np.sqrt(_scatter(fit, rows)[of_item] / np.maximum(moved, 1e-9))
    known = moved > LEAST_MOVED
    spread = pool(own[known], error[known]).spread if known.sum() > 1 else USUAL
    keep = np.where(known, spread**2 / (spread**2 + error**2), 0.0)
    keys = rows.unique("item").sort("item").select("sku", "category")
    told = keys.with_columns(
        pl.Series("own", fit.value[of_item] + own), pl.Series("keep", keep)
    ).with_columns(pl.col("sku", "category").cast(pl.String))
    of = pl.col("high").sub(pl.col("low")) / (2 * Z95)
    rest = 1 - pl.col("keep")
    return told.join(whole, on="category").select(
        "sku",
        (pl.col("keep") * pl.col("own") + rest * pl.col("value")).alias("value"),
        # What shrinking leaves unsure, and how unsure the category itself is.
        (WIDER * ((rest * spread**2) + of**2).sqrt()).alias("error"),
    )


def _newton(fit: poisson_effects.Fitted, items: Any) -> tuple[Numbers, Numbers]:
    """Return how far each product's slope is from its category's, and its weight.

    Weeks' effects stay what the category's regression found.
    """
    # The counts again: rest is count less expected.
    units = fit.rest + fit.weight
    step: Numbers = np.zeros(int(items.max()) + 1)
    moved: Numbers = step
    for _ in range(3):
        mean = fit.weight * np.exp(np.clip(step[items] * fit.x, -3, 3))
        moved = np.asarray(np.bincount(items, mean * fit.x**2))
        slope = np.bincount(items, fit.x * (units - mean))
        # Held: of a product whose price hardly moved a step would have no end.
        step = np.clip(step + slope / np.maximum(moved, 1e-9), -5, 5)
    return step, moved


def _scatter(fit: poisson_effects.Fitted, rows: pl.DataFrame) -> Numbers:
    """Return by category the variance of a count over its mean (Pearson), 1 or more."""
    of, items, cells = (rows[name].to_numpy() for name in ("of", "item", "cell"))
    count = int(of.max()) + 1
    square = np.bincount(of, fit.rest**2 / fit.weight, count)
    effects = sum(
        np.bincount(of[np.unique(codes, return_index=True)[1]], minlength=count)
        for codes in (items, cells)
    )
    # Every item and every week of a regression has taken one effect.
    free = np.bincount(of, minlength=count) - effects
    return np.asarray(np.maximum(square / np.maximum(free, 1), 1.0))


def shrunk(measured: pl.DataFrame) -> pl.DataFrame:
    """Pull the categories to their mean: category, value, low, high, weeks.

    Empty when nothing was measured. A value v with error e becomes m + k·(v − m),
    k = s²/(s² + e²) for mean m and spread s; the interval counts the mean's error too.
    """
    known = measured.drop_nulls("value")
    if known.is_empty():
        return pl.DataFrame()
    pooled = pool(known["value"].to_numpy(), known["error"].to_numpy())
    spread = _spread(pooled.spread, known.height)
    weight = pl.lit(spread**2) / (spread**2 + pl.col("error") ** 2)
    # Not measured, or with an endless error: nothing of its own is kept.
    k = weight.fill_nan(0).fill_null(0)
    value = pooled.mean + k * (pl.col("value").fill_null(pooled.mean) - pooled.mean)
    variance = (1 - k) * spread**2 + ((1 - k) * pooled.error) ** 2
    return measured.select(
        "category",
        value.alias("value"),
        (value - Z95 * variance.sqrt()).alias("low"),
        (value + Z95 * variance.sqrt()).alias("high"),
        "weeks",
    )


def _spread(measured: float, count: int) -> float:
    """Mix a measured spread with the usual one."""
    own = max(count - 1, 0)
    square = own * measured**2 + USUAL_WEIGHT * USUAL**2
    return float((square / (own + USUAL_WEIGHT)) ** 0.5)
