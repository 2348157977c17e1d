"""Have the texts that came in judged by the model (ml.sentiment). Worker only.

A text that goes, or is changed, while it is read is not written: it is judged as it
stands then, the next time.
"""

from datetime import datetime

from django.db import transaction

from analytics import events, store
from catalog.models import Review
from ml import sentiment

CHUNK = 200


def judge(*, at: datetime, most: int = 10_000) -> int:
    """Judge what waits, the oldest first; return how many."""
    done = 0
    while done < most:
        waiting = Review.objects.filter(judged_by="").order_by("received_at", "id")
        rows = list(waiting[:CHUNK])
        if not rows:
            break
        # Before the transaction: a text takes 3 to 5 ms, and no row waits for 200 of
        # them.
        readings = sentiment.read([row.text for row in rows])
        with transaction.atomic():
            _write(list(zip(rows, readings, strict=True)), at)
        done += len(rows)
    return done


def _write(pairs: list[tuple[Review, sentiment.Reading]], at: datetime) -> None:
    ids = [row.id for row, _ in pairs]
    locked = Review.objects.select_for_update().in_bulk(ids)
    judged, facts = [], []
    for row, reading in pairs:
        now = locked.get(row.id)
        # Gone, judged by another worker, or changed since it was read.
        if now is None or now.judged_by or now.text != row.text:
            continue
        _read_into(now, reading)
        judged.append(now)
        facts.append(store.Fact(event=_event(now), at=at, customer=now.customer))
    Review.objects.bulk_update(
        judged,
        [
            *("negative", "neutral", "positive", "aspects", "words", "judged_by"),
            *("language", "topic"),
        ],
    )
    # The log last: its lock is held until the transaction ends.
    store.append_new(facts)


def _read_into(row: Review, reading: sentiment.Reading) -> None:
    row.negative, row.neutral, row.positive = reading.chances
    row.aspects = dict(reading.aspects)
    row.words = [[word, round(part, 3)] for word, part in reading.words]
    row.judged_by = sentiment.model()
    # What the sender said of it stays.
    row.language = row.language or reading.language
    if not row.topic_said:
        row.topic = reading.topic


def _event(row: Review) -> events.ReviewJudged:
    return events.ReviewJudged(
        review=row.id,
        source=row.source,
        sku=row.sku,
        brand=row.brand[:200],
        category=row.category[:200],
        campaign=row.campaign,
        topic=row.topic,
        written_on=row.written_at.date(),
        negative=_share(row.negative),
        neutral=_share(row.neutral),
        positive=_share(row.positive),
        aspects=row.aspects,
        model=row.judged_by,
    )


def _share(chance: float | None) -> float:
    return round(min(max(chance or 0.0, 0.0), 1.0), 4)
