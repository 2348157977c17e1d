"""Past orders from an uploaded file: what `manage.py import_history` does. Worker only.

What a file says of customers is shown to nobody: their ids are masked in the first
rows, and refused values are left out.
"""

import csv
from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

from analytics import imports
from analytics.buckets import Progress
from analytics.cells import Reading
from analytics.imports import Order, Report
from analytics.sheets import Sheet
from catalog.intake import MOST_ERRORS, Fault

SHOWN = 10


def order(options: Mapping[str, str], *, dry_run: bool) -> Order:
    """Return how to import, as the form said."""
    comma = {"comma": True, "point": False}.get(options.get("decimal", ""))
    return Order(
        timezone=options.get("timezone") or "UTC",
        clock=options.get("time_format", ""),
        comma=comma,
        currency=options.get("currency", ""),
        prefix=options.get("prefix") or "order-",
        dry_run=dry_run,
    )


def run(
    sheet: Sheet,
    how: Reading,
    asked: Order,
    *,
    errors: Path,
    at: datetime,
    progress: Progress,
) -> tuple[Report, list[Fault]]:
    """Import, or with `dry_run` look what would happen; return the first faults too.

    :raises imports.Busy: another import is under way.
    """
    report = imports.run(sheet, how, asked, errors=errors, at=at, progress=progress)
    return report, list(islice(_faults(errors), MOST_ERRORS))


def first_rows(sheet: Sheet, how: Reading) -> list[dict[str, str]]:
    """Return the first rows as they are read, the customers' ids masked."""
    sheet.broken.clear()
    batch = next(iter(sheet.batches(how.columns)), None)
    sheet.broken.clear()
    rows = [] if batch is None else batch.head(SHOWN).iter_rows(named=True)
    return [_shown(row, how) for row in rows]


def _shown(row: Mapping[str, Any], how: Reading) -> dict[str, str]:
    told = {
        name: " | ".join(str(row[column] or "") for column in source.columns)
        for name, source in how.sources.items()
    }
    return told | {"customer": f"{told['customer'][:2]}…"}


def _faults(errors: Path) -> Iterator[Fault]:
    if not errors.exists():
        return
    with errors.open(encoding="utf-8", newline="") as text:
        for row in csv.DictReader(text):
            yield Fault(row=int(row["row"]), field=row["column"], reason=row["reason"])
