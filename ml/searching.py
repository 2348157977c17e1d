"""Find products by words and by likeness: what web processes ask of vectors.

Filters and nearness are one statement: the index (HNSW: Malkov, Yashunin, IEEE TPAMI
2020) goes on where a filter leaves too few (pgvector's iterative scan, whose relaxed
order is put right here). Texts are found first, then the products that have them, since
many a feed calls twenty products the same.

Who searches by words holds the model of sentences from the first search on: some 130 MB
and half a second, once a web process.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from django.db import connection, transaction

from analytics import lookup
from ml import listings, live, sentences
from ml.listings import MODEL, Vocabulary, written
from ml.models import ContentRun, Source

TEXTS = 60
"""Texts of each leg of a search."""
MOST_WORDS = 12
LONGEST = 200
LEAST = 0.30
"""Cosine below which a text means something else: see docs/content.md."""
POPULAR = 0.05
"""What the best seller has over a product that nobody buys, in cosines of 0 to 1."""
IN_CATEGORY = 1.0
"""Measured with all of the category first (docs/benchmarks.md)."""
PICTURE = 0.3
"""What a picture's cosine adds: set by hand, for want of a shop with pictures."""
OF_A_TEXT = 3
"""Products of one text in a row, before others of other texts."""
SOLD = """
    p.stock IS DISTINCT FROM 0 AND p.price IS NOT NULL
    AND (%(category)s::text = '' OR p.category = %(category)s)
"""
HELD = f"""EXISTS (
    SELECT FROM ml_productcontent c JOIN catalog_product p ON p.sku = c.product_id
    WHERE c.content_id = v.id AND c.source = %(source)s AND {SOLD})
"""
NEAR = f"""
    SELECT v.id, 1 - (v.vector <=> %(vector)s::halfvec) FROM ml_contentvector v
    WHERE v.source = '{{source}}' AND v.model = %(model)s AND {HELD}
    ORDER BY v.vector <=> %(vector)s::halfvec LIMIT %(most)s
"""  # noqa: S608 - our own words
# MATERIALIZED: else the planner may walk the vectors' index and filter, which misses
# texts of a small category.
INSIDE = f"""
    WITH inside AS MATERIALIZED (
      SELECT DISTINCT c.content_id FROM catalog_product p
      JOIN ml_productcontent c ON c.product_id = p.sku AND c.source = %(source)s
      WHERE {SOLD})
    SELECT v.id, 1 - (v.vector <=> %(vector)s::halfvec) FROM inside
    JOIN ml_contentvector v ON v.id = inside.content_id
    WHERE v.source = '{{source}}' AND v.model = %(model)s
    ORDER BY v.vector <=> %(vector)s::halfvec LIMIT %(most)s
"""  # noqa: S608 - our own words
# Words are weighed first, and goods are looked up for the best alone: most texts with a
# common word would be looked up for nothing.
BY_WORDS = f"""
    SELECT v.id FROM (
      SELECT v.id,
        row_number() OVER (ORDER BY {{weights}} DESC, length(v.words), v.id) AS place
      FROM ml_contentvector v
      WHERE v.source = 'text' AND v.model = %(model)s
        AND v.words @@ %(any)s::tsquery
      ORDER BY place LIMIT %(many)s) v
    WHERE {HELD} ORDER BY v.place LIMIT %(most)s
"""  # noqa: S608 - our own words
WEIGHT = "CASE WHEN v.words @@ %({word})s::tsquery THEN %({weight})s::float8 ELSE 0 END"
MANY = 8
"""So many times the texts that are wanted are looked through for goods in stock."""
LOOKS = """
    SELECT c.product_id, 1 - (v.vector <=> mine.vector)
    FROM (SELECT v.vector, v.model FROM ml_productcontent c
          JOIN ml_contentvector v ON v.id = c.content_id
          WHERE c.product_id = %(sku)s AND c.source = 'image') mine
    CROSS JOIN LATERAL (
      SELECT v.id, v.vector FROM ml_contentvector v
      WHERE v.source = 'image' AND v.model = mine.model
      ORDER BY v.vector <=> mine.vector LIMIT %(most)s) v
    JOIN ml_productcontent c ON c.content_id = v.id
"""
PRODUCTS = f"""
    SELECT c.content_id, p.sku, p.category FROM ml_productcontent c
    JOIN catalog_product p ON p.sku = c.product_id
    WHERE c.content_id = ANY(%(ids)s) AND {SOLD} ORDER BY p.sku LIMIT 5000
"""  # noqa: S608 - our own words


@dataclass(frozen=True, kw_only=True)
class Hit:
    """A product that was found; `score` is 0 to 1, and ranks this answer alone."""

    sku: str
    score: float


@dataclass(frozen=True, kw_only=True)
class Hits:
    """What was found, best first; `spelt` are words that were taken for others."""

    hits: Sequence[Hit]
    spelt: Mapping[str, str]


def search(text: str, *, most: int, category: str = "") -> Hits:
    """Find products by words of either language, misspelt ones too."""
    text = text.replace("\0", " ").strip()[:LONGEST]
    if not text:
        return Hits(hits=[], spelt={})
    # PostgreSQL's texts hold no NUL: one would be an error.
    asked = {"category": category.replace("\0", ""), "source": Source.TEXT.value}
    terms = _terms(listings.words(text)[:MOST_WORDS])
    with tuned():
        by_words = _by_words(terms, asked)
        near = [(key, cosine) for key, cosine in _meant(text, asked) if cosine >= LEAST]
        # By rank: a cosine and a sum of word weights have no common scale.
        fused = listings.fused(by_words, [key for key, _ in near])
        hits = _products(fused, asked, most=most)
    spelt = {
        word: ours[0] for word, ours in terms.items() if ours[:1] not in ([word], [])
    }
    return Hits(hits=hits, spelt=spelt)


def alike(sku: str, *, most: int, excluded: Collection[str] = ()) -> list[str]:
    """Return what could stand in for a product: of its category first, what its
    listing is near to, what is bought in the same orders, and a little what sells."""
    row = _content_of(sku)
    if row is None:
        return []
    vector, category = row
    asked = {"category": "", "source": Source.TEXT.value}
    with tuned():
        near = dict(_near(vector, asked, TEXTS))
        rows = _rows(list(near), asked)
        looks = _looks(sku)
    popular = live.popularity([one for _, one, _ in rows])
    bought = live.companions(sku)
    score = {
        one: near[key]
        + bought.get(one, 0.0)
        + PICTURE * looks.get(one, 0.0)
        + POPULAR * popular.get(one, 0.0)
        + IN_CATEGORY * (kind == category)
        for key, one, kind in rows
        if one != sku and one not in excluded
    }
    return sorted(score, key=lambda one: (-score[one], one))[:most]


def _terms(words: Sequence[str]) -> dict[str, list[str]]:
    known = _vocabulary()
    return {word: known.spelt(word) for word in words}


def _by_words(terms: Mapping[str, list[str]], asked: dict[str, Any]) -> list[int]:
    known = _vocabulary()
    ours = list(dict.fromkeys(word for found in terms.values() for word in found))
    if not ours:
        return []
    # Quoted for a tsquery, where & | ! ( ) are operators; values go apart from the SQL.
    quoted = ["'" + word.replace("'", "''") + "'" for word in ours]
    # Rare words find, common ones only weigh, where the rare ones are in enough texts.
    telling = [
        quoted[ours.index(word)] for word in known.telling(ours, least=MANY * TEXTS)
    ]
    values = {**asked, "model": MODEL, "any": " | ".join(telling)}
    values |= {"most": TEXTS, "many": TEXTS * MANY}
    parts = []
    for place, word in enumerate(ours):
        values |= {f"w{place}": quoted[place], f"x{place}": known.weight(word)}
        parts.append(WEIGHT.format(word=f"w{place}", weight=f"x{place}"))
    sql = BY_WORDS.replace("{weights}", " + ".join(parts))
    return [key for (key,) in lookup.rows(sql, values, prepare=False)]


def _meant(text: str, asked: dict[str, Any]) -> list[tuple[int, float]]:
    return _near(written(sentences.encode([text.lower()])[0]), asked, TEXTS)


def _near(vector: str, asked: dict[str, Any], most: int) -> list[tuple[int, float]]:
    # The source is written out: a partial index is used for a constant alone. Texts of
    # one category are so few that all of them are compared, which misses none.
    sql = (INSIDE if asked["category"] else NEAR).replace(
        "{source}", Source(asked["source"]).value
    )
    values = {**asked, "model": MODEL, "vector": vector, "most": most}
    found = [
        (key, float(cosine)) for key, cosine in lookup.rows(sql, values, prepare=False)
    ]
    # Relaxed order (see `tuned`) is nearly by distance: put right here.
    return sorted(found, key=lambda one: -one[1])


def _products(
    texts: Mapping[int, float], asked: dict[str, Any], *, most: int
) -> list[Hit]:
    rows = _rows(list(texts), asked)
    popular = live.popularity([sku for _, sku, _ in rows])
    score = {
        sku: texts[key] * (1 + POPULAR * popular.get(sku, 0.0)) / (1 + POPULAR)
        for key, sku, _ in rows
    }
    # Many products of one text score the same: spread, so that they fill no page.
    of = {sku: key for key, sku, _ in rows}
    best = sorted(score, key=lambda sku: (-score[sku], sku))
    order = listings.spread(((sku, of[sku]) for sku in best), most=OF_A_TEXT)
    return [Hit(sku=sku, score=round(score[sku], 4)) for sku in order[:most]]


def _rows(ids: Sequence[int], asked: dict[str, Any]) -> list[tuple[int, str, str]]:
    if not ids:
        return []
    return lookup.rows(PRODUCTS, {**asked, "ids": list(ids)}, prepare=False)


def _content_of(sku: str) -> tuple[str, str] | None:
    rows = lookup.rows(
        """SELECT v.vector::text, p.category FROM ml_productcontent c
        JOIN ml_contentvector v ON v.id = c.content_id
        JOIN catalog_product p ON p.sku = c.product_id
        WHERE c.product_id = %(sku)s AND c.source = 'text' AND v.model = %(model)s""",
        {"sku": sku.replace("\0", ""), "model": MODEL},
    )
    return tuple(rows[0]) if rows else None


def _looks(sku: str) -> dict[str, float]:
    """Return the products whose pictures are nearest, with their cosines."""
    rows = lookup.rows(
        LOOKS, {"sku": sku.replace("\0", ""), "most": TEXTS}, prepare=False
    )
    return {one: float(cosine) for one, cosine in rows}


@contextmanager
def tuned() -> Iterator[None]:
    """Have the index go on until enough pass the filters."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            # LOCAL: the connection is used again. With these 96 to 99 % of the exact 20
            # are found (docs/benchmarks.md, Listings).
            "SET LOCAL hnsw.iterative_scan = relaxed_order; "
            "SET LOCAL hnsw.ef_search = 120; SET LOCAL hnsw.max_scan_tuples = 60000; "
            "SET LOCAL hnsw.scan_mem_multiplier = 4"
        )
        yield


def _vocabulary() -> Vocabulary:
    row = ContentRun.objects.filter(source=Source.TEXT).values_list("finished_at")
    found = row.first()
    return _read_vocabulary(found[0] if found else None)


@lru_cache(maxsize=2)
def _read_vocabulary(finished_at: datetime | None) -> Vocabulary:
    """Read the words once for each whole run."""
    rows = ContentRun.objects.filter(source=Source.TEXT)
    return Vocabulary(rows.values_list("vocabulary", flat=True).first() or {})
