"""What customers bought where they had no offer, beside what was expected there.

Of a unit, that is out of its strategy's scope, and of the scopes of all other
strategies that the customer was chosen for meanwhile, whatever the lot gave: whoever is
held back from everything was chosen for the same ones, so both are counted alike. By
category and week; `OfferAssigned.elsewhere` says what was expected in all, and the
other strategies' p0 which part of that falls into their scopes. Worker only.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import numpy as np
import polars as pl

from ml.lifts import Floats, weekly

WEEK = timedelta(weeks=1)


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """That a customer was chosen for a strategy, from when to when, and p0 there.

    `expected`: purchases a week out of its scope; 0: nothing is said of these.
    """

    person: UUID
    strategy: UUID
    scope: frozenset[str]
    since: datetime
    until: datetime
    p0: float
    expected: float

    @property
    def weeks(self) -> float:
        return max(0.0, (self.until - self.since) / WEEK)


def counted(
    units: Sequence[Chosen],
    chosen: Mapping[UUID, Sequence[Chosen]],
    history: pl.DataFrame,
) -> tuple[Floats, Floats]:
    """Return by unit the purchases found, and how many were expected."""
    others = [_others(unit, chosen.get(unit.person, ())) for unit in units]
    expected = np.array(
        [
            unit.weeks * max(0.0, unit.expected - _within(some))
            # An empty scope is all goods: there is no elsewhere.
            if unit.scope and all(other.scope for other in some)
            else 0.0
            for unit, some in zip(units, others, strict=True)
        ]
    )
    found = np.zeros(len(units))
    rows = _purchases(units, history, _barred(units, others))
    found[rows["unit"].to_numpy()] = rows["found"].to_numpy()
    # Where nothing was said, nothing is counted: else it would look like an effect.
    return np.where(expected > 0, found, 0.0), expected


def _others(unit: Chosen, chosen: Sequence[Chosen]) -> list[Chosen]:
    """Return what else the customer was chosen for meanwhile, each scope once."""
    meanwhile = {
        one.scope: one
        for one in chosen
        if one.strategy != unit.strategy
        and one.scope != unit.scope
        and one.since < unit.until
        and one.until > unit.since
    }
    return list(meanwhile.values())


def _within(others: Sequence[Chosen]) -> float:
    """Return the purchases a week that were expected in the others' scopes."""
    return float(weekly(np.array([one.p0 for one in others])).sum()) if others else 0.0


def _barred(
    units: Sequence[Chosen], others: Sequence[Sequence[Chosen]]
) -> pl.DataFrame:
    """Return which categories do not count: (unit, category)."""
    pairs = [
        (place, name)
        for place, (unit, some) in enumerate(zip(units, others, strict=True))
        for name in unit.scope.union(*(one.scope for one in some))
    ]
    return pl.DataFrame(
        {"unit": [place for place, _ in pairs], "category": [n for _, n in pairs]},
        schema={"unit": pl.Int64, "category": pl.String},
    )


def _purchases(
    units: Sequence[Chosen], history: pl.DataFrame, barred: pl.DataFrame
) -> pl.DataFrame:
    columns: dict[str, Any] = {
        "unit": range(len(units)),
        "customer": [str(unit.person) for unit in units],
        "since": [unit.since for unit in units],
        "until": [unit.until for unit in units],
    }
    moment = pl.Datetime("us", "UTC")
    schema: dict[str, Any] = {
        "unit": pl.Int64,
        "customer": pl.String,
        "since": moment,
        "until": moment,
    }
    week = ((pl.col("at") - pl.col("since")) / WEEK).floor()
    return (
        history.select(pl.col("customer", "category").cast(pl.String), "at")
        .filter(pl.col("category") != "")
        .join(pl.DataFrame(columns, schema=schema), on="customer")
        .filter((pl.col("at") >= pl.col("since")) & (pl.col("at") < pl.col("until")))
        .select("unit", "category", week.alias("week"))
        # A category counts once a week, as what was expected of it does.
        .unique()
        # What is in the scope of any strategy that the customer was
        # chosen for is not elsewhere.
        .join(barred, on=["unit", "category"], how="anti")
        .group_by("unit")
        .agg(pl.len().alias("found"))
    )
