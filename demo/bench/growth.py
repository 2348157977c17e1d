"""What an event costs as the log grows to 30 million: it should stay what it was.

The filling goes straight into the table, by the server itself, with the same columns
and indexes; the measured events go through the whole path, web process and all.
"""

import base64
from collections.abc import Iterator
from itertools import pairwise

from django.db import connection
from rich.progress import track

from analytics import access, store
from demo.bench.ingestion import batch, hammered
from demo.bench.served import Call
from demo.bench.table import Row, against, show

SIZES = (0, 1_000_000, 3_000_000, 10_000_000, 30_000_000)
STEP = 500_000
BATCHES = 1000
MOST = 1.25
FILL = """
INSERT INTO analytics_storedevent (id, type, schema, customer, data, occurred_at,
recorded_at, bot, source)
SELECT gen_random_uuid(), 'product_viewed', 1, keys[1 + n %% 100000],
jsonb_build_object('sku', 'sku-' || n %% 10000, 'category', 'CATEGORY ' || n %% 300),
now() - interval '1 year' * random(), now(), false, 'bench'
FROM generate_series(%s, %s) n,
(SELECT array_agg(gen_random_uuid()) keys FROM generate_series(1, 100000)) k
"""
PEOPLE = """
INSERT INTO analytics_customer (key, external_id, created_at)
SELECT gen_random_uuid(), 'filled-' || n, now() FROM generate_series(%s, %s) n
"""
A_CUSTOMER = 20
"""So many events have come of each customer."""


def run() -> None:
    """Measure at every size on an empty database; about half an hour."""
    show("Growth", list(_measured()))


def _measured() -> Iterator[Row]:
    key = access.create_key("bench", ["events"])
    basic = base64.b64encode(f"{key}:".encode()).decode()
    headers = {"Authorization": f"Basic {basic}", "Content-Type": "application/json"}
    first = 0.0
    for before, size in pairwise(SIZES):
        _fill(before, size)
        calls = [Call(path="/v1/batch", body=batch()) for _ in range(BATCHES)]
        micros, rate, _ = hammered({}, calls, headers, 100, 8)
        first = first or micros
        yield against(
            f"whole path in a log of {size // 1_000_000} M events "
            f"({rate:,.0f} events/s, {_bytes(size):.0f} bytes an event), CPU",
            micros,
            first,
            MOST,
            "at 1 M",
            "µs",
        )


def _fill(before: int, size: int) -> None:
    starts = range(before, size, STEP)
    with connection.cursor() as cursor:
        for start in track(starts, description=f"filling to {size:,}"):
            cursor.execute(FILL, [start + 1, min(start + STEP, size)])
        # Customers grow with the log: their index is part of what an event costs.
        cursor.execute(PEOPLE, [before // A_CUSTOMER + 1, size // A_CUSTOMER])
        cursor.execute("ANALYZE analytics_customer")
        store.analyze()


def _bytes(size: int) -> float:
    """Disk for each event, with all indexes."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_total_relation_size('analytics_storedevent')")
        return int(cursor.fetchone()[0]) / size
