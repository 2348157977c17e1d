"""Write many rows at once, over those that are there: COPY, then one INSERT."""

from collections.abc import Iterable, Sequence

from django.db import connection


def mirror(
    table: str,
    names: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    key: Sequence[str],
    once: Sequence[str] = (),
) -> None:
    """Insert the rows, or update those with the same key; in the caller's transaction.

    What is of `once` is written with a new row, and stays. No key may come twice.
    `table` and `names` are our own words, never a caller's.
    """
    listed, by = ", ".join(names), ", ".join(key)
    news = [f"{name} = excluded.{name}" for name in names if name not in (*key, *once)]
    with connection.cursor() as cursor:
        # A transaction may mirror the same table twice.
        cursor.execute(f"DROP TABLE IF EXISTS incoming_{table}")
        cursor.execute(
            f"CREATE TEMP TABLE incoming_{table} ON COMMIT DROP AS "  # noqa: S608
            f"SELECT {listed} FROM {table} WITH NO DATA"
        )
        with cursor.copy(f"COPY incoming_{table} ({listed}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
        cursor.execute(
            f"INSERT INTO {table} ({listed}) "  # noqa: S608
            # In the order of keys: two mirrors lock rows alike, and do not deadlock.
            f"SELECT {listed} FROM incoming_{table} ORDER BY {by} "
            f"ON CONFLICT ({by}) DO UPDATE SET {', '.join(news)}"
        )


def lock(table: str) -> None:
    """Let other feeds of the table wait: two would tell of the same change."""
    with connection.cursor() as cursor:
        cursor.execute(f"LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE")
