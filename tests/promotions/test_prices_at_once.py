"""Feeds and roll-outs at the same instant, and a worker that is killed half-way."""

import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from decimal import Decimal
from threading import Barrier
from typing import Any
from uuid import UUID

import pytest
from django.db import connection, transaction

from analytics import events, store
from catalog import feeds
from catalog.feeds import Listed
from catalog.models import PriceHold, PricePoint, Product, ShownPrice
from config import services
from config.services import ROOT
from promotions import (
    approval,
    decision_rules,
    price_changes,
    price_lines,
    price_proposals,
    price_rolls,
)
from promotions.models import PriceLine, Strategy
from promotions.price_lines import Change, Line
from tests.conftest import NOW
from tests.promotions.racing import at_once
from tests.promotions.test_concurrency import deadlocks

pytestmark = pytest.mark.django_db(transaction=True)
DAY = timedelta(days=1)
SKUS = [f"sku-{n:03}" for n in range(200)]


def feed(price: str, at: Any) -> None:
    feeds.take(
        [Listed(sku=s, name=s, currency="USD", price=Decimal(price)) for s in SKUS],
        at=at,
    )


def approved(price: str = "8.99", begins: timedelta = DAY) -> Strategy:
    change = Change(
        title="Cheaper",
        reason="It pays.",
        lines=[
            Line(
                sku=sku,
                price=Decimal(price),
                was=Decimal(10),
                starts_at=NOW + begins,
                ends_at=NOW + 5 * DAY,
            )
            for sku in SKUS
        ],
        margin=1,
        low=0,
        high=2,
    )
    strategy = price_lines.propose(change, by="platform", at=NOW)
    approval.approve(strategy.id, by="olga", comment="Yes.", at=NOW)
    return strategy


def consistent() -> None:
    """Products, holds, points, what is shown, and the log say the same."""
    told: dict[str, Decimal] = {}
    for stored in store.read(until=store.high_water(), types=["price_changed"]):
        assert isinstance(stored.event, events.PriceChanged)
        assert stored.event.was == told.get(stored.event.sku)  # one chain a product
        told[stored.event.sku] = stored.event.price
    assert told == dict(Product.objects.values_list("sku", "price"))
    for sku, price in told.items():
        assert f'"price":"{price:.2f}"' in ShownPrice.objects.get(sku=sku).body
    held = PriceHold.objects.filter(released_at=None, overruled_at=None)
    running = PriceLine.objects.filter(state="running").values_list("sku", "price")
    assert sorted(held.values_list("sku", "price")) == sorted(running)
    assert PricePoint.objects.count() == len(
        list(store.read(until=store.high_water(), types=["price_changed"]))
    )


@pytest.mark.parametrize("says", ["10.00", "8.99", "9.50"])
def test_feeds_and_roll_outs_at_once_tell_one_story(says: str) -> None:
    feed("10.00", NOW - 60 * DAY)
    strategy = approved()
    before = deadlocks()

    at_once(
        [
            *[lambda: feed(says, NOW + DAY)] * 4,
            *[lambda: price_rolls.roll(at=NOW + DAY)] * 4,
            lambda: approval.pause(strategy.id, by="o", comment="x", at=NOW + DAY),
        ],
        connections=9,
    )
    price_rolls.roll(at=NOW + DAY)

    assert deadlocks() == before
    consistent()
    prices = set(Product.objects.values_list("price", flat=True))
    assert len(prices) == 1  # all or none


def test_of_two_changes_at_once_one_is_approved() -> None:
    feed("10.00", NOW - 60 * DAY)
    some = []
    for price in ("8.99", "9.49"):
        change = Change(
            title=price,
            reason="It pays.",
            lines=[
                Line(sku=sku, price=Decimal(price), was=Decimal(10), starts_at=NOW)
                for sku in SKUS
            ],
            margin=1,
            low=0,
            high=2,
        )
        some.append(price_lines.propose(change, by="platform", at=NOW))

    def approve(one: Strategy) -> bool:
        try:
            approval.approve(one.id, by="olga", comment="Yes.", at=NOW)
        except decision_rules.GuardFailed:
            return False
        return True

    passed = at_once([lambda one=one: approve(one) for one in some], connections=2)  # type: ignore[misc]

    assert sorted(passed) == [False, True]
    consistent()


ROLLER = """
import sys, django
django.setup()
from datetime import datetime
from promotions import price_rolls
price_rolls.roll(at=datetime.fromisoformat(sys.argv[1]))
"""
WAITS = (
    "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = %s::regclass"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)


@pytest.mark.parametrize("stage", ["catalog_pricepoint", "analytics_storedevent"])
def test_a_roll_out_killed_half_way_leaves_nothing_half(stage: str) -> None:
    """The errand waits at a table that the test holds, with half its work behind it."""
    feed("10.00", NOW - 60 * DAY)
    strategy = approved()
    url = services.urls(os.environ).database.rpartition("/")[0]
    env = os.environ | {
        "DATABASE_URL": f"{url}/{connection.settings_dict['NAME']}",
        "DJANGO_SETTINGS_MODULE": "config.settings",
    }
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"LOCK TABLE {stage} IN ACCESS EXCLUSIVE MODE")
        command = [sys.executable, "-c", ROLLER, (NOW + DAY).isoformat()]
        roller = subprocess.Popen(command, env=env, cwd=ROOT)
        deadline, waits = time.monotonic() + 60, 0
        while not waits:
            assert roller.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
            cursor.execute(WAITS, [stage])
            (waits,) = cursor.fetchone()
        roller.send_signal(signal.SIGKILL)
        roller.wait(20)

    assert set(Product.objects.values_list("price", flat=True)) == {Decimal(10)}
    assert set(strategy.price_lines.values_list("state", flat=True)) == {"planned"}
    consistent()

    price_rolls.roll(at=NOW + DAY)
    assert set(Product.objects.values_list("price", flat=True)) == {Decimal("8.99")}
    consistent()


def test_who_proposes_a_category_second_is_shown_the_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Both have looked, and found nobody, before either of them proposes."""
    from tests.promotions.better_prices import HOT, feed, foresee

    for sku in ("tea", "coffee"):
        feed(sku, cost=Decimal("5.00"))
        foresee(sku)
    looked, change = Barrier(2, timeout=30), price_changes.change

    def together(*args: Any, **more: Any) -> Change:
        looked.wait()
        return change(*args, **more)

    monkeypatch.setattr(price_changes, "change", together)

    def clicks() -> Strategy | UUID:
        try:
            return price_proposals.propose_for(HOT, by="olga", at=NOW).id
        except price_proposals.UnderWay as error:
            return error.strategy

    found = at_once([clicks, clicks])

    made = Strategy.objects.get()
    assert sorted(map(str, found)) == sorted([str(made.id), str(made)])
