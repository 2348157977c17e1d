"""What sightings of a price change of its history, in whatever order they come. Pure.

A history has a point for each change that was seen. What is seen again between two
points leaves none; what is seen late goes where it belongs, and what was known to hold
after it begins again there. So the same sightings twice change nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

Asked = tuple[str, Decimal, Decimal | None, bool]
"""Currency, price, shelf price, whether it can be had: a change of one is news."""
Points = Mapping[datetime, Asked]


@dataclass(frozen=True, kw_only=True)
class Known:
    """What is known of a price: it is `asked` since `since`, and was at `seen_at`.

    `points` are those of its history that may be changed: from the one in force before
    the earliest sighting on.
    """

    asked: Asked
    since: datetime
    seen_at: datetime
    points: Points


@dataclass(frozen=True, kw_only=True)
class Change:
    """A point that is new, or another than it was; `was` is what was asked before."""

    at: datetime
    asked: Asked
    was: Asked | None


@dataclass(frozen=True, kw_only=True)
class Merged:
    """What sightings change, and since when what is asked now has been asked."""

    changes: list[Change]
    since: datetime


def merged(seen: Points, known: Known | None) -> Merged:
    """Lay sightings, at least one, into what is known."""
    points = known.points if known else {}
    all_seen = {**points, **({known.seen_at: known.asked} if known else {}), **seen}
    changes: list[Change] = []
    was: Asked | None = None
    since = first = min(all_seen)
    for at, asked in sorted(all_seen.items()):
        kept = points.get(at)
        # A new point is news if it differs from what went before, a known one if from
        # itself.
        if asked != (was if kept is None else kept):
            changes.append(Change(at=at, asked=asked, was=was))
        if asked != was:
            since = at
        was = asked
    # It may have begun before the points that were read.
    if known and since == first and was == known.asked:
        since = min(since, known.since)
    return Merged(changes=changes, since=since)
