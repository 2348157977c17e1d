"""Forecasts of what sells by week, for every category and product: made by night."""

from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
from django.db import transaction

from ml import forecasts, lines
from ml.models import DemandShare, Elasticity, Forecast

OWN = 500
"""Products of the most revenue, which get a series of their own."""
PAST = 104
"""Weeks of history that are looked at, and kept beside the forecast."""
YEAR = 52
RECENT = 8


def refresh(*, at: datetime) -> int:
    """Forecast all categories and products as of the log's last order; replace rows."""
    history = lines.standing(lines.read(until=at)).filter(pl.col("quantity") > 0)
    rows: list[Forecast] = []
    shares: list[DemandShare] = []
    if not history.is_empty():
        rows, shares = _made(history, at=at)
    with transaction.atomic():
        Forecast.objects.all().delete()
        DemandShare.objects.all().delete()
        Forecast.objects.bulk_create(rows, batch_size=500)
        DemandShare.objects.bulk_create(shares, batch_size=5000)
    return len(rows)


def _made(
    history: pl.DataFrame, *, at: datetime
) -> tuple[list[Forecast], list[DemandShare]]:
    first = first_week(history, at=at)
    sold = history.with_columns(
        pl.col("sku", "category").cast(pl.String),
        week=(pl.lit(first) - pl.col("at").dt.date()).dt.total_days().sub(1) // 7,
    ).filter(pl.col("week").is_between(0, PAST - 1))
    if sold.is_empty():
        return [], []
    best = (
        sold.filter(pl.col("week") < YEAR)
        .group_by("sku")
        .agg(pl.col("paid").sum())
        .sort("paid", "sku", descending=[True, False])["sku"]
        .head(OWN)
    )
    own = sold.filter(pl.col("sku").is_in(best.implode()))
    named = sold.filter(pl.col("category") != "")
    rows = _rows(named, "category", first, at) + _rows(own, "sku", first, at)
    return rows, _shares(named, best)


def first_week(history: pl.DataFrame, *, at: datetime) -> date:
    """Return the Monday after the last week that is known whole.

    A week is over for the shop when, after its last order, no longer a time is missing
    than once passed without an order in the year before.
    """
    times = history.select(pl.col("at").unique().sort())
    newest: datetime = times["at"][-1]
    year = times.filter(pl.col("at") > newest - timedelta(weeks=YEAR))
    longest: timedelta = year["at"].diff().max() or timedelta(0)  # type: ignore[assignment]
    settled = min(newest + longest, at)
    return (settled - timedelta(days=settled.weekday())).date()


def _rows(sold: pl.DataFrame, column: str, first: date, at: datetime) -> list[Forecast]:
    known = {row.category: row for row in Elasticity.objects.all()}
    weekly = sold.group_by(pl.col(column).alias("key"), "week").agg(
        pl.col("quantity").sum(), pl.col("category").last()
    )
    rows = []
    for (key,), part in weekly.group_by("key", maintain_order=True):
        series = np.zeros(int(part["week"].to_numpy().max()) + 1)
        series[-1 - part["week"].to_numpy()] = part["quantity"].to_numpy()
        category = part["category"][0]
        rows.append(_row(str(key), column, category, series, first, at, known))
    return rows


def _row(
    key: str,
    column: str,
    category: str,
    series: Any,
    first: date,
    at: datetime,
    known: dict[str, Elasticity],
) -> Forecast:
    recent = series[-RECENT:]
    mean = np.array([recent.mean()])
    variance = np.array([max(recent.var(), recent.mean())])
    ends = [forecasts.quantile(mean, variance, z)[0] for z in (-1.2816, 1.2816)]
    flat = [[float(value)] * forecasts.HORIZON for value in (mean[0], *ends)]
    found = known.get(category)
    return Forecast(
        level="category" if column == "category" else "product",
        key=key,
        category=category,
        first=first,
        units=flat[0],
        low=flat[1],
        high=flat[2],
        naive=[float(series[-1])] * forecasts.HORIZON,
        seasonal=[float(series[-1])] * forecasts.HORIZON,
        history=series.tolist(),
        undiscounted=1.0,
        elasticity=found.value if found else -1.0,
        elasticity_error=(found.high - found.low) / 3.92 if found else 1.0,
        method="mean",
        computed_at=at,
    )


def _shares(named: pl.DataFrame, own: pl.Series) -> list[DemandShare]:
    recent = named.filter(pl.col("week") < 26)
    parts = recent.group_by("category", "sku").agg(pl.col("quantity").sum())
    parts = parts.with_columns(
        share=pl.col("quantity") / pl.col("quantity").sum().over("category")
    )
    rest = parts.filter(~pl.col("sku").is_in(own.implode())).unique("sku")
    return [
        DemandShare(sku=sku, category=category, share=share, spread=1.0)
        for category, sku, _, share in rest.iter_rows()
    ]
