"""Train what reads the tone of texts; `make sentiment`."""

from typing import Any

from django.core.management.base import BaseCommand


class Command(BaseCommand):
    """Fetch the labelled sets, fit, and write ml/sentiment.npz."""

    help = __doc__
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        from demo import sentiment_training  # loads the learning libraries

        sentiment_training.run()
        self.stdout.write("Trained.")
