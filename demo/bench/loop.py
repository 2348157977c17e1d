"""The whole loop on the real data: loading, replay, memory, and GET offers.

All goes through the public commands and the public API.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

import polars as pl
from django.db import connection
from django.db.models import QuerySet
from django.utils import timezone

from analytics import access, projections, rebuilds, store
from analytics.models import Customer, StoredEvent
from config import services
from config.services import ROOT, VAR
from demo import journey
from demo.bench.served import Call, hammer, memory, web
from demo.bench.table import Row, against, best, limit, show
from promotions import targeting
from promotions.models import Sheet

REQUESTS, CONCURRENCY, ROUNDS = 6000, 8, 5
BARE_TABLE = """
CREATE TABLE bench_bare (household bigint, store bigint, basket bigint, product bigint,
quantity int, sales numeric, retail numeric, coupon numeric, match numeric, week int,
at timestamp)
"""


def run() -> None:
    """Measure everything on a fresh database."""
    copy_rows, copy_csv = best(2, _copy_rows), best(2, _copy_csv)
    seconds, peak, wall = around()
    load = seconds["history"] + seconds["projections"]
    rows = [
        against(
            "load 1.47 M lines, all projections", load, copy_rows, 3.0, "COPY by row"
        ),
        against("the same", load, copy_csv, None, "COPY of ready CSV"),
        against(
            "load the catalogue before", seconds["catalogue"], copy_rows, None, "same"
        ),
        limit("the ONCE=1 loop after installation, s", wall, 240),
        limit("its peak memory, GiB (servers too)", peak / 2**30, 4),
    ]
    bare_read, rebuild = best(2, _bare_read), best(2, _rebuild)
    rows += [
        against("rebuild of every projection", rebuild, bare_read, 3.0, "bare read"),
        *_offers(),
    ]
    show("The loop", rows)


def _copy_rows() -> float:
    """COPY the transactions, read from the same parquet, into one plain table."""
    return _bare_copy(lambda copy, table: [*map(copy.write_row, table.iter_rows())])


def _copy_csv() -> float:
    """The same from one ready CSV text: the server's own limit."""
    return _bare_copy(
        lambda copy, table: copy.write(table.write_csv(include_header=False)),
        "(FORMAT csv)",
    )


def _bare_copy(write: Callable[[Any, pl.DataFrame], object], how: str = "") -> float:
    started = time.perf_counter()
    table = pl.read_parquet(journey.folder() / "transactions.parquet")
    table = table.with_columns(pl.col("transaction_timestamp").cast(pl.Datetime("us")))
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS bench_bare")
        cursor.execute(BARE_TABLE)
        with cursor.copy(f"COPY bench_bare FROM STDIN {how}") as copy:
            write(copy, table)
        seconds = time.perf_counter() - started
        cursor.execute("DROP TABLE bench_bare")
    return seconds


def around() -> tuple[dict[str, float], int, float]:
    """Run `manage.py up --once`; return its steps, peak memory and all seconds."""
    report = VAR / "report.json"
    started = time.perf_counter()
    command = [sys.executable, "manage.py", "up", "--once", "--port", "8931"]
    with subprocess.Popen([*command, "--report", str(report)], cwd=ROOT) as child:  # noqa: S603
        peak = 0
        while child.poll() is None:
            peak = max(peak, memory(child.pid, services.keeper() or 0))
            time.sleep(0.25)
    if child.returncode:
        sys.exit("the loop failed")
    return json.loads(report.read_text()), peak, time.perf_counter() - started


def _bare_read() -> float:
    """Fetch every column of the whole log, page by page, and do nothing with it."""
    started, after = time.perf_counter(), 0
    while True:
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT {store.COLUMNS} FROM analytics_storedevent "  # noqa: S608
                "WHERE position > %s ORDER BY position LIMIT %s",
                [after, store.PAGE],
            )
            rows = cursor.fetchall()
        if not rows:
            return time.perf_counter() - started
        after = rows[-1][0]


def _rebuild() -> float:
    started = time.perf_counter()
    rebuilds.rebuild(projections.ALL)
    return time.perf_counter() - started


def _offers() -> list[Row]:
    """GET offers against a bare DRF view, round by round, on the same server.

    First of those who have ordered since the offers were computed, whose offers are
    ranked as they ask; then, computed again as beat does every 15 minutes, of all.
    """
    known = Sheet.objects.order_by("-position").values_list("position", flat=True)[0]
    orders = StoredEvent.objects.filter(type="order_completed", position__gt=known)
    buyers = orders.values_list("customer", flat=True)
    just = Sheet.objects.filter(customer__in=list(buyers))
    few = REQUESTS // 10  # each takes some ten times as long
    rows = _hammered("GET offers after an order", just, {"p50": 0.5}, few, None)
    targeting.refresh(at=timezone.now())
    shares = {"p50": 0.5, "p99": 0.99}
    return _hammered("GET offers", Sheet.objects.all(), shares, REQUESTS, 2.5) + rows


def _hammered(
    what: str,
    sheets: QuerySet[Sheet],
    shares: Mapping[str, float],
    requests: int,
    goal: float | None,
) -> list[Row]:
    keys = sheets.order_by("customer").values_list("customer", flat=True)[:500]
    names = Customer.objects.filter(key__in=list(keys))
    calls = [Call(path=f"/api/v1/customers/{c.name}/offers") for c in names]
    if not calls:
        return []
    calls = (calls * (requests // len(calls) + 1))[:requests]
    body = VAR / "body.json"
    body.write_text(Sheet.objects.order_by("customer")[0].body)
    headers = {"Authorization": f"Bearer {access.create_key('bench', ['offers'])}"}
    bare = {"ROOT_URLCONF": "demo.bench.peers", "BARE_BODY": str(body)}
    ours: list[float] = []
    peer: list[float] = []
    with web(8932), web(8933, bare):
        # In turn, so that a busy machine slows both.
        for _ in range(ROUNDS):
            ours += hammer(8932, calls, headers, connections=CONCURRENCY)[0]
            peer += hammer(8933, calls, headers, connections=CONCURRENCY)[0]
    return [
        against(
            f"{what}, {name} at concurrency {CONCURRENCY}",
            sorted(ours)[int(len(ours) * share)] * 1000,
            sorted(peer)[int(len(peer) * share)] * 1000,
            goal,
            "bare DRF view",
            "ms",
        )
        for name, share in shares.items()
    ]
