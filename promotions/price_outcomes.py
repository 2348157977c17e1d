"""What a price change brought, beside what was promised: observational, no holdout.

Prices are everybody's, so nobody is held back. What sold while a line was in force is
set against what the forecast expected at the old price: before and after, told apart by
nothing but that forecast. Its doubt is the only one in the interval; a season that
nobody foresaw looks like an effect. Returns are not taken off.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from math import hypot, sqrt
from typing import Any

from django.db import connection

from analytics import events, glances
from promotions.models import OPEN, PriceLine, Strategy

Z80 = 1.2816
WATCHED = timedelta(days=7)
"""After the end of its campaign: orders are told late."""
Key = tuple[str, datetime]
STATES = (Strategy.State.LIVE, Strategy.State.PAUSED, Strategy.State.ENDED)
# The log leaves a quantity of 1 out. `first` and `last` are the ends of all spans: else
# the lines of every order ever are laid out.
SOLD = """
SELECT span.id, coalesce(sum(coalesce((line ->> 'quantity')::int, 1)), 0),
  coalesce(sum((line ->> 'paid')::numeric), 0)
FROM analytics_storedevent e
CROSS JOIN LATERAL jsonb_array_elements(e.data -> 'lines') line
JOIN unnest(%(ids)s::bigint[], %(skus)s::text[], %(since)s::timestamptz[],
  %(until)s::timestamptz[]) AS span(id, sku, since, until)
  ON span.sku = line ->> 'sku'
  AND e.occurred_at >= span.since AND e.occurred_at < span.until
WHERE e.type = 'order_completed' AND NOT e.bot
  AND e.occurred_at >= %(first)s AND e.occurred_at < %(last)s
GROUP BY 1
"""


@dataclass(frozen=True, kw_only=True)
class Came:
    """Units and margin while lines were in force, before and after, and what was said.

    `before` is the forecast at the old prices for as long; `gain` is what came beyond
    it, from `low` to `high` with 80 %; `promised` the gain that was forecast for as
    long. `days` are of all lines together.
    """

    lines: int
    days: float
    units: float
    units_before: float
    margin: float
    before: float
    gain: float
    low: float
    high: float
    promised: float


@dataclass(frozen=True, kw_only=True)
class Span:
    """A time for which a line was in force."""

    line: PriceLine
    since: datetime
    until: datetime


def refresh(*, at: datetime) -> int:
    """Count anew what price changes brought that run, or ended of late."""
    rows = Strategy.objects.filter(
        kind=Strategy.Kind.PRICES, state__in=STATES, campaign__ends_at__gt=at - WATCHED
    )
    counted = 0
    for strategy in rows.order_by("id"):
        if came := of(strategy, at=at):
            written = {"prices": asdict(came), "until": at.isoformat()}
            Strategy.objects.filter(id=strategy.id).update(measured=written)
            counted += 1
    return counted


def of(strategy: Strategy, *, at: datetime) -> Came | None:
    """Return what a price change brought; None before any line was in force."""
    # Without a forecast at the old price there is nothing to set beside what sold.
    told = strategy.price_lines.filter(expects__has_key="units_before")
    spans = list(_spans(strategy, {(o.sku, o.starts_at): o for o in told}, at))
    return _added(spans, _sold(spans)) if spans else None


def _spans(
    strategy: Strategy, lines: Mapping[Key, PriceLine], at: datetime
) -> Iterator[Span]:
    """Tell from the log when lines were in force: pauses are none of it."""
    since: dict[Key, datetime] = {}
    for key, state, when in _steps(strategy):
        if state == PriceLine.State.RUNNING:
            since[key] = when
        elif key in since and key in lines:
            yield Span(line=lines[key], since=since.pop(key), until=when)
    for key, begun in since.items():
        if key in lines and begun < at:
            yield Span(line=lines[key], since=begun, until=at)


def _steps(strategy: Strategy) -> Iterator[tuple[Key, str, datetime]]:
    for stored in glances.read_stream(strategy.stream):
        if isinstance(stored.event, events.PricesRolled):
            for state, which in stored.event.lines.items():
                for key in which:
                    yield key, state, stored.occurred_at


def _sold(spans: list[Span]) -> dict[int, tuple[float, float]]:
    """Return what each span sold: units, and what was paid."""
    values: dict[str, Any] = {
        "ids": list(range(len(spans))),
        "skus": [span.line.sku for span in spans],
        "since": [span.since for span in spans],
        "until": [span.until for span in spans],
        "first": min(span.since for span in spans),
        "last": max(span.until for span in spans),
    }
    with connection.cursor() as cursor:
        cursor.execute(SOLD, values)
        rows = cursor.fetchall()
    return {place: (float(units), float(paid)) for place, units, paid in rows}


def _added(spans: list[Span], sold: Mapping[int, tuple[float, float]]) -> Came:
    total = dict.fromkeys(("days", "units", "old", "margin", "before", "promised"), 0.0)
    doubt = 0.0
    for place, span in enumerate(spans):
        line, known = span.line, span.line.expects
        share = (span.until - span.since) / (
            (line.ends_at or _open(line)) - line.starts_at
        )
        units, paid = sold.get(place, (0.0, 0.0))
        cost = float(known.get("cost") or 0.0)
        each = float(line.was) - cost
        total["days"] += (span.until - span.since) / timedelta(days=1)
        total["units"] += units
        total["old"] += known["units_before"] * share
        total["margin"] += paid - cost * units
        total["before"] += known["units_before"] * share * each
        total["promised"] += known["margin"] * share
        # A part of the time has that part of the variance, and
        # lines err apart: squares add.
        doubt = hypot(doubt, float(known.get("doubt") or 0.0) * sqrt(share) * each)
    gain = total["margin"] - total["before"]
    return Came(
        lines=len({span.line.id for span in spans}),
        days=total["days"],
        units=total["units"],
        units_before=total["old"],
        margin=total["margin"],
        before=total["before"],
        gain=gain,
        low=gain - Z80 * doubt,
        high=gain + Z80 * doubt,
        promised=total["promised"],
    )


def _open(line: PriceLine) -> datetime:
    return line.starts_at + OPEN


def kept(strategy: Strategy) -> Came | None:
    """Return what `refresh` counted last."""
    known: dict[str, Any] = strategy.measured.get("prices", {})
    return Came(**known) if known else None
