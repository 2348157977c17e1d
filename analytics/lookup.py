"""Statements that every storefront call makes, as fast as they get.

Prepared, with the values bound by the server and rows in binary, on Django's own
connection but past its ORM and its cursor. `row` also mends a connection that died with
the server, so settings need no health check before each request.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
from django.db import OperationalError, connection
from psycopg.pq import Format


def row(sql: str, values: Sequence[object]) -> tuple[Any, ...] | None:
    """Return the statement's only row, if there is one.

    :raises django.db.Error: as with Django's cursor, so that races are begun anew.
    """
    try:
        return _row(sql, values)
    except OperationalError:
        if connection.in_atomic_block:
            raise
        connection.close()
        return _row(sql, values)


def rows(
    sql: str,
    values: Sequence[object] | Mapping[str, object],
    *,
    prepare: bool = True,
) -> list[tuple[Any, ...]]:
    """Return all rows of a statement that returns some.

    Without `prepare` it is planned for these very values: a plan for any values reads
    pages of the log by scanning it whole.

    :raises django.db.Error: as with Django's cursor.
    """
    connection.ensure_connection()
    with (
        connection.wrap_database_errors,
        psycopg.Cursor(connection.connection) as cursor,
    ):
        cursor.format = Format.BINARY
        cursor.execute(sql.encode(), values, prepare=prepare)
        return cursor.fetchall()


def _row(sql: str, values: Sequence[object]) -> tuple[Any, ...] | None:
    connection.ensure_connection()
    with (
        connection.wrap_database_errors,
        psycopg.Cursor(connection.connection) as cursor,
    ):
        cursor.execute(sql.encode(), values, prepare=True)
        return cursor.fetchone()
