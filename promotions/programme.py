"""What all strategies earned together: month by month, and against what they promised.

A month's programme is everybody who was ever assigned anything against who is held out
of everything. Only strategies in the platform's own currency are put side by side.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from math import sqrt
from typing import NamedTuple
from uuid import UUID

from django.conf import settings
from django.db.models import QuerySet

from analytics import experiments, lookup
from analytics.experiments import Effect
from promotions import measurement, sums
from promotions.arms import HELD_OUT
from promotions.measurement import Result
from promotions.models import Campaign, Strategy

MOST_MONTHS = 120
MOST_LINES = 50
"""Strategies side by side, and in what was `kept`: the newest."""
ROWS = (
    "SELECT a.subject, a.arm, a.sums, s.until FROM promotions_armday a"
    " LEFT JOIN promotions_summed s ON s.subject = a.subject"
    " WHERE a.subject = ANY(%s) AND a.slice = 'all'"
)


@dataclass(frozen=True, kw_only=True)
class Promise:
    """Profit that the forecast promised for each customer."""

    each: float


@dataclass(frozen=True, kw_only=True)
class Line:
    """One strategy among others: what was promised, and what was measured."""

    strategy: Strategy
    promise: Promise | None
    result: Result

    @property
    def profit(self) -> Effect | None:
        """Profit for each treated customer, if it is estimable."""
        found = self.result.effects["profit"]
        return found if found.estimable else None


@dataclass(frozen=True, kw_only=True)
class Kept:
    """How much of what the listed strategies promised was measured, taken together.

    Only where both are known, and the arms' sizes are as drawn.
    """

    strategies: int
    promised: float
    measured: Effect


@dataclass(frozen=True, kw_only=True)
class Month:
    """The programme in one month; `whole` when it is over, and so are its returns."""

    first: date
    whole: bool
    result: Result


@dataclass(frozen=True, kw_only=True)
class Programme:
    """Everybody against who is held out of everything, month by month.

    `total` is of `added` months: those that are estimable, and whose arms are as drawn.
    `always` has the interval that holds however often one looks, as the first page is.
    """

    currency: str
    months: Sequence[Month]
    total: Effect
    always: Effect
    added: int
    lines: Sequence[Line]
    kept: Kept


NOTHING = measurement.compared({}, HELD_OUT, None)
"""The result of who was never summed up."""


class Row(NamedTuple):
    """A row of daily sums, of no matter which day, summed up until then."""

    subject: UUID
    arm: str
    sums: Sequence[float]
    until: datetime | None


def line(strategy: Strategy) -> Line:
    """Return what was promised of a strategy, and measured as it was last summed up."""
    return Line(
        strategy=strategy,
        promise=promise(strategy),
        result=measurement.read(strategy.measured) or NOTHING,
    )


def promise(strategy: Strategy) -> Promise | None:
    """Return what the forecast promised; None if it promised nothing to anybody."""
    if strategy.promised is None:
        return None
    return Promise(each=strategy.promised)


def measured() -> QuerySet[Strategy]:
    """Return the strategies that were ever summed up."""
    offers = Strategy.objects.filter(trigger=Strategy.Trigger.OFFER)
    return offers.filter(measured__has_key="effects").select_related("campaign")


def of(*, at: datetime) -> Programme:
    """Report on the whole programme, and on its newest strategies side by side."""
    months = _months(at)
    results = [month.result for month in months]
    known = [r for r in results if r.total.estimable and r.as_drawn]
    told = [r.total for r in known]
    mine = measured().filter(currency=settings.CURRENCY)
    lines = [line(one) for one in mine.order_by("-proposed_at")[:MOST_LINES]]
    return Programme(
        currency=settings.CURRENCY,
        months=months,
        total=_summed(told),
        always=_always(known),
        added=len(told),
        lines=lines,
        kept=kept(lines),
    )


def of_campaign(campaign: Campaign) -> list[Line]:
    """Return a campaign's strategies side by side, whether measured or not."""
    offers = campaign.strategies.filter(trigger=Strategy.Trigger.OFFER)
    decided = offers.filter(state__in=["live", "paused", "ended"])
    return [line(one) for one in decided.order_by("-proposed_at", "id")]


def _always(months: Sequence[Result]) -> Effect:
    """Add months up with their always valid intervals, ends to ends, as errors are."""
    each = [experiments.total(r.always, r.treatment) for r in months]
    lows, highs = [one.low for one in each], [one.high for one in each]
    return replace(
        _summed([r.total for r in months]),
        low=None if None in lows else sum(low for low in lows if low is not None),
        high=None if None in highs else sum(high for high in highs if high is not None),
    )


def _summed(months: Sequence[Effect]) -> Effect:
    """Add months up. Their errors are added too, not their squares.

    The same people are held out in all months, so that what they happen to do moves all
    of them at once: a sum's error is at most the errors' sum, and may be as much. It is
    as surely known as that of the month which is known least.
    """
    value, error = (sum(m.value for m in months), sum(m.error or 0 for m in months))
    least = min((m.df for m in months if m.df), default=None)
    return experiments.interval(value, error, df=least)


def _months(at: datetime) -> list[Month]:
    subjects = {sums.month(first): first for first in _firsts(at)}
    by_month: dict[UUID, list[Row]] = {}
    for row in map(Row._make, lookup.rows(ROWS, [list(subjects)])):
        by_month.setdefault(row.subject, []).append(row)
    return [
        _month(first, by_month[subject], by_month[subject][0].until)
        for subject, first in subjects.items()
        if subject in by_month
    ]


def _firsts(at: datetime) -> list[datetime]:
    """Return the first moments of the last months."""
    first = at.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    found = [first]
    while len(found) < MOST_MONTHS:
        first = (first - timedelta(days=1)).replace(day=1)
        found.append(first)
    return found[::-1]


def _month(first: datetime, rows: Sequence[Row], until: datetime | None) -> Month:
    arms = measurement.added(rows, lambda row: row.arm)
    over = until is not None and until >= sums.ends(first) + sums.WASHOUT
    result = measurement.compared(arms, HELD_OUT, measurement.drawn_of_all())
    return Month(first=first.date(), whole=over, result=result)


def kept(lines: Iterable[Line]) -> Kept:
    """Add up what was promised and what was measured.

    Each strategy draws its arms by a lot of its own, so that the squares of the errors
    are added, and degrees of freedom are Welch and Satterthwaite's (1947): one
    strategy's sum has the interval that the strategy has.
    """
    told = [o for o in lines if o.promise and o.profit and o.result.as_drawn]
    totals = [one.result.total for one in told]
    # Unlike months, of which the same people are held out (`_summed`).
    squares = [(total.error or 0) ** 2 for total in totals]
    below = sum(s**2 / t.df for s, t in zip(squares, totals, strict=True) if t.df)
    measured = experiments.interval(
        sum(total.value for total in totals),
        sqrt(sum(squares)),
        df=sum(squares) ** 2 / below if below else None,
    )
    promised = sum(o.promise.each * o.result.treatment for o in told if o.promise)
    return Kept(strategies=len(told), promised=promised, measured=measured)
