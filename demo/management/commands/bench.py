"""`manage.py bench`: see demo/bench; `make bench` gives it an empty database."""

from argparse import ArgumentParser
from importlib import import_module
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from analytics.models import StoredEvent

SECTIONS = (
    "loop",
    "ingestion",
    "growth",
    "retrieval",
    "learning",
    "carts",
    "redemption",
    "experiments",
    "measurement",
    "worlds",
    "uplift",
    "allocation",
    "markdowns",
    "demand",
    "matching",
    "assistant",
    "opinions",
    "sentiment",
    "prices",
    "pages",
    "similar",
)
LOADED = {"pages", "similar"}
"""What is measured on the data that `make run` loads; all else fills its own."""


class Command(BaseCommand):
    help = "Measure speed as ratios against peers; writes docs/benchmarks.md."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("sections", nargs="+", choices=SECTIONS)

    def handle(self, *args: Any, sections: list[str], **options: Any) -> None:
        loaded = StoredEvent.objects.exists()
        if loaded and set(sections) - LOADED:
            raise CommandError("the log is not empty: run it by `make bench`")
        if not loaded and set(sections) & LOADED:
            raise CommandError(
                "the log is empty: run it by `make bench-pages` or `bench-similar`"
            )
        for section in sections:
            # Only what is asked for: the sections' peers are test requirements.
            import_module(f"demo.bench.{section}").run()
