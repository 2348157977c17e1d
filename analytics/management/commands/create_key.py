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
            default=[],
            help="; ".join(f"{scope}: {use}" for scope, use in access.SCOPES.items()),
        )

        parser.add_argument(
            "--publishable",
            action="store_true",
            help=f"for browsers: {' and '.join(sorted(access.PUBLIC))}, nothing else",
        )
        parser.add_argument(
            "--origins",
            nargs="+",
            default=[],
            help="the sites that may use a publishable key, such as https://shop.example",
        )

    def handle(self, *args: Any, name: str, **options: Any) -> None:
        public = options["publishable"]
        scopes = options["scopes"] or (access.PUBLIC if public else access.SCOPES)
        try:
            key = access.create_key(
                name, scopes, publishable=public, origins=options["origins"]
            )
            self.stdout.write(key)
        except access.UnknownScope as error:
            raise CommandError(str(error)) from error
