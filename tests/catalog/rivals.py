"""A shop of teas, and what competitors ask for theirs."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal as D
from typing import Any

import pytest

from analytics import events, store
from catalog import competitor_feeds, feeds, matching
from catalog.competitor_feeds import PriceSeen
from catalog.models import CompetitorPrice, CompetitorProduct

AT = datetime(2026, 6, 1, 12, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
GTIN = "4006381333931"
See = Callable[..., int]


def listed(sku: str, name: str, **more: Any) -> feeds.Listed:
    told: dict[str, Any] = {"currency": "USD", "price": D(10), "category": "TEA"}
    told |= more
    return feeds.Listed(sku=sku, name=name, **told)


@pytest.fixture
def teas(db: None) -> None:
    feeds.take(
        [
            listed("green", "Green Tea", brand="Acme", size="100 g", gtin=GTIN),
            listed("black", "Black Tea", brand="Acme", size="100 g", mpn="B-1"),
            listed("large", "Black Tea", brand="Acme", size="250 g"),
            listed("mint", "Peppermint Tea", brand="Bestleaf", size="20 ct"),
            listed("camomile", "Camomile Tea", brand="Bestleaf", size="20 ct"),
            listed("kettle", "Kettle 1.7 l steel", brand="Boiler", category="KETTLES"),
            *(listed(f"s{n}", f"Soap {n}", brand=f"Washers{n}") for n in range(40)),
        ],
        at=AT - 100 * DAY,
    )


@pytest.fixture
def see(teas: None) -> See:
    """Return a function that takes a price, matches, and returns the product's id."""

    def seen(name: str = "Green tea", price: str = "9", **more: Any) -> int:
        told: dict[str, Any] = {"competitor": "Rival", "currency": "USD", "seen_at": AT}
        told |= {"product": name[:200]} | more
        row = PriceSeen(name=name, price=D(price), **told)
        competitor_feeds.take_prices([row], at=AT)
        matching.run(at=AT)
        return CompetitorProduct.objects.get(
            competitor=row.competitor, product=row.product
        ).pk

    return seen


def recounted() -> list[tuple[Any, ...]]:
    """Return the history, which the log tells as well."""
    rows = CompetitorPrice.objects.order_by("product", "at")
    told = list(rows.values_list("product", "at", "price", "available"))
    competitor_feeds.recount()
    assert list(rows.values_list("product", "at", "price", "available")) == told
    return told


def sell(sku: str, quantity: int) -> None:
    line = events.OrderLine(sku=sku, category="TEA", quantity=quantity, paid=D(10))
    order = events.OrderCompleted(order_id=sku, currency="USD", lines=(line,))
    store.append_new([store.Fact(event=order, at=AT - DAY)])
