"""Weekly units and prices of what was sold, from order lines."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
PAST = 156
"""Weeks that are looked at: three years, where the log has them."""
YEAR = 52
LEAST = 4


def first_week(history: pl.DataFrame, *, at: datetime) -> date:
    """Return the Monday after the last week that is known whole.

    A week is over for the shop when after its last order no longer a time is missing
    than once passed without an order in the year before.
    """
    times = history.select(pl.col("at").unique().sort())
    newest: datetime = times["at"][-1]
    year = times.filter(pl.col("at") > newest - timedelta(weeks=YEAR))
    longest: timedelta = year["at"].diff().max() or timedelta(0)  # type: ignore[assignment]
    # A shop that is shut on Sundays has its whole week on Saturday night.
    settled = min(newest + longest, at)
    return (settled - timedelta(days=settled.weekday())).date()


def sold(history: pl.DataFrame, first: date) -> tuple[pl.DataFrame, int]:
    """Sum up weeks before `first`: category, sku, week, units, paid, shelf value.

    Returned with how many weeks there are: the last one, in which nothing may have been
    sold, ends at `first`; the first is the first whole one with a sale, or PAST ago. A
    history of less than LEAST weeks is taken with a first one that is not whole.
    """
    oldest: datetime = history["at"].min()  # type: ignore[assignment]
    start = oldest.date() - timedelta(days=oldest.weekday())
    # A week that began on a Wednesday sold less: no level, no season.
    if oldest.weekday() and (first - start).days >= 7 * LEAST:
        start += timedelta(weeks=1)
    days = (pl.lit(first) - pl.col("at").dt.date()).dt.total_days()
    # back 0 is the week that ends the day before `first`.
    weekly = (
        history.filter(pl.col("quantity") > 0, pl.col("at").dt.date() >= start)
        .with_columns(pl.col("sku", "category").cast(pl.String), back=(days - 1) // 7)
        .filter(pl.col("back").is_between(0, PAST - 1))
        .group_by("category", "sku", "back")
        .agg(
            pl.col("quantity").sum().alias("units"),
            pl.col("paid").sum(),
            (pl.col("paid") + pl.col("shelf_discount")).sum().alias("shelf"),
        )
    )
    weeks = 0 if weekly.is_empty() else int(weekly["back"].to_numpy().max()) + 1
    week = weeks - 1 - pl.col("back")
    return weekly.with_columns(week=week.cast(pl.Int64)).drop("back"), weeks


def laid_out(
    weekly: pl.DataFrame, column: str, keys: Sequence[str], weeks: int
) -> tuple[Numbers, Numbers]:
    """Return units, and what was paid over the shelf value (nan: nothing sold)."""
    sums = (
        weekly.group_by(pl.col(column).alias("key"), "week")
        .agg(pl.col("units", "paid", "shelf").sum())
        .join(_places(keys), on="key")
    )
    units, price = np.zeros((len(keys), weeks)), np.full((len(keys), weeks), np.nan)
    at = (sums["row"].to_numpy(), sums["week"].to_numpy())
    units[at] = sums["units"].to_numpy()
    shelf = sums["shelf"].to_numpy()
    price[at] = np.where(
        shelf > 0, sums["paid"].to_numpy() / np.where(shelf > 0, shelf, 1.0), np.nan
    )
    return units, price


def _places(keys: Sequence[str]) -> pl.DataFrame:
    # No keys at all are texts too: a shop may have no categories.
    return pl.DataFrame({"key": keys}, schema={"key": pl.String}).with_row_index("row")


def shares(weekly: pl.DataFrame, *, recent: int = 26) -> pl.DataFrame:
    """Return category, sku, share of the category's units lately, and spread.

    `spread` is the variance of a product's weeks around its share over their mean, from
    1 on, pooled in the category.
    """
    lately = weekly.filter(
        pl.col("category") != "", pl.col("week") > pl.col("week").max() - recent
    )
    whole = lately.group_by("category", "week").agg(pl.col("units").sum().alias("all"))
    sums = whole.group_by("category").agg(
        pl.col("all").sum(), (pl.col("all") ** 2).sum().alias("squares")
    )
    parts = (
        lately.join(whole, on=["category", "week"])
        .group_by("category", "sku")
        .agg(
            pl.col("units").sum(),
            (pl.col("units") ** 2).sum().alias("own"),
            (pl.col("units") * pl.col("all")).sum().alias("both"),
        )
        .join(sums, on="category")
        .with_columns(share=pl.col("units") / pl.col("all"))
    )
    share = pl.col("share")
    # Σ (own − share · all)² over all weeks, those without a sale too, from sums alone.
    error = pl.col("own") - 2 * share * pl.col("both") + share**2 * pl.col("squares")
    spread = (error.sum() / pl.col("units").sum()).over("category")
    return parts.select("category", "sku", "share", spread.clip(1.0).alias("spread"))
