"""Files as a shop uploads them, in each form."""

import json
from collections.abc import Sequence
from typing import Any

from django.utils import timezone

from catalog import intake, tasks
from catalog.models import CompetitorProduct, Feed, SeriesValue, ShopDay

HEAD = ["sku", "name", "Category", "price", "stock", "colour"]
ROWS: list[list[Any]] = [
    ["t1", "Tee", "TEA", "10.50", "3", "red"],
    ["m1", "Milch 牛奶", "MILK", "2", "", ""],
]
TABLE = [HEAD, *ROWS]


def csv(
    table: Sequence[Sequence[Any]], mark: str = ",", encoding: str = "utf-8"
) -> bytes:
    text = "".join(mark.join(map(str, row)) + "\r\n" for row in table)
    return text.encode(encoding)


def json_lines(table: Sequence[Sequence[Any]]) -> bytes:
    head, *rows = table
    some = [dict(zip(head, row, strict=True)) for row in rows]
    return "\n".join(json.dumps(one, ensure_ascii=False) for one in some).encode()


def upload(body: bytes, what: str = "products", **options: str) -> Feed:
    feed = intake.receive(
        "file", body, what=what, options=options, by="olga", at=timezone.now()
    )
    return worked(feed)


def worked(feed: Feed) -> Feed:
    tasks.take_files()
    return Feed.objects.get(id=feed.id)


def imported(feed: Feed) -> Feed:
    intake.start(feed.id)
    return worked(feed)


MARKET: dict[
    str, tuple[list[list[str]], dict[str, str], Any, list[tuple[int, str]]]
] = {
    "prices": (
        [
            ["artikel", "bezeichnung", "preis", "ean", "datum", "uvp", "available"],
            ["r-1", "Tee", "4.20", "", "2026-05-01T06:00:00Z", "4.90", "true"],
            ["r-2", "Kaffee", "4.205", "", "2026-05-01T06:00:00Z", "", ""],
            ["r-3", "Kakao", "3.10", "1234567890123", "2026-05-01T06:00:00Z", "", "no"],
            ["r-4", "Saft", "2", "", "2026-05-01", "", ""],
        ],
        {"competitor": "Rival", "columns": "product=artikel"},
        CompetitorProduct,
        [(3, "price"), (5, "seen_at")],
    ),
    "calendar": (
        [
            ["name", "art", "von", "bis", "region"],
            ["Ferien", "school_holidays", "2026-07-20", "2026-08-31", "DE-BY"],
            ["Markt", "", "2026-07-21", "", ""],
            ["Fest", "party", "2026-07-21", "2026-07-20", ""],
        ],
        {"columns": "kind=art\nfirst=von\nlast=bis"},
        ShopDay,
        [(4, "kind")],
    ),
    "series": (
        [
            ["date", "value", "region"],
            ["2026-07-20", "21.5", "DE"],
            ["2026-07-21", "", "DE"],
            ["2026-07-22", "warm", "DE"],
        ],
        {"series": "temperature"},
        SeriesValue,
        [(4, "value")],
    ),
}
