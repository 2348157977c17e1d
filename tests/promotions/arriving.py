"""A shop that has learnt and planned, and newcomers who read their offers."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from analytics import clock, events, store
from analytics.models import Customer
from ml import scoring, training
from ml.models import TrainingRun
from promotions import arrivals, targeting
from promotions.models import Strategy
from tests.conftest import Make, experienced
from tests.ml.conftest import Shop

PLENTY = Decimal(10_000)
MENU = {f"{n}%": {"kind": "percentage", "rate": f"0.{n:02}"} for n in (5, 10)}


@pytest.fixture
def opened(one_learner: None, shop: Shop, models_dir: Path) -> None:
    """A shop that has learnt, and knows of 60 customers."""
    shop(signal=True)
    run = TrainingRun.objects.create(requested_by="olga")
    training.train(run=run, at=timezone.now(), report=lambda *_: None)
    scoring.score(at=timezone.now())
    experienced(lift=0.8, low=0.5, high=1.1, depth=0.1)


@pytest.fixture
def strategy(opened: None, live: Make) -> Strategy:
    """A live strategy, and a refresh that has planned for all whom the scores know."""
    return planned(live)


def planned(live: Make, **more: Any) -> Strategy:
    fields = {"scope": ["tea"], "menu": MENU, "budget": PLENTY, "holdout": 0.2}
    made = live(**(fields | more))
    targeting.refresh(at=timezone.now())
    return made


def comes(name: str) -> Customer:
    return Customer.objects.create(external_id=name)


def read(name: str) -> list[dict[str, Any]]:
    body = arrivals.sheet(name, currency="USD", at=clock.now())
    return list(json.loads(body)["offers"])


def of(*people: Customer) -> list[events.OfferAssigned]:
    keys = {one.key for one in people}
    rows = store.read(until=store.high_water(), types=["offer_assigned"])
    told = [row.event for row in rows if row.customer in keys]
    return [one for one in told if isinstance(one, events.OfferAssigned)]


def one_more(number: int) -> bool:
    person = comes(f"newcomer {number}")
    read(person.name)
    return bool(of(person))
