"""Backtests that somebody asked for: tried week by week in the background.

A week and its place in the row are one update, so a killed worker loses at most a week,
and two workers at once do one twice but store it once. A row whose week breaks off
again and again is given up, and keeps nobody waiting.
"""

import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from django.db import transaction
from django.db.models import F

from analytics import glances
from analytics.wording import Wording
from promotions import draft_reading, past_baskets, past_weeks, proposals
from promotions.drafts import Fault, Faulty
from promotions.models import Backtest, Strategy
from promotions.offers import soon
from promotions.past_weeks import Week

MOST_WAITING = 20
MOST_ORDERS = 200
"""Of a week."""
SECONDS = 30.0
"""For one turn of the worker; what is left waits for the next."""
WEEK_SECONDS = 10.0
ATTEMPTS = 3
KEEP = timedelta(days=30)
State = Backtest.State
OPEN = (State.WAITING, State.RUNNING)


class TooMany(Exception):
    """So many backtests wait already."""


def request(
    of: Strategy | Mapping[str, Any],
    *,
    weeks: int,
    until: datetime | None,
    by: str,
    at: datetime,
) -> Backtest:
    """Ask for a strategy, or the body of one, to be tried on weeks before `until`.

    Without it they end with the newest order.

    :raises Faulty: the body is no strategy's.
    :raises TooMany: MOST_WAITING wait already.
    """
    stored = of if isinstance(of, Strategy) else None
    if stored and stored.prices:
        reason = "Past baskets do not tell of a price change: see its forecast."
        raise Faulty([Fault(field="strategy", reason=reason)])
    strategy = stored or proposals.drawn_up(draft_reading.read(of))
    if Backtest.objects.filter(state__in=OPEN).count() >= MOST_WAITING:
        raise TooMany(
            Wording("%(number)s backtests wait already.", number=MOST_WAITING)
        )
    newest = glances.newest("order_completed") or at
    with transaction.atomic():
        row = Backtest.objects.create(
            strategy=stored,
            draft=None if stored else of,
            currency=strategy.currency,
            weeks=weeks,
            # Weeks are half-open: the newest order is inside.
            ends_at=until or newest + timedelta(microseconds=1),
            requested_by=by,
            created_at=at,
        )
        soon("promotions.tasks.try_on_past_weeks")
    return row


def run(*, seconds: float = SECONDS) -> None:
    """Go on with what waits, for some seconds; safe at any time."""
    until = time.monotonic() + seconds
    while time.monotonic() < until and (row := _next()):
        _advance(row)


def weeks(row: Backtest) -> list[Week]:
    """Return the weeks that are done."""
    return msgspec.convert(row.found, list[Week])


def forget(*, before: datetime) -> None:
    """Delete what was asked for long ago."""
    Backtest.objects.filter(created_at__lt=before).delete()


def _next() -> Backtest | None:
    """Return whose turn it is: whoever broke off comes last."""
    waiting = Backtest.objects.filter(state__in=OPEN)
    rows = waiting.select_related("strategy__campaign")
    return rows.order_by("attempts", "created_at", "id").first()


def _advance(row: Backtest) -> None:
    """Try the next week."""
    if row.attempts >= ATTEMPTS:
        _end(row, error=f"A week broke off {ATTEMPTS} times.")
        return
    # Counted before it is tried: else a week that kills its worker is tried for ever.
    Backtest.objects.filter(id=row.id).update(
        attempts=F("attempts") + 1, state=State.RUNNING
    )
    try:
        strategy = row.strategy or proposals.drawn_up(draft_reading.read(row.draft))
    except Faulty as error:
        _end(row, error=str(error))
        return
    place = len(row.found)
    found = past_weeks.week(
        past_baskets.trial(strategy, at=row.created_at),
        past_weeks.spans(row.weeks, until=row.ends_at)[place],
        most=MOST_ORDERS,
        seconds=WEEK_SECONDS,
    )
    _keep(row, place, [found])


def _keep(row: Backtest, place: int, found: Sequence[Week]) -> None:
    """Store the week, unless somebody else has."""
    with transaction.atomic():
        now = Backtest.objects.select_for_update().filter(id=row.id).first()
        if now is None or now.state not in OPEN or len(now.found) != place:
            return
        now.found, now.attempts = [*now.found, *msgspec.to_builtins(found)], 0
        if len(now.found) == now.weeks:
            now.state = State.DONE
        now.save(update_fields=["found", "attempts", "state"])


def _end(row: Backtest, *, error: str) -> None:
    rows = Backtest.objects.filter(id=row.id, state__in=OPEN)
    rows.update(state=State.FAILED, error=error)
