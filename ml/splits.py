"""Time splits: where the cut-offs lie, who is learnt from, and the rows of each.

Cut-offs lie a horizon apart, newest last; each one's labels end where the next begins,
so a learner that is measured at a cut-off has seen only labels that were closed by
then. The last MEASURED cut-offs are foretold in turn, each by learners fitted on the
TRAINING_CUTS before it; the one before them calibrates the first. A log too short for
all that has fewer cut-offs and a shorter warm-up, down to one that teaches, one that
calibrates and one that is measured after a horizon of warm-up; see `plan`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from analytics.wording import Wording
from ml import features
from ml.codes import day_of, moment_of, recoded
from ml.purchases import Codes, History, Purchases

CATEGORIES = 100
ROWS = 300_000
"""Training rows at most: three times as many gained the logistic nothing."""
TRAINING_CUTS = 4
MEASURED = 3
WARM_UP_DAYS = 84
"""History that the first training cut has before it, if the log is long enough."""
FEWEST_CUTS = 3
"""One that teaches, one that calibrates and one that is measured."""
LEAST_CUSTOMERS = 40
LEAST_PURCHASES = 200


class TooLittleHistory(Exception):
    """The log cannot carry a training yet; the message says what is missing."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """All cut-offs at midnight UTC, oldest first; `as_of` closes the last labels.

    `since` is where the history that they are built on begins.
    """

    since: datetime
    cuts: tuple[datetime, ...]
    as_of: datetime

    @property
    def measured(self) -> int:
        """How many cut-offs are measured, at most MEASURED."""
        # All but one that teaches and one that calibrates.
        return min(MEASURED, len(self.cuts) - FEWEST_CUTS + 1)

    @property
    def rolling(self) -> tuple[datetime, ...]:
        """The cut-offs to be foretold: the calibrating one, then the measured ones."""
        return self.cuts[-self.measured - 1 :]

    @property
    def lacking(self) -> str:
        """Say what a longer log would have had; "" if nothing is missing."""
        warm = (self.cuts[0] - self.since).days
        if self.measured == MEASURED and warm >= WARM_UP_DAYS:
            return ""
        return Wording(
            "The log is young: %(measured)s of %(wanted)s cut-offs could "
            "be measured, after %(warm)s of %(warm_up_days)s days of warm-up.",
            measured=self.measured,
            wanted=MEASURED,
            warm=warm,
            warm_up_days=WARM_UP_DAYS,
        )

    @property
    def horizon(self) -> float:
        return day_of(self.as_of) - day_of(self.cuts[-1])

    def before(self, cut: datetime) -> tuple[datetime, ...]:
        """Return the cut-offs whose rows teach who is measured at `cut`."""
        return tuple(one for one in self.cuts if one < cut)[-TRAINING_CUTS:]


@dataclass(frozen=True, kw_only=True)
class Split:
    """The rows of one or more cuts; `x` has features.COLUMNS.

    An entity is a customer, with one code in all cuts.
    """

    x: NDArray[np.float32]
    y: NDArray[np.int8]

    @property
    def entity(self) -> NDArray[np.float32]:
        return self.x[:, 0]

    @property
    def category(self) -> NDArray[np.float32]:
        return self.x[:, 1]

    @classmethod
    def joined(cls, parts: Sequence["Split"]) -> Self:
        return cls(
            x=np.concatenate([part.x for part in parts]),
            y=np.concatenate([part.y for part in parts]),
        )

    def of(self, entities: NDArray[Any]) -> Self:
        """Keep the rows of these entities, whole."""
        kept = np.isin(self.entity, entities)
        return type(self)(x=self.x[kept], y=self.y[kept])

    def sampled(self, rows: int, *, seed: int = 0) -> Self:
        """Take about so many rows at random, one by one.

        A few rows of everybody teach more than whole customers do: boosting lost 0.005
        nats on those.
        """
        if len(self.y) <= rows:
            return self
        chance = np.random.default_rng(seed)
        # In the order they had: what is fitted does not hang on the draw's order.
        kept = np.sort(chance.permutation(len(self.y))[:rows])
        return type(self)(x=self.x[kept], y=self.y[kept])


@dataclass(frozen=True, kw_only=True)
class Splits:
    """Each cut's rows, by the cut, with names for their columns."""

    plan: Plan
    rows: dict[datetime, Split]
    columns: tuple[str, ...] = features.COLUMNS

    def before(self, cut: datetime, *, rows: int = ROWS, seed: int = 0) -> Split:
        """Join about so many rows of what teaches who is measured at `cut`."""
        return self._sampled(self.plan.before(cut), rows, seed)

    def newest(self, *, rows: int = ROWS, seed: int = 0) -> Split:
        """Join the newest cuts: what the model that goes into service learns from."""
        return self._sampled(self.plan.cuts[-TRAINING_CUTS:], rows, seed)

    def _sampled(self, cuts: Sequence[datetime], rows: int, seed: int) -> Split:
        """Take as many of each; each of its own seed, or all would keep one pattern."""
        some = [
            self.rows[cut].sampled(rows // len(cuts), seed=seed + number)
            for number, cut in enumerate(cuts)
        ]
        return Split.joined(some)


def plan(past: Purchases, *, horizon_days: int) -> Plan:
    """Lay the cut-offs back from the last complete day, a horizon apart.

    A log that is too short for MEASURED cut-offs after WARM_UP_DAYS gives half of what
    it has beyond two horizons to the warm-up.

    :raises TooLittleHistory: it is shorter than a horizon and FEWEST_CUTS of them.
    """
    if not len(past):
        raise TooLittleHistory(Wording("The log holds no orders."))
    first, last = moment_of(past.day.min()), moment_of(past.day.max())
    # The last order's day may not be over: it labels nothing.
    as_of = datetime(last.year, last.month, last.day, tzinfo=UTC)
    step = timedelta(days=horizon_days)
    days, needed = (as_of - first).days, (FEWEST_CUTS + 1) * horizon_days
    if days < needed:
        enough = (first + timedelta(days=needed + 1)).date()
        raise TooLittleHistory(
            Wording(
                "Training needs %(needed)s full days of orders; the log holds "
                "%(days)s. Orders until %(enough)s will do.",
                needed=needed,
                days=days,
                enough=enough,
            )
        )
    warm = first + min(timedelta(days=WARM_UP_DAYS), (as_of - first - 2 * step) / 2)
    most = TRAINING_CUTS + MEASURED + 1
    laid = (as_of - back * step for back in range(most, 0, -1))
    cuts = tuple(cut for cut in laid if cut >= warm)
    since = max(first, cuts[0] - timedelta(days=WARM_UP_DAYS))
    return Plan(since=since, cuts=cuts, as_of=as_of)


def most_bought(
    history: History, *, at: datetime, exclude: frozenset[str], most: int
) -> list[str]:
    """Name the categories with the most buyers before `at`, most first."""
    past = history.purchases.before(day_of(at))
    named = past.category >= 0
    keys = past.category[named].astype(np.int64) << 32 | past.customer[named]
    buyers = np.bincount(np.unique(keys) >> 32, minlength=len(history.categories))
    found = np.flatnonzero(buyers)
    # Stable, and codes go by name: ties have one order in every process.
    ranked = found[np.argsort(-buyers[found], kind="stable")]
    names = (history.categories[code] for code in ranked)
    return [name for name in names if name not in exclude][:most]


def regulars(past: Purchases, *, day: float, customers: int) -> Codes:
    """Name who is learnt from: three orders before `day`, one in the last 12 weeks."""
    before = past.before(day)
    _, first = np.unique(before.order, return_index=True)
    orders = np.bincount(before.customer[first], minlength=customers)
    lately = np.zeros(customers, bool)
    lately[before.customer[before.day >= day - features.ACTIVE_DAYS]] = True
    # Those of the research report's P1, so that its figures and ours compare.
    return np.flatnonzero((orders >= 3) & lately).astype(np.int32)


def split(history: History, *, plan: Plan, categories: Sequence[str]) -> Splits:
    """Build every cut's rows; of a cut that is never foretold only what may teach.

    :raises TooLittleHistory: too few customers or purchases to learn from.
    """
    if not categories:
        raise TooLittleHistory(Wording("No order line names a category."))
    insist(history, plan=plan)
    past = recoded(history.purchases, categories=(history.categories, list(categories)))
    rows = {}
    for cut in plan.cuts:
        whole = rows_at(
            past,
            day=day_of(cut),
            horizon=plan.horizon,
            customers=len(history.customers),
            categories=len(categories),
        )
        # So many rows a learner of four cut-offs takes of it; the others need no
        # memory.
        only_teaches = cut not in plan.rolling
        rows[cut] = whole.sampled(ROWS // TRAINING_CUTS) if only_teaches else whole
    splits = Splits(plan=plan, rows=rows)
    _check(splits)
    return splits


def insist(history: History, *, plan: Plan) -> None:
    """Ask for regulars to learn from, when the first cut-off is foretold.

    :raises TooLittleHistory: there are too few of them.
    """
    found = regulars(
        history.purchases,
        day=day_of(plan.rolling[0]),
        customers=len(history.customers),
    )
    if len(found) < LEAST_CUSTOMERS:
        raise TooLittleHistory(
            Wording(
                "Training needs %(least_customers)s regular customers, not %(found)s.",
                least_customers=LEAST_CUSTOMERS,
                found=len(found),
            )
        )


def rows_at(
    past: Purchases, *, day: float, horizon: float, customers: int, categories: int
) -> Split:
    """Build the rows of the customers who are regulars at `day`."""
    shape = {"customers": customers, "categories": categories}
    context = features.context(past, day=day, categories=categories)
    # Of everybody, so that a customer has one code at all cut-offs: errors are
    # clustered by it.
    built = features.build(past, day=day, context=context, **shape)
    kept = regulars(past, day=day, customers=customers)
    rows = (kept[:, None] * categories + np.arange(categories)).ravel()
    y = features.labels(past, day=day, horizon=horizon, **shape)
    return Split(x=features.matrix(built, categories=categories)[rows], y=y[rows])


def _check(splits: Splits) -> None:
    # The first contest has least to learn from: what suffices there suffices later.
    y = splits.before(splits.plan.rolling[0]).y
    purchases = int(y.sum())
    if min(purchases, len(y) - purchases) < LEAST_PURCHASES:
        raise TooLittleHistory(
            Wording(
                "Training needs %(least_purchases)s rows that bought and as many "
                "that did not; %(purchases)s of %(y)s did.",
                least_purchases=LEAST_PURCHASES,
                purchases=purchases,
                y=len(y),
            )
        )
