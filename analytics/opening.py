"""Open a table: what form it has, and its header, are told from how the file begins.

What its rows are is read later, a batch at a time (analytics.sheets).
"""

import csv
from itertools import islice
from pathlib import Path

import polars as pl

from analytics import encodings, json_lines, sheets, workbooks
from analytics.sheets import NotATable, Sheet
from analytics.wording import Wording

HEAD = 1 << 20
"""Bytes that are looked at for the encoding."""
DELIMITERS = ",;\t|"


def opened(path: Path, *, delimiter: str = "", encoding: str = "") -> Sheet:
    """Look at how the file begins; what is not given is guessed from that.

    :raises NotATable: not there, empty, or none of the forms that are read.
    """
    try:
        with path.open("rb") as raw:
            head = raw.read(HEAD)
    except OSError as error:
        raise NotATable(f"{path}: {error.strerror}") from error
    if head[:4] == b"PAR1":
        return _parquet(path)
    if not head:
        raise NotATable(Wording("%(path)s is empty", path=path))
    if head[:4] == b"PK\x03\x04":
        return _workbook(path)
    if head[:2] == b"\x1f\x8b":
        raise NotATable(Wording("%(path)s is compressed: unpack it first", path=path))
    encoding = encoding or _guessed(path, head)
    if encoding != "utf-16" and b"\0" in head[:4]:
        raise NotATable(
            Wording("%(path)s is neither CSV, XLSX, JSON Lines nor Parquet", path=path)
        )
    if head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"{":
        return _json_lines(path)
    return _csv(path, delimiter, encoding)


def _guessed(path: Path, head: bytes) -> str:
    encoding = encodings.guess(head, whole=len(head) < HEAD)
    if not encoding:
        raise NotATable(sheets.not_utf8(path))
    return encoding


def _workbook(path: Path) -> Sheet:
    try:
        frame = workbooks.read(path)
    except workbooks.NotAWorkbook as error:
        raise NotATable(
            Wording(
                "%(path)s is neither CSV, XLSX, JSON Lines nor Parquet: %(error)s",
                path=path,
                error=error,
            )
        ) from error
    if len(frame.columns) < 2:
        raise NotATable(
            Wording(
                "%(path)s: the first row of its first sheet is no header", path=path
            )
        )
    return Sheet(
        path=path, header=frame.columns, rows=len(frame), form="xlsx", frame=frame
    )


def _json_lines(path: Path) -> Sheet:
    """Read it once for its names: later objects may have more than the first."""
    names: dict[str, None] = {}
    count = 0
    try:
        for row in json_lines.rows(path):
            count += 1
            names |= dict.fromkeys(row.values or ())
    except (json_lines.TooLong, json_lines.NotUtf8) as error:
        raise NotATable(f"{path}: {error}") from error
    if len(names) < 2:
        raise NotATable(
            Wording("%(path)s: no line is an object with names and values", path=path)
        )
    return Sheet(path=path, header=list(names), rows=count, form="jsonl")


def _parquet(path: Path) -> Sheet:
    try:
        table = pl.scan_parquet(path)
        header = table.collect_schema().names()
        rows = int(table.select(pl.len()).collect().item())
    except pl.exceptions.PolarsError as error:
        raise NotATable(
            Wording(
                "%(path)s is a damaged Parquet file: %(error)s", path=path, error=error
            )
        ) from error
    return Sheet(path=path, header=header, rows=rows, form="parquet")


def _csv(path: Path, delimiter: str, encoding: str) -> Sheet:
    try:
        with path.open(encoding=encoding, newline="") as text:
            first = text.readline()
            delimiter = delimiter or max(DELIMITERS, key=first.count)
            text.seek(0)
            # One line alone: a quote that is open there must not read on.
            header = next(csv.reader(islice(text, 1), delimiter=delimiter), [])
    except UnicodeError as error:
        raise NotATable(sheets.not_utf8(path)) from error
    except (LookupError, csv.Error) as error:
        raise NotATable(f"{path}: {error}") from error
    if len(header) < 2:
        raise NotATable(
            Wording(
                "%(path)s: the first row is no header of columns: %(first)s",
                path=path,
                first=f"{first[:80]!r}",
            )
        )
    if len(set(header)) < len(header):
        raise NotATable(
            Wording(
                "%(path)s: two columns have the same name in %(header)s",
                path=path,
                header=", ".join(header),
            )
        )
    size = path.stat().st_size
    return Sheet(
        path=path,
        header=header,
        # A guess by the header's length: a CSV file is not read through to be counted.
        rows=max(1, size // max(20, len(first))),
        form="csv",
        delimiter=delimiter,
        encoding=encoding,
    )
