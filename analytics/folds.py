"""What each projection counts: folds over the log, and how their sums join.

A fold is an addition: two batches folded apart and joined give what one gives, so it
does not matter where a batch ends, and replay equals live.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any, Protocol
from uuid import UUID

from django.db import models

from analytics import deeds, store
from analytics.deeds import Did
from analytics.models import Affinity, Hour, Profile, Tally


class Into(Protocol):
    """Adds rows to a table: sums add up, `first_` and `last_` widen.

    The first `keys` columns name a row; 0, every row is a new one.
    """

    def __call__(
        self,
        table: type[models.Model],
        columns: Sequence[str],
        rows: Iterable[Sequence[Any]],
        *,
        keys: int,
    ) -> None: ...


class Fold(Protocol):
    """Collects a batch of events and adds it to the tables."""

    def add(self, stored: store.Stored) -> None: ...
    def save(self, into: Into) -> None: ...


class Customers:
    """`Profile` and `Affinity`: what each key has done so far, bots left out."""

    types = frozenset(deeds.COUNTED)

    def __init__(self) -> None:
        # By key, not by person: a link moves no sums, and undoing it splits none.
        self.did: dict[UUID, Did] = {}

    def add(self, stored: store.Stored) -> None:
        if stored.customer is None or stored.bot:
            return
        # Not setdefault, which would make one for each event.
        did = self.did.get(stored.customer)
        if did is None:
            did = self.did[stored.customer] = Did()
        did.add(stored)

    def save(self, into: Into) -> None:
        into(
            Profile,
            ("customer", *deeds.PROFILE),
            ((customer, *did.row()) for customer, did in self.did.items()),
            keys=1,
        )
        into(
            Affinity,
            ("customer", "category", *deeds.AFFINITY),
            (
                (customer, category, *touched.row())
                for customer, did in self.did.items()
                for category, touched in did.touched.items()
            ),
            keys=2,
        )


class Days:
    """`Tally`: events of each type on each day, bots left out."""

    types = None

    def __init__(self) -> None:
        self.counts: Counter[tuple[date, str]] = Counter()

    def add(self, stored: store.Stored) -> None:
        if not stored.bot:
            self.counts[stored.occurred_at.date(), stored.type] += 1

    def save(self, into: Into) -> None:
        rows = ((*key, count) for key, count in self.counts.items())
        into(Tally, ("day", "type", "events"), rows, keys=2)


class Sources:
    """`Hour`: what came from each key in each hour."""

    types = None

    def __init__(self) -> None:
        self.counts: Counter[tuple[datetime, str, bool]] = Counter()

    def add(self, stored: store.Stored) -> None:
        if stored.source is not None:
            # When it came, not when it happened: an import of a year is one hour's
            # work.
            hour = stored.recorded_at.replace(minute=0, second=0, microsecond=0)
            self.counts[hour, stored.source, stored.bot] += 1

    def save(self, into: Into) -> None:
        hours = {(hour, source) for hour, source, _ in self.counts}
        rows = (
            (
                *key,
                self.counts[*key, False] + self.counts[*key, True],
                self.counts[*key, True],
            )
            for key in sorted(hours)
        )
        into(Hour, ("hour", "source", "events", "bots"), rows, keys=2)


def widened(table: str, column: str) -> str:
    """Return the SQL that joins a column's new value to the old one."""
    old, new = f"{table}.{column}", f"excluded.{column}"
    if column in JOINED:
        return JOINED[column].format(table=table)
    if column.startswith("first_"):
        return f"least({old}, {new})"
    if column.startswith("last_"):
        return f"greatest({old}, {new})"
    return f"{old} + {new}"


JOINED = {
    # What `Seen.look` does with two events.
    "dwell_ms": (
        "{table}.dwell_ms + excluded.dwell_ms + CASE "
        "WHEN excluded.looking_from - {table}.looking_since "
        "BETWEEN interval '0' AND interval '30 minutes' THEN floor(extract(epoch FROM "
        "excluded.looking_from - {table}.looking_since) * 1000)::bigint ELSE 0 END"
    ),
    "looking_from": "coalesce({table}.looking_from, excluded.looking_from)",
    "looking_since": (
        "CASE WHEN excluded.looking_from IS NULL THEN {table}.looking_since "
        "ELSE excluded.looking_since END"
    ),
}
