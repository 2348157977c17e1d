"""`manage.py create_key NAME --scopes events offers carts`: a key for a shop."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from analytics import access


class Command(BaseCommand):
    help = "Make an API key and show it once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name")
        parser.add_argument(
            "--scopes",
            nargs="+",
            default=list(access.SCOPES),
            help="; ".join(f"{scope}: {use}" for scope, use in access.SCOPES.items()),
        )

    def handle(self, *args: Any, name: str, scopes: list[str], **options: Any) -> None:
        try:
            self.stdout.write(access.create_key(name, scopes))
        except access.UnknownScope as error:
            raise CommandError(str(error)) from error
