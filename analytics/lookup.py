"""Statements that every storefront call makes, as fast as they get.

Prepared, with the values bound by the server and rows in binary, on Django's own
connection but past its ORM and its cursor. `row` also mends a connection that died with
the server, so settings need no health check before each request. `once` is for pages
that are made of many parts.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

import psycopg
from django.db import OperationalError, connection
from psycopg.pq import Format

Answer = TypeVar("Answer")
Values = Sequence[object] | Mapping[str, object]
_known: ContextVar[dict[str, Any] | None] = ContextVar("known", default=None)


@contextmanager
def once() -> Iterator[None]:
    """Within it, ask the database the same question once: of what writes nothing."""
    token = _known.set({})
    try:
        yield
    finally:
        _known.reset(token)


def row(sql: str, values: Sequence[object]) -> tuple[Any, ...] | None:
    """Return the statement's only row, if there is one.

    :raises django.db.Error: as with Django's cursor, so that races are begun anew.
    """
    return _asked("row", sql, values, lambda: _mended(sql, values))


def rows(
    sql: str,
    values: Values,
    *,
    prepare: bool = True,
) -> list[tuple[Any, ...]]:
    """Return all rows of a statement that returns some.

    Without `prepare` it is planned for these very values: a plan for any values reads
    pages of the log by scanning it whole.

    :raises django.db.Error: as with Django's cursor.
    """
    return list(
        _asked("rows", sql, values, lambda: _rows(sql, values, prepare=prepare))
    )


def _asked(kind: str, sql: str, values: Values, ask: Callable[[], Answer]) -> Answer:
    known = _known.get()
    if known is None:
        return ask()
    # Values may be lists, which cannot be keys.
    question = f"{kind} {sql} {values!r}"
    if question not in known:
        known[question] = ask()
    answer: Answer = known[question]
    return answer


def _mended(sql: str, values: Sequence[object]) -> tuple[Any, ...] | None:
    try:
        return _row(sql, values)
    except OperationalError:
        # What the transaction has written is lost with the connection: the caller must
        # know.
        if connection.in_atomic_block:
            raise
        connection.close()
        return _row(sql, values)


def _rows(sql: str, values: Values, *, prepare: bool) -> list[tuple[Any, ...]]:
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
