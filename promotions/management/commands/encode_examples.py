"""`manage.py encode_examples`: after a change of knowledge/intents.txt."""

from typing import Any

from django.core.management.base import BaseCommand

from promotions import lessons


class Command(BaseCommand):
    help = "Write the vectors of the assistant's own examples, which are shipped."

    def handle(self, *args: Any, **options: Any) -> None:
        lessons.ship()
