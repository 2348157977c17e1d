"""`manage.py bench`: see demo/bench.py; `make bench` gives it an empty database."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from analytics.models import StoredEvent
from demo import bench


class Command(BaseCommand):
    help = "Measure speed as ratios against peers; writes docs/benchmarks.md."

    def handle(self, *args: Any, **options: Any) -> None:
        if StoredEvent.objects.exists():
            raise CommandError("the log is not empty: run it by `make bench`")
        bench.run()
