"""What runs when, what it will cost by week, and where strategies meet. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import combinations
from uuid import UUID

WEEK = timedelta(weeks=1)


@dataclass(frozen=True, kw_only=True)
class Planned:
    """A strategy in its campaign's time, half-open.

    `scope`: categories; none: everything. `cost`: what it is expected to give in all
    its time, in its currency; None: nobody knows.
    """

    key: UUID
    title: str
    state: str
    scope: frozenset[str]
    starts_at: datetime
    ends_at: datetime
    cost: float | None
    replaces: UUID | None = None

    @property
    def decided(self) -> bool:
        """Whether it gives, or may go on to; else it only waits for a decision."""
        return self.state in ("live", "paused")


@dataclass(frozen=True, kw_only=True)
class Week:
    """What is expected to be given in a week: by what was approved, by what waits."""

    starts_at: datetime
    decided: float
    waiting: float


@dataclass(frozen=True, kw_only=True)
class Meeting:
    """Two strategies about the same goods at the same time; no scope: all goods."""

    first: Planned
    second: Planned
    scope: frozenset[str]
    starts_at: datetime
    ends_at: datetime


def by_week(some: Iterable[Planned], first: datetime, weeks: int) -> list[Week]:
    """Return what each week costs, as if every strategy gave evenly in its time."""
    known = [one for one in some if one.cost is not None]
    starts = [first + n * WEEK for n in range(weeks)]
    return [
        Week(
            starts_at=at,
            decided=sum(_share(one, at) for one in known if one.decided),
            waiting=sum(_share(one, at) for one in known if not one.decided),
        )
        for at in starts
    ]


def _share(one: Planned, week: datetime) -> float:
    inside = min(one.ends_at, week + WEEK) - max(one.starts_at, week)
    whole = one.ends_at - one.starts_at
    return (one.cost or 0.0) * max(0.0, inside / whole)


def meetings(some: Sequence[Planned]) -> Iterator[Meeting]:
    """Yield each pair of strategies that are about the same goods at the same time.

    But for a version and the one whose place it is to take.
    """
    for first, second in combinations(some, 2):
        starts = max(first.starts_at, second.starts_at)
        ends = min(first.ends_at, second.ends_at)
        apart = first.key != second.replaces and second.key != first.replaces
        if apart and starts < ends and _meet(first.scope, second.scope):
            scope = first.scope & second.scope or first.scope or second.scope
            yield Meeting(
                first=first, second=second, scope=scope, starts_at=starts, ends_at=ends
            )


def _meet(first: frozenset[str], second: frozenset[str]) -> bool:
    return not first or not second or bool(first & second)
