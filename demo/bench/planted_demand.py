"""Shops whose answers to discounts are known, to see whether intervals hold them.

Twelve categories of fifteen products each sell for a year; elasticities differ between
categories and between products; discounts are drawn by lot, seasons wander, and counts
are Poisson, in every other seed with twice the variance. What is to be held is the mean
of a category's products, or a product's own.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ml import cross_effects, demand

Numbers = NDArray[np.float64]
CATEGORIES, PRODUCTS, WEEKS = 12, 15, 52
DEPTHS = (0.1, 0.2, 0.3, 0.4)


@dataclass(frozen=True, kw_only=True)
class Held:
    """Shares of the intervals that held what was planted."""

    categories: float
    products: float


@dataclass(frozen=True, kw_only=True)
class Shop:
    """`sold` as weekly.sold tells it, `price` the log of paid over shelf value; truth.

    `answers` has a row a category, a column a product; `diverted` is by category.
    """

    sold: pl.DataFrame
    answers: Numbers
    diverted: Numbers


def shop(seed: int, *, diverts: bool = False) -> Shop:
    """Draw a shop; of a discount's gain, sisters lose a part if it `diverts`."""
    chance = np.random.default_rng(seed)
    shape = (CATEGORIES, PRODUCTS)
    answers = chance.normal(-1.5, 0.5, (CATEGORIES, 1)) + chance.normal(0, 0.3, shape)
    # Drawn in either case, so that all other luck is the same.
    taken = chance.normal(0.35, 0.25, CATEGORIES) * diverts
    base = np.exp(chance.uniform(np.log(5), np.log(80), shape))[..., None]
    often = 0.6 * chance.random((CATEGORIES, 1, WEEKS))
    some = chance.random((*shape, WEEKS)) < often
    depth = np.where(some, chance.choice(DEPTHS, (*shape, WEEKS)), 0.0)
    gain = base * ((1 - depth) ** answers[..., None] - 1)
    lost = taken[:, None, None] * (gain.sum(axis=1, keepdims=True) - gain)
    weight = base / base.sum(axis=1, keepdims=True)
    season = np.exp(chance.normal(0, 0.06, (CATEGORIES, 1, WEEKS)).cumsum(axis=2) / 2)
    mean = np.maximum(base + gain - lost * weight / (1 - weight), 0.3) * season
    # Of mean 1 and variance 0.1.
    swing = chance.gamma(10.0, 0.1, mean.shape) if seed % 2 else 1.0
    units = chance.poisson(mean * swing)
    return Shop(sold=_frame(units, depth), answers=answers, diverted=taken)


def _frame(units: NDArray[np.int64], depth: Numbers) -> pl.DataFrame:
    category, product, week = (axis.ravel() for axis in np.indices(units.shape))
    names = {"category": category, "sku": category * PRODUCTS + product}
    shelf = 2.0 * units.ravel()
    rows = pl.DataFrame(
        {
            **{name: values.astype(str) for name, values in names.items()},
            "week": week,
            "units": units.ravel().astype(float),
            "paid": shelf * (1 - depth.ravel()),
            "shelf": shelf,
            "price": np.log(1 - depth.ravel()),
        }
    )
    return rows.filter(pl.col("units") > 0)


def held(seeds: Iterable[int]) -> Held:
    """Measure many shops' elasticities."""
    categories: list[bool] = []
    products: list[bool] = []
    for seed in seeds:
        given = shop(seed)
        rows = given.sold.filter(
            pl.len().over("category", "sku") >= demand.LEAST_OF_A_PRODUCT
        )
        whole = demand.shrunk(demand.estimate(rows))
        mean, own = given.answers.mean(axis=1), given.answers.ravel()
        categories += [
            row["low"] <= mean[int(row["category"])] <= row["high"]
            for row in whole.iter_rows(named=True)
        ]
        products += [
            abs(own[int(row["sku"])] - row["value"]) <= demand.Z95 * row["error"]
            for row in demand.by_product(rows, whole).iter_rows(named=True)
        ]
    return Held(
        categories=float(np.mean(categories)), products=float(np.mean(products))
    )


def diverted(seeds: Iterable[int]) -> float:
    """Measure many shops' diversion: the share of intervals that held it."""
    found = []
    for seed in seeds:
        given = shop(seed, diverts=True)
        whole = demand.shrunk(demand.estimate(given.sold))
        answers = demand.by_product(given.sold, whole)
        for row in cross_effects.measure(given.sold, answers).iter_rows(named=True):
            true = given.diverted[int(row["category"])]
            found.append(row["low"] <= true <= row["high"])
    return float(np.mean(found))
