"""Tables that can be thrown away and counted again from the log.

A projection is a fold (analytics.folds): `add` every event, `save` what came together.
`catch_up` moves all projections over the new events, in one transaction with the
checkpoints, so a kill loses nothing; analytics.rebuilds counts them again. A projection
that raises stops, with its error in its checkpoint; it never skips an event.
"""

import gc
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.db import connection, models, transaction

from analytics import clock, store
from analytics.folds import Customers, Days, Fold, Sources, widened
from analytics.models import (
    Affinity,
    Assignment,
    Checkpoint,
    Exposure,
    Hour,
    Outcome,
    Profile,
    Tally,
    UnitCost,
)
from analytics.outcomes import Outcomes

# So many at once were loaded in bulk, and the planner does not know them yet.
MANY = 50_000
SPAN = 500_000
"""Positions in one catch-up transaction; 234,000 took 5.5 s after a bulk load."""


@dataclass(frozen=True, kw_only=True)
class Projection:
    """A fold over the events of `types`; None means every type."""

    name: str
    tables: tuple[type[models.Model], ...]
    fold: Callable[[], Fold]
    types: frozenset[str] | None = None
    resumed: Callable[[], Fold] | None = None
    """A fold that goes on from the tables, where it has to know what they hold."""

    def resume(self) -> Fold:
        return (self.resumed or self.fold)()


ALL: Mapping[str, Projection] = {
    projection.name: projection
    for projection in (
        Projection(
            name="customers",
            tables=(Profile, Affinity),
            fold=Customers,
            types=Customers.types,
        ),
        Projection(
            name="outcomes",
            tables=(Assignment, Exposure, Outcome, UnitCost),
            fold=Outcomes,
            resumed=Outcomes.resumed,
            types=Outcomes.types,
        ),
        Projection(name="days", tables=(Tally,), fold=Days),
        Projection(name="sources", tables=(Hour,), fold=Sources),
    )
}
OTHERS: dict[str, Callable[[], int]] = {}
"""What other apps count from the log by themselves, by name: each of these throws its
rows away and counts them again, in one transaction, and returns how many it read."""


def catch_up(*, span: int = SPAN) -> int:
    """Fold the next `span` positions into every projection; return how many moved.

    Zero means nothing is left, or that another worker is at it.
    """
    # Not within the transaction: the log's lock would be held until all is folded.
    until = store.high_water()
    with transaction.atomic():
        checkpoints = lock(ALL)
        running = [c for c in checkpoints if not c.error and c.position < until]
        if not running:
            return 0
        after = min(c.position for c in running)
        until = min(until, after + span)
        folds = {c.projection: ALL[c.projection].resume() for c in running}
        positions = {c.projection: c.position for c in running}
        if until - after > MANY:
            store.analyze()
        read = store.read(after=after, until=until, types=types_of(folds))
        errors = feed(folds, positions, read)
        for checkpoint in running:
            name = checkpoint.projection
            # A fold that raised holds a part of the batch: nothing of it is saved.
            error = errors.get(name) or _saved(folds[name])
            # One that is ahead of this span stays there.
            move(checkpoint, max(checkpoint.position, until), error)
        return until - after


def stopped() -> dict[str, str]:
    """Return the projections that stopped, each with its error."""
    rows = Checkpoint.objects.exclude(error="")
    return dict(rows.values_list("projection", "error"))


def lag() -> dict[str, int]:
    """Return how many positions each projection has still to read."""
    until = store.high_water()
    read = dict(Checkpoint.objects.values_list("projection", "position"))
    return {name: max(0, until - read.get(name, 0)) for name in ALL}


def lock(names: Iterable[str], *, wait: bool = False) -> list[Checkpoint]:
    """Lock checkpoints for the transaction; without `wait`, those that are free."""
    # Sorted, as all who lock checkpoints do: no deadlock.
    wanted = sorted(names)
    Checkpoint.objects.bulk_create(
        [Checkpoint(projection=name) for name in wanted], ignore_conflicts=True
    )
    rows = Checkpoint.objects.filter(projection__in=wanted).order_by("projection")
    # Whoever holds one is folding it at this moment: nobody need wait to do so too.
    return list(rows.select_for_update(skip_locked=not wait))


def move(checkpoint: Checkpoint, position: int, error: str) -> None:
    """Set the position, or say why it stopped where it was."""
    checkpoint.error = error
    if not error:
        checkpoint.position = position
    checkpoint.moved_at = clock.now()
    checkpoint.save()


@contextmanager
def _gc_paused() -> Iterator[None]:
    """A replay makes millions of objects and no cycles: collecting costs it 25 %."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def feed(
    folds: Mapping[str, Fold],
    positions: Mapping[str, int],
    read: Iterable[store.Stored],
    stopped: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Feed the folds; a fold that raises is fed no more. Return the errors."""
    errors = dict(stopped or {})
    fed = [
        (name, fold, ALL[name].types, positions[name]) for name, fold in folds.items()
    ]
    with _gc_paused():
        for stored in read:
            for name, fold, types, position in fed:
                # Read from the slowest on: the others have some of these already.
                if stored.position <= position or name in errors:
                    continue
                if types is None or stored.type in types:
                    try:
                        fold.add(stored)
                    except Exception as error:
                        errors[name] = f"at {stored.position}: {error!r}"
    return errors


def _saved(fold: Fold) -> str:
    """Add what was folded to the tables; return the error, if any."""
    try:
        with transaction.atomic():
            # The savepoint keeps what the other folds have saved.
            fold.save(_merge)
    except Exception as error:
        return repr(error)
    return ""


def types_of(names: Iterable[str]) -> frozenset[str] | None:
    """Return the types that some of the projections want, None for all."""
    wanted = [ALL[name].types for name in names]
    if any(types is None for types in wanted):
        return None
    return frozenset().union(*(types for types in wanted if types))


def _merge(
    table: type[models.Model],
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    *,
    keys: int,
) -> None:
    """Add the rows to the table, by COPY into a temporary one and one INSERT.

    An empty table, as after the first load, takes the rows directly; so does one of
    rows that never change (`keys` 0).
    """
    if not keys or not table._default_manager.exists():
        fill("", table, columns, rows, keys=keys)
        return
    name, listed = table._meta.db_table, ", ".join(columns)
    updates = ", ".join(f"{c} = {widened(name, c)}" for c in columns[keys:])
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            # LIKE alone: no index and no constraint to be kept while COPY writes.
            f"CREATE TEMP TABLE IF NOT EXISTS incoming_{name} "
            f"(LIKE {name}) ON COMMIT DROP"
        )
        # By a table beside it, as COPY knows no ON CONFLICT.
        _copy(f"incoming_{name}", listed, rows)
        cursor.execute(
            f"INSERT INTO {name} ({listed}) "  # noqa: S608
            f"SELECT {listed} FROM incoming_{name} "
            f"ON CONFLICT ({', '.join(columns[:keys])}) DO UPDATE SET {updates}"
        )
        cursor.execute(f"DROP TABLE incoming_{name}")


def fill(
    schema: str,
    table: type[models.Model],
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    *,
    keys: int,
) -> None:
    """Write rows to an empty table, in a schema or in our own."""
    name = table._meta.db_table
    _copy(f"{schema}.{name}" if schema else name, ", ".join(columns), rows)


def _copy(table: str, columns: str, rows: Iterable[Sequence[Any]]) -> None:
    copy_in = f"COPY {table} ({columns}) FROM STDIN"
    with connection.cursor() as cursor, cursor.copy(copy_in) as copy:
        for row in rows:
            copy.write_row(row)
