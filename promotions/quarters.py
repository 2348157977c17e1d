"""A quarter's plan: what campaigns cost and bring by week, and in sum. Pure NumPy.

A line is a strategy with the time that it has left. It gives in proportion to demand:
with the share s of its time that lies in a week, times the week's demand (1: that of
the four weeks which its curve was priced for), a budget b buys in a week

    s · M(b / S), S the sum of s over its time, for the cost s · b / S

where M is its frontier: the most margin for an amount, given evenly at usual demand
(promotions.frontier). So a week's returns diminish with what is given in it.

What changes prices for everybody spends nothing: its line has `gains`, what each of its
prices promises over its time, and no curve.

Two lines about the same goods gain there once: of what both would bring at a customer
who is worth both, the smaller is lost, in the part of their run in which both run. What
offers take from other goods, and from later weeks, each curve has inside already.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from promotions.quarter_weeks import WEEK, Quarter, by_week

Floats = NDArray[np.float64]
LOW, HIGH = 0.1, 0.9
"""The ends of an interval, 80 %."""
SEED = 20_261_127


@dataclass(frozen=True, kw_only=True, eq=False)
class Curve:
    """What an amount buys over a line's whole time at usual demand.

    `cost` rises from 0, [points]; `margin` are draws of what may be true, [points,
    draws]. What is beyond the last point is not given.
    """

    cost: Floats
    margin: Floats

    @property
    def most(self) -> float:
        return float(self.cost[-1])

    def at(self, money: float) -> Floats:
        """Return draws of the margin that an amount buys."""
        spent = min(max(money, 0.0), self.most)
        # The first point beyond what is spent: never the first of all, whose cost is 0.
        place = int(np.searchsorted(self.cost, spent, "right"))
        if place >= len(self.cost):
            return np.asarray(self.margin[-1])
        low, high = self.cost[place - 1], self.cost[place]
        part = (spent - low) / (high - low)
        below, above = self.margin[place - 1], self.margin[place]
        return np.asarray(below + part * (above - below))

    @cached_property
    def mean(self) -> Floats:
        return np.asarray(self.margin.mean(axis=1))


def straight(cost: float, margin: Floats) -> Curve:
    """Return the curve of what is known at one point only: in proportion."""
    if cost <= 0:
        return Curve(cost=np.zeros(1), margin=np.zeros((1, len(margin))))
    nothing = np.zeros_like(margin)
    return Curve(cost=np.array([0.0, cost]), margin=np.stack([nothing, margin]))


@dataclass(frozen=True, kw_only=True, eq=False)
class Line:
    """A strategy in a plan, from now on.

    `money`: what it may still give. `demand` by the quarter's week, in parts of usual;
    `doubt`, its standard deviation. Without a `curve` it is expected to give `cost`,
    and nobody knows what that brings, unless it has `gains`: draws of what prices bring
    by week, [draws, weeks]. `movable`: nobody has an offer of it yet.
    """

    key: str
    title: str
    state: str
    scope: frozenset[str]
    starts_at: datetime
    ends_at: datetime
    money: float
    demand: Floats
    doubt: Floats
    curve: Curve | None = None
    gains: Floats | None = None
    cost: float = 0.0
    movable: bool = False
    replaces: str = ""

    @property
    def spends(self) -> bool:
        """Whether it gives anything away: prices do not."""
        return self.gains is None

    @property
    def known(self) -> bool:
        """Whether anybody knows what it brings."""
        return self.curve is not None or self.gains is not None

    @property
    def lasts(self) -> timedelta:
        return self.ends_at - self.starts_at


@dataclass(frozen=True, kw_only=True)
class Shared:
    """What two lines lose to each other if both run whole, in full, at one time.

    `customers`: those who are worth both.
    """

    first: str
    second: str
    customers: float
    first_loses: float
    second_loses: float


@dataclass(frozen=True, kw_only=True)
class Part:
    """What a week, a line or all costs and brings, `taken` off already.

    `margin` None: nothing is known of any line in it.
    """

    cost: float
    margin: float
    low: float
    high: float
    taken: float


@dataclass(frozen=True, kw_only=True)
class Outlook:
    """A plan's figures by week, by line (its key), and in sum: of the quarter alone."""

    weeks: Sequence[Part]
    lines: Mapping[str, Part]
    total: Part


@dataclass(frozen=True, kw_only=True, eq=False)
class Run:
    """A line in its quarter: `within` by week, `whole` with what is outside of it."""

    line: Line
    within: Floats
    whole: float

    @cached_property
    def inside(self) -> NDArray[np.bool_]:
        return self.within > 0

    @cached_property
    def weight(self) -> float:
        """Its part in the quarter."""
        return float(self.within.sum())

    @cached_property
    def given(self) -> float:
        """What it gives for each unit of `within`."""
        if not self.whole:
            return 0.0
        if self.line.curve is None:
            # `cost` is of its time at usual demand:
            # where more is asked for, more is given.
            return min(self.line.money, self.line.cost * self.whole) / self.whole
        return min(self.line.money / self.whole, self.line.curve.most)

    @property
    def costs(self) -> Floats:
        return self.within * self.given

    @cached_property
    def margins(self) -> Floats:
        """Draws of what it brings for each unit of `within`."""
        if self.line.curve is None:
            return np.zeros(1)
        return self.line.curve.at(self.given)

    @property
    def fullness(self) -> float:
        """Of what it could bring, this much it does."""
        if self.line.curve is None or self.line.curve.mean[-1] <= 0:
            return 0.0
        return max(0.0, float(self.margins.mean() / self.line.curve.mean[-1]))


def run(line: Line, quarter: Quarter, *, now: datetime) -> Run:
    """Lay a line over the quarter's weeks; what is over is not laid."""
    starts_at = max(line.starts_at, now)
    whole = (line.ends_at - starts_at) / WEEK
    if whole <= 0:
        return Run(line=line, within=np.zeros(quarter.weeks), whole=0.0)
    inside = by_week(starts_at, line.ends_at, quarter)
    # s times demand, by week; outside of the quarter demand is taken as usual.
    within = inside / whole * line.demand
    outside = max(0.0, 1 - float(inside.sum()) / whole)
    return Run(line=line, within=within, whole=float(within.sum()) + outside)


def outlook(
    lines: Sequence[Line],
    shared: Sequence[Shared],
    quarter: Quarter,
    *,
    now: datetime,
) -> Outlook:
    """Return what a plan costs and brings; `lines` have different keys."""
    runs = {one.key: run(one, quarter, now=now) for one in lines}
    lost = losses(runs, {key: one.fullness for key, one in runs.items()}, shared)
    # A line without a curve has one draw, a zero, which fits beside any number.
    draws = max((len(one.margins) for one in runs.values()), default=1)
    luck = _luck(draws, quarter.weeks)
    each = {key: _of(one, lost[key], luck) for key, one in runs.items()}
    return Outlook(
        weeks=[
            _part([(c[[w]], m[[w]], t[[w]], d[:, [w]]) for c, m, t, d in each.values()])
            for w in range(quarter.weeks)
        ],
        lines={key: _part([one]) for key, one in each.items()},
        total=_part(list(each.values())),
    )


Figures = tuple[Floats, Floats, Floats, Floats]
"""By week: cost, margin, taken; and draws of the margin, [draws, weeks]."""


def _of(one: Run, lost: Floats, luck: Floats) -> Figures:
    if one.line.gains is not None:
        gains, nothing = one.line.gains, np.zeros_like(one.within)
        return nothing, gains.mean(axis=0), nothing, gains
    mean = one.within * one.margins.mean()
    # A line loses no more to others than it brings: a loss of its own is not shared.
    taken = np.minimum(lost, np.maximum(mean, 0.0))
    # In parts of the week's demand, as `luck`
    # multiplies it; nothing where it does not run.
    doubt = np.divide(
        one.line.doubt, one.line.demand, out=np.zeros_like(mean), where=one.within > 0
    )
    # [draws, weeks]. Demand cannot be below nothing, however wide its doubt is.
    drawn = np.outer(one.margins, one.within) * np.maximum(1 + luck * doubt, 0.0)
    return one.costs, mean - taken, taken, drawn - taken


def _part(some: Sequence[Figures]) -> Part:
    if not some:
        return Part(cost=0.0, margin=0.0, low=0.0, high=0.0, taken=0.0)
    # Draws are added up before their ends are looked for: intervals do not add up.
    low, high = np.quantile(sum(drawn.sum(axis=1) for *_, drawn in some), [LOW, HIGH])
    return Part(
        cost=float(sum(cost.sum() for cost, *_ in some)),
        margin=float(sum(margin.sum() for _, margin, *_ in some)),
        low=float(low),
        high=float(high),
        taken=float(sum(taken.sum() for _, _, taken, _ in some)),
    )


def _luck(draws: int, weeks: int) -> Floats:
    """Draw how far demand is off, the same for all lines: errors go together."""
    drawn = np.random.default_rng(SEED).standard_normal((draws, weeks))
    # Without a mean, so that the middle of the draws is the plan's own figure.
    return np.asarray(drawn - drawn.mean(axis=0))


def losses(
    runs: Mapping[str, Run], fullness: Mapping[str, float], shared: Sequence[Shared]
) -> dict[str, Floats]:
    """Return what each line loses to others by week."""
    lost = {key: np.zeros_like(one.within) for key, one in runs.items()}
    for pair in shared:
        if pair.first in runs and pair.second in runs:
            mine, theirs = (
                runs[key].within * fullness[key] for key in (pair.first, pair.second)
            )
            # By week: what of both runs, as far as
            # both are given in full, at the same time.
            both = np.minimum(mine, theirs)
            lost[pair.first] += pair.first_loses * both
            lost[pair.second] += pair.second_loses * both
    return lost
