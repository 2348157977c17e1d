"""How fast a search, what is similar and the nearest texts are found, at two sizes.

Products and vectors are thrown out and written anew inside a transaction that never
ends: nothing stays.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from django.db import connection, transaction

from catalog.models import Product
from demo.bench.table import Row, against, least
from ml import listings, searching, sentences
from ml.listings import MODEL, Listing
from ml.models import ProductContent

SIZES = (5_000, 50_000)
QUERIES = (
    *("milk", "shampo", "frozen pizza", "red grapes", "cat food", "baby diapers"),
    *("洗发水", "婴儿尿布", "冷冻披萨", "猫粮", "牛奶", "苹果", "纸巾", "酸奶"),
    *("chocolate ice cream", "dog treats", "paper towels", "yogurt strawbery"),
    *("something sweet for children", "coffee beans", "toothpaste", "light bulbs"),
)


class _Undone(Exception):
    """What was measured is taken back."""


def speed() -> Iterator[Row]:
    """Measure with so many products, each with a text of its own; nothing stays."""
    for size in SIZES:
        rows: list[Row] = []
        try:
            with transaction.atomic():
                _only(size)
                rows += _measured(size)
                raise _Undone
        except _Undone:
            yield from rows


def _only(size: int) -> None:
    """Leave so many products, all with texts and vectors that differ."""
    with connection.cursor() as cursor:
        # Else the keys' checks wait for the end, and PostgreSQL drops no index of a
        # table that has some pending.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("DELETE FROM ml_producttwin")
        cursor.execute("DELETE FROM ml_productcontent WHERE source = 'text'")
        cursor.execute("DELETE FROM ml_contentvector WHERE source = 'text'")
        cursor.execute("DROP INDEX content_near_texts")
    rows = Product.objects.exclude(price=None).exclude(stock=0).order_by("sku")[:size]
    products = list(rows)
    texts = [f"{listings.described(_listing(one))} {one.sku}" for one in products]
    vectors = sentences.encode(texts)
    with connection.cursor() as cursor:
        names = "id, source, checksum, model, text, vector"
        copy_in = f"COPY ml_contentvector ({names}) FROM STDIN"
        with cursor.copy(copy_in) as copy:
            for i, (text, row) in enumerate(zip(texts, vectors, strict=True)):
                key = listings.digest(text)
                copy.write_row(
                    # Above any id that the sequence has given.
                    (10**9 + i, "text", key, MODEL, text, listings.written(row))
                )
        _fill_words(cursor, texts)
        with cursor.copy(
            "COPY ml_productcontent (product_id, source, seen, content_id, fault)"
            " FROM STDIN"
        ) as copy:
            for i, one in enumerate(products):
                copy.write_row((one.sku, "text", "", 10**9 + i, ""))


def _fill_words(cursor: Any, texts: Sequence[str]) -> None:
    made = "CREATE TEMP TABLE bench_words (id bigint, words text[]) ON COMMIT DROP"
    cursor.execute(made)
    with cursor.copy("COPY bench_words FROM STDIN") as copy:
        for i, text in enumerate(texts):
            copy.write_row((10**9 + i, listings.words(text)))
    cursor.execute(
        "UPDATE ml_contentvector v SET words = array_to_tsvector(b.words)"
        " FROM bench_words b WHERE b.id = v.id"
    )


def _listing(one: Product) -> Listing:
    return Listing(name=one.name, category=one.category, brand=one.brand, size=one.size)


def _measured(size: int) -> Iterator[Row]:
    began = time.perf_counter()
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE INDEX content_near_texts ON ml_contentvector"
            " USING hnsw (vector halfvec_cosine_ops) WHERE source = 'text'"
        )
        built = time.perf_counter() - began
        for table in ("ml_contentvector", "ml_productcontent"):
            cursor.execute(f"ANALYZE {table}")
    skus = list(
        Product.objects.filter(pk__in=_held_skus())
        .order_by("sku")
        .values_list("sku", flat=True)[:: max(size // 100, 1)]
    )
    some = f"{size:,} products"
    searches = _times(lambda text: searching.search(text, most=20), QUERIES * 5)
    likes = _times(lambda sku: searching.alike(sku, most=10), skus)
    yield against(f"a search, p95, {some}", searches[1], 100, 1.0, "goal", "ms")
    yield against(f"a search, p50, {some}", searches[0], 100, None, "goal", "ms")
    yield against(f"what is similar, p95, {some}", likes[1], 100, 1.0, "goal", "ms")
    exact, took = _recalled("off", "true")
    found, quick = _recalled("on", "true")
    hits = np.mean([len(a & b) / len(a) for a, b in zip(exact, found, strict=True)])
    said = f"of the exact 20, HNSW of {some} ({built:.0f} s to build)"
    yield least(said, float(100 * hits), 95, "%")
    yield against(f"the nearest 20, HNSW, {some}", quick, took, 1.0, "exact", "ms")
    rare = "mod(v.id, 200) = 7"
    exact, _ = _recalled("off", rare)
    found, quick = _recalled("on", rare)
    hits = np.mean(
        [len(a & b) / max(len(a), 1) for a, b in zip(exact, found, strict=True)]
    )
    yield least(f"the same among 0.5 % ({quick:.0f} ms)", float(100 * hits), 95, "%")


def _held_skus() -> Any:
    return ProductContent.objects.filter(source="text").values("product")


def _recalled(index: str, where: str) -> tuple[list[set[int]], float]:
    """Return the nearest 20 of texts for some queries, and the median time."""
    sql = f"""
        SELECT v.id FROM ml_contentvector v WHERE v.source = 'text' AND {where}
        ORDER BY v.vector <=> %s::halfvec LIMIT 20
    """  # noqa: S608 - our own words
    found, times = [], []
    with searching.tuned(), connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL enable_indexscan = {index}")
        other = {"on": "off", "off": "on"}[index]
        cursor.execute(f"SET LOCAL enable_seqscan = {other}")
        for row in sentences.encode(list(QUERIES)):
            began = time.perf_counter()
            cursor.execute(sql, [listings.written(row)])
            found.append({key for (key,) in cursor.fetchall()})
            times.append(time.perf_counter() - began)
        cursor.execute("SET LOCAL enable_indexscan = on")
        cursor.execute("SET LOCAL enable_seqscan = on")
    return found, float(np.median(times)) * 1e3


def _times(ask: Callable[[str], object], asked: Sequence[str]) -> tuple[float, float]:
    """Return the median and the 95th percentile in wall milliseconds, one client."""
    times = []
    for one in asked:
        began = time.perf_counter()
        ask(one)
        times.append(1e3 * (time.perf_counter() - began))
    return float(np.median(times)), float(np.percentile(times, 95))
