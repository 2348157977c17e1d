"""What is learnt on the real data, how well, and what a night of it costs.

Figures come from `manage.py evaluate`'s tables (everybody, mean of the cut-offs), the
peer being the best that counting can do; costs from the tasks of a night, each in a
fresh process with one thread a fit. "Ten times the customers" are the same histories
ten times in memory, under customer and order codes of their own: honest about what
grows with customers, but not about the log's own reading.
"""

import os
import resource
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import get_context
from typing import Any
from uuid import UUID

import django
import numpy as np
from django.utils import timezone

from analytics.models import Customer, StoredEvent
from demo.bench import loop
from demo.bench.table import Row, limit, show
from ml import (
    demand,
    evaluated,
    features,
    lines,
    live,
    model_files,
    own_past,
    profiling,
    propensity,
    recommending,
    registry,
    response,
    scoring,
    shortlists,
    tables,
    training,
)
from ml.codes import day_of, recoded
from ml.evaluated import Order
from ml.models import PROPENSITY, RANKING, Shortlist, TrainingRun
from ml.purchases import Purchases
from ml.ranking import Stored
from ml.served import RankedShop
from ml.trials import Table

ASKED = 300
TIMES = 10
# What the study of learners on these data set as targets, before any was written here;
# BEGINNERS, and the limits of the night's costs, too.
GOALS: Mapping[str, tuple[tuple[str, float], ...]] = {
    "propensity": (("auc", 0.831), ("log_loss", 0.362), ("ece", 0.010)),
    "redemption": (("auc", 0.844), ("log_loss", 0.321), ("lift", 4.1)),
    "next-basket": (("R@10", 0.146), ("N@10", 0.208), ("PHR", 0.587)),
    "last-basket": (("R@10", 0.173), ("N@10_all", 0.159)),
}
LESS = ("log_loss", "ece")
"""Less is better of these."""
MODELS = {
    "propensity": ("logistic", "frequency"),
    "redemption": ("logistic", "past_rate"),
    "next-basket": ("ranker", "personal frequency"),
    "last-basket": ("ranker", "personal frequency"),
}
BEGINNERS = {1: 0.070, 3: 0.092, 5: 0.110, 10: 0.127}
STRANGER = 0.046


@dataclass(frozen=True, kw_only=True)
class Spent:
    """What a task of the night took: seconds, and GiB at its peak."""

    cpu: float
    wall: float
    peak: float
    answer: Any


def run() -> None:
    """Measure on the demo's data; loaded first, if they are not there."""
    if not StoredEvent.objects.exists():
        loop.around()
    shop = evaluated.read(Order(), until=timezone.now())
    found = {name: tables.run(shop, name)[0].rows for name in tables.PROTOCOLS}
    show("Learning", [*_figures(found), *_costs(), *_answers()])
    show("The contest", list(_contest(found["propensity"])))


def _figures(found: Mapping[str, Table]) -> Iterator[Row]:
    for protocol, goals in GOALS.items():
        ours, peer = (_row(found[protocol], model=name) for name in MODELS[protocol])
        for figure, goal in goals:
            yield _goal(f"{protocol}: {figure}", ours, peer, figure, goal)
    best = _row(found["propensity"], model="logistic")
    yield limit("propensity: a fit, CPU s", best["fit_seconds"], 30)
    yield limit("propensity: 225,000 pairs scored, CPU s", best["score_seconds"], 1)
    for orders, goal in BEGINNERS.items():
        ours, peer = (
            _row(found["cold-start"], model=name, orders=orders)
            for name in ("ranker", "personal frequency")
        )
        yield _goal(f"after {orders} orders: R@10", ours, peer, "R@10", goal)
    popular = _row(found["cold-start"], model="popular", orders=1)
    yield _goal("a new customer: R@10", popular, popular, "R@10", STRANGER)


def _row(table: Table, **asked: Any) -> dict[str, Any]:
    """Return the row asked for, of several cut-offs the mean's."""
    named = [one for one in table if asked.items() <= one.items()]
    return next(one for one in named if one.get("cut", "mean") == "mean")


def _goal(
    name: str, ours: Mapping[str, Any], peer: Mapping[str, Any], key: str, goal: float
) -> Row:
    """Compare with the peer for the reader, and with the goal for the ratio."""
    sign, value = ("≤", ours[key]) if key in LESS else ("≥", ours[key])
    return Row(
        figure=name,
        ours=f"{value:.4f}",
        peer=f"{peer['model']}: {peer[key]:.4f}; goal {sign} {goal:g}",
        ratio=value / goal if key in LESS else goal / value,
        goal=1.0,
    )


def _contest(table: Table) -> Iterator[Row]:
    first = _row(table, model="logistic")
    for name in dict.fromkeys(row["model"] for row in table):
        one = _row(table, model=name)
        yield Row(
            figure=f"{name}: AUC {one['auc']:.4f}, ECE {one['ece']:.4f}, a fit "
            f"{one['fit_seconds']:.1f} CPU s, {one['bytes']:,} bytes",
            ours=f"log-loss {one['log_loss']:.4f} ± {one['log_loss_error']:.4f}",
            peer=f"logistic: {first['log_loss']:.4f}",
            ratio=one["log_loss"] / first["log_loss"],
            goal=None,
        )


NIGHT: Mapping[str, Callable[..., Any]] = {
    "the contest": lambda at: training.train(
        run=TrainingRun.objects.create(requested_by="bench"),
        at=at,
        report=lambda *_: None,
    ),
    "the ranker": lambda at: recommending.train(
        run=TrainingRun.objects.create(requested_by="bench"), at=at
    ),
    "shortlists": lambda at: shortlists.shortlist(at=at),
    "scores": lambda at: scoring.score(at=at),
    "profiles": lambda at: profiling.refresh(at=at),
    "elasticities": lambda at: demand.refresh(at=at),
    "the response": lambda at: response.refresh(at=at),
}


def _costs() -> Iterator[Row]:
    """Run a night's tasks one after the other, each in a process of its own."""
    spent = {name: _apart(name) for name in NIGHT}
    for name, one in spent.items():
        yield _told(f"the night's {name.removeprefix('the ')}", one)
    yield limit("the whole night, wall s", sum(o.wall for o in spent.values()), 300)
    peaks = [one.peak for one in spent.values()]
    # Two workers: at worst the two largest of them meet.
    yield limit("its two largest tasks at once, GiB", sum(sorted(peaks)[-2:]), 4)
    customers = Customer.objects.filter(person=None).count()
    a_customer = spent["scores"].cpu * 1000 / customers
    yield limit("nightly scoring, CPU ms a customer", a_customer, 4)
    for times in (1, TIMES):
        one = _apart(str(times))
        yield _told(f"scored in memory, {one.answer:,} customers ({times} ×)", one)


def _told(figure: str, one: Spent) -> Row:
    ours = f"{one.cpu:.1f} CPU s, {one.peak:.2f} GiB"
    return Row(figure=figure, ours=ours, peer="", ratio=None, goal=None)


def _apart(name: str) -> Spent:
    """Run a task in a fresh process, which gives its memory back."""
    os.environ["OMP_NUM_THREADS"] = "1"
    # Spawned: a forked one would begin with our memory, and its peak.
    with ProcessPoolExecutor(
        1, mp_context=get_context("spawn"), initializer=django.setup
    ) as pool:
        return pool.submit(_spent, name).result()


def _spent(name: str) -> Spent:
    started = time.perf_counter()
    before = time.process_time()
    task = NIGHT.get(name) or partial(_many, times=int(name))
    answer = task(at=timezone.now())
    return Spent(
        cpu=time.process_time() - before,
        wall=time.perf_counter() - started,
        # Linux tells KiB.
        peak=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
        answer=answer if isinstance(answer, int) else None,
    )


def _many(*, at: Any, times: int) -> int:
    """Score the same histories `times` over, under codes of their own."""
    _, known = registry.first_of(PROPENSITY, _propensity)
    history = lines.arrays(lines.read(until=at))
    size, count = len(history.customers), len(known.categories)
    names = (history.categories, known.categories)
    past = _over(recoded(history.purchases, categories=names), size, times)
    del history
    day = float(past.day.max()) + 1e-5
    context = features.context(past, day=day, categories=count)
    everybody = size * times
    for part in features.chunks(past, customers=everybody, size=scoring.CHUNK):
        rows = known.built(
            part.past, day=day, customers=part.stop - part.start, context=context
        )
        known.expected(rows, context=context)
    return everybody


def _propensity(checksum: str) -> propensity.PropensityModel:
    return propensity.PropensityModel.of(model_files.load(checksum))


def _over(past: Purchases, customers: int, times: int) -> Purchases:
    """Repeat the lines with other customers and orders each time."""
    copy = np.repeat(np.arange(times), len(past))
    again = past.where(np.tile(np.arange(len(past)), times))
    orders = int(past.order.max()) + 1
    return replace(
        again,
        customer=(again.customer + copy * customers).astype(np.int32),
        order=again.order + copy * orders,
    )


def _answers() -> Iterator[Row]:
    """Ask for one customer's products, again and again."""
    people = Customer.objects.filter(person=None).order_by("key")[:ASKED]
    keys = list(people.values_list("key", flat=True))
    at = timezone.now()
    live.recommendations(keys[0], at=at, most=10)
    _, shop = registry.first_of(RANKING, _ranked)
    model = []
    for key in keys:
        past, stored = shop.coded(own_past.history([key], at=at)), _stored(key)
        rank = partial(shop.recommended, past, now=day_of(at), stored=stored)
        model.append(_millis(rank, time.process_time))
    whole = [
        _millis(partial(live.recommendations, key, at=at, most=10), time.perf_counter)
        for key in keys
    ]
    p95 = float(np.percentile(model, 95))
    yield limit("one customer's ranking, without reads, p95 CPU ms", p95, 5)
    yield Row(
        figure="the same with its reads, p95 wall ms (p50)",
        ours=f"{np.percentile(whole, 95):.1f} ({np.percentile(whole, 50):.1f})",
        peer="",
        ratio=None,
        goal=None,
    )


def _ranked(checksum: str) -> RankedShop:
    return RankedShop.of(model_files.load(checksum))


def _stored(customer: UUID) -> Stored:
    row = Shortlist.objects.get(customer=customer)
    return Stored(product=np.array(row.products, np.int32), near=np.array(row.near))


def _millis(call: Callable[[], object], clock: Callable[[], float]) -> float:
    started = clock()
    call()
    return (clock() - started) * 1e3
