"""A shop's customers, who ask the assistant in one conversation."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.cache import cache
from rest_framework.test import APIClient

from analytics import access
from analytics.models import Customer
from demo.bench import service_cast
from demo.bench.service_cast import NOW

TALK = "6f1c2f30-6f37-4b6e-9a0a-2f1b0a7c9e11"


@pytest.fixture(autouse=True)
def clean() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def cast(db: None, monkeypatch: pytest.MonkeyPatch) -> dict[str, Customer]:
    monkeypatch.setattr("analytics.clock.now", lambda: NOW)
    return dict(service_cast.make())


@pytest.fixture
def browser(db: None) -> APIClient:
    client = APIClient()
    key = access.create_key("browser", ["questions"], publishable=True)
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {key}")
    return client


def ask(api: APIClient, text: str, **more: Any) -> Any:
    body = {"conversation": TALK, "text": text, **more}
    return api.post("/api/v1/questions", body, format="json")


def read(api: APIClient, customer: str = "") -> Any:
    query = f"?customer={customer}" if customer else ""
    return api.get(f"/api/v1/conversations/{TALK}{query}")
