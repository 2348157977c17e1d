"""`manage.py import_codes STRATEGY FILE`: codes of another system, from CSV."""

import csv
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError

from promotions import code_files, giving


class Command(BaseCommand):
    help = (
        "Import codes: columns code, customer, most_uses, expires_at. Run it again"
        " after a kill: what is there already is passed over."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("strategy", type=UUID)
        parser.add_argument("file", type=Path)
        parser.add_argument(
            "--most-uses",
            default="1",
            help="of rows that say nothing: a number (1), or unlimited",
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="only say what would"
        )
        parser.add_argument(
            "--errors",
            type=Path,
            help="where refused rows go, as CSV (FILE.errors.csv)",
        )

    def handle(self, *args: Any, strategy: UUID, file: Path, **options: Any) -> None:
        errors = options["errors"] or file.with_suffix(".errors.csv")
        try:
            row = giving.taking(strategy)
            if row is None:
                raise CommandError("There is no such strategy.")
            with _opened(file) as lines, _faults(errors) as refused:
                report = code_files.take(
                    lines,
                    row,
                    most_uses=_uses(options["most_uses"]),
                    dry_run=options["dry_run"],
                    refused=lambda one: refused([one.row, one.column, one.reason]),
                )
        except (giving.NotByCode, code_files.BadHeader, OSError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(
            f"{report.rows:,} rows: {report.made:,} made, {report.known:,} known,"
            f" {report.refused:,} refused"
        )
        if report.refused:
            self.stdout.write(f"Refused rows: {errors}")


def _uses(said: str) -> int | None:
    if said == code_files.NO_LIMIT:
        return None
    if not said.isdigit() or not int(said):
        raise CommandError(f"--most-uses is a number or {code_files.NO_LIMIT}.")
    return int(said)


@contextmanager
def _opened(file: Path) -> Iterator[TextIO]:
    # Excel writes a BOM, which is no part of the first column's name.
    with file.open(encoding="utf-8-sig", errors="replace", newline="") as lines:
        yield lines


@contextmanager
def _faults(file: Path) -> Iterator[Any]:
    with file.open("w", encoding="utf-8", newline="") as out:
        table = csv.writer(out)
        table.writerow(["row", "column", "reason"])
        yield table.writerow
