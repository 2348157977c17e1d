"""Tables as files: CSV and JSON Lines at once, XLSX and Parquet by another process.

So the web process loads neither Polars nor a workbook, and its memory does not grow
with the table. A text that a spreadsheet would take for a formula gets an apostrophe
before it (OWASP, CSV injection), which `untamed` takes off again.
"""

import csv
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import IO, Any, Literal

from django.conf import settings
from django.http import FileResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase

FORMULAS = "=+-@\t\r"
PATIENCE = 120.0
"""Seconds for the process that writes a workbook or Parquet."""
MOST_ROWS = 1_048_575
"""Of a workbook's sheet, below its header."""

Kind = Literal["text", "count", "number", "amount", "time", "truth"]
Columns = Mapping[str, Kind]
Row = Mapping[str, Any]
FORMS: Mapping[str, str] = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "jsonl": "application/jsonl",
    "parquet": "application/vnd.apache.parquet",
}


class NotWritten(Exception):
    """The process that writes such files failed."""


class TooManyRows(Exception):
    """A sheet cannot hold as many rows."""


def download(
    form: str, columns: Columns, rows: Iterable[Row], name: str
) -> HttpResponseBase:
    """Return the answer that holds a table as a file called `name`.

    :raises NotWritten, TooManyRows: there is none, of XLSX or Parquet.
    """
    answer: HttpResponseBase
    match form:
        case "csv":
            answer = StreamingHttpResponse(csv_lines(columns, rows))
        case "jsonl":
            answer = StreamingHttpResponse(json_lines(columns, rows))
        case _:
            answer = FileResponse(_written(form, columns, rows))
    answer["Content-Type"] = FORMS[form]
    answer["Content-Disposition"] = f'attachment; filename="{name}.{form}"'
    return answer


def csv_lines(columns: Columns, rows: Iterable[Row]) -> Iterator[bytes]:
    """Yield a CSV file's lines."""
    writer = csv.writer(_Line())
    yield writer.writerow(columns)
    for row in rows:
        cells = (_plain(row.get(name)) for name in columns)
        yield writer.writerow(
            tamed(cell) if kind == "text" else cell
            for cell, kind in zip(cells, columns.values(), strict=True)
        )


def json_lines(columns: Columns, rows: Iterable[Row]) -> Iterator[bytes]:
    """Yield a JSON Lines file's lines: amounts are strings, times ISO 8601."""
    for row in rows:
        told = {name: _plain(row.get(name)) for name in columns}
        yield json.dumps(told, ensure_ascii=False).encode() + b"\n"


def tamed(text: Any) -> Any:
    """Make sure that a text is text to a spreadsheet."""
    return f"'{text}" if text and str(text)[0] in FORMULAS else text


def untamed(text: str) -> str:
    """Undo what `tamed` does."""
    return text[1:] if text[:1] == "'" and text[1:2] in tuple(FORMULAS) else text


class _Line:
    """A file for csv's writer that gives each line back."""

    def write(self, text: str) -> bytes:
        return text.encode()


def _plain(value: Any) -> Any:
    """Return what JSON can say of a cell."""
    match value:
        case datetime():
            return value.isoformat()
        case Decimal():
            # str() gives small and large ones an exponent: 1E+2.
            return f"{value:f}"
        case None | bool() | int() | float() | str():
            return value
        case _:
            return str(value)


def _written(form: str, columns: Columns, rows: Iterable[Row]) -> IO[bytes]:
    """Have a process write the file, which is gone from the disk once it is read."""
    with tempfile.TemporaryDirectory(prefix="proffer-") as folder:
        source, target = Path(folder) / "rows", Path(folder) / "table"
        with source.open("wb") as lines:
            for number, line in enumerate(json_lines(columns, rows), start=1):
                if form == "xlsx" and number > MOST_ROWS:
                    raise TooManyRows(
                        "A sheet holds 1,048,575 rows: take another form."
                    )
                lines.write(line)
        told = json.dumps(dict(columns))
        done = subprocess.run(  # noqa: S603 - ours, with no shell
            [
                *(sys.executable, "-m", "analytics.table_writer"),
                *(form, told, str(source), str(target)),
            ],
            cwd=settings.BASE_DIR,
            capture_output=True,
            timeout=PATIENCE,
            check=False,
        )
        if done.returncode:
            raise NotWritten(done.stderr.decode(errors="replace")[-1000:])
        return target.open("rb")
