"""Begin a transaction anew that PostgreSQL ended to free another from a deadlock."""

from collections.abc import Callable
from typing import TypeVar

import psycopg
from django.db import OperationalError, connection

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
