"""`manage.py backtest FILE.json --weeks N`: a draft on past weeks, without storing it.

The file holds the body of POST strategies; `--strategy ID` tries one that is stored.
"""

import json
from argparse import ArgumentParser
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.progress import track
from rich.table import Table

from analytics import clock
from promotions import backtest_runs, draft_reading, past_weeks, proposals
from promotions.drafts import YEARS, Faulty
from promotions.models import Strategy
from promotions.past_weeks import Outcome, Week

COLUMNS = ("orders", "tried", "get it", "customers", "cost", "worst", "kept", "floored")


class Command(BaseCommand):
    help = "Try a draft, or a strategy, on past weeks of the log; nothing is stored."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, nargs="?", help="a strategy's body")
        parser.add_argument("--strategy", type=UUID, help="one that is stored")
        parser.add_argument("--weeks", type=int, default=12, help="1 to 104")
        parser.add_argument("--until", type=_moment, help="default: the newest order")
        parser.add_argument("--orders", type=int, default=backtest_runs.MOST_ORDERS)
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        count, most = options["weeks"], options["orders"]
        if not 1 <= count <= 104 or most < 1:
            raise CommandError("--weeks is 1 to 104, and --orders at least 1.")
        strategy = _strategy(options["file"], options["strategy"])
        weeks = past_weeks.run(
            strategy,
            at=clock.now(),
            weeks=count,
            until=options["until"],
            most=most,
            seconds=count * backtest_runs.WEEK_SECONDS,
        )
        # The bar on stderr: what is asked for as JSON may be piped on.
        console = Console(file=self.stderr)  # type: ignore[arg-type]
        bar = track(weeks, "Past weeks", total=count, console=console, transient=True)
        found = list(bar)
        total = past_weeks.total(found, strategy.currency)
        if options["json"]:
            body = {"total": total, "result": found, "currency": strategy.currency}
            self.stdout.write(json.dumps(msgspec.to_builtins(body), indent=2))
        else:
            table = _table(strategy, found, total)
            Console(file=self.stdout).print(table)  # type: ignore[arg-type]


def _moment(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    if found.tzinfo is None or found.year not in YEARS:
        raise ValueError("a time without a zone, or of another age")
    return found


def _strategy(file: Path | None, key: UUID | None) -> Strategy:
    if (file is None) == (key is None):
        raise CommandError("Name a file, or --strategy.")
    try:
        if file is not None:
            return proposals.drawn_up(draft_reading.read(json.loads(file.read_text())))
        return Strategy.objects.select_related("campaign").get(id=str(key))
    except Strategy.DoesNotExist as error:
        raise CommandError(f"There is no strategy {key}.") from error
    except (OSError, ValueError) as error:
        raise CommandError(f"{file}: {error}") from error
    except Faulty as error:
        lines = (f"{one.field}: {one.reason}" for one in error.faults)
        raise CommandError("\n".join(lines)) from error


def _table(strategy: Strategy, weeks: list[Week], total: Outcome) -> Table:
    table = Table(title=f"{strategy.title} ({strategy.currency})")
    table.add_column("week from", no_wrap=True)
    for name in COLUMNS:
        table.add_column(name, justify="right")
    for week in weeks:
        name = f"{week.since:%Y-%m-%d}" + (" (stopped)" if week.stopped else "")
        table.add_row(name, *_cells(week, f"{week.customers:,}"))
    table.add_section()
    table.add_row("all", *_cells(total, ""))
    return table


def _cells(one: Week | Outcome, customers: str) -> list[str]:
    return [
        *(f"{one.orders:,}", f"{one.baskets:,}", f"{one.touched:,}", customers),
        *(f"{one.cost:,}", f"{one.worst:.1%}", f"{one.kept:.1%}", f"{one.floored:,}"),
    ]
