"""Load The Complete Journey once, through the functions that the API uses."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from datetime import datetime
from itertools import islice
from multiprocessing import get_context
from pathlib import Path

from django.db import connection

from analytics import ingestion
from analytics.models import StoredEvent
from analytics.sent import event_id
from catalog import feeds
from catalog.models import Product
from demo.journey import Journey
from promotions import help_texts

BATCH = 5000
SENDERS = 2
"""Processes that ingest side by side, as two of a shop's servers would."""
Progress = Callable[[int], None]


def load_catalogue(journey: Journey, *, at: datetime, progress: Progress) -> int:
    """List every product, as the shop's nightly feed would; return how many."""
    products = journey.products()
    if Product.objects.count() < len(products):
        for start in range(0, len(products), BATCH * 4):
            batch = products[start : start + BATCH * 4]
            feeds.take(batch, at=at)
            progress(len(batch))
    return len(products)


HELP = Path(__file__).parent / "help" / "texts.json"


def load_help(*, at: datetime) -> int:
    """Publish the shop's help texts where there are none; return how many."""
    texts = json.loads(HELP.read_text(encoding="utf-8"))
    return help_texts.load(texts, by="platform", at=at)


def load_history(journey: Journey, *, at: datetime, progress: Progress) -> int:
    """Send every event of the year; return how many were new.

    A second run finds every message id known and adds nothing. The newest events go
    last and alone, so that a killed run is never taken for a whole one (`loaded`).
    """
    new = 0
    *batches, last = [(batch, at) for batch in _batches(journey.events())]
    connection.close()  # a forked child must not share it
    with ProcessPoolExecutor(SENDERS, get_context("fork")) as pool:
        for accepted, sent in pool.map(_send, batches):
            new += accepted
            progress(sent)
    accepted, sent = _send(last)
    progress(sent)
    return new + accepted


def loaded(last_id: str) -> bool:
    """Return whether the history's last event is in the log."""
    return StoredEvent.objects.filter(id=event_id(last_id)).exists()


def _send(job: tuple[list[bytes], datetime]) -> tuple[int, int]:
    batch, at = job
    results = ingestion.ingest(batch, source="demo", at=at)
    return sum(result.status == "accepted" for result in results), len(results)


def _batches(raws: Iterator[bytes]) -> Iterator[list[bytes]]:
    while batch := list(islice(raws, BATCH)):
        yield batch
