"""A proposal tried before it can be approved: on past baskets, and its forecast.

A sample of the log's last four weeks of orders is priced with all that is live and the
strategy beside it (promotions.past_weeks). A personal offer that was written by hand
gets its forecast here, priced as the platform prices its own. Worker only.
"""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
from django.conf import settings
from django.db import transaction

from catalog import history, pricing
from ml import scores
from ml.customers import segments
from promotions import (
    arms,
    audiences,
    depths,
    forecasts,
    guards,
    past_guards,
    past_weeks,
    planning,
    response,
    scopes,
    tested,
    trials,
)
from promotions.beliefs import People, Response, Run
from promotions.forecasts import Forecast
from promotions.guards import Guard
from promotions.models import Strategy
from promotions.past_guards import Tried
from promotions.past_weeks import Outcome, Week

FORESEEN = 84
"""Days: nobody knows what customers will want after a quarter."""
REDUCTIONS = frozenset({"percentage"})
"""Kinds that announce a reduction by a rate. What a set price or a basket gives depends
on what it is compared with."""


def review(strategy: Strategy, *, at: datetime) -> Outcome | None:
    """Try a proposal and store what came of it; None if it was decided meanwhile."""
    weeks, lawful = list(past_weeks.run(strategy, at=at)), _lawful(strategy, at=at)
    outcome = past_weeks.total(weeks, strategy.currency)
    forecast, reach = _forecast(strategy, at=at)
    strategy.forecast = strategy.forecast | forecast
    planned = planning.stored(_plan(strategy, at=at), strategy.forecast)
    # Trying takes up to 20 s: no lock is held for it, but what is written is fresh.
    with transaction.atomic():
        rows = Strategy.objects.select_for_update()
        row = rows.filter(id=strategy.id, state=Strategy.State.PROPOSED).first()
        if row is None:
            return None
        found = Tried(
            baskets=outcome.baskets,
            touched=outcome.touched,
            worst=outcome.worst,
            kept=outcome.kept,
        )
        ours = [past_guards.tried(found, settings.LEAST_MARGIN), *lawful, *reach]
        names = {guard.name for guard in ours}
        kept = [guard for guard in row.guards if guard["name"] not in names]
        row.guards = [*kept, *guards.stored(ours)]
        tried = _told(outcome, weeks, strategy, at)
        row.forecast = row.forecast | forecast | planned | {"tried": tried}
        row.save(update_fields=["guards", "forecast"])
    return outcome


def _told(
    outcome: Outcome, weeks: Sequence[Week], strategy: Strategy, at: datetime
) -> dict[str, Any]:
    """Write what came of past baskets; `cost` is now what the campaign would give."""
    campaign, days = strategy.campaign, (past_weeks.WEEK * past_weeks.WEEKS).days
    ahead = campaign.ends_at - max(at, campaign.starts_at)
    times = max(Decimal(0), Decimal(ahead / timedelta(days=days)))
    written: dict[str, Any] = msgspec.to_builtins(asdict(outcome))
    return written | {
        "days": days,
        "cost": str(pricing.rounded(outcome.cost * times, strategy.currency)),
        "at": at.isoformat(),
        "weeks": msgspec.to_builtins(weeks),
    }


def _forecast(
    strategy: Strategy, *, at: datetime
) -> tuple[dict[str, Any], list[Guard]]:
    """Forecast a personal offer written by hand, and guard that it reaches anybody.

    Nothing without scores, which are in the shop's currency. What the platform proposed
    has its forecast already.
    """
    known = strategy.forecast
    if strategy.trigger != "offer" or ("reach" in known and "priced_at" not in known):
        return {}, []
    matrix = scores.matrix()
    if not matrix.categories or strategy.currency != settings.CURRENCY:
        return {}, []
    audience = audiences.of(matrix, segments(), at=at)
    if not audience.inside(strategy.scope):
        return {}, [guards.reached(0)]
    believed = response.believed()
    people = audience.before(strategy.scope)
    days = _days(strategy, at=at)
    found = _priced(strategy, people, believed, days=days)
    told = forecasts.stored(found, believed, days=days)
    return told | {"priced_at": at.isoformat()}, [guards.reached(found.reach)]


def _priced(
    strategy: Strategy, people: People, believed: Response, *, days: int
) -> Forecast:
    """Price a strategy for so many days."""
    what = strategy.terms, strategy.scope, people, believed
    run = Run(turns=strategy.turns_in(days), weeks=days / 7)
    held, left = strategy.holdout, float(strategy.left)
    if strategy.allocation == Strategy.Allocation.TRIAL:
        each = 1 - settings.HELD_OUT
        return trials.trial(*what, run, each=each, holdout=held, budget=left)
    return forecasts.forecast(*what, run, each=arms.treated(held), budget=left)


def _days(strategy: Strategy, *, at: datetime) -> int:
    """Return how many days a strategy will run, of as many as can be foreseen."""
    campaign = strategy.campaign
    runs = campaign.ends_at - max(campaign.starts_at, at)
    return min(max(1, runs.days), FORESEEN)


def _plan(strategy: Strategy, *, at: datetime) -> planning.Test | None:
    """Plan a test where there is one: its bases read sixteen weeks of orders."""
    if not strategy.holdout:
        return None
    bases = planning.bases(strategy.currency, at=at)
    return planning.plan(strategy, bases, tested.read(at=at), at=at)


def _lawful(strategy: Strategy, *, at: datetime) -> list[Guard]:
    """Compare what a reduction of prices would leave with the last 30 days' lowest."""
    if strategy.kind not in REDUCTIONS:
        return []
    shelf = scopes.products(strategy)
    now = {sku: price for sku, price in shelf.values_list("sku", "price") if price}
    before = sorted(history.references(now, at=at).items())
    deep = max(map(depths.depth, strategy.terms.values()))
    mine = [
        (sku, now[sku], lowest)
        for (sku, currency), lowest in before
        if currency == strategy.currency
    ]
    return [past_guards.reference(deep, mine)]


def waiting(*, at: datetime, older: timedelta = timedelta(days=1)) -> list[Strategy]:
    """Return the proposals that were not tried yet, or not within a day."""
    rows = Strategy.objects.filter(state=Strategy.State.PROPOSED)
    rows = rows.exclude(kind=Strategy.Kind.PRICES)  # of no basket's making
    return [row for row in rows.select_related("campaign") if _is_due(row, at - older)]


def _is_due(strategy: Strategy, since: datetime) -> bool:
    tried: dict[str, Any] = strategy.forecast.get("tried") or {}
    return not tried or datetime.fromisoformat(tried["at"]) < since
