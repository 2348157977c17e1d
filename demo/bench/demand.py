"""How well weekly demand is forecast, beside pip's statsforecast; and elasticities.

The Complete Journey's merchandise by week of 2017: all categories, and the 500 products
of most revenue before the first origin. From each of ORIGINS, four weeks ahead, every
forecaster knows what was known then. The forecasters' settings were chosen on origins
12 to 24, which are not reported. Peers run in a venv of their own below var/.

Elasticities and diversion are planted, to see whether intervals hold the truth; on the
real data, categories are measured on even and on odd weeks apart.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl

from config.services import ROOT, VAR
from demo import journey, merchandise
from demo.bench import planted_demand
from demo.bench.table import Row, against, least, show, shown, within
from ml import cross_effects, demand, forecasters, outlook, rolling, weekly
from ml.forecasters import Method, Told
from ml.panels import Numbers, Panel, panel

PEERS = ("statsforecast==2.1.1",)
ORIGINS, AHEAD = (28, 32, 36, 40, 44, 48), 4
FIRST, WEEKS = date(2017, 1, 2), 52
"""The first whole week, a Monday; the 52nd ends with the year."""
LEVELS = {"c": "categories", "p": "500 products"}
PLAIN = (forecasters.NAIVE, forecasters.SEASONAL)
SEEDS, CROSS_SEEDS = 200, 40


@dataclass(frozen=True, kw_only=True)
class Score:
    """Of the forecasts from all origins: the means of the origins."""

    wape: float
    of_mean: float
    pinball: float
    coverage: float


def run() -> None:
    """Measure and write the tables."""
    sold = _sold()
    panels = _panels(sold)
    show("Demand", [*_forecasts(panels), *_answers(sold)])


def _sold() -> pl.DataFrame:
    """Return weekly.sold's columns for what is merchandise, in 2017's whole weeks."""
    products = pl.read_parquet(journey.folder() / "products.parquet")
    goods = products.filter(
        ~pl.col("department").is_in(merchandise.NEVER_PROMOTED),
        pl.col("product_category") != "COUPON/MISC ITEMS",
    )
    days = pl.col("transaction_timestamp").dt.date() - pl.lit(FIRST)
    shelf = pl.sum_horizontal("sales_value", "retail_disc", "coupon_match_disc")
    return (
        pl.read_parquet(journey.folder() / "transactions.parquet")
        .join(goods.select("product_id", "product_category"), on="product_id")
        .with_columns(week=days.dt.total_days() // 7, shelf=shelf)
        .filter(pl.col("week").is_between(0, WEEKS - 1), pl.col("quantity") > 0)
        .group_by(
            pl.col("product_category").alias("category"),
            pl.col("product_id").cast(pl.String).alias("sku"),
            "week",
        )
        .agg(
            pl.col("quantity").sum().cast(pl.Float64).alias("units"),
            pl.col("sales_value").sum().alias("paid"),
            pl.col("shelf").sum(),
        )
    )


def _panels(sold: pl.DataFrame) -> dict[str, Panel]:
    before = sold.filter(pl.col("week") < ORIGINS[0])
    paid = before.group_by("sku").agg(pl.col("paid").sum())
    # By what was paid before the first origin: later sales must not choose.
    best = paid.sort("paid", "sku", descending=[True, False])["sku"].head(500).to_list()
    names = sorted(sold["category"].unique())
    of = dict(sold.select("sku", "category").unique("sku").iter_rows())
    days = outlook.calendar(FIRST, WEEKS + AHEAD)
    units, price = weekly.laid_out(sold, "category", names, WEEKS)
    shop = np.repeat(units.sum(axis=0)[None], len(names), axis=0)
    place = {name: n for n, name in enumerate(names)}
    above = units[[place[of[sku]] for sku in best]]
    return {
        "c": panel(units, price, shop, days),
        "p": panel(*weekly.laid_out(sold, "sku", best, WEEKS), above, days),
    }


def _forecasts(panels: Mapping[str, Panel]) -> Iterator[Row]:
    theirs = _peers(panels)
    for level, given in panels.items():
        started = time.perf_counter()
        ours = _scored(
            given, [rolling.outlook(given.until(o), AHEAD).told for o in ORIGINS]
        )
        seconds = (time.perf_counter() - started) / len(ORIGINS)
        plain = {m.name: _scored(given, _plain(given, m)) for m in PLAIN}
        peers = {name: _scored(given, told) for name, told in theirs[level].items()}
        yield from _rows(LEVELS[level], ours, peers, plain)
        yield shown(f"{LEVELS[level]}: trial, choice and forecast", f"{seconds:.1f} s")


def _plain(given: Panel, method: Method) -> list[Told]:
    return [forecasters.forecast(given.until(o), method, AHEAD) for o in ORIGINS]


def _rows(
    level: str, ours: Score, peers: Mapping[str, Score], plain: Mapping[str, Score]
) -> Iterator[Row]:
    for name, one in {**peers, **plain}.items():
        pairs = {
            "WAPE": (ours.wape, one.wape),
            "pinball loss over units": (ours.pinball, one.pinball),
        }
        for figure, (mine, other) in pairs.items():
            told = f"{level}: {figure}"
            yield against(told, 100 * mine, 100 * other, 1.0, name, "%")
    best = min(peers, key=lambda name: peers[name].wape)
    yield against(
        f"{level}: WAPE of the expected units, in place of the median",
        100 * ours.of_mean,
        100 * peers[best].wape,
        1.0,
        best,
        "%",
    )
    yield within(f"{level}: weeks in the 80 % interval, %", 100 * ours.coverage, 75, 85)
    told = ", ".join(f"{name} {100 * one.coverage:.1f}" for name, one in peers.items())
    yield shown(f"{level}: the same of the peers, %", told)


def _scored(given: Panel, told: list[Told]) -> Score:
    """Compare what was told at the origins with what was sold."""
    figures = []
    for origin, one in zip(ORIGINS, told, strict=True):
        true = np.nan_to_num(given.units[:, origin : origin + AHEAD])
        low, middle, high = one.quantiles
        figures.append(
            (
                np.abs(true - middle).sum() / true.sum(),
                np.abs(true - one.mean).sum() / true.sum(),
                rolling.pinball(true, one).sum() * AHEAD / true.sum(),
                ((true >= low) & (true <= high)).mean(),
            )
        )
    wape, of_mean, pinball, coverage = np.array(figures).mean(axis=0)
    return Score(wape=wape, of_mean=of_mean, pinball=pinball, coverage=coverage)


def _peers(panels: Mapping[str, Panel]) -> dict[str, dict[str, list[Told]]]:
    """Run demo.bench.demand_peers; return what each told, by level and peer."""
    venv = VAR / "demand-peers"
    if not (venv / "bin" / "peers-are-here").exists():
        subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)  # noqa: S603
        pip = [str(venv / "bin" / "pip"), "install", "--quiet", *PEERS]
        subprocess.run(pip, check=True)  # noqa: S603
        (venv / "bin" / "peers-are-here").touch()
    with tempfile.TemporaryDirectory() as folder:
        asked, answers = Path(folder) / "panel.npz", Path(folder) / "answers.npz"
        known = {
            f"{level}{origin}": given.until(origin).units
            for level, given in panels.items()
            for origin in ORIGINS
        }
        np.savez(asked, **known)  # type: ignore[arg-type]
        script = ROOT / "demo" / "bench" / "demand_peers.py"
        subprocess.run(  # noqa: S603
            [venv / "bin" / "python", script, asked, answers], check=True
        )
        told = dict(np.load(answers))
    names = [name.removeprefix("seconds:") for name in told if "seconds:" in name]
    return {
        level: {
            name: [_told(told, f"{level}{origin}:{name}") for origin in ORIGINS]
            for name in names
        }
        for level in panels
    }


def _told(answers: Mapping[str, Numbers], name: str) -> Told:
    ends = [answers[f"{name}:{end}"] for end in ("low", "mean", "high")]
    return Told(quantiles=np.array(ends), mean=ends[1])


def _answers(sold: pl.DataFrame) -> Iterator[Row]:
    """Look whether intervals hold what was planted; whether halves of a year agree."""
    held = planted_demand.held(range(SEEDS))
    yield least(
        f"planted elasticities in their 95 % interval, {SEEDS} seeds, categories",
        100 * held.categories,
        93,
        "%",
        1,
    )
    yield least("the same, products", 100 * held.products, 93, "%", 1)
    cross = planted_demand.diverted(range(CROSS_SEEDS))
    told = f"planted diversion in its 95 % interval, {CROSS_SEEDS} seeds"
    yield least(told, 100 * cross, 90, "%", 1)
    priced = sold.filter(pl.col("paid") > 0, pl.col("shelf") > 0)
    known = priced.with_columns(price=(pl.col("paid") / pl.col("shelf")).log())
    parts = [_enough(known.filter(pl.col("week") % 2 == odd)) for odd in (0, 1)]
    halves = [demand.estimate(part).drop_nulls("value") for part in parts]
    agree = "of even and of odd weeks, rank correlation"
    yield shown(f"elasticities {agree}", _agree(halves))
    whole = demand.shrunk(demand.estimate(_enough(known)))
    answers = demand.by_product(_enough(known), whole)
    found = [
        cross_effects.measure(sold.filter(pl.col("week") % 2 == odd), answers)
        for odd in (0, 1)
    ]
    halves = [one.rename({"diverted": "value"}) for one in found]
    yield shown(f"diversion {agree}", _agree(halves))


def _enough(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.filter(pl.len().over("category", "sku") >= demand.LEAST_OF_A_PRODUCT)


def _agree(halves: list[pl.DataFrame]) -> str:
    """Spearman's rank correlation over the categories that both halves know."""
    both = halves[0].join(halves[1], on="category")
    value = both.select(pl.corr("value", "value_right", method="spearman")).item()
    return f"{value:.2f} over {both.height} categories"
