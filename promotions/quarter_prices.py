"""What price changes and clearances bring to a quarter's plan, by week.

A price is everybody's and nothing is given, so it has no budget and no curve: it brings
what its line promises beyond leaving things be, evenly over the line's time (OPEN, of
one without an end), whatever others spend. Its strategy's interval is shared by the
lines as theirs are wide. Lines that promise nothing share what the strategy promises.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

import numpy as np
from django.db.models import Count, FloatField, Q, Sum
from django.db.models.fields.json import KT
from django.db.models.functions import Cast

from promotions import quarter_curves
from promotions.models import OPEN, PriceLine, Strategy
from promotions.planning import Z80
from promotions.price_rolls import UNDECIDED
from promotions.quarter_weeks import WEEK, Quarter, by_week
from promotions.quarters import Floats


@dataclass(frozen=True, kw_only=True)
class Span:
    """What the lines of one time promise together, from its low to its high `wide`.

    `all_wide`: with those that the shop has overruled, or that are over; `standing`
    of the `lines` are neither.
    """

    starts_at: datetime
    ends_at: datetime
    margin: float
    wide: float
    all_wide: float
    lines: int = 1
    standing: int = 1

    def left(self, quarter: Quarter, at: datetime) -> Floats:
        """Return which part of its time lies in each week, from a moment on."""
        weeks = by_week(max(self.starts_at, at), self.ends_at, quarter)
        return np.asarray(weeks / ((self.ends_at - self.starts_at) / WEEK))


def gains(
    rows: Sequence[Strategy], quarter: Quarter, *, at: datetime
) -> dict[UUID, Floats]:
    """Return draws of what each price change brings from now on, [draws, weeks]."""
    spans = _spans(rows) if rows else {}
    return {one.id: _drawn(one, spans.get(one.id, []), quarter, at) for one in rows}


def _spans(rows: Sequence[Strategy]) -> Mapping[UUID, list[Span]]:
    # In the database: a campaign may have thousands of lines.
    low, high, margin = (
        Cast(KT(f"expects__{name}"), FloatField()) for name in ("low", "high", "margin")
    )
    stands = Q(state__in=UNDECIDED)
    lines = PriceLine.objects.filter(strategy__in=rows)
    # Grouped by time, so that a plan has a few spans for each strategy.
    times = lines.values("strategy", "starts_at", "ends_at").annotate(
        margin=Sum(margin, filter=stands, default=0.0),
        wide=Sum(high - low, filter=stands, default=0.0),
        all_wide=Sum(high - low, default=0.0),
        lines=Count("pk"),
        standing=Count("pk", filter=stands),
    )
    found: dict[UUID, list[Span]] = defaultdict(list)
    for row in times.order_by("starts_at", "ends_at"):
        span = Span(
            starts_at=row["starts_at"],
            # A price without an end promises for OPEN, as its proposal reckoned.
            ends_at=row["ends_at"] or row["starts_at"] + OPEN,
            margin=row["margin"],
            wide=row["wide"],
            all_wide=row["all_wide"],
            lines=row["lines"],
            standing=row["standing"],
        )
        found[row["strategy"]].append(span)
    return found


def _shared(one: Strategy, spans: Sequence[Span]) -> list[Span]:
    """Share what a strategy promises by time among lines that promise nothing."""
    told, campaign = one.forecast, one.campaign
    margin, wide = told.get("margin", 0.0), told.get("high", 0.0) - told.get("low", 0.0)
    times = [(span.ends_at - span.starts_at) * span.lines for span in spans]
    if not spans:
        return [
            Span(
                starts_at=campaign.starts_at,
                ends_at=campaign.ends_at,
                margin=margin,
                wide=wide,
                all_wide=wide,
            )
        ]
    # By products and days, since all of them
    # promise at one rate as far as anybody knows.
    parts = [time / sum(times, timedelta()) for time in times]
    # What was overruled or is over keeps its part: others do not get it.
    stand = [
        part * span.standing / span.lines
        for part, span in zip(parts, spans, strict=True)
    ]
    return [
        replace(span, margin=margin * left, wide=wide * left, all_wide=wide * part)
        for span, left, part in zip(spans, stand, parts, strict=True)
    ]


def _drawn(
    one: Strategy, spans: Sequence[Span], quarter: Quarter, at: datetime
) -> Floats:
    # Also `all_wide`: lines that all were overruled
    # did promise, and nothing is shared anew.
    if not any(span.margin or span.all_wide for span in spans):
        spans = _shared(one, spans)
    left = np.array([span.left(quarter, at) for span in spans])
    mean = np.array([span.margin for span in spans]) @ left
    wide = np.array([span.wide for span in spans]) @ left
    told, apart = one.forecast, sum(span.all_wide for span in spans)
    # Lines err apart, at least in part: all together they are less wide than summed.
    share = (told.get("high", 0.0) - told.get("low", 0.0)) / apart if apart else 0.0
    return np.asarray(mean + np.outer(quarter_curves.luck(), wide * share / (2 * Z80)))
