"""Time splits: where the cut-offs lie, who is learnt from, and the rows of each part.

Cut-offs lie a horizon apart, newest last: training cuts, tuning, validation, test; each
one's labels end where the next begins, so every label is closed before it is used.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Self
from uuid import UUID

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ml import features

CATEGORIES = 100
TRAINING_CUTS = 4
WARM_UP_DAYS = 84
"""History that the first training cut must have before it."""
LEAST_CUSTOMERS = 40
LEAST_PURCHASES = 200


class TooLittleHistory(Exception):
    """The log cannot carry a training yet; the message says what is missing."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The cut-offs, all at midnight UTC; `as_of` closes the last labels."""

    training: tuple[datetime, ...]
    tuning: datetime
    validation: datetime
    test: datetime
    as_of: datetime


@dataclass(frozen=True, kw_only=True)
class Split:
    """The rows of one or more cuts; `x` has features.COLUMNS."""

    x: NDArray[np.float32]
    y: NDArray[np.int8]

    @property
    def entity(self) -> NDArray[np.float32]:
        return self.x[:, 0]

    @property
    def category(self) -> NDArray[np.float32]:
        return self.x[:, 1]

    def of(self, entities: NDArray[Any]) -> Self:
        """Keep the rows of these entities, whole."""
        kept = np.isin(self.entity, entities)
        return type(self)(x=self.x[kept], y=self.y[kept])

    def sampled(self, rows: int, *, whole: bool, seed: int) -> Self:
        """Take about so many rows at random, one by one or whole entities."""
        if len(self.y) <= rows:
            return self
        chance = np.random.default_rng(seed)
        if whole:
            entities = chance.permutation(np.unique(self.entity))
            return self.of(entities[: len(entities) * rows // len(self.y)])
        kept = np.sort(chance.permutation(len(self.y))[:rows])
        return type(self)(x=self.x[kept], y=self.y[kept])


@dataclass(frozen=True, kw_only=True)
class Splits:
    """What a candidate needs from its search to its last figure.

    `trial` and `calibration` are the two halves of the tuning cut's customers.
    """

    training: Split
    trial: Split
    calibration: Split
    validation: Split
    test: Split


def plan(history: pl.DataFrame, *, horizon_days: int) -> Plan:
    """Lay the cut-offs back from the last complete day, a horizon apart.

    :raises TooLittleHistory: no training cut has WARM_UP_DAYS of history before it.
    """
    first, last = history["at"].min(), history["at"].max()
    if not isinstance(first, datetime) or not isinstance(last, datetime):
        raise TooLittleHistory("The log holds no orders.")
    as_of = datetime(last.year, last.month, last.day, tzinfo=UTC)
    step = timedelta(days=horizon_days)
    test, validation, tuning = (as_of - back * step for back in (1, 2, 3))
    warm = first + timedelta(days=WARM_UP_DAYS)
    cuts = (tuning - back * step for back in range(TRAINING_CUTS, 0, -1))
    training = tuple(cut for cut in cuts if cut >= warm)
    if not training:
        needed, there = WARM_UP_DAYS + 4 * horizon_days, (as_of - first).days
        raise TooLittleHistory(
            f"Training needs {needed} days of orders; the log holds {there}."
        )
    return Plan(
        training=training, tuning=tuning, validation=validation, test=test, as_of=as_of
    )


def most_bought(
    history: pl.DataFrame, *, at: datetime, exclude: frozenset[str], most: int
) -> list[str]:
    """Name the categories with the most buyers before `at`, most first."""
    named = history.filter(
        pl.col("at") < at,
        pl.col("category") != "",
        ~pl.col("category").is_in(sorted(exclude)),
    )
    buyers = named.group_by(pl.col("category").cast(pl.String)).agg(
        pl.col("customer").n_unique()
    )
    top = buyers.sort(["customer", "category"], descending=[True, False]).head(most)
    return top["category"].to_list()


def regulars(history: pl.DataFrame, *, at: datetime) -> list[UUID]:
    """Name who is learnt from: three orders before `at`, one in the last 12 weeks."""
    since = at - timedelta(days=features.ACTIVE_DAYS)
    kept = (
        history.filter(pl.col("at") < at)
        .group_by(pl.col("customer").cast(pl.String))
        .agg(pl.col("order").n_unique(), pl.col("at").max())
        .filter(pl.col("order") >= 3, pl.col("at") >= since)
    )
    return [UUID(key) for key in kept["customer"].sort()]


def split(
    history: pl.DataFrame, *, plan: Plan, categories: Sequence[str], seed: int
) -> Splits:
    """Build every part's rows.

    :raises TooLittleHistory: too few customers or purchases to learn from.
    """
    if not categories:
        raise TooLittleHistory("No order line names a category.")
    parts: list[Split] = []
    entities = 0
    for cut in (*plan.training, plan.tuning, plan.validation, plan.test):
        until = plan.as_of - plan.test
        parts.append(_rows(history, cut, until.days, categories, entities))
        entities += len(parts[-1].y) // len(categories)
    *training, tuning, validation, test = parts
    stacked = Split(
        x=np.concatenate([part.x for part in training]),
        y=np.concatenate([part.y for part in training]),
    )
    _check(stacked, validation, categories)
    shuffled = np.random.default_rng(seed).permutation(np.unique(tuning.entity))
    trial, calibration = np.array_split(shuffled, 2)
    return Splits(
        training=stacked,
        trial=tuning.of(trial),
        calibration=tuning.of(calibration),
        validation=validation,
        test=test,
    )


def _rows(
    history: pl.DataFrame,
    at: datetime,
    horizon_days: int,
    categories: Sequence[str],
    first_entity: int,
) -> Split:
    customers = regulars(history, at=at)
    context = features.context(history, at=at, categories=categories)
    frame = features.build(
        history, at=at, customers=customers, categories=categories, context=context
    )
    return Split(
        x=features.matrix(frame, categories=categories, first_entity=first_entity),
        y=features.labels(
            history,
            at=at,
            horizon_days=horizon_days,
            customers=customers,
            categories=categories,
        ),
    )


def _check(training: Split, validation: Split, categories: Sequence[str]) -> None:
    customers = len(validation.y) // len(categories)
    if customers < LEAST_CUSTOMERS:
        raise TooLittleHistory(
            f"Training needs {LEAST_CUSTOMERS} regular customers, not {customers}."
        )
    purchases = int(training.y.sum())
    if min(purchases, len(training.y) - purchases) < LEAST_PURCHASES:
        raise TooLittleHistory(
            f"Training needs {LEAST_PURCHASES} rows that bought and as many that did "
            f"not; {purchases} of {len(training.y)} did."
        )
