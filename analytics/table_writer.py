"""JSON Lines to XLSX or Parquet, in a process of its own: see analytics.table_files.

`python -m analytics.table_writer FORM COLUMNS ROWS TARGET`: columns are {name: kind}.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl
import xlsxwriter

KINDS: Mapping[str, Any] = {
    "text": pl.String(),
    "count": pl.Int64(),
    "number": pl.Float64(),
    "amount": pl.String(),
    "time": pl.String(),
    "truth": pl.Boolean(),
}
"""As the lines have them; amounts and times become what they are."""
AMOUNT = pl.Decimal(20, 4)
FORMULAS = "=+-@\t\r"


def parquet(columns: Mapping[str, str], rows: Path, target: Path) -> None:
    """Write Parquet: amounts as decimals, times in UTC."""
    schema = {name: KINDS[kind] for name, kind in columns.items()}
    if not rows.stat().st_size:
        table = pl.LazyFrame(schema=schema)
    else:
        table = pl.scan_ndjson(rows, schema=schema)
    amounts = [name for name, kind in columns.items() if kind == "amount"]
    times = [name for name, kind in columns.items() if kind == "time"]
    table.with_columns(
        *(pl.col(name).cast(AMOUNT) for name in amounts),
        *(
            pl.col(name).str.to_datetime(time_unit="us", time_zone="UTC")
            for name in times
        ),
    ).sink_parquet(target)


def workbook(columns: Mapping[str, str], rows: Path, target: Path) -> None:
    """Write a sheet; no text of it is a formula or a link."""
    # A row is written out when the next begins: a million are never held.
    plain = {"constant_memory": True, "strings_to_formulas": False}
    with xlsxwriter.Workbook(target, plain | {"strings_to_urls": False}) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, list(columns))
        sheet.freeze_panes(1, 0)
        with rows.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, start=1):
                cells = json.loads(line).values()
                for place, (kind, value) in enumerate(
                    zip(columns.values(), cells, strict=True)
                ):
                    _write(sheet, number, place, kind, value)


def _write(sheet: Any, row: int, place: int, kind: str, value: Any) -> None:
    if value is None:
        return
    if kind == "truth":
        sheet.write_boolean(row, place, value)
    elif kind in ("count", "number", "amount"):
        sheet.write_number(row, place, float(value))
    else:
        text = f"'{value}" if value[:1] in tuple(FORMULAS) else value
        # The longest text that Excel lets a cell have.
        sheet.write_string(row, place, text[:32_767])


def main() -> None:
    """Write the file that the arguments ask for."""
    form, columns, rows, target = sys.argv[1:]
    write = {"parquet": parquet, "xlsx": workbook}[form]
    write(json.loads(columns), Path(rows), Path(target))


if __name__ == "__main__":
    main()
