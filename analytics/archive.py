"""Old months of the log in Parquet files: moved out, still read by `rebuild`.

Only what shoppers did is moved, never a decision or a word on identity or consent. The
ids stay known in the database, so a retry of an archived event is still a duplicate.
Learners read the live log only: archive what is older than they look back.
"""

import hashlib
import heapq
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from operator import attrgetter
from pathlib import Path
from uuid import UUID

import polars as pl
from django.conf import settings
from django.db import connection, transaction
from django.db.models import Min

from analytics import events, leaving, log_lock, store
from analytics.models import Archive, ArchivedId, Checkpoint, Erasure, StoredEvent

FILES_LOCK = 7_102_019
"""An advisory lock's key, a public constant like analytics.log_lock.LOG_LOCK."""
KEPT = frozenset(
    (
        *("consent_changed", "customer_aliased", "customer_erased"),
        *("customer_identified", "identity_unlinked"),
    )
)
TYPES = (frozenset(events.NAMES[kind] for kind in events.BEHAVIOUR)) - KEPT
SHAPE = pl.Schema(
    {
        "position": pl.Int64(),
        "id": pl.String(),
        "type": pl.String(),
        "schema": pl.Int16(),
        "customer": pl.String(),
        "stream": pl.String(),
        "version": pl.Int32(),
        "data": pl.String(),
        "occurred_at": pl.Datetime("us", "UTC"),
        "recorded_at": pl.Datetime("us", "UTC"),
        "bot": pl.Boolean(),
        "source": pl.String(),
    }
)


def archive(before: date, *, at: datetime, progress: Callable[[str], None]) -> int:
    """Move every month that ended before a day into a file; return how many events.

    Only what all projections have read: one that stopped, or is late, holds it up.
    Month by month, each in a transaction that ends after its file is safe: a killed run
    goes on where it stopped.
    """
    moved = 0
    with alone():
        while (month := _oldest()) and _next(month) <= before:
            moved += _moved(month, at)
            progress(f"{month:%Y-%m}")
    return moved


def moved(ids: Iterable[UUID]) -> set[UUID]:
    """Return which of these events' ids are known for events moved out."""
    rows = ArchivedId.objects.filter(id__in=list(ids))
    return set(rows.values_list("id", flat=True))


@contextmanager
def alone() -> Iterator[None]:
    """Keep everybody else from the files: who rebuilds must not find them moving."""
    with connection.cursor() as cursor:
        # The session's, not a transaction's: within it each month commits by itself.
        cursor.execute("SELECT pg_advisory_lock(%s)", [FILES_LOCK])
        try:
            yield
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [FILES_LOCK])


def read(
    *, after: int = 0, until: int, types: Iterable[str] | None = None
) -> Iterator[store.Stored]:
    """Yield the events of the positions (after, until], those of the archives too."""
    files = Archive.objects.filter(last_position__gt=after, first_position__lte=until)
    wanted = None if types is None else frozenset(types)
    # Files go by when it happened, positions by when it came: they interleave.
    return heapq.merge(
        store.read(after=after, until=until, types=wanted),
        *(_read(row, after, until, wanted) for row in files),
        key=attrgetter("position"),
    )


def forget() -> int:
    """Take erased customers out of the files; return how many erasures are done."""
    waiting = list(Erasure.objects.exclude(keys=[]))
    keys = [str(key) for erasure in waiting for key in erasure.keys]
    if keys:
        with alone():
            for row in Archive.objects.order_by("month"):
                _forget(row, keys)
        # Those read above alone: one that comes meanwhile waits for the next time.
        Erasure.objects.filter(pk__in=[e.pk for e in waiting]).update(keys=[])
    return len(waiting)


class Damaged(Exception):
    """An archive's file is not what was written."""


def _folded() -> int:
    """Return the position up to which every projection has read: no further."""
    least = Checkpoint.objects.aggregate(least=Min("position"))["least"]
    return least or 0


def _oldest() -> date | None:
    rows = StoredEvent.objects.filter(type__in=TYPES, stream=None)
    rows = rows.filter(position__lte=_folded())
    first = rows.aggregate(first=Min("occurred_at"))["first"]
    return None if first is None else date(first.year, first.month, 1)


def _next(month: date) -> date:
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)


def _moved(month: date, at: datetime) -> int:
    """Late events of an archived month join its file."""
    start = datetime(month.year, month.month, 1, tzinfo=UTC)
    with transaction.atomic():
        log_lock.hold_alone()  # else a retry that comes now is stored twice
        rows = leaving.move_out(start, TYPES, until=_folded())
        frame = _frame(rows)
        row = Archive.objects.filter(month=month).first() or Archive(month=month)
        if row.path:
            frame = pl.concat([_load(row), frame]).sort("position")
        row.archived_at = at
        _keep(row, frame)
    return len(rows)


def _keep(row: Archive, frame: pl.DataFrame) -> None:
    """Write a month's file and point to it; the old one goes when that is certain.

    The name holds the checksum, so a kill leaves the row and its file in agreement.
    """
    folder, old = Path(settings.ARCHIVE_DIR), row.path
    folder.mkdir(parents=True, exist_ok=True)
    new = folder / f"{row.month:%Y-%m}.new"
    frame.write_parquet(new)
    # The rows are deleted in this very transaction: only a file that reads is enough.
    if not pl.read_parquet(new).equals(frame):
        raise OSError(f"{new} does not hold what was written")
    row.checksum = hashlib.sha256(new.read_bytes()).hexdigest()
    row.path = f"{row.month:%Y-%m}-{row.checksum[:12]}.parquet"
    new.replace(folder / row.path)
    row.events = len(frame)
    row.first_position = frame.item(0, "position")
    row.last_position = frame.item(-1, "position")
    row.save()
    if old and old != row.path:
        # Before the commit the row still points to it.
        transaction.on_commit(lambda: (folder / old).unlink(missing_ok=True))


def _load(row: Archive) -> pl.DataFrame:
    path = Path(settings.ARCHIVE_DIR) / row.path
    if hashlib.sha256(path.read_bytes()).hexdigest() != row.checksum:
        raise Damaged(f"{path} is not the file that was written")
    return pl.read_parquet(path)


def _frame(rows: Sequence[tuple[object, ...]]) -> pl.DataFrame:
    # The places of id and customer: Polars knows no UUID.
    text = {1, 4}
    plain = [
        tuple(
            str(value) if place in text and value is not None else value
            for place, value in enumerate(row)
        )
        for row in rows
    ]
    return pl.DataFrame(plain, schema=SHAPE, orient="row")


def _read(
    row: Archive, after: int, until: int, types: frozenset[str] | None
) -> Iterator[store.Stored]:
    frame = _load(row).filter(pl.col("position").is_between(after + 1, until))
    if types is not None:
        frame = frame.filter(pl.col("type").is_in(types))
    for position, id_, type_, schema, customer, *rest in frame.iter_rows():
        key = UUID(customer) if customer else None
        yield store.Stored(position, UUID(id_), type_, schema, key, *rest)


def _forget(row: Archive, keys: list[str]) -> None:
    frame = _load(row)
    # Of no customer is_in is null, and such a row would be in neither part.
    is_theirs = pl.col("customer").is_in(keys).fill_null(value=False)
    theirs = frame.filter(is_theirs)
    if theirs.is_empty():
        return
    pairs = theirs.select("type", "data").iter_rows()
    blanked = theirs.with_columns(
        customer=pl.lit(None, pl.String),
        data=pl.Series([leaving.blanked(type_, data) for type_, data in pairs]),
    )
    with transaction.atomic():
        _keep(row, pl.concat([frame.filter(~is_theirs), blanked]).sort("position"))
