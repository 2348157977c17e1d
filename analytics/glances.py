"""Short looks into the log: by customer, by type, by stream.

Whoever follows the log uses store.read, behind its barrier.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from analytics import lookup, store
from analytics.models import StoredEvent
from analytics.store import Stored


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
            f"SELECT {store.TEXT} FROM analytics_storedevent WHERE customer = ANY(%s)"  # noqa: S608
            " AND (%s OR type = ANY(%s)) ORDER BY occurred_at DESC, position DESC"
            " LIMIT %s",
            [list(customers), types is None, list(types or ()), most],
            prepare=False,
        )
    ]


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
        f"SELECT {store.TEXT} FROM analytics_storedevent WHERE type = %s AND NOT bot"  # noqa: S608
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


def read_stream(stream: str) -> list[Stored]:
    """Return a decision stream's events, oldest first."""
    rows = lookup.rows(
        f"SELECT {store.TEXT} FROM analytics_storedevent "  # noqa: S608
        "WHERE stream = %s ORDER BY version",
        [stream],
    )
    return [Stored(*row) for row in rows]


def version(stream: str) -> int:
    """Return the stream's newest version, 0 for a stream that is not there."""
    newest = StoredEvent.objects.filter(stream=stream).order_by("-version").first()
    return 0 if newest is None or newest.version is None else newest.version
