"""A quarter's plan as the tables know it: what runs and waits, and what is added to it.

Reading stores nothing. What comes of a plan is promotions.quarter_proposals'.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np
from django.conf import settings
from django.db.models import Q

from ml import forecasts
from promotions import quarter_curves, quarter_prices
from promotions.models import Strategy
from promotions.quarter_curves import Basis, Kept, Worth
from promotions.quarter_weeks import WEEK, Quarter, quarter_of
from promotions.quarters import Floats, Line, Shared

State = Strategy.State
SHOWN = (State.PROPOSED, State.RETURNED, State.LIVE, State.PAUSED)
WAITS = (State.PROPOSED, State.RETURNED)
MOST = 40
"""Lines that are priced on customers: one takes 40 ms, once an hour. Others count as
their forecasts say, in their place."""
MOST_ALIKE = 50
USUAL_WEEKS = 4
CALENDAR = "calendar"
"""Forecasters that know the calendar's days have it in their names (ml.forecasters)."""


@dataclass(frozen=True, kw_only=True)
class Added:
    """A campaign that is not there yet: like a strategy, in weeks from a Monday on."""

    key: str
    like: Strategy
    starts_at: datetime
    weeks: int
    money: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Plan:
    """What is planned for a quarter: rows by key, their lines, and what they share.

    `unpriced`: lines that count as their forecasts say, since there are too many.
    `stale`: how old forecasts of demand are that are not used, being too old.
    `by_calendar`: how many forecasts of how many the calendar's days move.
    `priced_at`: when a worker priced the lines; None: they were priced now.
    """

    quarter: Quarter
    rows: Mapping[str, Strategy]
    lines: Sequence[Line]
    shared: Sequence[Shared]
    unpriced: int = 0
    stale: timedelta | None = None
    by_calendar: tuple[int, int] = (0, 0)
    priced_at: datetime | None = None


def read(quarter: Quarter, added: Iterable[Added], *, at: datetime) -> Plan:
    """Return what runs or waits in a quarter, and what is added to it."""
    stored = _stored(quarter, at)
    new = list(added)
    known, stale = _forecasts(at)
    demand, on = _demand(known, quarter, at), quarter_curves.basis(at)
    # Read once: each look at the cache could find other prices.
    kept = quarter_curves.kept(on, at=at)
    gains = quarter_prices.gains([one for one in stored if one.prices], quarter, at=at)
    spend = [one for one in stored if not one.prices]
    # The first to begin are priced; the order of `_stored` is the same at each request.
    found = {one.id: _line(one, demand, on, at, kept) for one in spend[:MOST]}
    found |= {one.id: _unpriced(one, demand, at) for one in spend[MOST:]}
    found |= {
        one.id: (_priced(one, demand, gains[one.id], at), None)
        for one in stored
        if one.prices
    }
    lines = [found[one.id] for one in stored]
    lines += [_new(one, demand, on) for one in new]
    worth = [(line.key, one) for line, one in lines if one]
    return Plan(
        quarter=quarter,
        rows={str(one.id): one for one in stored} | {one.key: one.like for one in new},
        lines=[line for line, _ in lines],
        shared=list(quarter_curves.shared(worth)),
        unpriced=max(0, len(spend) - MOST),
        stale=stale,
        by_calendar=(sum(CALENDAR in one.method for one in known.values()), len(known)),
        priced_at=kept.made_at,
    )


def price_ahead(*, at: datetime) -> int:
    """Price what stands in this quarter's plan and the next's; return how many."""
    now, on = quarter_of(at.date()), quarter_curves.basis(at)
    rows = [
        one
        for some in (now, now.after)
        for one in [row for row in _stored(some, at) if not row.prices][:MOST]
    ]
    found = {one.id: quarter_curves.worth(one, on, days=_left(one, at)) for one in rows}
    quarter_curves.keep(found, on, at=at)
    return len(found)


def _stored(quarter: Quarter, at: datetime) -> list[Strategy]:
    # A returned one with a next version is over: that version stands in the plan.
    rows = Strategy.objects.filter(
        state__in=SHOWN,
        currency=settings.CURRENCY,
        campaign__starts_at__lt=quarter.ends_at,
        campaign__ends_at__gt=max(at, quarter.mondays[0]),
    ).exclude(Q(state=State.RETURNED) & Q(successors__isnull=False))
    order = ("campaign__starts_at", "campaign_id", "title", "id")
    return list(rows.select_related("campaign").order_by(*order))


def _left(one: Strategy, at: datetime) -> float:
    """Return the days that a strategy has left."""
    campaign = one.campaign
    return (campaign.ends_at - max(campaign.starts_at, at)) / timedelta(days=1)


def alike() -> list[Strategy]:
    """Return what a campaign may be like: the newest personal strategies."""
    rows = Strategy.objects.filter(
        trigger=Strategy.Trigger.OFFER, currency=settings.CURRENCY
    ).exclude(state=State.REJECTED)
    return list(rows.select_related("campaign").order_by("-proposed_at")[:MOST_ALIKE])


@dataclass(frozen=True, kw_only=True, eq=False)
class Demand:
    """How demand moves in a quarter's weeks: [categories, weeks] in units and doubt.

    `usual`: units of a week within the next four, which curves are priced for.
    """

    categories: Sequence[str]
    units: Floats
    doubt: Floats
    usual: Floats

    def of(self, scope: Iterable[str]) -> tuple[Floats, Floats]:
        """Return the demand for a scope in parts of the usual, and its deviation."""
        wanted = set(scope)
        mine = [
            n for n, one in enumerate(self.categories) if not wanted or one in wanted
        ]
        usual = self.usual[mine].sum()
        # Without a forecast every week is as usual, and nothing is doubted.
        if not usual > 0:
            weeks = self.units.shape[1]
            return np.ones(weeks), np.zeros(weeks)
        # As if categories erred apart: nothing in a forecast says how they go together.
        doubt = np.sqrt((self.doubt[mine] ** 2).sum(axis=0))
        return self.units[mine].sum(axis=0) / usual, doubt / usual


Forecasts = Mapping[str, forecasts.Demand]


def _forecasts(at: datetime) -> tuple[Forecasts, timedelta | None]:
    """Return the categories' forecasts; if they are too old none, but their age."""
    known = forecasts.of_categories()
    age = max((at - one.made for one in known.values() if one.made), default=None)
    if age is None or age < forecasts.STALE:
        return known, None
    return {}, age


def _demand(known: Forecasts, quarter: Quarter, at: datetime) -> Demand:
    found = [_weeks(one, quarter, at) for _, one in sorted(known.items())]
    nothing = np.zeros((0, quarter.weeks))
    return Demand(
        categories=sorted(known),
        units=np.stack([one[0] for one in found]) if found else nothing,
        doubt=np.stack([one[1] for one in found]) if found else nothing,
        usual=np.array([one[2] for one in found]),
    )


def _weeks(
    one: forecasts.Demand, quarter: Quarter, at: datetime
) -> tuple[Floats, Floats, float]:
    """Return a category's units by week, their deviation, and the usual ones.

    What is before or after the forecast is as usual: nobody knows better.
    """
    units, wide = np.array(one.units), np.array(one.high) - np.array(one.low)
    here = [(monday.date() - one.first).days // 7 for monday in quarter.mondays]
    now = max(0, (at.date() - one.first).days // 7)
    usual = float(units[now : now + USUAL_WEEKS].mean()) if now < len(units) else 0.0
    inside = [0 <= week < len(units) for week in here]
    # Any place will do for weeks outside: `inside` throws them away.
    spots = np.clip(here, 0, max(len(units) - 1, 0))
    # From the ends of an 80 % interval to a standard deviation.
    doubt = wide[spots] / (2 * forecasts.Z80)
    return np.where(inside, units[spots], usual), np.where(inside, doubt, 0.0), usual


def _line(
    one: Strategy, demand: Demand, on: Basis, at: datetime, kept: Kept
) -> tuple[Line, Worth | None]:
    if one.id in kept.worth:
        found = kept.worth[one.id]
    else:
        found = quarter_curves.worth(one, on, days=_left(one, at))
    return _laid(one, demand, found, at), found


def _unpriced(one: Strategy, demand: Demand, at: datetime) -> tuple[Line, Worth | None]:
    """Count on what its forecast says; moved it is not, since that takes time."""
    found = quarter_curves.foretold(one)
    return replace(_laid(one, demand, found, at), movable=False), found


def _laid(one: Strategy, demand: Demand, found: Worth | None, at: datetime) -> Line:
    campaign, waits = one.campaign, one.state in WAITS
    # What runs has given some already; what waits
    # has all, if its campaign still has it.
    money = min(one.budget, campaign.left) if waits else one.left
    units, doubt = demand.of(one.scope)
    return Line(
        key=str(one.id),
        title=one.called,
        state=one.state,
        scope=frozenset(one.scope),
        starts_at=max(campaign.starts_at, at),
        ends_at=campaign.ends_at,
        money=max(0.0, float(money)),
        demand=units,
        doubt=doubt,
        curve=found.curve if found else None,
        cost=quarter_curves.expected(one),
        movable=waits,
        replaces=str(one.replaces_id or ""),
    )


def _priced(one: Strategy, demand: Demand, gains: Floats, at: datetime) -> Line:
    """Lay what prices bring: it is not moved from here, its lines have their times."""
    return replace(_laid(one, demand, None, at), gains=gains, movable=False)


def _new(one: Added, demand: Demand, on: Basis) -> tuple[Line, Worth | None]:
    found = quarter_curves.worth(one.like, on, days=7.0 * one.weeks)
    units, doubt = demand.of(one.like.scope)
    line = Line(
        key=one.key,
        title=one.like.called,
        state="added",
        scope=frozenset(one.like.scope),
        starts_at=one.starts_at,
        ends_at=one.starts_at + one.weeks * WEEK,
        money=one.money,
        demand=units,
        doubt=doubt,
        curve=found.curve if found else None,
        cost=one.money,
        movable=True,
    )
    return line, found
