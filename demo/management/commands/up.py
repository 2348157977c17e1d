"""`manage.py up [--once | --empty]`: web, workers and beat; the loop once; then serve.

With `--empty` nothing is loaded or learnt: the shop's own data are to come.
"""

import json
import os
import signal
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from rich.console import Console

from config import processes
from demo import loop
from demo import report as page


class Command(BaseCommand):
    help = "Start web, workers and beat, run the loop on the demo data, then serve."

    def add_arguments(self, parser: ArgumentParser) -> None:
        how = parser.add_mutually_exclusive_group()
        how.add_argument("--once", action="store_true", help="end after the report")
        how.add_argument("--empty", action="store_true", help="leave the demo data out")
        parser.add_argument("--report", type=Path, help="write each step's seconds")
        parser.add_argument("--host", default=os.environ.get("HOST", "127.0.0.1"))
        parser.add_argument(
            "--port", type=int, default=int(os.environ.get("PORT", "8000"))
        )

    def handle(
        self,
        *args: Any,
        once: bool,
        empty: bool,
        host: str,
        port: int,
        report: Path | None,
        **options: Any,
    ) -> None:
        signal.signal(signal.SIGTERM, _interrupt)
        console = Console(width=None if os.isatty(1) else 140)
        address = f"http://{host}:{port}"
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            raise CommandError("The tables are not up to date: run manage.py migrate.")
        try:
            processes.check_port(host, port)
            # Before the children start: two cores are all there are.
            done = loop.Loop() if empty else loop.load(console)
            with processes.running(host, port) as children:
                if empty:
                    done.password = loop.operator_password()
                    page.login(console, done, address)
                else:
                    loop.run(done, console, address, lambda: processes.check(children))
                    page.show(console, done, address)
                if report:
                    report.write_text(json.dumps(done.seconds))
                if not once:
                    console.print("Serving; Ctrl-C stops everything.")
                    processes.watch(children)
        except (processes.PortTaken, processes.ChildDied, loop.StepFailed) as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt:
            console.print("Stopped; run it again to go on where it stopped.")


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt
