"""What is expected to sell, by week: what other apps may read of ml.outlook.

Arrays of plain numbers, read from two tables: the web process imports this module, so
it must never load the learning libraries. Products that have no series of their own
share their category's; nothing is known of what has not sold for a year.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from math import exp, log, sqrt
from typing import Any

import numpy as np
from django.db.models import Max, QuerySet

from ml.models import CrossEffect, DemandShare, Forecast
from ml.pooled_quantiles import gamma

HORIZON = 13
"""Weeks ahead."""
Z80 = 1.2816
"""The normal's 0.9 quantile: an 80 % interval's half width in standard deviations."""
STALE = timedelta(days=7)
"""They are made by night: what is older says that something has stopped."""
LASTING = 0.3
"""The correlation of two weeks' errors: a level that was wrong stays wrong.

Measured on The Complete Journey: 0.34 of categories, 0.22 of products.
"""


@dataclass(frozen=True, kw_only=True)
class Demand:
    """What one product or category is expected to sell in the weeks from `first`.

    `units`: expected units a week if prices stay and shelf discounts come as often as
    they did; `low` to `high` hold each week's with 80 %. `undiscounted` is the share of
    `units` that would sell without shelf discounts. `elasticity` is log units by log
    price with its standard error, shrunk and observational (ml.demand). `method` is the
    forecaster that won on past weeks (ml.outlook), "share" that of its category. It was
    `made` at a moment.
    """

    key: str
    first: date
    units: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    elasticity: float
    elasticity_error: float
    method: str
    undiscounted: float = 1.0
    made: datetime | None = None

    @property
    def baseline(self) -> "Demand":
        """What sells at today's prices, without any discount: for whoever sets them."""
        part = self.undiscounted
        units, low, high = (
            tuple(part * one for one in some)
            for some in (self.units, self.low, self.high)
        )
        return replace(self, units=units, low=low, high=high, undiscounted=1.0)


def of_products(
    skus: Collection[str] | None = None, *, at: datetime | None = None
) -> dict[str, Demand]:
    """Read the forecasts of these products (None: all); who has none is left out.

    At a moment, so are those that are STALE by then.
    """
    own = _fresh(Forecast.Level.PRODUCT, at)
    shares = DemandShare.objects.all()
    if skus is not None:
        own = own.filter(key__in=list(skus))
        shares = shares.filter(sku__in=list(skus))
    # In this order: a series of its own says more than a share.
    return _shared(shares, at) | _read(own)


def of_categories(
    categories: Collection[str] | None = None, *, at: datetime | None = None
) -> dict[str, Demand]:
    """Read the forecasts of these categories (None: all); who has none is left out.

    At a moment, so are those that are STALE by then.
    """
    rows = _fresh(Forecast.Level.CATEGORY, at)
    return _read(rows if categories is None else rows.filter(key__in=list(categories)))


def _fresh(level: str, at: datetime | None) -> QuerySet[Forecast]:
    rows = Forecast.objects.filter(level=level)
    return rows if at is None else rows.filter(computed_at__gt=at - STALE)


def age(at: datetime) -> timedelta | None:
    """Return how old the forecasts are if they are stale; None if not, or without."""
    found = Forecast.objects.aggregate(newest=Max("computed_at"))
    return too_old(found["newest"], at)


def too_old(newest: datetime | None, at: datetime) -> timedelta | None:
    """Return the age of the forecasts if they are stale; None if not, or without."""
    return at - newest if newest is not None and at - newest >= STALE else None


@dataclass(frozen=True, kw_only=True)
class Diverted:
    """The share of a discount's gain that its category's other products lose.

    With its 95 % interval; below 0 they gain too. Observational: ml.cross_effects.
    """

    value: float
    low: float
    high: float


def diverted() -> dict[str, Diverted]:
    """Read it for every category that has one."""
    return {
        row.category: Diverted(value=row.diverted, low=row.low, high=row.high)
        for row in CrossEffect.objects.all()
    }


def cover(
    units: Sequence[float], low: Sequence[float], high: Sequence[float], days: float
) -> tuple[float, float]:
    """Return the expected units of the coming days and their standard deviation.

    Days count from the first week's Monday; beyond the last week it repeats. Weeks'
    errors are correlated by LASTING. Nothing known, nothing expected: (0, 0).
    """
    if not units or days <= 0:
        return 0.0, 0.0
    weeks = days / 7
    whole = int(weeks)
    # A part of a week has that part of its units, and of the variance that passes.
    parts = [1.0] * whole + ([weeks - whole] if weeks > whole else [])
    at = [min(n, len(units) - 1) for n in range(len(parts))]
    # What sells now and then has intervals that end at zero, and yet it varies.
    spreads = [max((high[n] - low[n]) / (2 * Z80), sqrt(units[n])) for n in at]
    expected = sum(part * units[n] for part, n in zip(parts, at, strict=True))
    lasting = sum(part * spread for part, spread in zip(parts, spreads, strict=True))
    passing = sum(part * sd * sd for part, sd in zip(parts, spreads, strict=True))
    # Σᵢⱼ sᵢ sⱼ ρ of different weeks, and Σ s² of each: ρ (Σ s)² + (1 − ρ) Σ s².
    return expected, sqrt(LASTING * lasting**2 + (1 - LASTING) * passing)


def at_price(units: float, elasticity: float, *, price: float, new: float) -> float:
    """Return what sells at another price: units · (new / price)^elasticity.

    :raises ValueError: a price is not positive.
    """
    if price <= 0 or new <= 0:
        raise ValueError("prices must be positive")
    return units * exp(elasticity * log(new / price))


def _read(rows: Iterable[Forecast]) -> dict[str, Demand]:
    return {
        row.key: Demand(
            key=row.key,
            first=row.first,
            units=tuple(row.units),
            low=tuple(row.low),
            high=tuple(row.high),
            elasticity=row.elasticity,
            elasticity_error=row.elasticity_error,
            method=row.method,
            undiscounted=row.undiscounted,
            made=row.computed_at,
        )
        for row in rows
    }


def _shared(shares: QuerySet[DemandShare], at: datetime | None) -> dict[str, Demand]:
    """Give each product its part of its category's forecast, a category at a time."""
    names = ("category", "sku", "share", "spread", "elasticity", "elasticity_error")
    of: dict[str, list[Any]] = {}
    for category, *rest in shares.order_by("category", "sku").values_list(*names):
        of.setdefault(category, []).append(rest)
    known = of_categories(of, at=at)
    return {
        one.key: one
        for category, rows in of.items()
        if category in known
        for one in _parts(rows, known[category])
    }


def _parts(rows: Sequence[Any], whole: Demand) -> Iterator[Demand]:
    """Scale the whole; weeks vary as own sales do, and as the whole is unsure."""
    skus, share, spread, values, errors = zip(*rows, strict=True)
    part = np.array(share)[:, None]
    units = part * np.array(whole.units)
    lasting = part * (np.array(whole.high) - np.array(whole.low)) / (2 * Z80)
    variance = np.array(spread)[:, None] * units + lasting**2
    low, high = (gamma(units, variance, z).tolist() for z in (-Z80, Z80))
    for n, sku in enumerate(skus):
        known = values[n] is not None
        yield Demand(
            key=sku,
            first=whole.first,
            units=tuple(units[n].tolist()),
            low=tuple(low[n]),
            high=tuple(high[n]),
            elasticity=values[n] if known else whole.elasticity,
            elasticity_error=errors[n] if known else whole.elasticity_error,
            method="share",
            undiscounted=whole.undiscounted,
            made=whole.made,
        )
