"""Messages of the Segment family's wire, as tests post them."""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from analytics import access, store

Post = Callable[..., Any]


@pytest.fixture
def key(db: None) -> str:
    return access.create_key("storefront", ["events"], publishable=True)


@pytest.fixture
def post(key: str, client: Client) -> Post:
    def send(path: str, body: object, **headers: str) -> Any:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        basic = base64.b64encode(f"{key}:".encode()).decode()
        given = {"authorization": f"Basic {basic}"} | headers
        return client.post(path, raw, content_type="text/plain", headers=given)

    return send


def track(event: str | None = "Quiz Passed", **changes: Any) -> dict[str, Any]:
    message = {
        "type": "track",
        "messageId": f"m-{timezone.now().timestamp()}-{event}",
        "userId": "ana",
        "event": event,
        "properties": {"score": 3, "comment": "my street is Elm 5"},
        "timestamp": timezone.now().isoformat(),
    }
    return message | changes


def kept() -> list[store.Stored]:
    return list(store.read(until=store.high_water()))
