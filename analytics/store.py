"""Append to the log and read it.

`append` must be the last statement of its transaction. Positions are handed out before
commit, so a plain `position > last` reader misses what commits late: measured with 8
writers it lost 2 to 38 % of the events. Hence the barrier: writers hold a shared
advisory lock until they commit, and `high_water` takes it exclusively for an instant,
so every position up to its answer is final. It needs READ COMMITTED, the default.
Beside this, glances, order_exports and leaving alone touch the table.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import msgspec
from django.db import IntegrityError, connection, transaction

from analytics import clock, events, log_lock, lookup
from analytics.models import ArchivedId

COLUMNS = (
    "position, id, type, schema, customer, stream, version, data, occurred_at, "
    "recorded_at, bot, source"
)
TEXT = COLUMNS.replace("data", "data::text")
"""psycopg would parse the JSON, which `Stored` does better."""
FIELDS = {
    "id": "uuid",
    "type": "text",
    "schema": "smallint",
    "customer": "uuid",
    "stream": "text",
    "version": "int",
    "data": "jsonb",
    "occurred_at": "timestamptz",
    "recorded_at": "timestamptz",
    "bot": "boolean",
    "source": "text",
    "original_at": "timestamptz",
    "sent_at": "timestamptz",
}
INSERT = f"INSERT INTO analytics_storedevent ({', '.join(FIELDS)})"
_TYPED = ", ".join(f"{name} {kind}" for name, kind in FIELDS.items())
FROM_JSON = (
    f"SELECT {', '.join(FIELDS)} FROM ROWS FROM "  # noqa: S608
    f"(json_to_recordset(%s::json) AS ({_TYPED})) "
    f"WITH ORDINALITY AS new({', '.join(FIELDS)}, place)"
)
# Months moved out are no duplicates to ON CONFLICT: only their ids are still here.
NEW = "WHERE NOT EXISTS (SELECT FROM analytics_archivedid a WHERE a.id = new.id)"
IN_ORDER = "ORDER BY place"
"""Positions are given in the order of the batch, whatever join the server chooses."""
PAGE = 5000
BULK = 500
"""From so many facts on, COPY is used instead of one INSERT."""


class Conflict(Exception):
    """Somebody else has written to the stream since it was read."""


@dataclass(frozen=True, kw_only=True)
class Fact:
    """An event on its way into the log."""

    event: events.Event
    at: datetime
    customer: UUID | None = None
    id: UUID = field(default_factory=uuid4)
    source: str | None = None
    bot: bool = False
    original_at: datetime | None = None
    sent_at: datetime | None = None


# gc=False: a replay makes millions of them, and none is part of a cycle.
class Stored(msgspec.Struct, frozen=True, gc=False):
    """An event as the log holds it.

    `event` is decoded when asked for, upcast to today's schema: who only counts types
    does not pay for it, and one that cannot be read stops only who needs to read it.
    """

    position: int
    id: UUID
    type: str
    schema: int
    customer: UUID | None
    stream: str | None
    version: int | None
    data: str
    occurred_at: datetime
    recorded_at: datetime
    bot: bool
    source: str | None

    @property
    def event(self) -> events.Event:
        """What happened.

        :raises events.Unreadable: the code knows no such type or shape.
        """
        return events.decode(self.type, self.data, schema=self.schema)


def append(
    happened: Sequence[events.Event],
    *,
    at: datetime,
    customer: UUID | None = None,
    stream: str | None = None,
    after: int | None = None,
) -> None:
    """Write what happened; to a decision stream when `stream` is given.

    `after` is the version that the caller has seen (0: the stream must be new).

    :raises Conflict: the stream has moved on since `after`.
    """
    if stream is not None and after is None:
        raise TypeError("a stream needs the version it was read at")
    recorded = clock.now()
    rows = [
        _row(
            Fact(event=event, at=at, customer=customer),
            recorded,
            stream,
            None if after is None else after + step,
        )
        for step, event in enumerate(happened, start=1)
    ]
    try:
        # Only of a Conflict do callers go on: else a savepoint is not worth its trips.
        with transaction.atomic(savepoint=stream is not None):
            _insert(rows)
    except IntegrityError as error:
        # Any other constraint was broken by a mistake of ours, not by another writer.
        if "event_stream_version" in str(error):
            raise Conflict(f"{stream} has moved on since version {after}") from error
        raise


def append_new(facts: Sequence[Fact]) -> set[UUID]:
    """Write the facts whose ids the log does not hold yet; return the ids written."""
    # Of 5,000 orders COPY took 17 µs each, one JSON text 36 (decision 12).
    if len(facts) >= BULK and _copied(facts):
        return {fact.id for fact in facts}
    recorded = clock.now()
    return _insert(
        (_row(fact, recorded) for fact in facts),
        suffix=f"{NEW} {IN_ORDER} ON CONFLICT (id) DO NOTHING",
    )


def high_water() -> int:
    """Return the position up to which the log is final: nothing can appear below."""
    with transaction.atomic(), connection.cursor() as cursor:
        # A writer stuck for 2 s must not stop the reader: it tries again next tick.
        cursor.execute("SET LOCAL lock_timeout = '2s'")
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [log_lock.LOG_LOCK])
        cursor.execute(
            # Archives too: with its last rows moved out the log's mark must not go
            # back.
            "SELECT greatest(0, (SELECT max(position) FROM analytics_storedevent), "
            "(SELECT max(last_position) FROM analytics_archive))"
        )
        return int(cursor.fetchone()[0])


def read(
    *,
    after: int = 0,
    until: int,
    types: Iterable[str] | None = None,
    customer: UUID | None = None,
) -> Iterator[Stored]:
    """Yield the events of the positions (after, until] in order, a page at a time."""
    query = f"SELECT {TEXT} FROM analytics_storedevent WHERE position > %s"  # noqa: S608
    query += " AND position <= %s"
    fixed: list[Any] = [until]
    if types is not None:
        query += " AND type = ANY(%s)"
        fixed.append(sorted(types))
    if customer is not None:
        query += " AND customer = %s"
        fixed.append(customer)
    # Each page begins where the one before ended: what is appended meanwhile moves
    # none.
    query += " ORDER BY position LIMIT %s"
    while True:
        rows = lookup.rows(query, [after, *fixed, PAGE], prepare=False)
        for row in rows:
            yield Stored(*row)
        if len(rows) < PAGE:
            return
        after = rows[-1][0]


def analyze() -> None:
    """Refresh the planner's statistics: after a bulk load, pages cost 8 times without.

    The server does so by itself within a minute, which a long read should not wait for.
    """
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE analytics_storedevent")


class _Row(msgspec.Struct, omit_defaults=True, gc=False):
    """A fact as the table's columns, in the order of FIELDS."""

    id: UUID
    type: str
    schema: int
    customer: UUID | None
    stream: str | None
    version: int | None
    data: events.Event
    occurred_at: datetime
    recorded_at: datetime
    # No default: what is left out of the JSON is NULL in the table, and bot may not be.
    bot: bool
    source: str | None = None
    original_at: datetime | None = None
    sent_at: datetime | None = None


def _row(
    fact: Fact,
    recorded: datetime,
    stream: str | None = None,
    version: int | None = None,
) -> _Row:
    return _Row(
        fact.id,
        events.NAMES[type(fact.event)],
        fact.event.schema,
        fact.customer,
        stream,
        version,
        fact.event,
        fact.at,
        recorded,
        fact.bot,
        fact.source,
        fact.original_at,
        fact.sent_at,
    )


def _insert(rows: Iterable[_Row], suffix: str = IN_ORDER) -> set[UUID]:
    """Write all rows in one statement, as one JSON text: a quarter of arrays' cost."""
    listed = list(rows)
    if not listed:
        return set()
    text = events.encode(listed).decode()
    # The lock lasts as long as a transaction: who appends outside of one gets one here.
    with transaction.atomic(savepoint=False):
        log_lock.hold()
        written = lookup.rows(f"{INSERT} {FROM_JSON} {suffix} RETURNING id", [text])
    return {row[0] for row in written}


def _archived(facts: Sequence[Fact]) -> bool:
    some = ArchivedId.objects.all()
    # Most logs have no archive: then the list of ids is not even sent.
    return some.exists() and some.filter(id__in=[f.id for f in facts]).exists()


def _copied(facts: Sequence[Fact]) -> bool:
    """COPY the facts; False, and nothing written, when the log holds one of them.

    Each row is encoded while the server takes in the one before.
    """
    if _archived(facts):
        return False
    recorded = clock.now()
    try:
        # A savepoint within another: a COPY that fails leaves that one usable.
        with transaction.atomic(), connection.cursor() as cursor:
            log_lock.hold()
            copy_in = INSERT.replace("INSERT INTO", "COPY") + " FROM STDIN"
            # A cursor's copy ends outside of Django's wrapping of errors.
            with connection.wrap_database_errors, cursor.copy(copy_in) as copy:
                for fact in facts:
                    row = _row(fact, recorded)
                    row.data = events.encode(row.data).decode()  # type: ignore[assignment]
                    copy.write_row(msgspec.structs.astuple(row))
    # COPY knows no ON CONFLICT: with one known id the whole batch goes the slower way.
    except IntegrityError:
        return False
    return True
