"""Price changes that are approved and rolled, as tests write them."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from analytics import events, store
from catalog import feeds
from catalog.feeds import Listed
from catalog.models import PricePoint, Product
from promotions import approval, price_lines
from promotions.models import PriceLine, Strategy
from promotions.price_lines import Change, Line
from tests.conftest import NOW

DAY = timedelta(days=1)
EARLIER = NOW - 60 * DAY
State = PriceLine.State


def listed(price: str | None = "10.00", sku: str = "tea", **more: Any) -> Listed:
    return Listed(
        sku=sku,
        name=sku,
        category="hot",
        currency="USD",
        price=None if price is None else Decimal(price),
        **more,
    )


def feed(*products: Listed, at: datetime) -> None:
    feeds.take(products, at=at)


def line(
    price: str,
    was: str = "10.00",
    sku: str = "tea",
    starts: datetime = NOW,
    ends: datetime | None = NOW + 7 * DAY,
) -> Line:
    return Line(
        sku=sku, price=Decimal(price), was=Decimal(was), starts_at=starts, ends_at=ends
    )


def proposed(*lines: Line, at: datetime = NOW - DAY) -> Strategy:
    change = Change(
        title="Cheaper tea", reason="It pays.", lines=lines, margin=5, low=1, high=9
    )
    return price_lines.propose(change, by="platform", at=at)


def live(*lines: Line, at: datetime = NOW) -> Strategy:
    strategy = proposed(*lines)
    approval.approve(strategy.id, by="olga", comment="Yes.", at=at)
    return strategy


def price(sku: str = "tea") -> str:
    return f"{Product.objects.get(sku=sku).price:.2f}"


def states(strategy: Strategy) -> list[str]:
    rows = strategy.price_lines.order_by("sku", "starts_at")
    return list(rows.values_list("state", flat=True))


@pytest.fixture(autouse=True)
def shelf(db: None) -> None:
    feed(listed(), listed("2.00", sku="milk"), at=EARLIER)


def changes() -> list[events.PriceChanged]:
    found = store.read(until=store.high_water(), types=["price_changed"])
    return [one.event for one in found]  # type: ignore[misc]


def held() -> tuple[Any, ...]:
    return (
        dict(Product.objects.values_list("sku", "price")),
        sorted(PricePoint.objects.values_list("sku", "since", "price")),
        sorted(PriceLine.objects.values_list("sku", "starts_at", "price", "state")),
    )


def folded() -> tuple[Any, ...]:
    """Tell prices and lines from the log alone."""
    now: dict[str, Decimal | None] = {}
    points: list[tuple[str, datetime, Decimal | None]] = []
    lines = {}
    for stored in store.read(until=store.high_water()):
        match stored.event:
            case events.PriceChanged() | events.PriceWithdrawn() as moved:
                now[moved.sku] = to = getattr(moved, "price", None)
                points.append((moved.sku, stored.occurred_at, to))
            case events.PricesProposed(lines=rows):
                for row in rows:
                    lines[row.sku, row.starts_at] = [row.price, "proposed"]
            case events.PricesRolled(lines=became):
                for state, which in became.items():
                    for key in which:
                        lines[key][1] = state
            case _:
                pass
    return (
        now,
        sorted(points),
        sorted((sku, since, *rest) for (sku, since), rest in lines.items()),
    )
