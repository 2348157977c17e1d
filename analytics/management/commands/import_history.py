"""`manage.py import_history FILE`: a shop's past orders, from a table in a file.

Exit status: 0 all rows are in the log (or would be), 1 nothing could be done, 3 some
rows were refused and stand in the file of errors.
"""

import re
from argparse import ArgumentParser
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.progress import Progress

from analytics import cells, clock, columns, imports, opening, sheets

SHOWN = 80
"""Characters of a refused value on the screen; the file of errors has all of it."""


class Command(BaseCommand):
    help = "Import order lines, one a row, as completed orders (docs/importing.md)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        add = parser.add_argument
        fields = ", ".join(columns.GUESSES)
        add("file", type=Path)
        add("--map", nargs="+", default=[], metavar="FIELD=COLUMN", help=fields)
        add("--dry-run", action="store_true", help="say what would be taken")
        add("--timezone", default="UTC", help="of times without one: Europe/Berlin")
        add("--time-format", default="", help="as strftime, such as '%%d/%%m/%%Y'")
        add("--decimal", choices=[".", ","], help="default: as the file looks")
        add("--delimiter", default="", help="default: as the header looks")
        add("--encoding", default="", help="default: as it looks; such as cp1252")
        add("--currency", default="", help="if the file has none: EUR")
        add("--id-prefix", default="order-", help="before the order's number: its id")
        add("--errors", type=Path, help="default: FILE.errors.csv")
        add("--limit", type=int, help="only the orders the file begins with: so many")

    def handle(self, *args: Any, file: Path, **options: Any) -> None:
        order = _order(options)
        delimiter, encoding = options["delimiter"], options["encoding"]
        try:
            sheet = opening.opened(file, delimiter=delimiter, encoding=encoding)
            how = imports.reading(sheet, options["map"], order)
            self._show(how, options["map"])
            errors = options["errors"] or file.with_name(f"{file.name}.errors.csv")
            report = self._run(sheet, how, order, errors)
        except (
            sheets.NotATable,
            columns.WrongMapping,
            cells.UnknownClock,
            imports.Busy,
        ) as error:
            raise CommandError(str(error)) from error
        self._tell(report, order)
        if report.refused_rows:
            told = f"{report.refused_rows:,} rows were refused: see {errors}"
            raise CommandError(told, returncode=3)

    def _run(
        self, sheet: Any, how: cells.Reading, order: imports.Order, errors: Path
    ) -> imports.Report:
        with Progress(console=Console(stderr=True), transient=True) as bar:
            tasks = {name: bar.add_task(name) for name in ("reading", "orders")}

            def moved(step: str, done: int, total: int) -> None:
                bar.update(tasks[step], completed=done, total=total)

            at: datetime = clock.now()
            return imports.run(sheet, how, order, errors=errors, at=at, progress=moved)

    def _show(self, how: cells.Reading, said: list[str]) -> None:
        named = {one.partition("=")[0] for one in said}
        for field, source in how.sources.items():
            guessed = "" if field in named else "  (guessed)"
            self.stdout.write(f"{field:16} <- {source.text}{guessed}")
        mark = "comma" if how.comma else "point"
        clock = how.clock or "typed"
        self.stdout.write(f"times: {clock} in {how.timezone}; decimal {mark}")

    def _tell(self, report: imports.Report, order: imports.Order) -> None:
        verb = "would be taken" if order.dry_run else "taken"
        money = ", ".join(f"{paid:,.2f} {c}" for c, paid in sorted(report.paid.items()))
        self.stdout.write(
            f"{report.rows:,} rows: {report.orders:,} whole orders of"
            f" {len(report.customers):,} customers, {report.lines:,} lines, {money}"
        )
        self.stdout.write(
            f"{report.accepted:,} {verb}, {report.known:,} in the log already;"
            f" {report.refused_rows:,} rows refused,"
            f" {report.repeated_rows:,} repeated exactly (kept)"
        )
        if report.held:
            self.stdout.write(
                f"{report.held:,} orders held back: a row may belong to them whose"
                " order cannot be read"
            )
        if report.first and report.last:
            self.stdout.write(f"from {report.first:%Y-%m-%d} to {report.last:%Y-%m-%d}")
        for row, column, reason, value in report.first_faults:
            told = repr(value)
            shown = told if len(told) <= SHOWN else f"{told[:SHOWN]}…"
            self.stdout.write(f"  row {row}, {column}: {reason}: {shown}")


def _order(options: dict[str, Any]) -> imports.Order:
    try:
        ZoneInfo(options["timezone"])
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise CommandError(f"no such --timezone: {options['timezone']}") from error
    if not re.fullmatch("([A-Z]{3})?", options["currency"]):
        raise CommandError(
            f"--currency is three capital letters: {options['currency']}"
        )
    decimal = options["decimal"]
    return imports.Order(
        timezone=options["timezone"],
        clock=options["time_format"],
        comma=None if decimal is None else decimal == ",",
        currency=options["currency"],
        prefix=options["id_prefix"],
        limit=options["limit"],
        dry_run=options["dry_run"],
    )
