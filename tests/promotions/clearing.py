"""Yogurt that will expire: its stock, its sales, its clearance."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from analytics import events, store
from analytics.models import Customer
from catalog.models import Product
from promotions import approval, clearances, supply
from promotions.models import PriceLine, Strategy
from tests.conftest import NOW
from tests.promotions.shelves import expected, listed

DAY = timedelta(days=1)
MONDAY = NOW.replace(hour=5, minute=30)


def expiring(stock: int = 200, days: int = 36, at: datetime = MONDAY) -> None:
    """Ten of it sell a week, and it is good for so many days."""
    listed("yogurt", at=at, stock=stock, expires_on=at.date() + days * DAY)
    expected("yogurt", 10.0, at=at)
    supply.refresh(at=at)


def lines(strategy: Strategy) -> list[PriceLine]:
    return list(strategy.price_lines.order_by("starts_at"))


def sold(units: int, at: datetime) -> None:
    who = Customer.objects.create(external_id=f"someone {at}")
    row = events.OrderLine(
        sku="yogurt",
        category="TEA",
        quantity=units,
        paid=Decimal(8) * units,
        shelf_discount=Decimal(2) * units,
    )
    order = events.OrderCompleted(order_id=f"order {at}", lines=(row,), currency="USD")
    store.append([order], at=at, customer=who.key)


def approved(at: datetime = MONDAY) -> Strategy:
    [made] = clearances.propose(at=MONDAY)
    approval.approve(made.id, by="olga", comment="Clear it.", at=at)
    return Strategy.objects.get(pk=made.pk)


def restocked(stock: int, at: datetime, **more: Any) -> None:
    expires = Product.objects.get().expires_on
    listed("yogurt", at=at, stock=stock, **{"expires_on": expires} | more)
