"""Goods whose stock and forecast are known, for tests of stock."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.utils import timezone

from catalog import feeds
from catalog.feeds import Listed
from ml.models import Forecast
from promotions import supply

WEEKS = 13


def listed(
    sku: str,
    *,
    at: datetime,
    stock: int | None,
    price: str = "10.00",
    category: str = "TEA",
    **more: Any,
) -> None:
    """Let the shop's feed bring a product."""
    product = Listed(
        sku=sku,
        name=sku.title(),
        category=category,
        currency="USD",
        price=Decimal(price),
        stock=stock,
        **{"cost": Decimal("6.00")} | more,
    )
    feeds.take([product], at=at)


def expected(
    key: str,
    weekly: float,
    *,
    at: datetime,
    level: str = "product",
    spread: float = 0.3,
    elasticity: float = -2.0,
) -> None:
    """Forecast so many units of every week, with a relative standard deviation."""
    sd = 1.2816 * spread * weekly
    monday = at.date() - timedelta(days=at.weekday())
    Forecast.objects.create(
        level=level,
        key=key,
        category="TEA",
        first=monday,
        units=[weekly] * WEEKS,
        median=[weekly] * WEEKS,
        low=[max(0.0, weekly - sd)] * WEEKS,
        high=[weekly + sd] * WEEKS,
        naive=[weekly] * WEEKS,
        seasonal=[weekly] * WEEKS,
        history=[weekly] * 26,
        undiscounted=1.0,
        elasticity=elasticity,
        elasticity_error=0.3,
        method="planted",
        computed_at=at,
    )


def goods(short: int = 3, ample: int = 100) -> None:
    """A category that sells 20 a week of each of two products, counted now."""
    at = timezone.now()
    for sku, stock in (("few", short), ("many", ample)):
        listed(sku, at=at, stock=stock)
        expected(sku, 20.0, at=at)
    supply.refresh(at=at)
