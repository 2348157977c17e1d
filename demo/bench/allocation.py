"""Who gets what, at a shop's size: gaps that are certified, CPU, memory, arrivals.

Seeds are fresh: 1,000 and on, where development had 0 to 99. Worst cases count. The
peer is HiGHS' interior point (no crossover) on the very linear programme, whole. A pass
is one reading of both matrices by NumPy: v − λ·c, and each customer's best.
BENCH_SEEDS=3 makes a quick run of it.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from demo.bench.markets import FAMILIES, market
from demo.bench.small_markets import instance
from demo.bench.table import Row, against, least, limit, show, shown
from promotions import core_lp, instance_files
from promotions.allocation import Impossible, NotCertified, Plan, solve
from promotions.deciding import cached, decide, helm, resolve, steer
from promotions.instances import Instance
from promotions.remainders import left, rest_of, taken

SEEDS = int(os.environ.get("BENCH_SEEDS", "20"))
FRESH = range(1000, 1000 + SEEDS)
STRETCH = 0.05
"""Of the traffic, after which prices are made anew."""
STEERED = 200
"""Decisions, after which the price of the return is moved."""


def run() -> None:
    """Measure, worst cases over the seeds; 20 of them take some ten minutes."""
    show("Allocation", list(_measured()))


def _measured() -> Iterator[Row]:
    for family in ("shop", "return"):
        yield from _cell("100 k", 100_000, family, gap=3e-5, most=0.02, seconds=5)
    yield from _against_highs()
    for family in FAMILIES[2:]:
        yield from _cell("100 k", 100_000, family, gap=3e-5, most=0.02, seconds=5)
    yield from _cell("1 M", 1_000_000, "shop", gap=3e-5, most=0.01, seconds=10)
    yield from _cell("1 M", 1_000_000, "return", gap=3e-5, most=0.01, seconds=10)
    yield limit("1 M: memory, of the instance's own", _memory(), 2.0, 2)
    yield from _budget_only()
    yield from _random()
    yield from _arrivals()


def _cell(
    size: str, n: int, family: str, *, gap: float, most: float, seconds: float
) -> Iterator[Row]:
    gaps, times, uses = [], [], []
    for seed in FRESH:
        asked = market(n, seed=seed, family=family)
        plan, spent = _solved(asked, gap)
        gaps.append(100 * plan.certificate.gap if plan.certificate.feasible else 100.0)
        times.append(spent)
        uses += _use(asked, plan)
    name = f"{size} × 10, {family}"
    yield limit(f"{name}: certified gap, worst, %", max(gaps), most, 4)
    yield limit(f"{name}: CPU s, worst", max(times), seconds, 2)
    if uses:
        yield least(f"{name}: of a budget that binds, least", min(uses), 99.99, "%", 3)


def _solved(asked: Instance, gap: float) -> tuple[Plan, float]:
    begun = time.process_time()
    try:
        plan = solve(asked, gap=gap)
    except NotCertified as refusal:
        if refusal.best is None:
            raise
        plan = refusal.best
    return plan, time.process_time() - begun


def _use(asked: Instance, plan: Plan) -> list[float]:
    """Return what is used of each budget that has a price, in per cent."""
    use = taken(asked, *np.nonzero(plan.chosen))
    return [
        100 * float(use[place]) / budget.amount
        for place, budget in enumerate(asked.budgets)
        if plan.prices[place] > 1e-9
    ]


def _against_highs() -> Iterator[Row]:
    """Solve one instance's linear programme whole, as anybody would by a solver."""
    asked = market(100_000, seed=FRESH[0], family="shop")
    plan, ours = _solved(asked, 3e-5)
    rest = rest_of(asked)
    option, who = np.nonzero(np.isfinite(rest.value))
    nobody = np.zeros(rest.value.shape, dtype=np.bool_)
    begun = time.process_time()
    answer = core_lp.solve(
        rest, option, who, nobody, rest.limit, seconds=900, method="ipm"
    )
    peer = time.process_time() - begun
    yield against("the first of these, CPU", ours, peer, 0.2, "HiGHS on the same LP")
    if answer is not None:
        short = 100 * (answer.bound - plan.certificate.value) / answer.bound
        yield limit("its value below the LP's, %", short, 0.02, 4)


def _budget_only() -> Iterator[Row]:
    gaps, passes = [], []
    for seed in FRESH:
        asked = market(1_000_000, seed=seed, stocks=0)
        one = float(np.median([_pass(asked) for _ in range(5)]))
        plan, spent = _solved(asked, 1e-5)
        gaps.append(1e5 * plan.certificate.gap)
        passes.append(spent / one)
    yield limit("1 M × 10, budget only: gap, worst, of 1e-5", max(gaps), 1.0, 3)
    yield limit("its CPU, worst, in passes", max(passes), 80)
    yield shown("one pass, CPU ms", f"{1e3 * one:.1f}")


def _pass(asked: Instance, size: int = 1 << 16) -> float:
    """Return the CPU seconds of reading both matrices once, for the dual's value."""
    spare, best = np.empty(size, np.float32), np.empty(size, np.float32)
    begun, total, price = time.process_time(), 0.0, np.float32(0.7)
    for start in range(0, asked.customers, size):
        at = slice(start, min(start + size, asked.customers))
        row, top = spare[: at.stop - start], best[: at.stop - start]
        top[:] = 0
        for option in range(asked.options):
            np.multiply(asked.cost[option, at], price, out=row)
            np.subtract(asked.value[option, at], row, out=row)
            np.maximum(top, row, out=top)
        total += float(top.sum(dtype=np.float64))
    return time.process_time() - begun


def _memory() -> float:
    """Return the peak of a process that loads and solves, over the instance's bytes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "instance.npz"
        asked = market(1_000_000, seed=FRESH[0], family="shop")
        instance_files.save(path, asked)
        code = "from demo.bench.allocation import peak; import sys; peak(sys.argv[1])"
        grown = subprocess.run(  # noqa: S603
            [sys.executable, "-c", code, str(path)],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
    return float(grown.split()[-1]) / asked.nbytes


def peak(path: str) -> None:
    """Print by how many bytes loading and solving grow this process, at its peak."""
    solve(market(2000, seed=1), gap=1e-2)  # what is loaded once
    before = psutil.Process().memory_info().rss
    solve(instance_files.load(Path(path)))
    # Not getrusage: its peak is inherited from whoever started this process.
    status = Path("/proc/self/status").read_text()
    highest = int(status.split("VmHWM:")[1].split()[0]) * 1024
    print(highest - before)  # noqa: T201


def _random() -> Iterator[Row]:
    """Solve 1,000 random instances of every degenerate kind, up to 3,000 customers."""
    counts = dict.fromkeys(("certified", "impossible", "refused", "broken"), 0)
    for seed in range(50 * SEEDS):
        n = (None, 30, 300, 3000)[seed % 4]
        try:
            plan = solve(instance(5000 + seed, n), gap=1e-3)
            counts["certified"] += 1
            counts["broken"] += not plan.certificate.feasible
        except Impossible:
            counts["impossible"] += 1
        except NotCertified as refusal:
            counts["refused"] += 1
            counts["broken"] += bool(
                refusal.best and not refusal.best.certificate.feasible
            )
    name = f"{50 * SEEDS:,} random ones: plans that break a limit"
    said = ", ".join(f"{count} {what}" for what, count in counts.items())
    broken = counts["broken"]
    yield Row(figure=name, ours=str(broken), peer=said, ratio=float(broken), goal=0.0)


def _arrivals() -> Iterator[Row]:
    shares: dict[str, list[float]] = {}
    worst, times = 0.0, list[float]()
    for family in ("shop", "return"):
        for seed in FRESH:
            share, least_left, slow = _stream(100_000, family, seed)
            shares.setdefault(family, []).append(share)
            worst, times = min(worst, least_left), [*times, slow]
    for family, some in shares.items():
        name = f"100 k arrivals, {family}: of hindsight, worst"
        yield least(name, 100 * min(some), 99.7, "%", 2)
    yield Row(
        figure="overrun of any limit, at worst",
        ours=f"{abs(worst):g}",
        peer="none",
        ratio=abs(worst),
        goal=0.0,
    )
    yield limit("a decision, p99 µs, worst", max(times), 50)


def _stream(n: int, family: str, seed: int) -> tuple[float, float, float]:
    """Decide on customers as they come, knowing yesterday and those seen.

    Returns the share of the certified bound in hindsight, the least that was left of
    any limit, and the 99th percentile of a decision, µs. Prices are made anew every
    5 % of the traffic, and in the last of these stretches at every tenth of it; the
    return's is steered in between, at every so many decisions, whose time counts.
    """
    asked = market(n, seed=seed, family=family)
    hindsight = solve(asked, gap=1e-3).certificate.bound
    before = _open(market(n // 5, seed=seed + 10_000, family=family))
    order = np.random.default_rng(seed).permutation(n)
    holds = left(asked, None)
    prices = resolve(before, holds, coming=n, prices=np.zeros(len(holds)))
    by = helm(before, prices, coming=n)
    kept, won, times = holds.tolist(), 0.0, []
    cuts = _cuts(n)
    for begun, end in pairwise(cuts):
        if begun:
            seen = _join(_part(_open(asked), order[:begun]), before)
            holds = np.maximum(np.array(kept), 0.0)
            prices = resolve(seen, holds, coming=n - begun, prices=prices)
        for place, row in enumerate(_rows(asked, order[begun:end]), start=begun):
            started = time.perf_counter_ns()
            if place == begun or place % STEERED == 0:
                gone = min(1.0, (place + STEERED) / n)
                known = cached(asked, steer(asked, prices, kept, by, gone=gone))
            given = decide(known, *row, left=kept)
            times.append(time.perf_counter_ns() - started)
            won += sum(row[0][option] for option in given)
    slow = float(np.percentile(times, 99)) / 1e3
    return won / hindsight, min(0.0, *kept), slow


def _cuts(n: int) -> list[int]:
    step = round(STRETCH * n)
    return [*range(0, n - step, step), *range(n - step, n, step // 10), n]


def _open(asked: Instance) -> Instance:
    """Take an instance's own limits away: a sample's are not looked at."""
    budgets = tuple(replace(one, amount=1e15) for one in asked.budgets)
    return replace(asked, budgets=budgets, stock=np.full(len(asked.stock), 1e15))


def _each(change: Callable[[str], Any]) -> dict[str, Any]:
    return {name: change(name) for name in ("value", "cost", "sku", "units")}


def _part(asked: Instance, rows: Any) -> Instance:
    return replace(asked, **_each(lambda name: getattr(asked, name)[:, rows]))


def _join(one: Instance, other: Instance) -> Instance:
    def joined(name: str) -> Any:
        return np.concatenate([getattr(one, name), getattr(other, name)], axis=1)

    return replace(one, **_each(joined))


def _rows(asked: Instance, who: Any) -> Iterator[tuple[list[Any], ...]]:
    columns = _each(lambda name: getattr(asked, name)[:, who].T.tolist())
    yield from zip(*columns.values(), strict=True)
