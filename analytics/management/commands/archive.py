"""Move old months of the log into Parquet files under var/archive."""

from datetime import date
from typing import Any

from django.core.management import BaseCommand, CommandError, CommandParser

from analytics import archive, clock


class Command(BaseCommand):
    help = __doc__ or ""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "before",
            type=date.fromisoformat,
            help="Months that ended before this day, such as 2025-01-01.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        at = clock.now()
        if options["before"] > at.date().replace(day=1):
            raise CommandError("the current month and later ones stay in the log")
        moved = archive.archive(
            options["before"], at=at, progress=lambda month: self.stdout.write(month)
        )
        self.stdout.write(f"{moved} events moved")
