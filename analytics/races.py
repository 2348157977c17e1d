"""Who comes second: begin anew after a deadlock, or leave it to who is there."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import psycopg
from django.db import DatabaseError, OperationalError, connection

Done = TypeVar("Done")
ATTEMPTS = 4
LOST = (psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure)


def anew(do: Callable[[], Done]) -> Done:
    """Run a transaction, `ATTEMPTS` times in all if it loses races.

    What was ended left nothing behind. A call within another transaction leaves
    beginning anew to that one.
    """
    for _ in range(0 if connection.in_atomic_block else ATTEMPTS - 1):
        try:
            return do()
        except OperationalError as error:
            if not isinstance(error.__cause__, LOST):
                raise
    return do()


@contextmanager
def alone(lock: int) -> Iterator[bool]:
    """Hold an advisory lock meanwhile; say whether nobody else had it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [lock])
        mine = bool(cursor.fetchone()[0])
        try:
            yield mine
        finally:
            if mine:
                _unlock(lock)


def _unlock(lock: int) -> None:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [lock])
    except DatabaseError:
        connection.close()  # which frees it too
