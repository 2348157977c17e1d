"""Events to send and to store, and threads with database connections of their own."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal
from threading import Barrier
from typing import Any, TypeVar
from uuid import UUID, uuid4

import pytest
from django.db import connection
from rest_framework.test import APIClient

from analytics import access, events, store

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
T = TypeVar("T")

EVERY: dict[str, events.Event] = {
    "campaign_announced": events.CampaignAnnounced(
        campaign="may", kind="leaflet", starts_on="2026-05-01", ends_on="2026-06-01"
    ),
    "campaign_received": events.CampaignReceived(campaign="may"),
    "coupon_issued": events.CouponIssued(
        campaign="may", coupon="TEA5", skus=("tea", "ü-ключ-😀")
    ),
    "coupon_redeemed": events.CouponRedeemed(campaign="may", coupon="TEA5"),
    "model_promoted": events.ModelPromoted(
        model=UUID(int=1),
        task="propensity",
        estimator="linear",
        checksum="abc",
        validation={"auc": 0.75},
        reason="best on validation",
    ),
    "offer_assigned": events.OfferAssigned(
        strategy=UUID(int=2), arm="holdout", variant=None, probability=0.05
    ),
    "offer_redeemed": events.OfferRedeemed(
        strategy=UUID(int=2),
        redemption=UUID(int=3),
        variant="10%",
        offer=UUID(int=4),
        order_id="o-1",
        discount=Decimal("1.2345"),
        currency="USD",
    ),
    "offer_shown": events.OfferShown(offer=UUID(int=4), placement="home"),
    "offers_computed": events.OffersComputed(
        customers=2, offers=3, strategies={"a": 3}, model=None
    ),
    "order_completed": events.OrderCompleted(
        order_id="o-1",
        currency="USD",
        lines=(
            events.OrderLine(sku="tea", category="TEA", quantity=2, paid=Decimal(18)),
            events.OrderLine(
                sku="milk", paid=Decimal("1.99"), coupon_discount=Decimal("0.01")
            ),
        ),
    ),
    "price_changed": events.PriceChanged(
        sku="tea", price=Decimal("9.50"), was=Decimal("10.00"), currency="USD"
    ),
    "product_added": events.ProductAdded(sku="tea", category="TEA", quantity=3),
    "product_viewed": events.ProductViewed(sku="tea", category="TEA"),
    "stock_changed": events.StockChanged(sku="tea", stock=3, was=None),
    "strategy_approved": events.StrategyApproved(by="olga", comment="Good."),
    "strategy_ended": events.StrategyEnded(by="olga"),
    "strategy_proposed": events.StrategyProposed(
        kind="percentage",
        title="10 % on tea",
        by="platform",
        scope=("TEA",),
        menu={"10%": {"kind": "percentage", "rate": "0.10"}},
        budget=Decimal("100.00"),
        currency="USD",
        holdout=0.05,
        forecast={"reach": 2, "low": -1.5},
    ),
    "strategy_rejected": events.StrategyRejected(by="olga", comment="Too dear."),
}
"""One event of every type."""


def viewed(sku: str = "tea", **fields: Any) -> store.Fact:
    event = events.ProductViewed(sku=sku, category="TEA")
    return store.Fact(event=event, at=NOW, **fields)


def sent(**changes: Any) -> dict[str, Any]:
    """A correct event as a shop sends it, but for the changes."""
    event = {
        "id": str(uuid4()),
        "type": "product_viewed",
        "customer": "ana",
        "occurred_at": "2026-06-01T12:00:00Z",
        "data": {"sku": "tea", "category": "TEA"},
    }
    return event | changes


def order(*amounts: object, **changes: Any) -> dict[str, Any]:
    """An order as a shop sends it, with a line for each amount paid."""
    lines = [{"sku": "tea", "category": "TEA", "paid": paid} for paid in amounts]
    data = {"order_id": "o-1", "currency": "USD", "lines": lines}
    return sent(type="order_completed", data=data, **changes)


def post(client: APIClient, *raws: str | bytes | dict[str, Any]) -> Any:
    """Post a batch; an event given as text goes out as it is."""
    texts = [
        json.dumps(raw).encode()
        if isinstance(raw, dict)
        else raw.encode()
        if isinstance(raw, str)
        else raw
        for raw in raws
    ]
    return send(client, b'{"events": [' + b", ".join(texts) + b"]}")


def send(client: APIClient, body: bytes) -> Any:
    return client.post("/api/v1/events", body, content_type="application/json")


def with_key(*scopes: str) -> APIClient:
    client = APIClient()
    key = access.create_key("narrow shop", scopes)
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {key}")
    return client


def together(*jobs: Callable[[], T]) -> list[T]:
    """Do the jobs at once, each in a thread with a connection of its own."""
    start = Barrier(len(jobs))

    def do(job: Callable[[], T]) -> T:
        try:
            start.wait(timeout=10)
            return job()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(jobs)) as pool:
        return list(pool.map(do, jobs))


@pytest.fixture
def poisoned(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """The projection `days` raises when saved; the function returned cures it."""
    from analytics import projections

    save = projections.Days.save

    def fail(self: projections.Days) -> None:
        save(self)
        raise ValueError("poisoned")

    monkeypatch.setattr(projections.Days, "save", fail)
    return lambda: monkeypatch.setattr(projections.Days, "save", save)
