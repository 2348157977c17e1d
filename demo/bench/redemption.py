"""Money under fire: 10,000 attempts on a budget for 1,000, also with killed servers.

Beside it the usual pattern, check and then write, on the same PostgreSQL; then what
POST qualifications and POST redemptions cost against a bare DRF view with one row read,
or written, by the same server in the same run.
"""

import json
import os
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal
from http.client import HTTPConnection, HTTPException
from typing import Any

import psycopg
from django.conf import settings
from django.db import connection
from django.utils import timezone

from analytics import access
from analytics.models import StoredEvent
from catalog import feeds
from demo.bench import killable
from demo.bench.served import Call, hammer, web
from demo.bench.table import Row, against, show
from promotions import approval, spelling
from promotions.models import Campaign, Code, Redemption, Strategy

ATTEMPTS = int(os.environ.get("BENCH_ATTEMPTS", "10000"))
PAID = ATTEMPTS // 10
CONNECTIONS, CONCURRENCY, ROUNDS = 32, 8, 5
REQUESTS = ATTEMPTS // 10
PORT, BARE_PORT = 8934, 8935
OFF = Decimal("2.00")
Answer = tuple[int, dict[str, Any]]


def run() -> None:
    """Measure everything on an empty database."""
    feeds.take(
        [
            feeds.Listed(
                sku="tea",
                name="Tea",
                category="TEA",
                currency=settings.CURRENCY,
                price=Decimal(10),
            )
        ],
        at=timezone.now(),
    )
    key = access.create_key("bench", ["carts"])
    show(
        "Redemption",
        [
            _ours("no server is killed", key, kill=False),
            _ours("server processes are killed at random", key, kill=True),
            _usual("Oscar", OSCAR),
            _usual("Saleor", SALEOR),
            *_cost(key),
        ],
    )


def _ours(name: str, key: str, *, kill: bool) -> Row:
    """Let 32 clients redeem a code by a server of 32 connections until all answered."""
    strategy = _strategy(PAID * OFF, f"BENCH-{kill}")
    with killable.serving(PORT) as server:
        enough = threading.Event()
        killer = threading.Thread(target=server.kill_at_random, args=[enough])
        if kill:
            killer.start()
        with ThreadPoolExecutor(CONNECTIONS) as pool:
            numbers = range(ATTEMPTS)
            answers = list(
                pool.map(lambda n: _attempt(f"BENCH-{kill}", n, key), numbers)
            )
        enough.set()
        if kill:
            killer.join()
    strategy.refresh_from_db()
    won = [one for _, body in answers for one in body.get("redemptions", [])]
    rows = {str(row.id) for row in Redemption.objects.filter(strategy=strategy)}
    logged = StoredEvent.objects.filter(
        type="offer_redeemed", data__strategy=str(strategy.id)
    ).count()
    lost, twice = len(set(won) ^ rows), len(won) - len(set(won))
    # What clients were told, the rows, the log and the money: all four must agree.
    if (strategy.spent, logged, lost, twice) != (PAID * OFF, PAID, 0, 0):
        raise AssertionError((strategy.spent, logged, lost, twice))
    killed = f", {server.killed} processes killed" if kill else ""
    return Row(
        figure=f"{ATTEMPTS:,} redemptions at once of a budget for {PAID:,}, {name}",
        ours=f"{logged:,} paid, {lost} lost, {twice} twice{killed}",
        peer=f"exactly {PAID:,}",
        ratio=logged / PAID,
        goal=1.0,
    )


def _strategy(budget: Decimal, text: str) -> Strategy:
    at = timezone.now()
    strategy = Strategy(
        campaign=Campaign.objects.create(
            name="Bench",
            starts_at=at,
            ends_at=at + timedelta(days=1),
            budget=budget,
            currency=settings.CURRENCY,
        ),
        kind="percentage",
        title="10 % off tea",
        reason="To be measured.",
        scope=["TEA"],
        menu={"10%": {"kind": "percentage", "rate": "0.10"}},
        trigger="code",
        currency=settings.CURRENCY,
        budget=budget,
        holdout=0,
        least_margin=Decimal("0.05"),
        forecast={"reach": 0},
        guards=[{"name": "budget", "passed": True, "detail": ""}],
    )
    approval.propose(strategy, by="bench", at=at)
    approval.approve(strategy.id, by="bench", comment="Bench.", at=at)
    Code.objects.create(digest=spelling.digest(text), text=text, strategy=strategy)
    return strategy


def _attempt(code: str, number: int, key: str) -> Answer:
    """Send an order until it is answered, with its key each time."""
    body, headers = _order(code, f"{code} {number}"), _headers(key)
    headers["Idempotency-Key"] = f"{code} {number}"
    while True:
        link = HTTPConnection("127.0.0.1", PORT, timeout=30)
        with suppress(OSError, HTTPException):
            link.request("POST", "/api/v1/redemptions", body, headers)
            answer = link.getresponse()
            told = json.loads(answer.read())
            # 409, the budget is spent, is an answer too; 503 asks to come again.
            if answer.status in (200, 201, 409):
                return answer.status, told
            if answer.status != 503:
                raise AssertionError(told)
        link.close()
        time.sleep(0.1)


def _order(code: str, order_id: str) -> bytes:
    lines = [{"sku": "tea", "quantity": 2}]
    order = {"order_id": order_id, "codes": [code], "lines": lines}
    return json.dumps(order).encode()


def _headers(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}


OSCAR = "UPDATE bench_usual_offer SET used = %s"
"""`num_applications += 1; save()`: writes what was read before, and one more."""
SALEOR = "UPDATE bench_usual_offer SET used = used + 1 WHERE %s IS NOT NULL"
"""Filters by the limit, then locks and counts; the limit is not looked at again."""


def _usual(name: str, write: str) -> Row:
    """Do as is usual: read what is used, compare, then write it, as fast as it goes."""
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS bench_usual_offer, bench_usual_use")
        cursor.execute("CREATE TABLE bench_usual_offer (id int, used int)")
        cursor.execute("CREATE TABLE bench_usual_use (n int)")
        cursor.execute("INSERT INTO bench_usual_offer VALUES (1, 0)")
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        list(pool.map(_usual_client, [write] * CONNECTIONS))
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT used, (SELECT count(*) FROM bench_usual_use) FROM bench_usual_offer"
        )
        counted, paid = cursor.fetchone()
        cursor.execute("DROP TABLE bench_usual_offer, bench_usual_use")
    return Row(
        figure=f"{ATTEMPTS:,} at once as {name} does it: check, then write",
        ours="",
        peer=f"{paid:,} paid for {PAID:,}, {paid - counted:,} of them not counted",
        ratio=paid / PAID,
        goal=None,
    )


def _usual_client(write: str) -> None:
    with psycopg.connect(**connection.get_connection_params()) as link:
        for _ in range(ATTEMPTS // CONNECTIONS):
            with link.transaction():
                read = link.execute("SELECT used FROM bench_usual_offer")
                [(used,)] = read.fetchall()
                # Nothing is locked: others read the same `used` before this is written.
                if used < PAID:
                    link.execute("INSERT INTO bench_usual_use VALUES (1)")
                    link.execute(write, [used + 1])


def _cost(key: str) -> list[Row]:
    """POST qualifications and redemptions against bare views, round by round."""
    strategy = _strategy(Decimal(10) ** 6, "BENCH-COST")
    cart = {"codes": ["BENCH-COST"], "lines": [{"sku": "tea", "quantity": 2}]}
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS bench_bare_row")
        cursor.execute(
            "CREATE TABLE bench_bare_row (id bigint GENERATED ALWAYS AS IDENTITY"
            " PRIMARY KEY, body jsonb)"
        )
        cursor.execute("INSERT INTO bench_bare_row (body) VALUES ('{}')")
    read = [Call(path="/api/v1/qualifications", body=json.dumps(cart).encode())]
    bare = {"ROOT_URLCONF": "demo.bench.peers"}
    timed: dict[str, list[float]] = {}
    with web(PORT), web(BARE_PORT, bare):
        for round_ in range(ROUNDS):
            orders = [
                Call(
                    path="/api/v1/redemptions",
                    body=_order("BENCH-COST", f"cost {round_} {n}"),
                    key=f"cost {round_} {n}",
                )
                for n in range(REQUESTS)
            ]
            for name, port, calls in (
                ("POST qualifications", PORT, read * REQUESTS),
                ("one row read", BARE_PORT, [_bare("read")] * REQUESTS),
                ("POST redemptions", PORT, orders),
                ("one row written", BARE_PORT, [_bare("write")] * REQUESTS),
            ):
                took, _ = hammer(port, calls, _headers(key), connections=CONCURRENCY)
                timed.setdefault(name, []).extend(took)
    strategy.refresh_from_db()
    if strategy.redemptions != ROUNDS * REQUESTS:
        raise AssertionError(strategy.redemptions)
    return [
        against(
            f"{ours}, one budget for all, {name} at concurrency {CONCURRENCY}",
            _share(timed[ours], share),
            _share(timed[peer], share),
            None,
            f"bare DRF view, {peer}",
            "ms",
        )
        for ours, peer in (
            ("POST qualifications", "one row read"),
            ("POST redemptions", "one row written"),
        )
        for name, share in (("p50", 0.5), ("p99", 0.99))
    ]


def _bare(what: str) -> Call:
    return Call(path=f"/bare/{what}", body=b"{}")


def _share(seconds: Sequence[float], share: float) -> float:
    return sorted(seconds)[int(len(seconds) * share)] * 1000
