"""The whole loop, on a slice of the real data: read it as a tour.

A real HTTP server, PostgreSQL, Valkey and a Celery worker of its own; the shop speaks
the public API, olga decides in the admin, and everything else happens by itself.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import islice
from typing import Any
from uuid import uuid4

import polars as pl
import pytest
from celery import current_app
from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone
from pytest_django.live_server_helper import LiveServer

from analytics import access, events, glances, projections
from analytics.models import Customer, Outcome, Profile
from catalog import feeds
from config import services
from demo import journey
from demo.shop import Client
from ml.models import Score, TrainedModel, TrainingRun
from promotions import measurement
from promotions.models import Offer, Strategy

HOUSEHOLDS = 250
PATIENCE = 240.0


@pytest.fixture
def worker(transactional_db: None) -> Iterator[None]:
    """A Celery worker in a process of its own, on the test's database."""
    name = connection.settings_dict["NAME"]
    database = services.urls(os.environ).database.rpartition("/")[0] + f"/{name}"
    child = subprocess.Popen(
        [
            *(sys.executable, "-m", "celery", "-A", "config.celery", "worker"),
            *("--concurrency", "1", "--pool", "solo", "--loglevel", "error"),
        ],
        env=os.environ | {"DATABASE_URL": database},
    )
    yield
    child.terminate()
    child.wait(30)


@pytest.fixture
def shop(live_server: LiveServer) -> Client:
    return Client(live_server.url, access.create_key("shop", access.SCOPES))


def wait_for(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not done():
        assert time.monotonic() < deadline, "the worker did not get there"
        time.sleep(0.1)


def slice_of_the_year() -> journey.Journey:
    tables = pl.scan_parquet(journey.folder() / "transactions.parquet")
    ids = tables.select("household_id").unique().sort("household_id")
    some = ids.head(HOUSEHOLDS).collect()["household_id"].to_list()
    return journey.Journey(journey.shift_to(timezone.now()), tuple(some))


@pytest.mark.timeout(600)
def test_the_loop(worker: None, shop: Client, client: Browser, olga: User) -> None:
    year = slice_of_the_year()
    _the_shop_tells_its_year(shop, year)
    _the_platform_learns()
    strategy = _it_proposes_and_olga_approves(client, olga)
    offer, name = _customers_get_offers(strategy)
    _the_storefront_shows_prices_and_redeems(shop, name, strategy, offer)
    _what_it_earned_is_measured(strategy)


def _the_shop_tells_its_year(shop: Client, year: journey.Journey) -> None:
    feeds.take(year.products(), at=timezone.now())
    told = year.events()
    sent = 0
    while batch := list(islice(told, 2000)):
        body = b'{"events":[%s]}' % b",".join(batch)
        answer = shop.send("POST", "events", body)
        assert answer["accepted"] == len(batch)
        sent += len(batch)
    again = shop.send("POST", "events", b'{"events":[%s]}' % next(year.events()))
    assert again["duplicate"] == 1

    while projections.catch_up():
        pass
    assert Customer.objects.count() >= HOUSEHOLDS
    assert Profile.objects.filter(orders__gt=0).count() == HOUSEHOLDS


def _the_platform_learns() -> None:
    run = TrainingRun.objects.create(requested_by="test")
    current_app.send_task("ml.tasks.retrain", kwargs={"run": str(run.id)})

    wait_for(lambda: Score.objects.exists())
    run.refresh_from_db()
    assert run.state == "succeeded", run.error
    winner = TrainedModel.objects.get(promoted_at__isnull=False, task="propensity")
    losses = {
        name: figures["validation"]["log_loss"]
        for name, figures in run.report["candidates"].items()
    }
    assert set(losses) == {"logistic", "tree", "forest", "boosting"}
    naive = run.report["baselines"]["frequency"]["validation"]["log_loss"]
    assert losses[winner.estimator] < naive
    assert any(
        isinstance(stored.event, events.ModelPromoted)
        for stored in glances.read_stream("model:propensity")
    )


def _it_proposes_and_olga_approves(client: Browser, olga: User) -> Strategy:
    current_app.send_task("promotions.tasks.propose")
    wait_for(lambda: Strategy.objects.exists())
    time.sleep(0.5)
    assert set(Strategy.objects.values_list("state", flat=True)) == {"proposed"}
    assert not Offer.objects.exists()

    best = max(
        Strategy.objects.all(),
        key=lambda strategy: float(strategy.forecast["margin"]),
    )
    client.force_login(olga)
    page = reverse("admin:promotions_strategy_decide", args=["approve", best.pk])
    client.post(page, {"comment": "It pays."})

    best.refresh_from_db()
    assert (best.state, best.decided_by) == ("live", "olga")
    return best


def _customers_get_offers(strategy: Strategy) -> tuple[Offer, str]:
    """Nobody asks for them here: the approval did."""
    wait_for(lambda: Offer.objects.exists())
    offer = Offer.objects.filter(strategy=strategy).order_by("-expected").first()
    assert offer is not None
    return offer, Customer.objects.get(key=offer.customer).name


def _the_storefront_shows_prices_and_redeems(
    shop: Client, name: str, strategy: Strategy, offer: Offer
) -> None:
    shown = shop.call("GET", f"customers/{name}/offers")["offers"]
    assert str(offer.id) in [row["id"] for row in shown]
    _report(shop, name, "offer_shown", {"offer": str(offer.id)})

    sku = _something_in(strategy.scope[0])
    cart = {"customer": name, "lines": [{"sku": sku, "quantity": 12}]}
    priced = shop.call("POST", "qualifications", cart)
    assert [effect["offer"] for effect in priced["effects"]] == [str(offer.id)]

    order = {**cart, "order_id": "o-1", "offers": [str(offer.id)]}
    redeemed = shop.call("POST", "redemptions", order, **{"Idempotency-Key": "o-1"})
    assert redeemed["total"] == priced["total"]
    lines = [{"sku": sku, "category": strategy.scope[0], "paid": redeemed["total"]}]
    bought = {"order_id": "o-1", "currency": "USD", "lines": lines}
    _report(shop, name, "order_completed", bought)


def _something_in(category: str) -> str:
    from catalog.models import Product

    shelf = Product.objects.filter(category=category, price__gt=0, promotable=True)
    return str(shelf.order_by("-price", "sku").values_list("sku", flat=True)[0])


def _report(shop: Client, name: str, kind: str, data: dict[str, Any]) -> None:
    event = {"id": str(uuid4()), "type": kind, "customer": name, "data": data}
    assert shop.call("POST", "events", {"events": [event]})["accepted"] == 1


def _what_it_earned_is_measured(strategy: Strategy) -> None:
    results = measurement.refresh(until=timezone.now() + timedelta(seconds=1))

    measured = results[strategy.id]
    strategy.refresh_from_db()
    assert strategy.redemptions == 1
    spent = measured.effects["discount"].value * measured.treatment
    # A gift counts at what it cost the shop, not at what it is worth.
    share = 1 - float(settings.ASSUMED_MARGIN) if strategy.kind == "gift" else 1.0
    assert spent == pytest.approx(share * float(strategy.spent))
    assert measured.treatment + measured.control > 100
    assert measured.control > 0
    # One treated customer bought, nobody else did; what they bought before is luck.
    paid = Outcome.objects.filter(kind="order").latest("position").paid
    assert paid is not None
    revenue = measured.effects["revenue"]
    off = abs(revenue.value - float(paid) / measured.treatment)
    assert off < 3 * (revenue.error or 0)
    assert strategy.measured["treatment"] == measured.treatment
