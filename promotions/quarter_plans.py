"""A quarter's plan as the tables know it: its budget, its lines, and what comes of it.

Reading stores nothing. A plan becomes proposals, which go the road of all others
(promotions.proposals): what was added is a new campaign's, what waits returns to its
next version, and what runs gets one with another budget.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F, Q, Sum
from django.db.models.functions import TruncWeek

from analytics import events, glances, store
from catalog import pricing
from catalog.mirrors import lock
from ml import forecasts
from promotions import (
    approval,
    drafts,
    models,
    proposals,
    quarter_curves,
    quarter_prices,
    rules,
)
from promotions.drafts import CampaignDraft, Draft
from promotions.models import Redemption, Strategy
from promotions.quarter_curves import Basis, Kept, Worth
from promotions.quarters import WEEK, Floats, Line, Quarter, Shared, quarter_of

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


def budget(quarter: Quarter) -> models.Quarter | None:
    """Return a quarter's budget, if it has one."""
    return models.Quarter.objects.filter(starts_on=quarter.first).first()


def set_budget(
    quarter: Quarter,
    amount: Decimal,
    weeks: Sequence[Decimal | None],
    *,
    by: str,
    at: datetime,
) -> models.Quarter:
    """Give a quarter a budget, and some of its weeks a fixed part of it; log it.

    :raises ValidationError: it makes no sense: weeks have more than all.
    """
    row = models.Quarter(
        starts_on=quarter.first,
        budget=amount,
        currency=settings.CURRENCY,
        weeks=list(weeks),
        set_by=by,
        set_at=at,
    )
    # Its row may be there already: saving then replaces it.
    row.full_clean(validate_unique=False, validate_constraints=False)
    fixed = [one for one in weeks if one is not None]
    # As the table's constraints have it: Django does not see into arrays by itself.
    if min([amount, *fixed]) < 0 or sum(fixed) > amount:
        raise ValidationError("The fixed weeks must fit into the budget.")
    planned = events.QuarterPlanned(
        starts_on=row.starts_on,
        by=by,
        budget=amount,
        currency=row.currency,
        weeks=tuple(weeks),
    )
    with transaction.atomic():
        # Who sets it at the same time waits, and has the last word.
        lock("promotions_quarter")
        row.save()
        # Read under the lock, so nobody has written to the stream since.
        after = glances.version(row.stream)
        store.append([planned], at=at, stream=row.stream, after=after)
    return row


def spent(quarter: Quarter) -> list[float]:
    """Return what was given in each week, less what was taken back since."""
    rows = Redemption.objects.filter(
        redeemed_at__gte=quarter.mondays[0],
        redeemed_at__lt=quarter.ends_at,
        strategy__currency=settings.CURRENCY,
    )
    weeks = rows.annotate(week=TruncWeek("redeemed_at")).values_list("week")
    found = dict(weeks.annotate(given=Sum(F("discount") - F("returned"))))
    return [float(found.get(monday, 0)) for monday in quarter.mondays]


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


def propose(
    plan: Plan, changed: Sequence[Line], *, by: str, at: datetime
) -> list[Strategy]:
    """Propose what was added, moved or given another amount; all of it or nothing.

    What waits is returned for changes: whoever proposes it anew may do that.

    :raises Faulty: something makes no sense as a strategy.
    :raises NotReplaceable: another version waits already.
    """
    with transaction.atomic():
        return [_proposed(plan, one, by=by, at=at) for one in changed]


def differs(before: Line, after: Line) -> bool:
    """Say whether a line was moved, or given another amount of money."""
    moved = abs(after.starts_at - before.starts_at) >= timedelta(minutes=1)
    return moved or abs(after.money - before.money) >= 0.005


def _proposed(plan: Plan, line: Line, *, by: str, at: datetime) -> Strategy:
    row, before = plan.rows[line.key], {one.key: one for one in plan.lines}
    stays = line.state != "added" and line.starts_at == before[line.key].starts_at
    draft = _draft(row, line, stays=stays)
    if line.state == "added":
        return proposals.propose(draft, by=by, at=at)
    if row.state == State.PROPOSED:
        comment = f"Planned anew for the quarter from {plan.quarter.first} on."
        # A version can replace what was returned or
        # runs, not what still waits for a decision.
        approval.request_changes(row.id, by=by, comment=comment, at=at)
    return proposals.propose_version(row.id, draft, by=by, at=at)


def _draft(row: Strategy, line: Line, *, stays: bool) -> Draft:
    """Write a strategy as the draft of what a line says of it."""
    amount = pricing.rounded(Decimal(line.money), row.currency)
    return drafts.read(
        msgspec.to_builtins(
            Draft(
                title=row.title,
                reason=row.reason,
                kind=row.kind,  # type: ignore[arg-type]
                trigger=row.trigger,  # type: ignore[arg-type]
                menu=row.terms,
                rule=rules.decoded_rule(row.rule),
                scope=tuple(row.scope),
                budget=amount,
                least_margin=row.least_margin,
                holdout=row.holdout if row.trigger == Strategy.Trigger.OFFER else None,
                explore=row.explore,
                allocation=row.allocation,  # type: ignore[arg-type]
                renews_days=row.renews_days,
                # Another time needs a campaign of its own:
                # what else is in the old one stays there.
                campaign=row.campaign_id if stays else _campaign(row, line, amount),
            )
        )
    )


def _campaign(row: Strategy, line: Line, amount: Decimal) -> CampaignDraft:
    """Open a campaign like the row's: from Monday midnight in its zone on."""
    old = row.campaign
    starts_at = _there(line.starts_at, old.zone)
    return CampaignDraft(
        name=f"{row.title}, {starts_at:%Y-%m-%d}"[:200],
        starts_at=starts_at,
        ends_at=starts_at + line.lasts,
        zone=old.zone,
        budget=amount,
        currency=old.currency,
        least_return=old.least_return,
        most_per_customer=old.most_per_customer,
    )


def _there(at: datetime, zone: str) -> datetime:
    """Return midnight of the same day in another zone; other times as they are."""
    if at.time() != time():
        return at
    return datetime.combine(at.date(), time(), ZoneInfo(zone))


def moved(line: Line, monday: date) -> Line:
    """Return a line that begins with a week; it lasts as long as before."""
    starts_at = datetime.combine(monday, time(), line.starts_at.tzinfo)
    return replace(line, starts_at=starts_at, ends_at=starts_at + line.lasts)
