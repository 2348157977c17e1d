"""A small shop whose tastes are planted, so that tests know what is to be found."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

import numpy as np
import pytest

from analytics import events, store
from analytics.models import Customer

START = datetime(2025, 1, 6, tzinfo=UTC)
CATEGORIES = ("bread", "cheese", "coffee", "fruit", "milk", "soap", "tea", "wine")

Shop = Callable[..., list[UUID]]


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
def shop(db: None) -> Shop:
    """Return a function that fills the log with weekly orders, 32 weeks of them.

    With a signal every customer has two favourites, bought every other week, and hardly
    buys the rest; without, everybody buys everything alike and past tells nothing.
    """

    def filled(*, signal: bool, customers: int = 60, weeks: int = 32) -> list[UUID]:
        chance = np.random.default_rng(7)
        keys = [key(number) for number in range(customers)]
        Customer.objects.bulk_create(
            Customer(key=one, external_id=str(one)) for one in keys
        )
        facts = []
        for one in keys:
            rates = np.full(len(CATEGORIES), 0.01 if signal else 0.08)
            if signal:
                rates[chance.permutation(len(CATEGORIES))[:2]] = 0.5
            for week in range(weeks):
                bought = np.flatnonzero(chance.random(len(CATEGORIES)) < rates)
                names = [CATEGORIES[number] for number in bought]
                at = START + timedelta(weeks=week, hours=int(chance.integers(150)))
                facts.append(order(one, at, [*names, ""]))
        store.append_new(facts)
        return keys

    return filled
