"""`manage.py rebuild [NAME …]`: count projections again from the log."""

import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from analytics import projections, rebuilds


class Command(BaseCommand):
    help = "Throw projections away and count them again from the whole log."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("names", nargs="*", help="default: all of them")

    def handle(self, *args: Any, names: list[str], **options: Any) -> None:
        known = [*projections.ALL, *projections.OTHERS]
        if unknown := sorted(set(names) - set(known)):
            told = f"no projection {', '.join(unknown)}; there are {', '.join(known)}"
            raise CommandError(told)
        started = time.perf_counter()
        if errors := rebuilds.rebuild(names or known):
            raise CommandError("; ".join(f"{n} {e}" for n, e in errors.items()))
        self.stdout.write(f"rebuilt in {time.perf_counter() - started:.1f} s")
