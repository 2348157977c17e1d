"""Three weeks of orders, and a draft that is tried on them."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from rest_framework.test import APIClient

from analytics import events, store
from analytics.models import Customer
from promotions import tasks

LAST = datetime(2026, 6, 29, 12, tzinfo=UTC)
PAGE = "/api/v1/backtests"


def order(who: Customer | None, at: datetime, *lines: tuple[str, str, str]) -> None:
    made = events.OrderCompleted(
        order_id=str(uuid4()),
        currency="USD",
        lines=tuple(
            events.OrderLine(sku=sku, category=category, paid=Decimal(paid))
            for sku, category, paid in lines
        ),
    )
    store.append([made], at=at, customer=who.key if who else None)


TEA, MILK = ("tea", "TEA", "10.00"), ("milk", "MILK", "2.00")


@pytest.fixture
def orders(ana: Customer, ben: Customer) -> None:
    """Four orders in three weeks: two of tea by ana, one by a guest, ben's milk."""
    order(ana, LAST - timedelta(days=15), TEA)
    order(ana, LAST - timedelta(days=14), TEA, MILK)
    order(None, LAST - timedelta(days=8), TEA)
    order(ben, LAST, MILK)


def done(api: APIClient, **sent: Any) -> Any:
    answer = api.post(PAGE, sent, format="json")
    assert answer.status_code == 201, answer.json()
    tasks.try_on_past_weeks()
    return api.get(f"{PAGE}/{answer.json()['id']}").json()
