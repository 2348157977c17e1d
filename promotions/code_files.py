"""Codes from CSV files and into them, in memory that does not grow with the file."""

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from uuid import UUID

from django.db import connection, reset_queries
from django.utils.dateparse import parse_datetime
from psycopg import sql

from analytics.table_files import FORMULAS, untamed
from promotions import giving
from promotions.giving import Given
from promotions.models import Strategy

COLUMNS = ("code", "customer", "most_uses", "expires_at")
NO_LIMIT = "unlimited"
CHUNK = 5000
BLOCK = 1 << 16


class BadHeader(Exception):
    """The file's first row does not name the columns."""


class BadCell(Exception):
    """A cell cannot be read; `column` says which."""

    def __init__(self, column: str, reason: str) -> None:
        super().__init__(reason)
        self.column = column


@dataclass(frozen=True, kw_only=True)
class Fault:
    """A row that was refused; the header is row 1."""

    row: int
    column: str
    reason: str


@dataclass(kw_only=True)
class Report:
    """What became of a file's rows."""

    rows: int = 0
    made: int = 0
    known: int = 0
    refused: int = 0


def take(
    lines: Iterable[str],
    strategy: Strategy,
    *,
    most_uses: int | None = 1,
    dry_run: bool = False,
    refused: Callable[[Fault], object],
) -> Report:
    """Import a CSV file's codes; `most_uses` is of rows that say nothing.

    Good rows are taken whatever the others are; each chunk is its own transaction, and
    what is there already counts as known.

    :raises BadHeader: the columns are not some of COLUMNS, with code.
    """
    table = csv.reader(lines)
    columns = _columns(table)
    report = Report()
    rows = _rows(table)
    while chunk := list(islice(rows, CHUNK)):
        report.rows += len(chunk)
        good: list[tuple[int, Given]] = []
        for number, cells in chunk:
            try:
                good.append((number, _given(columns, cells, most_uses)))
            except BadCell as bad:
                report.refused += 1
                refused(Fault(row=number, column=bad.column, reason=str(bad)))
        _give(strategy, good, report, refused, dry_run=dry_run)
        reset_queries()  # with DEBUG, Django keeps every statement's text
    return report


def export(
    *, strategy: UUID | None = None, batch: UUID | None = None
) -> Iterator[bytes]:
    """Yield the codes of a strategy, or of one of its batches, as CSV."""
    column, value = ("batch_id", batch) if batch else ("strategy_id", strategy)
    # COPY takes no parameters: what varies is quoted by the client.
    copy_out = sql.SQL(
        "COPY (SELECT {text} AS code, {customer} AS customer,"
        " coalesce(c.most_uses::text, {no_limit}) AS most_uses,"
        " to_char(c.expires_at AT TIME ZONE 'UTC', {iso}) AS expires_at, c.uses,"
        " c.active FROM promotions_code c"
        " LEFT JOIN analytics_customer p ON p.key = c.customer"
        " WHERE c.{column} = {value}) TO STDOUT (FORMAT csv, HEADER)"
    ).format(
        text=_tame("c.text"),
        customer=_tame("coalesce(p.external_id, p.anonymous_id, '')"),
        no_limit=sql.Literal(NO_LIMIT),
        iso=sql.Literal('YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        column=sql.Identifier(column),
        value=sql.Literal(value),
    )
    block = bytearray()
    with connection.cursor() as cursor, cursor.copy(copy_out) as rows:
        for row in rows:
            block += row
            if len(block) > BLOCK:
                yield bytes(block)
                block.clear()
    yield bytes(block)


def _tame(expression: str) -> sql.Composed:
    """Put an apostrophe before what spreadsheets would compute."""
    return sql.SQL(
        "CASE WHEN left({0}, 1) = ANY({1}) THEN '''' || {0} ELSE {0} END"
    ).format(sql.SQL(expression), sql.Literal(list(FORMULAS)))


def _columns(table: Iterator[list[str]]) -> list[str]:
    try:
        # Spreadsheets begin a file with a byte order mark.
        header = [name.strip().lstrip("\ufeff") for name in next(table, [])]
    except csv.Error as error:
        raise BadHeader(str(error)) from error
    wrong = set(header) - set(COLUMNS)
    if wrong or "code" not in header or len(set(header)) < len(header):
        raise BadHeader(f"The first row names some of {', '.join(COLUMNS)}, with code.")
    return header


def _rows(table: Iterator[list[str]]) -> Iterator[tuple[int, list[str] | csv.Error]]:
    """Yield rows with their numbers; blank lines are passed over."""
    number = 1
    while True:
        number += 1
        try:
            cells = next(table)
        except StopIteration:
            return
        except csv.Error as error:
            yield number, error
            continue
        if cells:
            yield number, cells


def _given(
    columns: list[str], cells: list[str] | csv.Error, most_uses: int | None
) -> Given:
    if isinstance(cells, csv.Error):
        raise BadCell("", str(cells))
    if len(cells) != len(columns):
        raise BadCell("", f"Expected {len(columns)} cells, found {len(cells)}.")
    row = {
        name: untamed(cell.strip()) for name, cell in zip(columns, cells, strict=True)
    }
    return Given(
        text=row["code"],
        customer=_customer(row),
        most_uses=_uses(row, most_uses),
        expires_at=_until(row),
    )


def _customer(row: Mapping[str, str]) -> str | None:
    name = row.get("customer", "")
    if "\0" in name or len(name) > 200:
        raise BadCell("customer", "Expected at most 200 characters.")
    return name or None


def _uses(row: Mapping[str, str], usual: int | None) -> int | None:
    said = row.get("most_uses", "")
    if said in ("", NO_LIMIT):
        return None if said else usual
    # int() would take "１２" and "1_000" too.
    if not (said.isascii() and said.isdigit() and len(said) <= 10):
        raise BadCell("most_uses", f"Expected a whole number or {NO_LIMIT}.")
    return int(said)


def _until(row: Mapping[str, str]) -> datetime | None:
    said = row.get("expires_at", "")
    if not said:
        return None
    try:
        at = parse_datetime(said)
    # A date that is none, as 31 February; what looks like no date at all is None.
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise BadCell("expires_at", "Expected a time with its zone (ISO 8601).")
    return at


def _give(
    strategy: Strategy,
    good: list[tuple[int, Given]],
    report: Report,
    refused: Callable[[Fault], object],
    *,
    dry_run: bool,
) -> None:
    became = giving.give(strategy, [one for _, one in good], dry_run=dry_run)
    for (number, _), one in zip(good, became, strict=True):
        report.made += one.status == "made"
        report.known += one.status == "known"
        if one.status == "refused":
            report.refused += 1
            refused(Fault(row=number, column=one.field, reason=one.reason))
