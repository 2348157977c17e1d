"""Read an opened table, CSV, XLSX, JSON Lines or Parquet, a batch of rows at a time.

CSV is read by Python's own reader, so that a bad row is a row with a number and harms
no other. Rows are numbered as a spreadsheet shows them: the header is row 1. A quote
that is not closed swallows rows: such a row is broken and keeps the text of them all.
A workbook alone is read whole, which may have a million rows.
"""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import polars as pl

from analytics import json_lines
from analytics.wording import Wording

BATCH = 20_000
"""Rows in memory at a time."""
# A quote that is not closed takes all that follows for one cell: at 1 MB it is said.
csv.field_size_limit(1 << 20)


class NotATable(Exception):
    """The file cannot be read; the message says why and what to do."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Broken:
    """A row that is no row; `lines` are its cells, for each line of text it spans."""

    row: int
    reason: str
    lines: tuple[tuple[str, ...], ...]
    width: int
    delimiter: str

    @property
    def value(self) -> str:
        return self.delimiter.join(self.lines[0])[:200]


@dataclass(kw_only=True)
class Sheet:
    """An opened file. Batches have the wanted columns and `row`; text is as written.

    `form` is csv, xlsx, jsonl or parquet; of a workbook `frame` holds all rows.
    """

    path: Path
    header: list[str]
    rows: int
    form: str
    delimiter: str | None = None
    encoding: str = "utf-8-sig"
    frame: pl.DataFrame | None = None
    broken: list[Broken] = field(default_factory=list)
    """Rows that are no rows; `batches` adds those of a batch before it yields it."""

    def batches(self, wanted: Sequence[str]) -> Iterator[pl.DataFrame]:
        """Yield the rows; the file's own types from Parquet, else strings."""
        match self.form:
            case "parquet":
                return self._parquet(wanted)
            case "jsonl":
                return self._json_lines(wanted)
            case "xlsx":
                return self._workbook(wanted)
            case _:
                return self._csv(wanted)

    def _workbook(self, wanted: Sequence[str]) -> Iterator[pl.DataFrame]:
        if self.frame is None:
            raise TypeError("a workbook without its rows")
        table = self.frame.with_row_index("row", offset=2).cast({"row": pl.Int64})
        # After the numbering: a spreadsheet shows empty rows, too.
        filled = table.filter(~pl.all_horizontal(pl.col(self.header).is_null()))
        for start in range(0, len(filled), BATCH):
            rows = filled.slice(start, BATCH).select("row", *wanted)
            yield rows.with_columns(pl.col(list(wanted)).fill_null(""))

    def _json_lines(self, wanted: Sequence[str]) -> Iterator[pl.DataFrame]:
        lines = json_lines.rows(self.path)
        while some := list(islice(lines, BATCH)):
            good = [one for one in some if one.values is not None]
            self.broken += [
                Broken(
                    row=one.number,
                    reason=one.fault,
                    lines=((one.text,),),
                    width=len(self.header),
                    delimiter="",
                )
                for one in some
                if one.values is None
            ]
            columns = {
                name: pl.Series(
                    [(one.values or {}).get(name, "") for one in good], dtype=pl.String
                )
                for name in wanted
            }
            numbers = pl.Series([one.number for one in good], dtype=pl.Int64)
            yield pl.DataFrame({"row": numbers, **columns})

    def _parquet(self, wanted: Sequence[str]) -> Iterator[pl.DataFrame]:
        table = pl.scan_parquet(self.path).select(wanted)
        for start in range(0, self.rows, BATCH):
            rows = table.slice(start, BATCH).collect()
            yield rows.with_row_index("row", offset=start + 2).cast({"row": pl.Int64})

    def _csv(self, wanted: Sequence[str]) -> Iterator[pl.DataFrame]:
        places = [self.header.index(name) for name in wanted]
        with self.path.open(encoding=self.encoding, newline="") as text:
            reader = csv.reader(text, delimiter=self.delimiter or ",")
            next(reader)
            done, number = 0, 1
            # Until a round reads nothing: a batch of broken rows alone is not the end.
            while number > done:
                rows: list[list[str]] = []
                at: list[int] = []
                done, number = number, self._some(reader, number, rows, at, places)
                # No object for each row, which the garbage collector would walk: thrice
                # as fast.
                columns = {
                    name: pl.Series([cells[place] for cells in rows], dtype=pl.String)
                    for name, place in zip(wanted, places, strict=True)
                }
                yield pl.DataFrame({"row": pl.Series(at, dtype=pl.Int64), **columns})

    def _some(
        self,
        reader: Any,
        number: int,
        rows: list[list[str]],
        at: list[int],
        places: list[int],
    ) -> int:
        """Read up to BATCH rows into `rows`, their numbers into `at`; note broken ones.

        Returns the last row's number. Empty rows count and are nothing.
        """
        width, line = len(self.header), reader.line_num
        try:
            for cells in islice(reader, BATCH):
                number += 1
                # csv joins lines while a quote is open, and line_num counts lines of
                # text.
                several, line = reader.line_num - line > 1, reader.line_num
                if len(cells) != width:
                    if cells:
                        reason = Wording(
                            "%(cells)s cells where the header has %(width)s",
                            cells=len(cells),
                            width=width,
                        )
                        self._break(number, reason, cells)
                elif several and self._swallowed(cells, places):
                    self._break(number, Wording("a quote is not closed"), cells)
                else:
                    rows.append(cells)
                    at.append(number)
        except csv.Error as error:
            raise NotATable(
                Wording(
                    "%(path)s, row %(value)s: %(error)s: is a quote not closed?",
                    path=self.path,
                    value=number + 1,
                    error=error,
                )
            ) from error
        except UnicodeError as error:
            raise NotATable(not_utf8(self.path)) from error
        return number

    def _swallowed(self, cells: list[str], places: list[int]) -> bool:
        """Say whether a row of several text lines is several rows.

        Two rows that became one of the right width have a row's delimiters in cells.
        """
        mark, most = self.delimiter or ",", len(self.header) - 1
        split = any("\n" in cells[p] or "\r" in cells[p] for p in places)
        return split or sum(cell.count(mark) for cell in cells) >= most

    def _break(self, row: int, reason: str, cells: list[str]) -> None:
        mark = self.delimiter or ","
        text = mark.join(cells)
        several = "\n" in text or "\r" in text
        lines = [line.split(mark) for line in text.splitlines()] if several else [cells]
        self.broken.append(
            Broken(
                row=row,
                reason=reason,
                lines=tuple(map(tuple, lines)),
                width=len(self.header),
                delimiter=mark,
            )
        )


def not_utf8(path: Path) -> str:
    return Wording("%(path)s is not UTF-8: say --encoding, such as cp1252", path=path)
