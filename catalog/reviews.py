"""What people say comes in, is moderated, and goes when its time is over.

By the API or in a file alike. An id is a text for ever: sent again unchanged it is
passed over; changed, it takes the place of what was there, waits for a moderator and is
judged anew. Texts are rows alone: events name them and tell numbers. A text is not
written for somebody who was erased, and goes with them (analytics.privacy).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction

from analytics import events, identity, store
from catalog.feeds import Taken
from catalog.mirrors import lock
from catalog.models import Product, Review

State = Review.State
UNJUDGED: Mapping[str, Any] = {
    "negative": None,
    "neutral": None,
    "positive": None,
    "aspects": {},
    "words": [],
    "judged_by": "",
}
ERASED = "The customer was erased"


@dataclass(frozen=True, kw_only=True)
class Written:
    """A text as it is sent; what is not said of a product is its own."""

    id: str
    text: str
    sku: str = ""
    brand: str = ""
    category: str = ""
    campaign: str = ""
    customer: str = ""
    rating: float | None = None
    language: str = ""
    source: str = Review.Source.SHOP
    topic: str = ""
    written_at: datetime
    kept_until: date | None = None
    state: str = ""


@dataclass(frozen=True, kw_only=True)
class Result:
    """What became of a text: accepted, changed, duplicate or rejected, and why."""

    id: str
    status: str
    reason: str = ""
    path: str = ""


def take(listed: Sequence[Written], *, at: datetime) -> Taken:
    """Take a file's rows."""
    results = receive(listed, at=at)
    news = [one for one in results if one.status in ("accepted", "changed")]
    return Taken(products=len(listed), changes=len(news))


def receive(listed: Sequence[Written], *, at: datetime) -> list[Result]:
    """Take texts in; of an id that is sent twice at once the last counts."""
    newest = {one.id: one for one in listed}
    with transaction.atomic():
        wanted = {one.customer for one in newest.values() if one.customer}
        keys = {
            name: known.key
            for name, known in identity.identify(wanted).customers.items()
        }
        lock("catalog_review")
        became = dict(_became(newest, keys, at))
        store.append_new(
            [
                _fact(row, at, changed=status == "changed")
                for row, status in became.values()
                if row
            ]
        )
    statuses = {id_: status for id_, (_, status) in became.items()}
    return [_result(one, statuses[one.id]) for one in listed]


def publish(ids: Iterable[str], *, by: str, at: datetime) -> int:
    """Let the public read texts; return how many it could not read before."""
    return _moderate(ids, State.PUBLISHED, by, at)


def hide(ids: Iterable[str], *, by: str, at: datetime) -> int:
    """Keep texts from the public: they are not counted as opinion either."""
    return _moderate(ids, State.HIDDEN, by, at)


def forget(*, at: datetime) -> int:
    """Delete the texts whose time is over; what was counted of them stays."""
    gone, _ = Review.objects.filter(kept_until__lt=at.date()).delete()
    return gone


def _moderate(ids: Iterable[str], state: str, by: str, at: datetime) -> int:
    with transaction.atomic():
        rows = Review.objects.select_for_update().filter(id__in=list(ids))
        moved = list(rows.exclude(state=state).order_by("id"))
        Review.objects.filter(id__in=[row.id for row in moved]).update(
            state=state, moderated_by=by, moderated_at=at
        )
        told = [
            events.ReviewModerated(review=row.id, state=state, by=by) for row in moved
        ]
        store.append(told, at=at)
    return len(moved)


Became = tuple[str, tuple[Review | None, str]]


def _became(
    newest: Mapping[str, Written], keys: Mapping[str, UUID], at: datetime
) -> Iterable[Became]:
    known = Review.objects.in_bulk(list(newest))
    skus = {one.sku for one in newest.values() if one.sku}
    products = Product.objects.in_bulk(list(skus))
    fresh: list[Review] = []
    for id_, one in newest.items():
        # Who was erased gets no key any more.
        if one.customer and one.customer not in keys:
            yield id_, (None, "rejected")
            continue
        row = _row(one, keys.get(one.customer), products.get(one.sku), at)
        if id_ not in known:
            fresh.append(row)
            yield id_, (row, "accepted")
        elif _same(row, known[id_]):
            yield id_, (None, "duplicate")
        else:
            row.received_at = known[id_].received_at
            row.save(force_update=True)
            yield id_, (row, "changed")
    Review.objects.bulk_create(fresh, batch_size=1000)


# Not the language, which judging fills in, nor the state, which is a moderator's since.
SAID = (
    *("sku", "campaign", "customer", "rating", "text", "source", "written_at"),
    *("brand", "category"),
)


def _same(row: Review, known: Review) -> bool:
    said = not row.topic_said or row.topic == known.topic
    return said and all(getattr(row, name) == getattr(known, name) for name in SAID)


def _row(
    one: Written, customer: UUID | None, product: Product | None, at: datetime
) -> Review:
    usual = State.PENDING if settings.REVIEWS_ARE_MODERATED else State.PUBLISHED
    keep = timedelta(days=settings.REVIEWS_KEPT_DAYS)
    return Review(
        id=one.id,
        sku=one.sku,
        brand=one.brand or (product.brand if product else ""),
        category=one.category or (product.category if product else ""),
        campaign=one.campaign,
        customer=customer,
        rating=one.rating,
        text=one.text,
        language=one.language,
        source=one.source,
        topic=one.topic,
        topic_said=bool(one.topic),
        written_at=one.written_at,
        received_at=at,
        kept_until=one.kept_until or (at + keep).date(),
        state=one.state or usual,
        **UNJUDGED,
    )


def _fact(row: Review, at: datetime, *, changed: bool) -> store.Fact:
    event = events.ReviewWritten(
        review=row.id,
        source=row.source,
        sku=row.sku,
        brand=row.brand[:200],
        category=row.category[:200],
        campaign=row.campaign,
        topic=row.topic,
        rating=row.rating,
        size=len(row.text),
        changed=changed,
    )
    # The door lets clocks be apart (AHEAD): the log tells of nothing that is to come.
    return store.Fact(event=event, at=min(row.written_at, at), customer=row.customer)


def _result(one: Written, status: str) -> Result:
    if status == "rejected":
        return Result(id=one.id, status=status, reason=ERASED, path="$.customer")
    return Result(id=one.id, status=status)
