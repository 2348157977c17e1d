"""A cart priced and an order redeemed, by strategies that apply by themselves."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from rest_framework.test import APIClient

from promotions.models import Strategy
from tests.conftest import Make

Automatic = Callable[..., Strategy]


@pytest.fixture
def automatic(live: Make) -> Automatic:
    """Return a function that makes a strategy live for everybody."""

    def make(kind: str = "percentage", **fields: Any) -> Strategy:
        return live(kind, trigger="automatic", holdout=0, **fields)

    return make


def menu(kind: str, **terms: Any) -> dict[str, Any]:
    return {"it": {"kind": kind, **terms}}


def qualify(api: APIClient, *skus: str, **more: Any) -> Any:
    lines = [{"sku": sku, "quantity": 1} for sku in skus]
    answer = api.post("/api/v1/qualifications", {"lines": lines} | more, format="json")
    assert answer.status_code == 200, answer.json()
    return answer.json()


def redeem(api: APIClient, order_id: str, *skus: str, **more: Any) -> Any:
    lines = [{"sku": sku, "quantity": 1} for sku in skus]
    return api.post(
        "/api/v1/redemptions",
        {"order_id": order_id, "lines": lines} | more,
        format="json",
        headers={"Idempotency-Key": str(uuid4())},
    )
