"""Count projections again from the whole log, aside, while the site goes on.

The rows are written to tables of the same names in the schema `aside`, which take the
old ones' places in an instant. Catching up goes on all the while.

What another app counts from the log by itself (projections.OTHERS) counts itself again.
"""

from collections.abc import Iterable
from functools import partial

from django.db import OperationalError, connection, transaction

from analytics import archive, projections, store
from analytics.folds import Fold

ROUNDS = 4
"""Each reads what came during the one before; the last little is for `catch_up`."""


def rebuild(names: Iterable[str]) -> dict[str, str]:
    """Count rows again from the whole log, then swap them in.

    Return the errors by name: one that raises keeps the rows it had.
    """
    wanted = set(names)
    ours, others = wanted & projections.ALL.keys(), wanted & projections.OTHERS.keys()
    # A month moved out while we read would be missed: its file was not there to list.
    with archive.alone():
        return _rebuilt(ours) | _recounted(others)


def _recounted(names: Iterable[str]) -> dict[str, str]:
    errors: dict[str, str] = {}
    for name in sorted(names):
        try:
            projections.OTHERS[name]()
        except Exception as error:
            errors[name] = repr(error)
    return errors


def _rebuilt(names: Iterable[str]) -> dict[str, str]:
    store.analyze()
    # Not resumed: a fold that asked the tables would know what comes after.
    folds = {name: projections.ALL[name].fold() for name in sorted(names)}
    errors: dict[str, str] = {}
    until = 0
    for _ in range(ROUNDS):
        last = store.high_water()
        read = archive.read(after=until, until=last, types=projections.types_of(folds))
        errors |= projections.feed(folds, dict.fromkeys(folds, until), read, errors)
        until = last
    for name, fold in folds.items():
        if name in errors:
            _stop(name, errors[name])
            continue
        try:
            _write_aside(name, fold)
        except Exception as error:
            errors[name] = repr(error)
            _stop(name, errors[name])
            continue
        if not _swapped(name, until):
            errors[name] = "somebody reads its tables all the time: try again later"
    return errors


def _stop(name: str, error: str) -> None:
    with transaction.atomic():
        for checkpoint in projections.lock([name], wait=True):
            projections.move(checkpoint, checkpoint.position, error)


def _write_aside(name: str, fold: Fold) -> None:
    """Write the rows into tables of the same names, and indexes, in another schema."""
    with transaction.atomic(), connection.cursor() as cursor:
        # For this the role needs CREATE on the database.
        cursor.execute("CREATE SCHEMA IF NOT EXISTS aside")
        for table in _tables(name):
            cursor.execute(f"DROP TABLE IF EXISTS aside.{table}")
            # It takes the other's place, so with all its indexes and constraints.
            cursor.execute(f"CREATE TABLE aside.{table} (LIKE {table} INCLUDING ALL)")
        fold.save(partial(projections.fill, "aside"))


def _swapped(name: str, until: int) -> bool:
    """Put the tables in place in an instant; False if a reader does not let go."""
    for _ in range(ROUNDS):
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                [checkpoint] = projections.lock([name], wait=True)
                # Waits for who is just reading, and whoever comes then waits for us.
                cursor.execute("SET LOCAL lock_timeout = '5s'")
                cursor.execute("SELECT current_schema()")
                [here] = cursor.fetchone()
                for table in _tables(name):
                    cursor.execute(f"DROP TABLE {table}")
                    cursor.execute(f"ALTER TABLE aside.{table} SET SCHEMA {here}")
                # Back to where the replay ended: catch_up adds what came since to the
                # new rows.
                projections.move(checkpoint, until, "")
        except OperationalError:
            continue
        return True
    return False


def _tables(name: str) -> list[str]:
    return [table._meta.db_table for table in projections.ALL[name].tables]
