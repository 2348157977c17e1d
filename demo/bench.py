"""Speed as ratios, each against a peer measured in the same run.

`make bench` runs it under var/bench with servers of its own; all goes through the
public commands and the public API. The table goes to docs/benchmarks.md.
"""

import http.client
import json
import os
import platform
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import psutil
from django.db import connection
from rich.console import Console
from rich.table import Table

from analytics import access, projections, rebuilds, store
from analytics.models import Customer
from config import processes, services
from config.services import ROOT, VAR
from demo import journey
from promotions.models import Sheet

REQUESTS, CONCURRENCY, ROUNDS = 6000, 8, 5
BARE_TABLE = """
CREATE TABLE bench_bare (household bigint, store bigint, basket bigint, product bigint,
quantity int, sales numeric, retail numeric, coupon numeric, match numeric, week int,
at timestamp)
"""
RESULTS = ROOT / "docs" / "benchmarks.md"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One figure: ours, the peer's, their ratio, and the most it may be."""

    figure: str
    ours: str
    peer: str
    ratio: float | None
    goal: float | None

    @property
    def verdict(self) -> str:
        if self.ratio is None or self.goal is None:
            return ""
        return "✓" if self.ratio <= self.goal else "✗"


def run() -> None:
    """Measure everything on a fresh database, and write the table."""
    copy_rows, copy_csv = _best(2, _copy_rows), _best(2, _copy_csv)
    seconds, peak, wall = _loop()
    load = seconds["catalogue"] + seconds["history"] + seconds["projections"]
    rows = [
        _against(
            "load 1.47 M lines, all projections", load, copy_rows, 3.0, "COPY by row"
        ),
        _against("the same", load, copy_csv, None, "COPY of ready CSV"),
        _limit("the ONCE=1 loop after installation, s", wall, 240),
        _limit("its peak memory, GiB (servers too)", peak / 2**30, 4),
    ]
    bare_read, rebuild = _best(2, _bare_read), _best(2, _rebuild)
    rows += [
        _against("rebuild of every projection", rebuild, bare_read, 3.0, "bare read"),
        *_offers(),
    ]
    _show(rows)


def _best(times: int, what: Callable[[], float]) -> float:
    return min(what() for _ in range(times))


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


def _loop() -> tuple[dict[str, float], int, float]:
    """Run `manage.py up --once`; return its steps, peak memory and all seconds."""
    report = VAR / "report.json"
    started = time.perf_counter()
    command = [sys.executable, "manage.py", "up", "--once", "--port", "8931"]
    with subprocess.Popen([*command, "--report", str(report)], cwd=ROOT) as child:  # noqa: S603
        peak = 0
        while child.poll() is None:
            peak = max(peak, _memory(child.pid))
            time.sleep(0.25)
    if child.returncode:
        sys.exit("the loop failed")
    return json.loads(report.read_text()), peak, time.perf_counter() - started


def _memory(pid: int) -> int:
    """Return the unique memory of the loop's processes and of the servers' keeper."""
    total = 0
    for root in (pid, services.keeper() or 0):
        try:
            parent = psutil.Process(root)
            family = [parent, *parent.children(recursive=True)]
            total += sum(process.memory_full_info().uss for process in family)
        except psutil.Error:
            continue
    return total


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
    """GET offers against a bare DRF view, round by round, on the same server."""
    keys = Sheet.objects.order_by("customer").values_list("customer", flat=True)[:500]
    names = Customer.objects.filter(key__in=list(keys))
    paths = [f"/api/v1/customers/{c.external_id}/offers" for c in names]
    body = VAR / "body.json"
    body.write_text(Sheet.objects.order_by("customer")[0].body)
    headers = {"Authorization": f"Bearer {access.create_key('bench', ['offers'])}"}
    bare = {"ROOT_URLCONF": "demo.bare", "BARE_BODY": str(body)}
    ours: list[float] = []
    peer: list[float] = []
    with _web(8932, {}), _web(8933, bare):
        for _ in range(ROUNDS):
            ours += _hammer(8932, paths, headers)
            peer += _hammer(8933, paths, headers)
    return [
        _against(
            f"GET offers, {name} at concurrency {CONCURRENCY}",
            sorted(ours)[int(len(ours) * share)] * 1000,
            sorted(peer)[int(len(peer) * share)] * 1000,
            2.5,
            "bare DRF view",
            "ms",
        )
        for name, share in (("p50", 0.5), ("p99", 0.99))
    ]


@contextmanager
def _web(port: int, changes: dict[str, str]) -> Iterator[None]:
    command = processes.commands("127.0.0.1", port)["web"]
    with subprocess.Popen(command, cwd=ROOT, env=os.environ | changes) as server:  # noqa: S603
        try:
            time.sleep(5)
            yield
        finally:
            server.terminate()


def _hammer(port: int, paths: list[str], headers: dict[str, str]) -> list[float]:
    """Return the seconds of each of REQUESTS requests over CONCURRENCY connections."""
    numbers, latencies = iter(range(REQUESTS)), []
    lock = threading.Lock()

    def client() -> None:
        link = http.client.HTTPConnection("127.0.0.1", port)
        while True:
            with lock:
                number = next(numbers, None)
            if number is None:
                return
            started = time.perf_counter()
            link.request("GET", paths[number % len(paths)], headers=headers)
            answer = link.getresponse()
            answer.read()
            latencies.append(time.perf_counter() - started)
            if answer.status != 200:
                raise AssertionError(answer.status)

    threads = [threading.Thread(target=client) for _ in range(CONCURRENCY)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return latencies


def _against(
    figure: str,
    ours: float,
    peer: float,
    goal: float | None,
    name: str,
    unit: str = "s",
) -> Row:
    return Row(
        figure=figure,
        ours=f"{ours:.2f} {unit}",
        peer=f"{name}: {peer:.2f} {unit}",
        ratio=ours / peer,
        goal=goal,
    )


def _limit(figure: str, ours: float, limit: float) -> Row:
    return Row(
        figure=figure,
        ours=f"{ours:.1f}",
        peer=f"limit: {limit}",
        ratio=ours / limit,
        goal=1.0,
    )


def _show(rows: list[Row]) -> None:
    table = Table("figure", "ours", "peer", "ratio", "goal", "")
    lines = ["| figure | ours | peer | ratio | goal | |", "|---|---|---|---|---|---|"]
    for row in rows:
        ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
        goal = "" if row.goal is None else f"{row.goal:g}"
        cells = (row.figure, row.ours, row.peer, ratio, goal, row.verdict)
        table.add_row(*cells)
        lines.append(f"| {' | '.join(cells)} |")
    Console().print(table)
    RESULTS.write_text(f"{_header()}\n{chr(10).join(lines)}\n")


def _header() -> str:
    memory = psutil.virtual_memory().total / 2**30
    return (
        "# Benchmarks\n\n"
        "Made by `make bench`; do not edit. Ratios count, not rates: each peer was "
        "measured in the same run.\n\n"
        f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores "
        f"({_processor()}), {memory:.0f} GiB, Python {platform.python_version()}, "
        f"{platform.system()} {platform.machine()}.\n"
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = (line.partition(":")[2].strip() for line in lines if "model name" in line)
    return next(names, platform.processor())
