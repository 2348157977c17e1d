"""Prices: how fast 1,000 are read beside the same bytes from a bare view, and chosen.

The bare view answers bytes from memory behind the same middleware: no key, no database.
The lists of products repeat, as pages of a shop do; one that nobody has asked for yet
takes longer, and is not measured here.
Best prices are compared with trying all combinations, on families small enough.
"""

import itertools
import secrets
import time
from collections.abc import Iterator, Sequence
from decimal import Decimal
from http.client import HTTPConnection
from urllib.parse import urlencode

import numpy as np
from django.http import HttpRequest, HttpResponse
from django.urls import include, path

from analytics import access, clock
from catalog import feeds, price_rules
from catalog.feeds import Listed
from catalog.price_rules import Rules, Shelf
from demo.bench.pages import _wait_for
from demo.bench.served import web
from demo.bench.table import Row, against, least, limit, show, shown
from promotions import price_plans
from promotions.price_plans import Item

PRODUCTS, ASKED, CALLS, LISTS = 20_000, 1000, 1000, 50
PORT = 8797
SKUS = [f"bench-{n:06}" for n in range(PRODUCTS)]
KEPT: dict[str, bytes] = {}


def bare(request: HttpRequest) -> HttpResponse:
    """Answer bytes from memory, behind all the middleware."""
    size = request.META["HTTP_X_SIZE"]
    if size not in KEPT:
        # The frame has 13 bytes.
        KEPT[size] = b'{"prices":[' + b" " * (int(size) - 13) + b"]}"
    return HttpResponse(KEPT[size], content_type="application/json")


urlpatterns = [path("bare", bare), path("", include("config.urls"))]


def run() -> None:
    """Read prices from a server, and choose the best of 10,000."""
    show("Prices", [*_read(), *_chosen()])


def _read() -> Iterator[Row]:
    for start in range(0, PRODUCTS, 10_000):
        feeds.take(
            [
                Listed(sku=sku, name=sku, currency="USD", price=Decimal("12.99"))
                for sku in SKUS[start : start + 10_000]
            ],
            at=clock.now(),
        )
    secret = access.create_key(f"bench {secrets.token_hex(4)}", ["offers"])
    headers = {"Authorization": f"Bearer {secret}"}
    chance = np.random.default_rng(1)
    asked = [
        urlencode([("sku", str(sku)) for sku in chance.choice(SKUS, ASKED)])
        for _ in range(LISTS)
    ] * (CALLS // LISTS)
    with web(PORT, {"ROOT_URLCONF": __name__}):
        _wait_for(PORT)
        link = HTTPConnection("127.0.0.1", PORT)
        size = len(_asked(link, f"/api/v1/prices?{asked[0]}", headers)[1])
        headers["X-Size"] = str(size)
        for _ in range(2):  # the first round warms
            ours, bare_ = _in_turn(link, asked, headers)
    name = f"a bare view of the same {size:,} bytes"
    figure = "GET prices of 1,000 skus, 50 such lists, p95"
    yield against(figure, ours, bare_, 2.0, name, "ms")


def _in_turn(
    link: HTTPConnection, asked: Sequence[str], headers: dict[str, str]
) -> tuple[float, float]:
    """Return both p95 in ms: calls in turn, so that a busy machine hits both."""
    ours, same = [], []
    for query in asked:
        ours.append(_asked(link, f"/api/v1/prices?{query}", headers)[0])
        same.append(_asked(link, f"/bare?{query}", headers)[0])
    return _p95(ours), _p95(same)


def _asked(
    link: HTTPConnection, path: str, headers: dict[str, str]
) -> tuple[float, bytes]:
    started = time.perf_counter()
    link.request("GET", path, headers=headers)
    answer = link.getresponse()
    body = answer.read()
    if answer.status != 200:
        raise AssertionError(answer.status)
    return time.perf_counter() - started, body


def _p95(seconds: Sequence[float]) -> float:
    return 1000 * sorted(seconds)[int(0.95 * len(seconds))]


def _chosen() -> Iterator[Row]:
    items = _items(10_000, sizes=4, seed=2)
    started = time.perf_counter()
    found = price_plans.best(items)
    seconds = time.perf_counter() - started
    yield limit("best prices of 10,000 products in families, s", seconds, 10.0, 2)
    moved = sum(found[item.sku] != item.shelf.price for item in items)
    yield shown("of them get another price", f"{moved:,}")
    ours, most = _compared(200)
    yield least("of the best margin on 200 families", ours / most, 99.9, "%", 2)


def _items(number: int, *, sizes: int, seed: int, ending: str = "9") -> list[Item]:
    chance = np.random.default_rng(seed)
    made = []
    for n in range(number):
        place = n % sizes
        if not place:
            unit, cost_share = chance.uniform(0.5, 4), chance.uniform(0.4, 0.85)
            elasticity = chance.uniform(-4.5, -0.8)
        price = Decimal(f"{unit * (1 + place) ** 0.85:.2f}")
        made.append(
            Item(
                sku=f"item-{n}",
                category=f"category {n % 40}",
                shelf=Shelf(price=price, floor=price / 2, listed=price, currency="USD"),
                rules=Rules(ending=ending),
                cost=float(price) * cost_share,
                units=float(chance.lognormal(3, 1)),
                doubt=5.0,
                elasticity=elasticity,
                error=chance.uniform(0.05, 0.6),
                family=f"family {n // sizes}",
                amount=Decimal(100 * (1 + place)),
                unit="g",
            )
        )
    return made


def _compared(families: int) -> tuple[float, float]:
    """Return our cautious margin, and the best of all that the rules allow."""
    items = _items(3 * families, sizes=3, seed=3, ending=".19 .49 .79 .99")
    found, ours, most = price_plans.best(items), 0.0, 0.0
    for start in range(0, len(items), 3):
        family = items[start : start + 3]
        members = price_plans.members_of(family)
        worth = {
            one.sku: {
                price: float(price_plans.worth(one, np.array([float(price)]))[0])
                for price in price_rules.candidates(one.shelf, one.rules)
            }
            for one in family
        }
        tried = (
            dict(zip(worth, prices, strict=True))
            for prices in itertools.product(*worth.values())
        )
        allowed = (
            prices
            for prices in tried
            if price_rules.family_fault(members, prices) is None
        )
        most += max(
            sum(worth[sku][price] for sku, price in prices.items())
            for prices in allowed
        )
        ours += sum(worth[one.sku][found[one.sku]] for one in family)
    return 100 * ours, most
