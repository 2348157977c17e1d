"""A small shop whose tastes are planted, so that tests know what is to be found."""

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from analytics import events, store
from analytics.models import Customer
from config.celery import app
from ml import estimators

START = datetime(2025, 1, 6, tzinfo=UTC)
CATEGORIES = ("bread", "cheese", "coffee", "fruit", "milk", "soap", "tea", "wine")

Shop = Callable[..., list[UUID]]
Sent = list[tuple[str, dict[str, Any]]]


def key(name: object) -> UUID:
    return uuid5(NAMESPACE_URL, str(name))


def order(
    customer: UUID, at: datetime, categories: Iterable[str], *, paid: str = "2.00"
) -> store.Fact:
    """One order with a line of each category."""
    lines = tuple(
        events.OrderLine(
            sku=f"{category}-1",
            category=category,
            paid=Decimal(paid),
            shelf_discount=Decimal("0.50"),
        )
        for category in categories
    )
    happened = events.OrderCompleted(order_id="x", currency="EUR", lines=lines)
    return store.Fact(event=happened, at=at, customer=customer)


@pytest.fixture
def models_dir(tmp_path: Path, settings: Any) -> Path:
    settings.MODELS_DIR = tmp_path / "models"
    return tmp_path / "models"


@pytest.fixture
def one_learner(monkeypatch: pytest.MonkeyPatch) -> None:
    """One learner trains alone, where it does not matter which one wins."""
    alone = {"logistic": estimators.CANDIDATES["logistic"]}
    monkeypatch.setattr(estimators, "CANDIDATES", alone)


@pytest.fixture
def shop(db: None) -> Shop:
    """Return a function that fills the log with weekly orders, 41 weeks of them.

    With a signal every customer has two favourites, bought every other week, hardly
    buys the rest, and changes favourites every twelve weeks, so that plain frequency is
    often wrong; without, everybody buys all alike and the past tells nothing.
    """

    def filled(*, signal: bool, customers: int = 60, weeks: int = 41) -> list[UUID]:
        chance = np.random.default_rng(7)
        keys = [key(number) for number in range(customers)]
        Customer.objects.bulk_create(
            Customer(key=one, external_id=str(one)) for one in keys
        )
        facts = []
        for number, one in enumerate(keys):
            rates = np.full(len(CATEGORIES), 0.08)
            for week in range(weeks):
                if signal and (week == 0 or (week + number) % 12 == 0):
                    rates = np.full(len(CATEGORIES), 0.01)
                    rates[chance.permutation(len(CATEGORIES))[:2]] = 0.5
                bought = np.flatnonzero(chance.random(len(CATEGORIES)) < rates)
                at = START + timedelta(weeks=week, hours=int(chance.integers(150)))
                facts.append(order(one, at, [*(CATEGORIES[i] for i in bought), ""]))
        store.append_new(facts)
        return keys

    return filled


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Sent:
    """What was put on the queue: (task, arguments)."""
    queue: Sent = []

    def send(name: str, kwargs: dict[str, Any] | None = None) -> None:
        queue.append((name, kwargs or {}))

    monkeypatch.setattr(app, "send_task", send)
    return queue


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Keep small fits off the other cores, which they would only wait for."""
    with threadpool_limits(limits=1):
        yield
