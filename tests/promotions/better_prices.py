"""Two categories whose prices can be better: what is hot falls, what is cold rises."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from catalog import feeds
from catalog.feeds import Listed
from ml.models import Forecast
from promotions.models import Strategy
from tests.conftest import NOW

DAY = timedelta(days=1)
HOT, COLD = "hot", "cold"


def feed(sku: str, category: str = HOT, price: str = "10.00", **more: Any) -> None:
    product = Listed(
        sku=sku,
        name=sku.capitalize(),
        category=category,
        currency="USD",
        price=Decimal(price),
        **more,
    )
    feeds.take([product], at=NOW - 60 * DAY)


def foresee(sku: str, elasticity: float = -4.0, **more: Any) -> None:
    fields: dict[str, Any] = {
        "units": [100.0] * 4,
        "low": [80.0] * 4,
        "median": [100.0] * 4,
        "high": [120.0] * 4,
        "history": [90.0] * 10,
        "elasticity_error": 0.2,
    }
    Forecast.objects.create(
        level=Forecast.Level.PRODUCT,
        key=sku,
        category=HOT,
        first=date(2026, 6, 1),
        naive=[],
        seasonal=[],
        undiscounted=1.0,
        elasticity=elasticity,
        method="test",
        computed_at=NOW,
        **fields | more,
    )


@pytest.fixture(autouse=True)
def market(db: None) -> None:
    for sku, cost in (("tea", "5.00"), ("coffee", "9.40")):
        feed(sku, cost=Decimal(cost))
        foresee(sku)
    feed("ice", COLD, cost=Decimal("5.00"))
    foresee("ice", -1.01)


def lines(strategy: Strategy) -> dict[str, Decimal]:
    return dict(strategy.price_lines.values_list("sku", "price"))
