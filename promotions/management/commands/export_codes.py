"""`manage.py export_codes STRATEGY FILE`: a strategy's codes as CSV."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand

from promotions import code_files


class Command(BaseCommand):
    help = "Export a strategy's codes, or one batch's, as CSV."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("id", type=UUID, help="a strategy's, or a batch's")
        parser.add_argument("file", type=Path)
        parser.add_argument("--batch", action="store_true", help="the id is a batch's")

    def handle(self, *args: Any, id: UUID, file: Path, **options: Any) -> None:  # noqa: A002
        which = {"batch" if options["batch"] else "strategy": id}
        with file.open("wb") as out:
            for block in code_files.export(**which):
                out.write(block)
