"""Strategies proposed by the API, approved, and followed by a next version."""

from typing import Any

from django.utils import timezone
from rest_framework.test import APIClient

from promotions import approval, backtest
from promotions.models import Strategy


def propose(api: APIClient, body: dict[str, Any]) -> Any:
    return api.post("/api/v1/strategies", body, format="json")


def made(api: APIClient, body: dict[str, Any]) -> Strategy:
    answer = propose(api, body)
    assert answer.status_code == 201, answer.json()
    return Strategy.objects.get(id=answer.json()["id"])


def go_live(strategy: Strategy) -> Strategy:
    backtest.review(strategy, at=timezone.now())
    approval.approve(strategy.id, by="olga", comment="Good.", at=timezone.now())
    strategy.refresh_from_db()
    return strategy


def next_version(api: APIClient, old: Strategy, body: dict[str, Any]) -> Any:
    return api.post(f"/api/v1/strategies/{old.id}/versions", body, format="json")


def fields(answer: Any) -> list[str]:
    assert answer.status_code == 400, answer.json()
    assert answer["Content-Type"] == "application/problem+json"
    return [error["field"] for error in answer.json()["errors"]]
