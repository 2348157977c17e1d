"""Count projections again from the whole log, aside, while the site goes on.

The rows are written to tables of the same names in the schema `aside`, which take the
old ones' places in an instant. Catching up goes on all the while.
"""

from collections.abc import Iterable
from functools import partial

from django.db import connection, transaction

from analytics import archive, projections, store
from analytics.folds import Fold

ROUNDS = 4
"""Each reads what came during the one before; the last little is for `catch_up`."""


def rebuild(names: Iterable[str]) -> dict[str, str]:
    """Count the projections' rows again from the whole log, then swap them in.

    Return the errors by projection: one that raises keeps the rows it had.
    """
    store.analyze()
    folds = {name: projections.ALL[name].fold() for name in sorted(names)}
    errors: dict[str, str] = {}
    until = 0
    for _ in range(ROUNDS):
        last = store.high_water()
        read = archive.read(after=until, until=last, types=projections.types_of(folds))
        errors |= projections.feed(folds, dict.fromkeys(folds, until), read, errors)
        until = last
    for name, fold in folds.items():
        error = errors.get(name) or _swapped(name, fold, until)
        if error:
            errors[name] = error
            with transaction.atomic():
                for checkpoint in projections.lock([name], wait=True):
                    projections.move(checkpoint, checkpoint.position, error)
    return errors


def _swapped(name: str, fold: Fold, until: int) -> str:
    """Write the rows aside, then put them in place in an instant; return the error.

    Aside is a schema: the tables keep their names, and so do their indexes.
    """
    tables = [table._meta.db_table for table in projections.ALL[name].tables]
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("CREATE SCHEMA IF NOT EXISTS aside")
            for table in tables:
                cursor.execute(f"DROP TABLE IF EXISTS aside.{table}")
                cursor.execute(
                    f"CREATE TABLE aside.{table} (LIKE {table} INCLUDING ALL)"
                )
            fold.save(partial(projections.fill, "aside"))
        with transaction.atomic(), connection.cursor() as cursor:
            [checkpoint] = projections.lock([name], wait=True)
            # Waits for who is just reading a table, and nobody waits longer for us.
            cursor.execute("SET LOCAL lock_timeout = '10s'")
            for table in tables:
                cursor.execute("SELECT current_schema()")
                [here] = cursor.fetchone()
                cursor.execute(f"DROP TABLE {table}")
                cursor.execute(f"ALTER TABLE aside.{table} SET SCHEMA {here}")
            projections.move(checkpoint, until, "")
    except Exception as error:
        return repr(error)
    return ""
