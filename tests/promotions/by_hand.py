"""Forms that Olga fills in, for a strategy of any kind in June's campaign."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from promotions.models import Campaign
from tests.forms import as_sent

ADD = reverse("admin:promotions_strategy_add")
TERMS: dict[str, dict[str, str]] = {
    "percentage": {"terms-0-rate": "10", "terms-0-each": "line"},
    "amount": {
        "terms-0-amount": "2",
        "terms-0-each": "order",
        "conditions-least_amount": "30",
    },
    "fixed_price": {"terms-0-price": "9"},
    "threshold": {
        "terms-0-spend": "20",
        "terms-0-amount": "2",
        "higher-0-spend": "50",
        "higher-0-rate": "15",
    },
    "multibuy": {"terms-0-take": "5", "terms-0-reduced": "1", "terms-0-rate": "100"},
    "bundle": {
        "terms-0-price": "11",
        "slots-0-quantity": "1",
        "slots-0-skus": "tea",
        "slots-1-quantity": "1",
        "slots-1-categories": "MILK",
    },
    "gift": {
        "terms-0-spend": "40",
        "terms-0-sku": "mug",
        "terms-0-name": "Mug",
        "terms-0-value": "4",
    },
    "shipping": {"terms-0-rate": "100"},
}


@pytest.fixture
def june(db: None) -> Campaign:
    at = timezone.now()
    return Campaign.objects.create(
        name="June",
        starts_at=at - timedelta(days=1),
        ends_at=at + timedelta(days=28),
        budget=Decimal(500),
        currency="USD",
    )


@pytest.fixture
def hand(client: Client, olga: User) -> Client:
    client.force_login(olga)
    return client


def filled(kind: str, june: Campaign, **more: str) -> dict[str, str]:
    about = {} if kind == "bundle" else {"scope-scope": "TEA\r\n TEA \r\n"}
    return {
        **about,
        "strategy-title": "Tea week",
        "strategy-trigger": "automatic",
        "strategy-campaign": str(june.id),
        "strategy-budget": "100",
        "strategy-least_margin": "5",
        **TERMS[kind],
        **more,
    }


def post(hand: Client, kind: str, fields: dict[str, str]) -> Any:
    return send(hand, f"{ADD}?kind={kind}", fields)


def send(hand: Client, page: str, fields: dict[str, str]) -> Any:
    """Fill in some fields of a page's form; all others are sent as they stand there."""
    shown = hand.get(page).content.decode()
    return hand.post(page, as_sent(shown, "desk") | fields, follow=True)
