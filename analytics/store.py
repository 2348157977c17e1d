"""Append to the log and read it; nothing else touches the table.

`append` must be the last statement of its transaction. Positions are handed out before
commit, so a plain `position > last` reader misses what commits late: measured with 8
writers it lost 2 to 38 % of the events. Hence the barrier: writers hold a shared
advisory lock until they commit, and `high_water` takes it exclusively for an instant,
so every position up to its answer is final. It needs READ COMMITTED, the default.
"""

import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import msgspec
from django.conf import settings
from django.db import IntegrityError, connection, transaction
from psycopg import sql

from analytics import clock, events, lookup
from analytics.models import ArchivedId, StoredEvent

LOG_LOCK = 7_102_017
"""The advisory lock's key. A public constant: never reuse it for anything else."""

COLUMNS = (
    "position, id, type, schema, customer, stream, version, data, occurred_at, "
    "recorded_at, bot, source"
)
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
BLOCK = 16 << 20
"""Bytes exported at a time: a learner parses 1.5 M lines in 0.6 GB then, not 2."""
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


def hold() -> None:
    """Hold the log's lock, shared, until the transaction ends.

    Who looks something up before `append_new` and relies on it must look after this: an
    erasure takes the lock for itself.
    """
    lookup.rows("SELECT pg_advisory_xact_lock_shared(%s)", [LOG_LOCK])


def hold_alone() -> None:
    """Hold the log's lock alone until the transaction ends.

    Who writes at this moment is waited for; who comes later waits for us.
    """
    lookup.rows("SELECT pg_advisory_xact_lock(%s)", [LOG_LOCK])


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
            f"SELECT {_TEXT} FROM gone ORDER BY position",
            [month, month, sorted(types), until],
        )
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        cursor.execute("SET LOCAL analytics.erasing = 'off'")
    return rows


def high_water() -> int:
    """Return the position up to which the log is final: nothing can appear below."""
    with transaction.atomic(), connection.cursor() as cursor:
        # A writer stuck for 2 s must not stop the reader: it tries again next tick.
        cursor.execute("SET LOCAL lock_timeout = '2s'")
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOG_LOCK])
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
    query = f"SELECT {_TEXT} FROM analytics_storedevent WHERE position > %s"  # noqa: S608
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


_TEXT = COLUMNS.replace("data", "data::text")
"""psycopg would parse the JSON, which `Stored` does better."""


def analyze() -> None:
    """Refresh the planner's statistics: after a bulk load, pages cost 8 times without.

    The server does so by itself within a minute, which a long read should not wait for.
    """
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE analytics_storedevent")


# By person, not by key: an order and its refund may come by two keys of one person.
ORDERS = """
    WITH back AS (
        SELECT coalesce(c.person, customer) AS who, data->>'order_id' AS number,
            jsonb_agg(data || jsonb_build_object(
                'at', (extract(epoch FROM occurred_at) * 1000000)::bigint)) AS told
        FROM analytics_storedevent LEFT JOIN analytics_customer c ON c.key = customer
        WHERE type IN ('order_cancelled', 'order_refunded')
            AND customer IS NOT NULL AND NOT bot AND occurred_at < {until}
        GROUP BY 1, 2
    )
    SELECT coalesce(c.person, customer), position,
        (extract(epoch FROM occurred_at) * 1000000)::bigint, data->'lines', told
    FROM analytics_storedevent LEFT JOIN analytics_customer c ON c.key = customer
    LEFT JOIN back ON who = coalesce(c.person, customer)
        AND number = data->>'order_id'
    WHERE type = 'order_completed' AND customer IS NOT NULL AND NOT bot
        AND coalesce(c.consent, {silent}) AND occurred_at < {until} {whose}
"""


def order_currencies(until: datetime) -> dict[str, int]:
    """Count the orders before `until` by their currency."""
    rows = lookup.rows(
        "SELECT data->>'currency', count(*) FROM analytics_storedevent"
        " WHERE type = 'order_completed' AND occurred_at < %s GROUP BY 1",
        [until],
        prepare=False,
    )
    return {str(currency): count for currency, count in rows}


def units_sold(since: datetime, until: datetime) -> dict[str, float]:
    """Count the units of each sku in orders of [since, until); returns do not count."""
    rows = lookup.rows(
        # Defaults are not stored: a line without a quantity is of one unit.
        "SELECT line->>'sku', sum(coalesce((line->>'quantity')::numeric, 1))::float8"
        " FROM analytics_storedevent, jsonb_array_elements(data->'lines') line"
        " WHERE type = 'order_completed' AND occurred_at >= %s AND occurred_at < %s"
        " AND NOT bot GROUP BY 1",
        [since, until],
        prepare=False,
    )
    return {str(sku): units for sku, units in rows}


def export_orders(
    until: datetime, customers: Sequence[UUID] | None = None
) -> Iterator[io.BytesIO]:
    """Copy the orders before `until` out as CSV, in blocks of whole rows.

    Columns: person, position, microseconds since 1970, lines (JSON), and where there
    are any the order's refunds and cancellations before `until` (JSON, each with its
    own microseconds as `at`). For learners: no bots, and nobody without consent.
    155,000 orders leave, parsed, in 2.2 s; `read` takes 3.4 and makes objects of lines.
    """
    # Literals, since COPY takes no parameters.
    whose: sql.Composable = sql.SQL("")
    if customers is not None:
        whose = sql.SQL("AND customer = ANY({})").format(sql.Literal([*customers]))
    copy_out = sql.SQL(f"COPY ({ORDERS}) TO STDOUT (FORMAT csv)").format(
        until=sql.Literal(until),
        whose=whose,
        silent=sql.Literal(not settings.CONSENT_REQUIRED),
    )
    block = io.BytesIO()
    with connection.cursor() as cursor, cursor.copy(copy_out) as rows:
        for row in rows:
            block.write(row)
            if block.tell() > BLOCK:
                yield block
                block = io.BytesIO()
    if block.tell():
        yield block


def trail(
    customers: Sequence[UUID], *, types: Iterable[str], since: datetime, until: datetime
) -> list[tuple[int, str, int, str]]:
    """Return these customers' events of the types in [since, until), by time.

    Columns: position, type, microseconds since 1970, data (JSON). No bots.
    """
    return lookup.rows(
        "SELECT position, type, (extract(epoch FROM occurred_at) * 1000000)::bigint,"
        " data::text FROM analytics_storedevent WHERE customer = ANY(%s)"
        " AND type = ANY(%s) AND occurred_at >= %s AND occurred_at < %s AND NOT bot"
        # Of one moment in the order of the log: it is the same at each look.
        " ORDER BY occurred_at, position",
        [list(customers), list(types), since, until],
    )


def latest(
    customers: Sequence[UUID], types: Iterable[str] | None = None, *, most: int
) -> list[Stored]:
    """Return these customers' newest events by when they happened, the newest first."""
    return [
        Stored(*row)
        for row in lookup.rows(
            f"SELECT {_TEXT} FROM analytics_storedevent WHERE customer = ANY(%s)"  # noqa: S608
            " AND (%s OR type = ANY(%s)) ORDER BY occurred_at DESC, position DESC"
            " LIMIT %s",
            [list(customers), types is None, list(types or ()), most],
            prepare=False,
        )
    ]


def read_stream(stream: str) -> list[Stored]:
    """Return a decision stream's events, oldest first."""
    rows = lookup.rows(
        f"SELECT {_TEXT} FROM analytics_storedevent "  # noqa: S608
        "WHERE stream = %s ORDER BY version",
        [stream],
    )
    return [Stored(*row) for row in rows]


def first_position(type_: str, customer: UUID | None = None) -> int | None:
    """Return the position of the first event of a type, or a customer's first."""
    rows = StoredEvent.objects.filter(type=type_).order_by("position")
    rows = rows.filter(customer=customer) if customer else rows
    return rows.values_list("position", flat=True).first()


def newest(type_: str) -> datetime | None:
    """Return when the newest event of a type happened; no bots."""
    rows = StoredEvent.objects.filter(type=type_, bot=False).order_by("-position")
    return rows.values_list("occurred_at", flat=True).first()


def sample(
    type_: str, *, since: datetime, until: datetime, most: int
) -> tuple[list[Stored], int]:
    """Return at most `most` events of a type from all over a half-open time, in order.

    With them, how many there were; no bots.
    """
    count = StoredEvent.objects.filter(
        type=type_, bot=False, occurred_at__gte=since, occurred_at__lt=until
    ).count()
    step = -(-count // most)  # rounded up
    found = lookup.rows(
        f"SELECT {_TEXT} FROM analytics_storedevent WHERE type = %s AND NOT bot"  # noqa: S608
        # By position, not by chance: asked again, the sample is the same.
        " AND occurred_at >= %s AND occurred_at < %s AND position %% %s = 0"
        " ORDER BY position LIMIT %s",
        [type_, since, until, max(1, step), most],
        prepare=False,
    )
    return [Stored(*row) for row in found], count


def positions(ids: Iterable[UUID]) -> dict[UUID, int]:
    """Return where these events are, without those that are not there."""
    rows = StoredEvent.objects.filter(id__in=list(ids))
    return dict(rows.values_list("id", "position"))


def version(stream: str) -> int:
    """Return the stream's newest version, 0 for a stream that is not there."""
    newest = StoredEvent.objects.filter(stream=stream).order_by("-version").first()
    return 0 if newest is None or newest.version is None else newest.version


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
        hold()
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
            hold()
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
