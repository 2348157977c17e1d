"""Products that are listed twice: who is likely the same, and what a person says of it.

Candidates are products of one GTIN, or of texts that are nearly the same; the rules
that match competitors' products (catalog.likeness) then weigh words, brand and size. A
text that many products share tells none of them apart, so nothing is said of those.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import combinations
from typing import Any

from django.db import connection, transaction

from catalog import likeness
from catalog.likeness import Described, Read
from catalog.models import Product
from ml.listings import MODEL
from ml.models import ProductTwin

SHARED = 4
"""A text, or a GTIN, of more products than this tells them not apart."""
CLOSE = 0.8
"""Cosine from which two texts are looked into."""
LIKELY = 0.8
APART = 1.5
"""Of two prices: one product is not so much dearer than itself."""
MOST = 2000
"""Pairs that wait for a person; the likeliest stay."""
State = ProductTwin.State
FIELDS = (
    *("sku", "name", "brand", "size", "gtin", "mpn", "family"),
    *("price", "currency"),
)
# Eleven: a text is its own nearest. A lateral walk of the index for each product; the
# counts leave out texts that many products share.
NEIGHBOURS = """
    SELECT a.product_id, b.product_id, 1 - (v.vector <=> n.vector)
    FROM ml_productcontent a JOIN ml_contentvector v ON v.id = a.content_id
    CROSS JOIN LATERAL (
      SELECT w.id, w.vector FROM ml_contentvector w
      WHERE w.source = 'text' AND w.model = %(model)s
      ORDER BY w.vector <=> v.vector LIMIT 11) n
    JOIN ml_productcontent b ON b.content_id = n.id AND b.source = 'text'
    WHERE a.source = 'text' AND a.product_id = ANY(%(skus)s)
      AND a.product_id <> b.product_id AND v.vector <=> n.vector <= %(far)s
      AND (SELECT count(*) FROM ml_productcontent c WHERE c.content_id = n.id)
        <= %(shared)s
      AND (SELECT count(*) FROM ml_productcontent c WHERE c.content_id = v.id)
        <= %(shared)s
"""
Pair = tuple[str, str]


def look(skus: Sequence[str], *, at: datetime) -> int:
    """Look for twins of these products; return how many pairs are likely.

    What a person has said of a pair stays.
    """
    # Where both find a pair the number's word counts.
    found = {**_by_words(skus), **_by_number(skus)}
    rows = [
        ProductTwin(first_id=a, second_id=b, likelihood=chance, why=why, at=at)
        for (a, b), (chance, why) in found.items()
        if chance >= LIKELY
    ]
    waiting = ProductTwin.objects.filter(state=State.WAITING)
    with transaction.atomic():
        # What waits is looked at anew; what a person said has another state.
        (waiting.filter(first__in=skus) | waiting.filter(second__in=skus)).delete()
        # A pair that a person has decided on is there already: it stays as it is.
        ProductTwin.objects.bulk_create(rows, ignore_conflicts=True)
        kept = waiting.order_by("-likelihood", "pk").values("pk")[:MOST]
        waiting.exclude(pk__in=list(kept.values_list("pk", flat=True))).delete()
    return len(rows)


def decide(keys: Iterable[int], state: str, *, by: str, at: datetime) -> int:
    """Say of pairs that both are the same, or not, or that it is open again."""
    rows = ProductTwin.objects.filter(pk__in=list(keys))
    return rows.update(state=state, by="" if state == State.WAITING else by, at=at)


def _by_number(skus: Sequence[str]) -> dict[Pair, tuple[float, str]]:
    gtins = Product.objects.filter(sku__in=skus).exclude(gtin="").values("gtin")
    held: dict[str, list[str]] = {}
    rows = Product.objects.filter(gtin__in=gtins).values_list("gtin", "sku")
    for gtin, sku in rows:
        held.setdefault(gtin, []).append(sku)
    return {
        pair: (1.0, "gtin")
        for some in held.values()
        if len(some) <= SHARED
        for pair in combinations(sorted(some), 2)
    }


def _by_words(skus: Sequence[str]) -> dict[Pair, tuple[float, str]]:
    near = dict(_near(skus))
    involved = {sku for pair in near for sku in pair}
    listed = Product.objects.filter(sku__in=involved).values(*FIELDS)
    rows = {row["sku"]: row for row in listed}
    read = {sku: _read(row) for sku, row in rows.items()}
    shelf = likeness.known(list(read.values()))
    return {
        pair: (chance, "words")
        for pair, cosine in near.items()
        if not _told_apart(rows[pair[0]], rows[pair[1]])
        for chance in [_likely(read[pair[0]], read[pair[1]], shelf, cosine)]
    }


def _near(skus: Sequence[str]) -> Iterator[tuple[Pair, float]]:
    values: dict[str, Any] = {
        "model": MODEL,
        "skus": list(skus),
        "far": 1 - CLOSE,
        "shared": SHARED,
    }
    with connection.cursor() as cursor:
        cursor.execute(NEIGHBOURS, values)
        for one, other, cosine in cursor.fetchall():
            # Either may have found the other; a pair has one row (twins_in_order).
            yield (min(one, other), max(one, other)), float(cosine)


def _read(row: Mapping[str, Any]) -> Read:
    return likeness.read(
        Described(name=row["name"], brand=row["brand"], size=row["size"])
    )


def _told_apart(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Say whether a number says two, or the shop does: sizes and colours of one."""
    apart = any(
        one[name] and other[name] and one[name] != other[name]
        for name in ("gtin", "mpn")
    )
    family = one["family"] and one["family"] == other["family"]
    return apart or bool(family) or _dearer(one, other)


def _dearer(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    if one["currency"] != other["currency"] or not one["price"] or not other["price"]:
        return False
    low, high = sorted((one["price"], other["price"]))
    return bool(float(high) > APART * float(low))


def _likely(one: Read, other: Read, shelf: likeness.Known, cosine: float) -> float:
    """Return the chance by the worse of both directions: neither lacks a word."""
    pairs = (
        likeness.compared(one, other, shelf, cosine),
        likeness.compared(other, one, shelf, cosine),
    )
    return min(likeness.likelihoods([features])[0] for features in pairs)
