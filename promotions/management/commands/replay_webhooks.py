"""`manage.py replay_webhooks ENDPOINT --since …`: tell an endpoint again."""

from argparse import ArgumentParser
from datetime import datetime
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from django.utils.dateparse import parse_datetime

from analytics import clock
from promotions import webhooks
from promotions.models import Endpoint


class Command(BaseCommand):
    help = "Send all messages of a time again, in order and with their ids of before."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("endpoint", type=UUID)
        parser.add_argument("--since", type=_time, required=True)
        parser.add_argument("--until", type=_time, help="now")
        parser.add_argument(
            "--given-up", action="store_true", help="only those that were given up"
        )

    def handle(self, *args: Any, endpoint: UUID, **options: Any) -> None:
        row = Endpoint.objects.filter(id=endpoint).first()
        if row is None:
            raise CommandError("There is no such endpoint.")
        now = clock.wall()
        count = webhooks.replay(
            row,
            since=options["since"],
            until=options["until"] or now,
            at=now,
            only_given_up=options["given_up"],
        )
        self.stdout.write(f"{count:,} messages go out again")


def _time(said: str) -> datetime:
    at = parse_datetime(said)
    if at is None or at.tzinfo is None:
        raise ValueError(said)
    return at
