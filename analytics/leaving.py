"""What leaves the log: whom an erasure forgets, and months that the archive takes.

A trigger lets nobody change an event but where a transaction says `analytics.erasing`,
which both say for one statement.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from django.db import connection

from analytics import events, store


def erase(keys: Sequence[UUID]) -> int:
    """Take these keys and what is personal out of their events; return how many.

    In the caller's transaction, which holds the log alone.
    """
    blanks = {n: k.personal for n, k in events.VOCABULARY.items() if k.personal}
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL analytics.erasing = 'on'")
        cursor.execute(
            # A type without personal fields: `data || NULL` would be NULL without
            # coalesce.
            "UPDATE analytics_storedevent SET customer = NULL, data = data || "
            "coalesce(%s::jsonb -> type, '{}') WHERE customer = ANY(%s)",
            [events.encode(blanks).decode(), list(keys)],
        )
        count = cursor.rowcount
        # The caller's transaction goes on; nothing later in it may pass the trigger.
        cursor.execute("SET LOCAL analytics.erasing = 'off'")
    return int(count)


def blanked(type_: str, data: str) -> str:
    """Return an event's data without what is personal, as `erase` leaves it."""
    kind = events.VOCABULARY[type_]
    return events.encode(msgspec.json.decode(data) | kind.personal).decode()


def move_out(
    month: datetime, types: Iterable[str], *, until: int
) -> list[tuple[Any, ...]]:
    """Delete a month's events of these types and return their rows, by position.

    In the caller's transaction. Their ids stay known, so they stay duplicates.
    """
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL analytics.erasing = 'on'")
        cursor.execute(
            "WITH gone AS (DELETE FROM analytics_storedevent WHERE occurred_at >= %s "  # noqa: S608
            "AND occurred_at < %s::timestamptz + interval '1 month' "
            # Decisions stay: their streams' versions are read from the live table
            # alone.
            "AND type = ANY(%s) AND stream IS NULL AND position <= %s RETURNING *), "
            # In the same statement: between delete and insert a retry would be new.
            "kept AS (INSERT INTO analytics_archivedid SELECT id FROM gone) "
            f"SELECT {store.TEXT} FROM gone ORDER BY position",
            [month, month, sorted(types), until],
        )
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        cursor.execute("SET LOCAL analytics.erasing = 'off'")
    return rows
