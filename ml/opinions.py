"""What is said by product, brand, category and campaign, and where it turns against.

`catch_up` counts judged texts from the log, `watch` looks for surges (ml.surges) in the
series of every day and writes what changed as events: shops are told by webhooks. A
product under a surge of its own, its brand's or its category's is held out of
proposals (`held`). Texts that a moderator hid do not count.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np
from django.db import transaction
from django.db.models import Count, Q
from numpy.typing import NDArray

from analytics import events, projections, store
from catalog.models import Product
from ml import surges
from ml.models import Opinion, Surge
from ml.surges import Alarm

NAME = "opinions"
"""Of the checkpoint."""
TYPES = ("review_judged", "review_moderated")
DAYS = surges.PAST + surges.GAP + 2 * surges.LONGEST
"""Of the past that are looked at."""
CALM = 0.2
"""The share that is negative, before anything was said."""
FIELDS: Mapping[str, str] = {
    Surge.Level.PRODUCT: "sku",
    Surge.Level.BRAND: "brand",
    Surge.Level.CATEGORY: "category",
    Surge.Level.CAMPAIGN: "campaign",
}
Days = NDArray[np.int64]
Key = tuple[str, str]
"""Level and key."""


@dataclass(frozen=True)
class Series:
    """A day's texts and the negative ones, from `first` on."""

    first: date
    texts: Days
    negative: Days


@dataclass(frozen=True)
class Held:
    """What is held out of proposals."""

    skus: frozenset[str] = frozenset()
    categories: frozenset[str] = frozenset()
    campaigns: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.skus or self.categories or self.campaigns)


def catch_up() -> int:
    """Count what was judged or hidden since the last time; return how many events."""
    # Before the transaction: the log's lock that it takes would hold up every writer
    # until the counts are stored.
    until = store.high_water()
    with transaction.atomic():
        (checkpoint,) = projections.lock([NAME], wait=True)
        seen = _fold(checkpoint.position, until)
        # Another run may have counted beyond `until` while this one waited for the
        # lock.
        projections.move(checkpoint, max(until, checkpoint.position), "")
    return seen


def recount() -> int:
    """Throw the counts away and read them from the log."""
    # Before the transaction, which would keep the log's lock, and all writers, to its
    # end. A catch-up meanwhile may be ahead: what it counted is read again later.
    until = store.high_water()
    with transaction.atomic():
        (checkpoint,) = projections.lock([NAME], wait=True)
        Opinion.objects.all().delete()
        seen = _fold(0, until)
        projections.move(checkpoint, until, "")
    return seen


def _fold(after: int, until: int) -> int:
    """Fold events, the last word on each text: hidden is a state of its own."""
    judged: dict[str, events.ReviewJudged] = {}
    hidden: dict[str, bool] = {}
    seen = 0
    for stored in store.read(after=after, until=until, types=TYPES):
        seen += 1
        match stored.event:
            case events.ReviewJudged() as event:
                judged[event.review] = event
            case events.ReviewModerated() as event:
                hidden[event.review] = event.state == "hidden"
            case _:
                pass
    known = {
        row.review: row.hidden
        for row in Opinion.objects.filter(review__in=list(judged))
    }
    # A text that is judged anew stays hidden if a moderator hid it.
    rows = [
        _row(one, hidden.get(key, known.get(key, False))) for key, one in judged.items()
    ]
    names = [one.attname for one in Opinion._meta.fields if not one.primary_key]
    Opinion.objects.bulk_create(
        rows,
        batch_size=2000,
        update_conflicts=True,
        unique_fields=["review"],
        update_fields=names,
    )
    # Of texts that were judged in an earlier round too: only the word on them is new.
    for state in (True, False):
        ids = [key for key, said in hidden.items() if said is state]
        Opinion.objects.filter(review__in=ids).update(hidden=state)
    return seen


def _row(event: events.ReviewJudged, hidden: bool) -> Opinion:  # noqa: FBT001
    return Opinion(
        review=event.review,
        day=event.written_on,
        sku=event.sku,
        brand=event.brand,
        category=event.category,
        campaign=event.campaign,
        source=event.source,
        topic=event.topic,
        negative=event.negative > max(event.neutral, event.positive),
        hidden=hidden,
    )


def series(
    level: str, *, until: date, keys: Iterable[str] | None = None
) -> dict[str, Series]:
    """Return the daily counts of a level's keys up to a day."""
    name = FIELDS[level]
    first = until - timedelta(days=DAYS - 1)
    rows = Opinion.objects.filter(day__gte=first, day__lte=until, hidden=False)
    rows = rows.exclude(**{name: ""})
    if keys is not None:
        rows = rows.filter(**{f"{name}__in": list(keys)})
    counted = rows.values_list(name, "day").annotate(
        texts=Count("review"), against=Count("review", filter=Q(negative=True))
    )
    found: dict[str, Series] = defaultdict(
        lambda: Series(first, np.zeros(DAYS, np.int64), np.zeros(DAYS, np.int64))
    )
    for key, day, texts, against in counted.order_by(name):
        at = (day - first).days
        found[key].texts[at], found[key].negative[at] = texts, against
    return dict(found)


def usual(*, until: date) -> float:
    """Return the share of all that is said which is negative."""
    first = until - timedelta(days=DAYS - 1)
    rows = Opinion.objects.filter(day__gte=first, day__lte=until, hidden=False)
    sums = rows.aggregate(
        texts=Count("pk"), against=Count("pk", filter=Q(negative=True))
    )
    # A hundred texts at CALM: the first texts of a young shop say little.
    return float((sums["against"] + 100 * CALM) / (sums["texts"] + 100))


def watch(*, at: datetime) -> list[events.OpinionTurned]:
    """Look for surges; tell what began or ended since the last look."""
    today = at.date()
    share = usual(until=today)
    with transaction.atomic():
        # Locked: of two looks at once only one tells that a surge has ended.
        known = {(row.level, row.key): row for row in Surge.objects.select_for_update()}
        found = dict(_surging(share, today))
        told = list(_turned(known, found, today))
        ended = [row.pk for key, row in known.items() if key not in found]
        Surge.objects.filter(pk__in=ended).delete()
        fresh = [row for key, row in found.items() if key not in known]
        Surge.objects.bulk_create(fresh)
        # The log last: its lock is held until the transaction ends.
        store.append(told, at=at)
    return told


def _surging(share: float, today: date) -> Iterator[tuple[Key, Surge]]:
    for level in FIELDS:
        for key, one in series(level, until=today).items():
            # A day that is not over has texts to come: it may raise an alarm as it is.
            first = int(np.flatnonzero(one.texts)[0])
            alarms = surges.watch(one.texts[first:], one.negative[first:], usual=share)
            if alarms and alarms[-1].last is None:
                yield (
                    (level, key),
                    _surge(level, key, alarms[-1], one.first + timedelta(first)),
                )


def _surge(level: str, key: str, alarm: Alarm, first: date) -> Surge:
    return Surge(
        level=level,
        key=key,
        day=first + timedelta(alarm.day),
        since=first + timedelta(alarm.since),
        texts=alarm.texts,
        negative=alarm.negative,
        expected=alarm.expected,
    )


def _turned(
    known: Mapping[Key, Surge], found: Mapping[Key, Surge], today: date
) -> Iterator[events.OpinionTurned]:
    for rows, others, worse in ((found, known, True), (known, found, False)):
        for key, row in rows.items():
            if key not in others:
                yield events.OpinionTurned(
                    level=row.level,
                    key=row.key,
                    worse=worse,
                    day=today,
                    since=row.since,
                    texts=row.texts,
                    negative=row.negative,
                    expected=round(row.expected, 2),
                )


def held(surges: Iterable[tuple[str, str]] | None = None) -> Held:
    """Return what is under a surge: products, whole categories, campaigns.

    `surges` are their levels and keys, where who asks has read them already.
    """
    keys: dict[str, set[str]] = {level: set() for level in FIELDS}
    if surges is None:
        surges = Surge.objects.values_list("level", "key")
    for level, key in surges:
        keys[level].add(key)
    if not any(keys.values()):
        return Held()
    of = Q(brand__in=keys["brand"]) | Q(category__in=keys["category"])
    theirs = Product.objects.filter(of).values_list("sku", flat=True)
    return Held(
        skus=frozenset(keys["product"]) | frozenset(theirs),
        categories=frozenset(keys["category"]),
        campaigns=frozenset(keys["campaign"]),
    )
