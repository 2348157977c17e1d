"""Forecasts of what sells by week, for every category and product: made by night.

Categories, and the OWN products of the most revenue, each get a series; all other
products share their category's forecast. Holidays and turns of the month are offered to
the forecasters, who use them only where past weeks say so: dates of the demo's history
were moved (docs/decisions/0006), so there they should not.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from math import isnan
from typing import Any

import numpy as np
import polars as pl
from django.db import transaction

from catalog import market_calendar
from catalog.models import ShopDay
from ml import cross_effects, demand, forecasters, lines, rolling, weekly
from ml.forecasts import HORIZON
from ml.models import CrossEffect, DemandShare, Elasticity, Forecast
from ml.panels import Numbers, panel

OWN = 500
"""Products of the most revenue, which get a series of their own."""
KEPT = 104
"""Weeks of history that are kept beside the forecast."""
UNKNOWN = (-1.0, 1.0)
"""The elasticity, and its error, where no category was measured."""
NAMES = {"value": "elasticity", "error": "elasticity_error"}
PAY_DAYS = 7
"""The first days of a month, when wages and benefits have come."""


def refresh(*, at: datetime) -> int:
    """Forecast all categories and products as of the log's last order; replace rows."""
    history = lines.standing(lines.read(until=at)).filter(pl.col("quantity") > 0)
    rows: list[Forecast] = []
    shares: list[DemandShare] = []
    cross: list[CrossEffect] = []
    if not history.is_empty():
        first = weekly.first_week(history, at=at)
        sold, weeks = weekly.sold(history, first)
        if weeks:
            rows, shares, cross = _made(history, sold, weeks, first=first, at=at)
    # The exchange alone: what comes before takes 25 CPU s on the demo, and readers have
    # the old rows meanwhile.
    with transaction.atomic():
        for table in (Forecast, DemandShare, CrossEffect):
            table.objects.all().delete()
        Forecast.objects.bulk_create(rows, batch_size=500)
        DemandShare.objects.bulk_create(shares, batch_size=5000)
        CrossEffect.objects.bulk_create(cross)
    return len(rows)


def calendar(first: date, weeks: int, *, known_at: datetime | None = None) -> Numbers:
    """Return a row a week: a column each for what may move all series.

    The share of the month's first days; a holiday; one the week after; and the share of
    days of each other kind in the shop's own calendar, as it was known then.
    """
    # A week more than asked for: the last one has a week after it too.
    days = [first + timedelta(days=n) for n in range(7 * (weeks + 1))]
    kinds: dict[str, set[date]] = {kind: set() for kind in ShopDay.Kind.values}
    after = days[-1] + timedelta(days=1)
    for one in market_calendar.days(days[0], after, known_at=known_at):
        kinds[one.kind].add(one.day)
    free = kinds.pop(ShopDay.Kind.HOLIDAY)
    off = _weekly(day in free for day in days).max(axis=1)
    columns = [
        _weekly(day.day <= PAY_DAYS for day in days).mean(axis=1)[:-1],
        off[:-1],
        off[1:],
        *(
            _weekly(day in own for day in days).mean(axis=1)[:-1]
            for own in kinds.values()
        ),
    ]
    return np.stack(columns, axis=1)


def _weekly(marks: Iterable[bool]) -> Numbers:
    return np.array(list(marks), float).reshape(-1, 7)


def _made(
    history: pl.DataFrame, sold: pl.DataFrame, weeks: int, *, first: date, at: datetime
) -> tuple[list[Forecast], list[DemandShare], list[CrossEffect]]:
    known = _known()
    # A product that moved to another category has an answer in each.
    moved = demand.by_product(demand.panel(history), known)
    answers = moved.unique("sku", keep="last", maintain_order=True)
    night = _Night(first=first, at=at, weeks=weeks, known=known, answers=answers)
    # By week: a product that moved belongs to its newest category.
    of = dict(sold.sort("week").select("sku", "category").iter_rows())
    best = _best(sold, weeks)
    categories = sorted(set(of.values()) - {""})
    # All are (series, weeks): the shop, categories, and products below.
    shop = weekly.laid_out(sold.with_columns(shop=pl.lit("")), "shop", [""], weeks)[0]
    units, price = weekly.laid_out(sold, "category", categories, weeks)
    belongs = np.asarray(np.repeat(shop, len(categories), axis=0))
    rows = night.rows("category", categories, categories, units, price, belongs)
    place = {category: n for n, category in enumerate(categories)}
    # −1 is the last row, the shop: what has no category moves with that.
    belongs = np.concatenate([units, shop])[[place.get(of[sku], -1) for sku in best]]
    units, price = weekly.laid_out(sold, "sku", best, weeks)
    own = [of[sku] for sku in best]
    rows += night.rows("product", best, own, units, price, belongs)
    cross = [
        CrossEffect(computed_at=at, **row)
        for row in cross_effects.measure(sold, answers).iter_rows(named=True)
    ]
    return rows, night.shares(sold, best), cross


def _best(sold: pl.DataFrame, weeks: int) -> list[str]:
    year = sold.filter(pl.col("week") >= weeks - weekly.YEAR)
    paid = year.group_by("sku").agg(pl.col("paid").sum())
    # By sku too, or equal revenues would exchange their series from night to night.
    return paid.sort("paid", "sku", descending=[True, False])["sku"].head(OWN).to_list()


def _known() -> pl.DataFrame:
    """Read the categories' elasticities, as demand.shrunk tells them."""
    schema = {"category": pl.String, "value": float, "low": float, "high": float}
    return pl.DataFrame(
        list(Elasticity.objects.values_list(*schema)), schema=schema, orient="row"
    )


@dataclass(frozen=True, kw_only=True)
class _Night:
    """What all rows of a night have in common."""

    first: date
    at: datetime
    weeks: int
    known: pl.DataFrame
    answers: pl.DataFrame

    def rows(
        self,
        level: str,
        keys: Sequence[str],
        categories: Sequence[str],
        units: Numbers,
        price: Numbers,
        above: Numbers,
    ) -> list[Forecast]:
        """Forecast the series of one level; a row each."""
        if not keys:
            return []
        given = panel(units, price, above, self.days)
        given = replace(given, known=self.known_days)
        made = rolling.outlook(given, HORIZON)
        naive = forecasters.forecast(given, forecasters.NAIVE, HORIZON).quantiles[1]
        season = forecasters.forecast(given, forecasters.SEASONAL, HORIZON).quantiles[1]
        figures = {**_figures(made), "weeks": self.weeks}
        whole = self.whole()
        answers = dict(zip(self.answers["sku"], self.answers.rows(), strict=True))
        rows = []
        for n, (key, category) in enumerate(zip(keys, categories, strict=True)):
            # A product's own, its category's, or one so wide that it says little.
            _, value, error = answers.get(key) or ("", *whole.get(category, UNKNOWN))
            # argmax: the first week with a sale.
            started = max(int(np.argmax(units[n] > 0)), self.weeks - KEPT)
            rows.append(
                Forecast(
                    level=level,
                    key=key,
                    category=category,
                    first=self.first,
                    naive=_plain(naive[n]),
                    seasonal=_plain(season[n]),
                    history=_plain(units[n, started:]),
                    undiscounted=_undiscounted(units[n], price[n], value),
                    elasticity=value,
                    elasticity_error=error,
                    method=made.methods[n],
                    figures=figures | _own(made, n),
                    computed_at=self.at,
                    **_ahead(made.told, n),
                )
            )
        return rows

    @cached_property
    def days(self) -> Numbers:
        """The calendar from the first week to the last ahead."""
        return self._days(None)

    @cached_property
    def known_days(self) -> dict[int, Numbers]:
        """It as known at each past origin: who tries may not know of a fair before."""
        if not ShopDay.objects.exists():
            return {}
        return {week: self._days(week) for week in rolling.origins_of(self.weeks)}

    def _days(self, known: int | None) -> Numbers:
        begin = self.first - timedelta(weeks=self.weeks)
        at = None
        if known is not None:
            monday = begin + timedelta(weeks=known)
            at = datetime.combine(monday, time(), UTC)
        return calendar(begin, self.weeks + HORIZON, known_at=at)

    def whole(self) -> dict[str, tuple[float, float]]:
        """Return each category's elasticity with its standard error."""
        return {
            category: (value, (high - low) / (2 * demand.Z95))
            for category, value, low, high in self.known.iter_rows()
        }

    def shares(self, sold: pl.DataFrame, own: Sequence[str]) -> list[DemandShare]:
        """Give what has no series of its own a share of its category."""
        # A series of one piece a month tells nothing that its category does not
        # (decision 34).
        rest = weekly.shares(sold).filter(~pl.col("sku").is_in(list(own)))
        known = rest.unique("sku", keep="first").join(
            self.answers, on="sku", how="left"
        )
        return [DemandShare(**row) for row in known.rename(NAMES).iter_rows(named=True)]


def _ahead(told: forecasters.Told, n: int) -> dict[str, list[float]]:
    """Write a series' forecast into the row's arrays."""
    low, median, high = told.quantiles[:, n]
    ends = {"units": told.mean[n], "low": low, "median": median, "high": high}
    return {name: _plain(values) for name, values in ends.items()}


def _figures(made: rolling.Outlook) -> dict[str, Any]:
    """Say how all forecasters did on past weeks of the level."""
    return {
        "pinball": {name: round(one.pinball, 4) for name, one in made.trials.items()},
        "wape": {name: round(one.wape, 4) for name, one in made.trials.items()},
        "coverage": None if isnan(made.coverage) else round(made.coverage, 3),
    }


def _own(made: rolling.Outlook, n: int) -> dict[str, Any]:
    """Say how they did on one series: pinball loss, in units a week."""
    # NaN (v ≠ v) where nothing had been sold yet at any origin: JSON has no word for
    # it.
    losses = {name: np.nanmean(one.loss[n]) for name, one in made.trials.items()}
    return {"own": {k: round(float(v), 3) for k, v in losses.items() if v == v}}


def _undiscounted(units: Numbers, price: Numbers, elasticity: float) -> float:
    """Return the share of a year's units that would have sold at shelf prices."""
    units, price = units[-weekly.YEAR :], np.clip(price[-weekly.YEAR :], 0.2, 1.0)
    # Weeks without a sale have no price, and no units either: any factor will do.
    plain = units / np.nan_to_num(price**elasticity, nan=1.0)
    return float(np.clip(plain.sum() / max(units.sum(), 1e-9), 0.0, 1.0))


def _plain(values: Numbers) -> list[float]:
    return [round(float(value), 3) for value in values]
