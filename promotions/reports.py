"""What a strategy or a campaign earned, as people are told it.

Read from daily sums and a few rows' own counts, never from the log, so that a report
takes as long with 30 M events as with none. It tells how many customers there were, and
never of one. What cannot be estimated has no number, and `why` says what is missing.

One result is planned: a subject's profit. Variants are several goals (Holm); segments
and weeks are looked at because they are there (Benjamini-Hochberg), and only show where
to plan the next test.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from typing import NamedTuple
from uuid import UUID

from analytics import checks, experiments, lookup
from analytics.experiments import Effect
from analytics.moments import Moments
from promotions import arms, bandit, measurement, sums
from promotions.arms import HELD_OUT, HOLDOUT, TREATMENT
from promotions.measurement import CROSSED, NONE, Arms, Result
from promotions.models import Campaign, Strategy

ALL, SHOWN, SEGMENT, WEEK = "all", "shown", "segment ", "week "


@dataclass(frozen=True, kw_only=True)
class Day:
    """What was known at the end of a day (UTC) of profit for each treated customer."""

    day: date
    treatment: int
    control: int
    profit: Effect
    always: Effect


@dataclass(frozen=True, kw_only=True)
class Part:
    """Profit of a variant or a slice; interval and p-value are the adjusted ones."""

    name: str
    treatment: int
    control: int
    profit: Effect


@dataclass(frozen=True, kw_only=True)
class Shown:
    """Both arms from the first time on that the shop showed, or would have shown, it.

    `share` is that of the treated who saw it.
    """

    result: Result
    share: float


@dataclass(frozen=True, kw_only=True)
class Washout:
    """Profit for each treated customer at the campaign's end, and four weeks later.

    What is lost in between was only bought sooner. None where it is too early to tell,
    which `why` says.
    """

    at_end: Effect | None = None
    after: Effect | None = None
    why: str | None = None


@dataclass(frozen=True, kw_only=True)
class Report:
    """A strategy's or a campaign's result with all that explains it."""

    currency: str
    through: date | None
    result: Result
    lift: Effect
    days: Sequence[Day]
    variants: Sequence[Part]
    segments: Sequence[Part]
    weeks: Sequence[Part]
    shown: Shown
    washout: Washout


class Row(NamedTuple):
    """A row of daily sums."""

    slice: str
    arm: str
    variant: str
    day: date
    sums: Sequence[float]


ROWS = (
    "SELECT slice, arm, variant, day, sums FROM promotions_armday"
    " WHERE subject = %s ORDER BY slice, day"
)


def of_strategy(strategy: Strategy) -> Report:
    """Report on a strategy: its offers against its own holdout."""
    report = _report(
        strategy.id,
        HOLDOUT,
        measurement.drawn(strategy),
        strategy.currency,
        strategy.campaign.ends_at,
        _until([strategy]),
    )
    if arms.moves(strategy):
        # Means of who has a variant are worthless where odds move (decision 24).
        report = replace(report, variants=_weighed(strategy, report.result.control))
    return report


def of_campaign(campaign: Campaign) -> Report:
    """Report on a campaign: its audience against who is held out of everything."""
    return _report(
        campaign.id,
        HELD_OUT,
        measurement.drawn_of_all(),
        campaign.currency,
        campaign.ends_at,
        _until(campaign.strategies.all()),
    )


def by_lot(row: Strategy) -> float:
    """Return the share of the treated whose variant was drawn, not chosen for them."""
    return 1.0 if len(row.menu) == 1 or arms.by_lot(row) else row.explore


def _report(
    subject: UUID,
    control: str,
    drawn: Mapping[str, float],
    currency: str,
    ends_at: datetime,
    until: datetime | None,
) -> Report:
    found = (Row(*row) for row in lookup.rows(ROWS, [subject]))
    # The rows come by slice, then day: each group is whole, and in order.
    by_slice = {name: list(some) for name, some in groupby(found, lambda r: r.slice)}
    rows, seen = by_slice.pop(ALL, []), by_slice.pop(SHOWN, [])
    by_arm = measurement.added(rows, lambda row: row.arm)
    result = measurement.compared(by_arm, control, drawn)
    days = list(_days(rows, control))
    slices = _adjusted(_slices(by_slice, control), checks.benjamini_hochberg)
    return Report(
        currency=currency,
        through=days[-1].day if days else None,
        result=result,
        lift=_lift(by_arm, control),
        days=days,
        variants=_adjusted(_variants(rows, by_arm.get(control, NONE)), checks.holm),
        segments=[_named(p, SEGMENT) for p in slices if p.name.startswith(SEGMENT)],
        weeks=[_named(p, WEEK) for p in slices if p.name.startswith(WEEK)],
        shown=_shown(seen, control, drawn, result.treatment),
        washout=_washout(days, ends_at, until),
    )


def _lift(by_arm: Arms, control: str) -> Effect:
    """Return by which share the treated spent more than the control arm."""
    treated, others = by_arm.get(TREATMENT, NONE), by_arm.get(control, NONE)
    return measurement.difference(treated, others, "revenue", relative=True)


def _days(rows: Sequence[Row], control: str) -> Iterable[Day]:
    known = {TREATMENT: NONE, control: NONE, CROSSED: NONE}
    for day, some in groupby(rows, lambda row: row.day):
        for arm, more in measurement.added(some, lambda row: row.arm).items():
            # Rows hold what each day added: the sums up to a day are the running total.
            known[arm] = known.get(arm, NONE) + more
        treated, others = known[TREATMENT], known[control]
        profit = _profit(treated, others)
        yield Day(
            day=day,
            treatment=treated.n,
            control=others.n,
            profit=profit,
            always=experiments.sequential(profit, treated.n + others.n),
        )


def _profit(treated: Moments, others: Moments) -> Effect:
    return measurement.difference(treated, others, "profit")


def _variants(rows: Sequence[Row], control: Moments) -> list[Part]:
    treated = [row for row in rows if row.arm == TREATMENT and row.variant]
    found = measurement.added(treated, lambda row: row.variant)
    return [_part(name, arm, control) for name, arm in sorted(found.items())]


def _weighed(strategy: Strategy, control: int) -> list[Part]:
    """Return a bandit's variants against the holdout: their odds are weighed out."""
    parts = [
        Part(
            name=one.variant,
            treatment=one.customers,
            control=control,
            profit=one.over_holdout or Effect(value=one.profit.value),
        )
        for one in bandit.earned(strategy)
    ]
    return _adjusted(parts, checks.holm)


def _slices(by_slice: Mapping[str, Sequence[Row]], control: str) -> list[Part]:
    found = []
    for name, rows in by_slice.items():
        # By odds: they are for promotions.bandit, and mean nothing by themselves.
        if name.startswith(sums.DRAWN):
            continue
        by_arm = measurement.added(rows, lambda row: row.arm)
        part = _part(name, by_arm.get(TREATMENT, NONE), by_arm.get(control, NONE))
        found.append(part)
    return found


def _part(name: str, treated: Moments, control: Moments) -> Part:
    return Part(
        name=name,
        treatment=treated.n,
        control=control.n,
        profit=_profit(treated, control),
    )


def _named(part: Part, prefix: str) -> Part:
    return replace(part, name=part.name.removeprefix(prefix))


def _adjusted(
    parts: Sequence[Part], how: Callable[[Sequence[float]], list[float]]
) -> list[Part]:
    """Adjust the parts' p-values, and their intervals with them."""
    told = [part.profit.p for part in parts if part.profit.p is not None]
    # In the order of `told`: parts without a p-value are passed over in both.
    by_rank = iter(how(told))
    return [
        replace(part, profit=checks.adjusted_interval(part.profit, next(by_rank)))
        if part.profit.p is not None
        else part
        for part in parts
    ]


def _shown(
    rows: Sequence[Row], control: str, drawn: Mapping[str, float], treated: int
) -> Shown:
    arms = measurement.added(rows, lambda row: row.arm)
    result = measurement.compared(arms, control, drawn)
    return Shown(result=result, share=result.treatment / treated if treated else 0.0)


def _washout(days: Sequence[Day], ends_at: datetime, until: datetime | None) -> Washout:
    """Compare what was known at the campaign's end with what is known after all."""
    # Half-open: a campaign that ends at midnight has the day before as its last.
    last = (ends_at - timedelta(microseconds=1)).astimezone(UTC).date()
    if until is None or not days:
        return Washout(why="not_measured")
    if until < ends_at:
        return Washout(why="campaign_runs")
    known = [day.profit for day in days if day.day <= last]
    at_end = known[-1] if known else Effect(value=0.0)
    if until < ends_at + sums.WASHOUT:
        return Washout(at_end=at_end, why="washout_runs")
    # Sums end four weeks after the campaign, so
    # the last day is what is known after all.
    return Washout(at_end=at_end, after=days[-1].profit)


def _until(strategies: Iterable[Strategy]) -> datetime | None:
    """Return as of when strategies were summed up last."""
    known = (strategy.measured.get("until") for strategy in strategies)
    return max((datetime.fromisoformat(one) for one in known if one), default=None)
