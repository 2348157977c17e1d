"""Fetch and read products' pictures, where the shop's feed says where they lie.

Fetched as market data are (catalog.fetching): robots rules obeyed, a pause between two,
never an address of our own networks, unless MARKET_FROM_PRIVATE. What cannot be fetched
or read is tried again a day later, and the fault is kept. Worker only.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction

from analytics import clock, races
from catalog.fetching import Unfetched, Visitor
from catalog.models import Product
from ml import listings, pictures
from ml.models import ContentRun, ContentVector, ProductContent, Source

LOCK = 7_102_041
RUN = timedelta(seconds=30)
AGAIN = timedelta(days=1)
MOST_BYTES = 8 << 20
PAUSE = 0.2
"""Seconds between two pictures of a host: it is the shop's own."""
STALE = """
    SELECT p.sku, p.image_url FROM catalog_product p
    LEFT JOIN ml_productcontent c ON c.product_id = p.sku AND c.source = 'image'
    WHERE p.image_url <> '' AND p.sku > %(after)s
      AND (c.seen IS DISTINCT FROM md5(%(model)s || p.image_url)
           OR (c.content_id IS NULL AND c.retry_at < %(now)s))
    ORDER BY p.sku LIMIT 1
"""


def refresh(*, wall: Callable[[], datetime] = clock.wall) -> int:
    """Fetch pictures that are new or due again, for RUN at most; return how many."""
    if not Product.objects.exclude(image_url="").exists():
        return 0
    with races.alone(LOCK) as alone:
        return _refresh(wall) if alone else 0


def _refresh(wall: Callable[[], datetime]) -> int:
    begun, after, done = wall(), "", 0
    visitor = Visitor(
        agent=settings.MARKET_AGENT,
        private=settings.MARKET_FROM_PRIVATE,
        pause=PAUSE,
        most=MOST_BYTES,
    )
    while (found := _next(after, wall())) and wall() - begun < RUN:
        after, url = found
        _take(after, url, visitor, wall())
        done += 1
    if done:
        _note(begun, wall(), done)
    return done


def _next(after: str, now: datetime) -> tuple[str, str] | None:
    values: dict[str, Any] = {"model": pictures.MODEL, "after": after, "now": now}
    with connection.cursor() as cursor:
        cursor.execute(STALE, values)
        row = cursor.fetchone()
    return (row[0], row[1]) if row else None


def _take(sku: str, url: str, visitor: Visitor, now: datetime) -> None:
    try:
        body = _fetched(url, visitor)
        checksum = listings.digest(pictures.MODEL, body.hex())
        vector = _known(checksum) or _made(checksum, body, url)
        told: dict[str, object] = {"content_id": vector, "fault": "", "retry_at": None}
    except (Unfetched, pictures.NoPicture) as fault:
        again = now + AGAIN
        told = {"content_id": None, "fault": str(fault)[:200], "retry_at": again}
    with connection.cursor() as cursor:
        # In SQL, since STALE compares it there.
        cursor.execute("SELECT md5(%s)", [pictures.MODEL + url])
        told["seen"] = cursor.fetchone()[0]
    ProductContent.objects.update_or_create(
        product_id=sku, source=Source.IMAGE, defaults=told
    )


def _fetched(url: str, visitor: Visitor) -> bytes:
    answer = visitor.get(url, {"Accept": "image/*"})
    if answer.status != 200:
        raise Unfetched(f"status {answer.status}")
    return answer.body


def _known(checksum: str) -> int | None:
    rows = ContentVector.objects.filter(source=Source.IMAGE, checksum=checksum)
    return rows.values_list("pk", flat=True).first()


def _made(checksum: str, body: bytes, url: str) -> int:
    row = ContentVector(
        source=Source.IMAGE,
        checksum=checksum,
        model=pictures.MODEL,
        text=url,
        vector=pictures.encode(body),
    )
    row.save()
    return int(row.pk)


def _note(begun: datetime, ended: datetime, done: int) -> None:
    rows = ProductContent.objects.filter(source=Source.IMAGE)
    with transaction.atomic():
        used = rows.exclude(content=None).values("content")
        vectors = ContentVector.objects.filter(source=Source.IMAGE)
        # Pictures that no product shows any more; RESTRICT guards the others.
        vectors.exclude(pk__in=used).delete()
        asked = Product.objects.exclude(image_url="").count()
        ContentRun.objects.update_or_create(
            source=Source.IMAGE,
            defaults={
                "model": pictures.MODEL,
                "waiting": max(asked - rows.count(), 0),
                "read": done,
                "faults": rows.filter(content=None).count(),
                "started_at": begun,
                "finished_at": ended,
            },
        )
