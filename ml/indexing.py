"""Keep products' vectors fresh: what has changed in the listings is read. Worker only.

Each chunk is a transaction, and what is left to do is seen by comparing checksums, so a
killed run goes on where it stopped, and a feed that changed no words costs one scan.
Texts that many products share are read once.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import Max

from analytics import clock, races
from catalog.models import Product
from ml import listings, sentences, twins
from ml.listings import MODEL, Listing, written
from ml.models import ContentRun, ContentVector, ProductContent, Source

LOCK = 7_102_040
"""The advisory lock's key: one process reads at a time."""
CHUNK = 500
RUN = timedelta(seconds=30)
"""A run's time: the worker has other things to do, and the next run goes on."""
FIELDS = ("name", "category", "brand", "size", "description")
# chr(31) parts the fields, or "ab" and "c" would be as "a" and "bc". In SQL: unchanged
# listings never leave the database.
SEEN = f"md5(concat_ws(chr(31), %(model)s::text, {', '.join(FIELDS)}))"
# IS DISTINCT FROM: a product never read has no row, and <> of null is null.
STALE = f"""
    SELECT p.sku, {", ".join(FIELDS)}, {SEEN} FROM catalog_product p
    LEFT JOIN ml_productcontent c ON c.product_id = p.sku AND c.source = 'text'
    WHERE p.sku > %(after)s AND c.seen IS DISTINCT FROM {SEEN}
    ORDER BY p.sku LIMIT %(most)s
"""  # noqa: S608 - our own words
WAITING = f"""
    SELECT count(*) FROM catalog_product p
    LEFT JOIN ml_productcontent c ON c.product_id = p.sku AND c.source = 'text'
    WHERE c.seen IS DISTINCT FROM {SEEN}
"""  # noqa: S608 - our own words
COUNTED = """
    SELECT word, ndoc FROM ts_stat(
      $$SELECT words FROM ml_contentvector WHERE source = 'text'$$)
"""
# array_to_tsvector: PostgreSQL parses no Chinese, our own words go in as they are.
WRITE = """
    INSERT INTO ml_contentvector (source, checksum, model, text, words, vector)
    VALUES ('text', %s, %s, %s, array_to_tsvector(%s::text[]), %s)
    ON CONFLICT (source, checksum) DO NOTHING
"""


@dataclass(frozen=True, kw_only=True)
class _Read:
    sku: str
    seen: str
    text: str

    @property
    def checksum(self) -> str:
        return listings.digest(MODEL, self.text)


def refresh(*, wall: Callable[[], datetime] = clock.wall, whole: bool = False) -> int:
    """Read listings that are new or changed; return how many.

    It stops after RUN, unless the `whole` is wanted; 0 if another process is at it.
    """
    with races.alone(LOCK) as alone:
        return _refresh(wall, whole) if alone and due() else 0


def due() -> bool:
    """Whether a listing came since the last whole run, or the model is another."""
    done = ContentRun.objects.filter(source=Source.TEXT, model=MODEL).first()
    if done is None or done.finished_at is None:
        return True
    return done.seen_until != _newest()


def _newest() -> datetime | None:
    newest: datetime | None = Product.objects.aggregate(at=Max("updated_at"))["at"]
    return newest


def _refresh(wall: Callable[[], datetime], whole: bool) -> int:  # noqa: FBT001
    # The newest before the scan: what comes meanwhile makes the next run due.
    begun, newest, after, done = wall(), _newest(), "", 0
    waiting = _count()
    _note(waiting=waiting, read=0, started_at=begun, finished_at=None)
    while chunk := _stale(after):
        _write(chunk)
        # Only now do the chunk's vectors lie beside all others'.
        twins.look([one.sku for one in chunk], at=clock.now())
        after, done = chunk[-1].sku, done + len(chunk)
        _note(waiting=max(waiting - done, 0), read=done)
        if not whole and wall() - begun > RUN:
            return done
    if done:
        _forget()
    _note(waiting=0, finished_at=wall(), seen_until=newest, vocabulary=_vocabulary())
    return done


def _count() -> int:
    with connection.cursor() as cursor:
        cursor.execute(WAITING, {"model": MODEL})
        return int(cursor.fetchone()[0])


def _stale(after: str) -> list[_Read]:
    with connection.cursor() as cursor:
        cursor.execute(STALE, {"model": MODEL, "after": after, "most": CHUNK})
        return [
            _Read(sku=sku, seen=seen, text=_described(said))
            for sku, *said, seen in cursor.fetchall()
        ]


def _described(said: Sequence[str]) -> str:
    return listings.described(Listing(**dict(zip(FIELDS, said, strict=True))))


def _write(chunk: Sequence[_Read]) -> None:
    texts = {one.checksum: one.text for one in chunk}
    held = ContentVector.objects.filter(source=Source.TEXT, checksum__in=list(texts))
    missing = sorted(texts.keys() - set(held.values_list("checksum", flat=True)))
    # Before the transaction, which then is short.
    rows = sentences.encode([texts[key] for key in missing])
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.executemany(
            WRITE,
            [
                (key, MODEL, texts[key], listings.words(texts[key]), written(row))
                for key, row in zip(missing, rows, strict=True)
            ],
        )
        # `held` asks anew: what was just written is among it.
        ids = dict(held.values_list("checksum", "pk"))
        ProductContent.objects.bulk_create(
            [
                ProductContent(
                    product_id=one.sku,
                    source=Source.TEXT,
                    seen=one.seen,
                    content_id=ids[one.checksum],
                )
                for one in chunk
            ],
            update_conflicts=True,
            unique_fields=["product", "source"],
            update_fields=["seen", "content"],
        )


def _forget() -> None:
    """Drop vectors that no product has any more."""
    used = ProductContent.objects.filter(content__isnull=False).values("content")
    ContentVector.objects.filter(source=Source.TEXT).exclude(pk__in=used).delete()


def _vocabulary() -> dict[str, int]:
    with connection.cursor() as cursor:
        cursor.execute(COUNTED)
        return dict(cursor.fetchall())


def _note(**told: Any) -> None:
    defaults = {"model": MODEL, "started_at": clock.wall(), **told}
    # A note on the way leaves when the run began; only a first row must have it.
    if "started_at" not in told:
        defaults.pop("started_at")
    ContentRun.objects.update_or_create(
        source=Source.TEXT,
        defaults=defaults,
        create_defaults={"started_at": clock.wall(), **defaults},
    )
