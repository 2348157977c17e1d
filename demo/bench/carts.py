"""Pricing carts: against django-oscar, as strategies grow, and at the worst.

Everything is in-process and on PostgreSQL, with what a request would read: products,
strategies, budgets. Oscar (pip's django-oscar) runs in a venv of its own below var/,
on a database of its own, with the same 1,000 offers and the same basket.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import Any
from uuid import uuid4

import numpy as np
from django.db import connection
from django.utils import timezone

from catalog.models import Product
from config.services import ROOT, VAR
from demo.bench.table import Row, against, limit, show
from promotions import carts, rule_reading, rules
from promotions.models import Campaign, Strategy
from promotions.shopping import Cart, Item, Priced

OSCAR = "django-oscar==4.2.1", "factory_boy==3.3.3", "psycopg[binary]==3.2.12"
TOUCH = 10
"""Strategies about each category, however many there are."""


def run() -> None:
    """Measure, print and keep the table."""
    rows = [*_against_oscar(), *_growing(), *_worst()]
    show("Carts", rows)


def _against_oscar() -> list[Row]:
    """Ten lines of two units, 1,000 strategies of which ten are about each product."""
    theirs = _oscar(offers=1000, lines=10, times=5, categories=100)
    with _shop(products=100, strategies=1000, about="s") as shop:
        ours = _times(lambda: shop(10), 50)
        priced = shop(10)
    off = sum(priced.off) * priced.coins.unit
    # Not the same cart: then the times say nothing.
    if Decimal(theirs["discount"]) != off:
        raise RuntimeError(f"another cart: Oscar gives {theirs['discount']}, we {off}")
    peer = float(np.median(theirs["seconds"])) * 1e3
    return [
        against(
            "10 lines, 1,000 strategies, p50",
            float(np.median(ours)),
            peer,
            0.01,
            "django-oscar",
            "ms",
        )
    ]


def _growing() -> list[Row]:
    rows = []
    first = 0.0
    for number in (100, 1000, 10_000, 100_000):
        categories = number // TOUCH
        with _shop(products=max(categories, 50), strategies=number, about="c") as shop:
            lines = min(50, categories)
            times = _times(partial(shop, lines), 200)
            touching = lines * TOUCH
        p50, p99 = np.percentile(times, [50, 99])
        name = f"{lines} lines, {number:,} strategies of which {touching} touch it"
        if number == 10_000:
            rows.append(limit(f"{name}, p99 ms", p99, 10))
        first = first or p50 / touching
        rows.append(
            against(
                f"{name}, p50, each",
                1e3 * p50 / touching,
                1e3 * first,
                None,
                "of 100",
                "µs",
            )
        )
    return rows


def _worst() -> list[Row]:
    """The largest basket, and the deepest stack: all interact, the search must stop."""
    with _shop(products=1000, strategies=1000, about="c") as shop:
        large = max(_times(lambda: shop(1000), 5))
    deep = {"shares_lines": True, "basis": "discounted"}
    with _shop(products=50, strategies=20, about="*", rule=deep) as shop:
        worst = max(_times(lambda: shop(50), 3))
        exact = shop(50).exact
    return [
        limit("1,000 lines, 1,000 strategies, all touching, slowest ms", large, 1000),
        limit(
            f"20 strategies stacked on each of 50 lines"
            f" ({'proved' if exact else 'stopped'}), slowest ms",
            worst,
            5000,
        ),
    ]


Shop = Callable[[int], Priced]
"""Price a cart of so many lines."""


@contextmanager
def _shop(
    *, products: int, strategies: int, about: str, rule: dict[str, Any] | None = None
) -> Iterator[Shop]:
    """Make a shop, and yield how to price a cart of its first products."""
    at = timezone.now()
    Product.objects.bulk_create(
        [
            Product(
                sku=f"p{n}",
                name=f"p{n}",
                category=f"k{n}",
                price=Decimal(10),
                cost=Decimal(1),
                currency="USD",
            )
            for n in range(products)
        ]
    )
    campaign = Campaign.objects.create(
        name="bench",
        starts_at=at - timedelta(days=1),
        ends_at=at + timedelta(days=1),
        budget=Decimal(10**9),
        currency="USD",
    )
    made = [
        _strategy(n, campaign, products, about, rule or {}) for n in range(strategies)
    ]
    Strategy.objects.bulk_create(made, batch_size=5000)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE promotions_strategy, catalog_product")

    def priced(lines: int) -> Priced:
        items = [Item(sku=f"p{n}", quantity=2) for n in range(lines)]
        return carts.qualify(Cart(items=items, currency="USD"), at=timezone.now())

    try:
        yield priced
    finally:
        _database("TRUNCATE promotions_campaign, promotions_strategy CASCADE")
        Product.objects.all().delete()


def _strategy(
    n: int, campaign: Campaign, products: int, about: str, rule: dict[str, Any]
) -> Strategy:
    """10 to 19 % off two or more units of one product, or of one category."""
    place = n % products
    about_sku = {"skus": [f"p{place}"]} if about == "s" else {}
    scope = [f"k{place}"] if about == "c" else []
    conditions = {"least_quantity": 2, "of": "scope"}
    whole = {"conditions": conditions} | about_sku | rule
    menu = {"off": {"kind": "percentage", "rate": str(Decimal(10 + n % 10) / 100)}}
    touches = rules.touches(
        rule_reading.decoded_rule(whole),
        rule_reading.decoded_menu(menu).values(),
        tuple(scope),
    )
    return Strategy(
        id=uuid4(),
        campaign=campaign,
        kind="percentage",
        trigger="automatic",
        title=f"{n}",
        reason="bench",
        scope=scope,
        menu=menu,
        rule=whole,
        touches=touches,
        currency="USD",
        state="live",
        budget=Decimal(10**6),
        holdout=0,
        least_margin=Decimal("0.05"),
        forecast={},
        guards=[],
        decided_at=timezone.now(),
    )


def _times(price: Callable[[], object], times: int) -> Sequence[float]:
    """Return the milliseconds of each call, after a first that fills the memory."""
    price()
    found = []
    for _ in range(times):
        started = time.perf_counter()
        price()
        found.append((time.perf_counter() - started) * 1e3)
    return found


def _oscar(*, offers: int, lines: int, times: int, categories: int) -> Any:
    """Run demo.bench.oscar_peer in its own venv and database."""
    venv = VAR / "oscar"
    if not (venv / "bin" / "oscar-is-here").exists():
        subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)  # noqa: S603
        pip = [str(venv / "bin" / "pip"), "install", "--quiet", *OSCAR]
        subprocess.run(pip, check=True)  # noqa: S603
        (venv / "bin" / "oscar-is-here").touch()
    _database("DROP DATABASE IF EXISTS bench_oscar", "CREATE DATABASE bench_oscar")
    where = connection.settings_dict
    environment = os.environ | {
        "BENCH_HOST": where["HOST"],
        "BENCH_USER": where["USER"],
        "BENCH_PASSWORD": where["PASSWORD"] or "",
        "BENCH_PORT": str(where["PORT"] or ""),
        "BENCH_NAME": "bench_oscar",
    }
    # The peer configures itself.
    environment.pop("DJANGO_SETTINGS_MODULE", None)
    script = ROOT / "demo" / "bench" / "oscar_peer.py"
    sizes = [str(n) for n in (offers, lines, times, categories)]
    done = subprocess.run(  # noqa: S603
        [venv / "bin" / "python", script, *sizes],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    _database("DROP DATABASE bench_oscar")
    return json.loads(done.stdout.splitlines()[-1])


def _database(*statements: str) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
