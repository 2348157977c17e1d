"""How much comes in, from whom and when last; what was refused; how far folds are.

For the page of data. Everything is counted when asked; what could be long is bounded.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db.models import Count, Max, Min, Q, Sum
from django.db.models.functions import TruncDate

from analytics import lookup, projections, store
from analytics.models import Checkpoint, Hour, Rejection

HOUR = timedelta(hours=1)
DAYS = 28
MOST_READ = 50_000
"""Events that the last hour is counted from: beyond, it is told as at least so many."""
MOST_REASONS = 20
MOST_REPLAYED = 500
"""At one click; the rest by the next."""


@dataclass(frozen=True, kw_only=True)
class Minutes:
    """Events of the last hour by the minute in which they came, the oldest first."""

    counts: Sequence[int]
    whole: bool

    @property
    def total(self) -> int:
        return sum(self.counts)


@dataclass(frozen=True, kw_only=True)
class Source:
    """A key, or an operator: the last hour in which something came, and a day's."""

    name: str
    last: datetime
    day: int
    bots: int


@dataclass(frozen=True, kw_only=True)
class Refused:
    """Rejections that wait, of one reason; `until` is the newest of them."""

    reason: str
    path: str
    source: str
    count: int
    since: datetime
    until: datetime
    example: int


@dataclass(frozen=True, kw_only=True)
class Fold:
    """A projection: how many positions it has still to read, and why it stopped."""

    name: str
    behind: int
    moved_at: datetime | None
    error: str


RECENT = """
    SELECT floor(extract(epoch FROM %s - recorded_at) / 60)::int AS ago, count(*)::int,
      (SELECT count(*) FROM newest)::int
    FROM newest WHERE recorded_at > %s - interval '1 hour' AND recorded_at <= %s
    GROUP BY 1
"""
NEWEST = """
    WITH newest AS MATERIALIZED (SELECT recorded_at FROM analytics_storedevent
      ORDER BY position DESC LIMIT %s)
"""
LAST = """
    SELECT asked.type, e.recorded_at FROM unnest(%s::text[]) AS asked (type),
    LATERAL (SELECT recorded_at FROM analytics_storedevent s
      WHERE s.type >= asked.type AND s.type <= asked.type
      ORDER BY s.type DESC, s.position DESC LIMIT 1) e
    ORDER BY e.recorded_at DESC, asked.type
"""
"""Written so that only the index (type, position) fits: for a rare type PostgreSQL
would rather read the whole log backwards (1 s)."""


def minutes(at: datetime) -> Minutes:
    """Count the last hour's events; the last minute is the one that runs."""
    asked = f"{NEWEST} {RECENT}"
    rows = lookup.rows(asked, [MOST_READ, at, at, at], prepare=False)
    counts = [0] * 60
    for ago, count, _ in rows:
        counts[59 - min(max(ago, 0), 59)] += count
    # As many were read as may be, and all of them are of this hour: more may be.
    reached = bool(rows) and rows[0][2] >= MOST_READ and sum(counts) >= MOST_READ
    return Minutes(counts=counts, whole=not reached)


def days(at: datetime) -> list[tuple[date, int]]:
    """Return how many events came on each of the last days (UTC), the oldest first."""
    first = at.date() - timedelta(days=DAYS - 1)
    rows = Hour.objects.filter(hour__date__gte=first).annotate(day=TruncDate("hour"))
    known = dict(rows.values("day").annotate(n=Sum("events")).values_list("day", "n"))
    every = [first + timedelta(days=n) for n in range(DAYS)]
    return [(day, known.get(day, 0)) for day in every]


def sources(at: datetime) -> list[Source]:
    """Return what has sent something within the days, the newest first."""
    lately = Q(hour__gte=at - timedelta(days=1))
    rows = Hour.objects.filter(hour__gte=at - timedelta(days=DAYS)).values("source")
    found = rows.annotate(
        last=Max("hour"),
        day=Sum("events", filter=lately, default=0),
        robots=Sum("bots", filter=lately, default=0),
    )
    return [
        Source(name=row["source"], last=row["last"], day=row["day"], bots=row["robots"])
        for row in found.order_by("-last")[:MOST_REASONS]
    ]


def last_by_type(types: Sequence[str]) -> list[tuple[str, datetime]]:
    """Return when the newest event of each type came, the newest first."""
    return [(name, at) for name, at in lookup.rows(LAST, [list(types)], prepare=False)]


def refused() -> list[Refused]:
    """Return the rejections that wait, by reason and source, the most first."""
    waiting = Rejection.objects.filter(resolved_at=None)
    rows = waiting.values("reason", "path", "source").annotate(
        count=Count("id"),
        since=Min("received_at"),
        until=Max("received_at"),
        example=Max("id"),
    )
    return [Refused(**row) for row in rows.order_by("-count")[:MOST_REASONS]]


def alike(example: int) -> list[int]:
    """Return the ids of the rejections that wait for the reason of this one."""
    row = Rejection.objects.filter(id=example).first()
    if row is None:
        return []
    some = Rejection.objects.filter(
        resolved_at=None, reason=row.reason, path=row.path, source=row.source
    )
    return list(some.order_by("id").values_list("id", flat=True)[:MOST_REPLAYED])


def folds() -> list[Fold]:
    """Return every projection."""
    until = store.high_water()
    known = {row.projection: row for row in Checkpoint.objects.all()}
    every = [known.get(name) or Checkpoint(projection=name) for name in projections.ALL]
    return [
        Fold(
            name=row.projection,
            behind=max(0, until - row.position),
            moved_at=row.moved_at if row.projection in known else None,
            error=row.error,
        )
        for row in every
    ]
