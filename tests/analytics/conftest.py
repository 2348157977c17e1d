"""Events to send and to store, and threads with database connections of their own."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Barrier
from typing import Any, TypeVar
from uuid import UUID, uuid4

import pytest
from django.db import connection
from rest_framework.test import APIClient

from analytics import access, events, store

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
T = TypeVar("T")


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


def kept() -> list[UUID]:
    return [stored.id for stored in store.read(until=store.high_water())]


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
    from analytics import folds

    save = folds.Days.save

    def fail(self: folds.Days, into: folds.Into) -> None:
        save(self, into)
        raise ValueError("poisoned")

    monkeypatch.setattr(folds.Days, "save", fail)
    return lambda: monkeypatch.setattr(folds.Days, "save", save)
