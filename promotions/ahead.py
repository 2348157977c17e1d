"""What runs when, what it will cost by week, and where strategies meet. Pure."""

from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import combinations
from uuid import UUID

WEEK = timedelta(weeks=1)


@dataclass(frozen=True, kw_only=True)
class Planned:
    """A strategy in its campaign's time, half-open.

    `scope`: categories; none: everything. `cost`: what it is expected to give from
    now on, in its currency; None: nobody knows. What was given is nobody's plan.
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
    """What is expected to be given in a week: by what was approved, by what waits.

    `together`: if all that waits is approved. A version takes the place of the one
    before it, whose cost does not count beside its own.
    """

    starts_at: datetime
    decided: float
    waiting: float
    together: float


@dataclass(frozen=True, kw_only=True)
class Meeting:
    """Two strategies about the same goods at the same time; no scope: all goods."""

    first: Planned
    second: Planned
    scope: frozenset[str]
    starts_at: datetime
    ends_at: datetime


def by_week(
    some: Iterable[Planned], first: datetime, weeks: int, *, now: datetime
) -> list[Week]:
    """Return what each week costs, as if each gave evenly in the time it has left."""
    known = [one for one in some if one.cost is not None]
    replaced = {one.replaces for one in known if not one.decided} - {None}
    return [_week(known, replaced, first + n * WEEK, now) for n in range(weeks)]


def rest(expected: float, budget: float, spent: float) -> float:
    """Return what is still to be given of what was expected, and may be."""
    return max(0.0, min(expected, budget) - spent)


def share(one: Planned, week: datetime, *, now: datetime) -> float:
    """Return which share of a strategy's time left lies in a week."""
    starts_at = max(one.starts_at, now)
    if starts_at >= one.ends_at:
        return 0.0
    inside = min(one.ends_at, week + WEEK) - max(starts_at, week)
    return max(0.0, inside / (one.ends_at - starts_at))


def _week(
    known: Sequence[Planned],
    replaced: Set[UUID | None],
    week: datetime,
    now: datetime,
) -> Week:
    costs = [(one, (one.cost or 0.0) * share(one, week, now=now)) for one in known]
    return Week(
        starts_at=week,
        decided=sum(cost for one, cost in costs if one.decided),
        waiting=sum(cost for one, cost in costs if not one.decided),
        together=sum(cost for one, cost in costs if one.key not in replaced),
    )


def meetings(some: Sequence[Planned]) -> Iterator[Meeting]:
    """Yield each pair of strategies that are about the same goods at the same time.

    But for a version and the one whose place it is to take.
    """
    for first, second in combinations(some, 2):
        starts = max(first.starts_at, second.starts_at)
        ends = min(first.ends_at, second.ends_at)
        apart = first.key != second.replaces and second.key != first.replaces
        if apart and starts < ends and _meet(first.scope, second.scope):
            # No scope is all goods: then they meet in the other's.
            scope = first.scope & second.scope or first.scope or second.scope
            yield Meeting(
                first=first, second=second, scope=scope, starts_at=starts, ends_at=ends
            )


def _meet(first: frozenset[str], second: frozenset[str]) -> bool:
    return not first or not second or bool(first & second)
