"""The ten best of 100,000 items for one customer: our exact product and the rivals.

Rivals: BLAS alone (the product, no choice of ten), and pgvector in the embedded
PostgreSQL, exactly and by its HNSW index, whose recall of the exact ten is shown.
"""

import io
import time
from collections.abc import Callable, Iterator

import numpy as np
import psycopg
from django.db import connection

from demo.bench.table import Row, against, least, show
from ml import vectors
from ml.vectors import Floats

ITEMS, SIZE, ASKED = 100_000, 64, 200
NEAREST = "SELECT id FROM bench_vectors ORDER BY vector <#> %s::vector LIMIT 10"


def run() -> None:
    """Measure on vectors with the spread of learnt ones: few directions hold most."""
    chance = np.random.default_rng(7)
    spread = np.linspace(1.0, 0.1, SIZE)
    items = (chance.normal(size=(ITEMS, SIZE)) * spread).astype(np.float32)
    asked = (chance.normal(size=(ASKED, SIZE)) * spread).astype(np.float32)
    show("Retrieval", list(_measured(items, asked)))


def _measured(items: Floats, asked: Floats) -> Iterator[Row]:
    exact = [set(vectors.top(one, items, 10).tolist()) for one in asked]
    ours = _millis(lambda one: vectors.top(one, items, 10), asked)
    blas = _millis(lambda one: items @ one, asked)
    yield against("ten of 100 k, p50", ours, blas, 3.0, "the BLAS product", "ms")
    rounded = vectors.dequantise(vectors.quantise(items))
    kept = [
        exact[i] & set(vectors.top(one, rounded, 10)) for i, one in enumerate(asked)
    ]
    yield least("of the exact ten, from int8", _percent(kept), 90, "%")
    _load(items)
    # Fewer: each takes some 17 ms.
    scan = _millis(_nearest, asked[:20])
    yield against("the same", ours, scan, 1.0, "pgvector, exact", "ms")
    started = time.perf_counter()
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE INDEX ON bench_vectors USING hnsw (vector vector_ip_ops)"
        )
        built = time.perf_counter() - started
        cursor.execute("SET hnsw.ef_search = 100")
    index = _millis(_nearest, asked)
    near = [exact[i] & _nearest(one) for i, one in enumerate(asked)]
    name = f"HNSW, {_percent(near):.0f} % of the ten, {built:.0f} s to build"
    yield against("the same", ours, index, None, f"pgvector, {name}", "ms")
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE bench_vectors")


def _extend() -> None:
    """Add pgvector as the embedded server's own superuser; the shop's role may not."""
    params = connection.get_connection_params()
    names = {name: params[name] for name in ("host", "port", "dbname")}
    with psycopg.connect(**names, user="postgres") as owner:
        owner.execute("CREATE EXTENSION IF NOT EXISTS vector")


def _load(items: Floats) -> None:
    _extend()
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS bench_vectors")
        cursor.execute(
            f"CREATE TABLE bench_vectors (id int PRIMARY KEY, vector vector({SIZE}))"
        )
        with cursor.copy("COPY bench_vectors FROM STDIN") as copy:
            text = io.StringIO()
            for number, row in enumerate(items.tolist()):
                text.write(f"{number}\t{row}\n")
            copy.write(text.getvalue())
        cursor.execute("ANALYZE bench_vectors")


def _nearest(one: Floats) -> set[int]:
    with connection.cursor() as cursor:
        cursor.execute(NEAREST, [str(one.tolist())])
        return {row[0] for row in cursor.fetchall()}


def _percent(kept: list[set[int]]) -> float:
    return float(np.mean([len(some) for some in kept]) * 10)


def _millis(call: Callable[[Floats], object], asked: Floats) -> float:
    """Return the median wall milliseconds of a call, one client."""
    times = []
    for one in asked:
        started = time.perf_counter()
        call(one)
        times.append(time.perf_counter() - started)
    return float(np.median(times)) * 1e3
