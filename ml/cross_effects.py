"""What a discount on one product does to the rest of its category, from the log alone.

A product's discount sells more of it; some of that its sisters lose (cannibalisation),
or they gain with it (complements). With each product's answer to its price (ml.demand)
the gain of every week's discounts is foretold as if sisters did not move, G over the
undiscounted base B; then, over weeks, by least squares on deviations from the trend,

    log units of the category = kept · log(1 + G/B) + shop · log units of the rest

`diverted` = 1 − kept is the share of a discount's gain that comes from sisters: 0 none,
1 all of it, below 0: they sell more as well. Errors allow for unequal variances (HC3,
MacKinnon & White 1985); categories are shrunk to their mean (ml.pooling).
Observational, as elasticities are. What is measured with error tells less: prices are
known of weeks with a sale only, so `diverted` leans towards 1.
"""

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ml.demand import Z95
from ml.panels import detrended
from ml.pooling import pool

Numbers = NDArray[np.float64]
LEAST_WEEKS = 20
LEAST_MOVED = 0.02
"""Σ of the squared foretold moves, in logs, below which nothing can be told."""
USUAL, WEIGHT = 0.35, 4.0
"""How far categories differ (sd) before they are measured, and for how many it counts.

Van Heerde, Gupta & Wittink (2003) find a third of the gain diverted, with about so wide
a range."""
FORETOLD = 0.05
"""The standard error, besides, of a gain that is foretold by shrunk answers."""
YEAR = 52
SCHEMA = {
    "category": pl.String,
    "diverted": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "weeks": pl.Int64,
}


def measure(sold: pl.DataFrame, answers: pl.DataFrame) -> pl.DataFrame:
    """Return SCHEMA for each category whose discounts moved enough to tell.

    `sold` is of weekly.sold, `answers` of demand.by_product; `low` to `high` hold 95 %.
    """
    lately = sold.filter(
        pl.col("week") > pl.col("week").max() - YEAR, pl.col("category") != ""
    )
    if lately.is_empty():
        return pl.DataFrame(schema=SCHEMA)
    moves = foretold(lately, answers)
    shop = moves.group_by("week").agg(pl.col("units").sum().alias("all"))
    found = [
        (category, *_kept(part), part.height)
        for (category,), part in moves.join(shop, on="week")
        .sort("category", "week")
        .group_by("category", maintain_order=True)
    ]
    return _shrunk([row for row in found if np.isfinite(row[2])])


def foretold(sold: pl.DataFrame, answers: pl.DataFrame) -> pl.DataFrame:
    """Return category, week, units and `move`: log(1 + G/B), whole weeks only."""
    weeks = sold["week"].n_unique()
    price = (pl.col("paid") / pl.col("shelf")).clip(0.2, 1.0)
    factor = pl.when(pl.col("shelf") > 0).then(price.log() * pl.col("value")).exp()
    known = (
        sold.join(answers.select("sku", "value"), on="sku", how="left")
        .with_columns(pl.col("value").fill_null(0.0))
        .with_columns(factor=factor.fill_null(1.0))
    )
    item = ["category", "sku"]
    # Over all weeks, those without a sale too: what a week would sell at shelf prices.
    base = (pl.col("units") / pl.col("factor")).sum().over(item) / weeks
    known = known.with_columns(base=base)
    whole = known.unique(item).group_by("category").agg(pl.col("base").sum())
    gains = known.group_by("category", "week").agg(
        pl.col("units").sum(), (pl.col("base") * (pl.col("factor") - 1)).sum()
    )
    gains = gains.rename({"base": "gain"}).join(whole, on="category")
    # Where an answer has the wrong sign a discount "loses" units: kept above −1, or
    # there is no logarithm.
    move = (1 + (pl.col("gain") / pl.col("base")).clip(-0.9)).log()
    return gains.select("category", "week", "units", move.alias("move"))


def _kept(part: pl.DataFrame) -> tuple[float, float]:
    """Regress one category's weeks: the share diverted, and its standard error."""
    if part.height < LEAST_WEEKS:
        return 0.0, np.inf
    y, move, rest = (
        detrended(column[None])[0]
        for column in (
            np.log(part["units"].to_numpy() + 0.5),
            part["move"].to_numpy(),
            # The rest of the shop: what moves all categories at once is nobody's
            # discount.
            np.log((part["all"] - part["units"]).to_numpy() + 0.5),
        )
    )
    if (move**2).sum() < LEAST_MOVED:
        return 0.0, np.inf
    x = np.stack([move, rest], axis=1)
    # Not inv: in a shop of one category the rest never moves.
    inverse = np.linalg.pinv(x.T @ x)
    slope = inverse @ x.T @ y
    # HC3 divides by 1 − lever: a week that is all of a fit would have no end.
    lever = np.clip((x @ inverse * x).sum(axis=1), 0, 0.9)
    score = x * ((y - x @ slope) / (1 - lever))[:, None]
    variance = inverse @ (score.T @ score) @ inverse
    return 1 - float(slope[0]), float(np.sqrt(variance[0, 0]))


def _shrunk(rows: list[Any]) -> pl.DataFrame:
    if not rows:
        return pl.DataFrame(schema=SCHEMA)
    names, values, errors, weeks = zip(*rows, strict=True)
    value, error = np.array(values), np.array(errors)
    pooled = pool(value, error)
    own = len(rows) - 1
    square = (own * pooled.spread**2 + WEIGHT * USUAL**2) / (own + WEIGHT)
    keep = square / (square + error**2)
    told = pooled.mean + keep * (value - pooled.mean)
    variance = (1 - keep) * square + ((1 - keep) * pooled.error) ** 2
    half = Z95 * np.sqrt(variance + FORETOLD**2)
    columns = (names, told, told - half, told + half, weeks)
    return pl.DataFrame(dict(zip(SCHEMA, columns, strict=True)), schema=SCHEMA)
