"""The cast: ana is loyal, ben is new, olga is the operator; tea, milk and a mug.

Tea costs 10.00 and milk 2.00, both with an assumed margin of 30 %; the mug is a gift.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from importlib import import_module
from typing import Any
from uuid import UUID

import psycopg
import pytest
from django.apps import apps
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.contrib.auth.models import Group, User
from django.db import connection
from django.utils import timezone
from pytest_django.plugin import DjangoDbBlocker
from rest_framework.test import APIClient

from analytics import access
from analytics.models import Customer
from catalog import feeds
from ml.models import CampaignResponse, TrainedModel, TrainingRun
from promotions import approval
from promotions.models import Campaign, Offer, Strategy

# Passwords of tests are short-lived; a million rounds took 1 s on an AMD EPYC.
PBKDF2PasswordHasher.iterations = 1000
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
MENUS = {
    "percentage": {"10%": {"kind": "percentage", "rate": "0.10"}},
    "threshold": {"20": {"kind": "threshold", "spend": "20", "amount": "3.00"}},
    "gift": {
        "mug": {
            "kind": "gift",
            "spend": "20",
            "sku": "mug",
            "name": "Mug",
            "value": "4.00",
        }
    },
}

Make = Callable[..., Strategy]
Counted = Callable[[], int]
Give = Callable[..., Offer]
Body = Callable[..., dict[str, Any]]


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> None:
    """Let pytest-django empty the log between tests that commit: it truncates."""
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute(
            "ALTER TABLE analytics_storedevent DISABLE TRIGGER append_only_truncate"
        )


def experienced(**changed: Any) -> CampaignResponse:
    """Keep what past campaigns have shown of how customers answer offers."""
    usual = {"computed_at": timezone.now(), "lift": 0.5, "low": 0.2, "high": 0.8}
    usual |= {"depth": 0.3, "use": 0.3, "campaigns": 9}
    return CampaignResponse.objects.create(**usual | changed)


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> Counted:
    """Return how many statements ran since the last call, past Django's cursor too."""
    ran: list[object] = []
    execute = psycopg.Cursor.execute

    def counted(cursor: Any, query: Any, *args: Any, **more: Any) -> Any:
        ran.append(query)
        return execute(cursor, query, *args, **more)

    def since() -> int:
        count = len(ran)
        ran.clear()
        return count

    monkeypatch.setattr(psycopg.Cursor, "execute", counted)
    return since


@pytest.fixture
def ana(db: None) -> Customer:
    return Customer.objects.create(external_id="ana")


@pytest.fixture
def ben(db: None) -> Customer:
    return Customer.objects.create(external_id="ben")


@pytest.fixture
def trained(db: None) -> TrainedModel:
    """A model's row, for scores to point to."""
    return TrainedModel.objects.create(
        estimator="logistic",
        checksum="0" * 64,
        cutoff=timezone.now(),
        features_version=1,
        metrics={},
        size_bytes=1,
        fit_seconds=0,
        run=TrainingRun.objects.create(requested_by="test"),
    )


@pytest.fixture
def olga(db: None) -> User:
    return User.objects.create_superuser("olga", password="secret")


@pytest.fixture
def shelf(db: None) -> None:
    rows = [("tea", "TEA", "10.00"), ("milk", "MILK", "2.00"), ("mug", "MUGS", "4.00")]
    feeds.take(
        [
            feeds.Listed(
                sku=sku,
                name=sku.title(),
                category=category,
                currency="USD",
                price=Decimal(price),
            )
            for sku, category, price in rows
        ],
        at=NOW,
    )


@pytest.fixture
def proposed(db: None) -> Make:
    """Return a function that proposes a strategy; keywords change its fields."""

    def propose(
        kind: str = "percentage", *, by: str = "platform", **fields: Any
    ) -> Strategy:
        at = timezone.now()
        budget = fields.get("budget", Decimal(100))
        values = {
            "campaign": Campaign.objects.create(
                name="June",
                starts_at=at - timedelta(days=1),
                ends_at=at + timedelta(days=28),
                budget=budget,
                currency="USD",
            ),
            "kind": kind,
            "title": f"{kind} on tea",
            "reason": "Because the scores say so.",
            "scope": ["TEA"],
            "menu": MENUS.get(kind),
            "currency": "USD",
            "budget": budget,
            "holdout": 0.05,
            "least_margin": Decimal("0.05"),
            "forecast": {"reach": 2, "cost": 5, "margin": 9, "low": 1, "high": 17},
            "guards": [{"name": "budget", "passed": True, "detail": "fits"}],
        }
        strategy = Strategy(**(values | fields))
        approval.propose(strategy, by=by, at=at)
        return strategy

    return propose


@pytest.fixture
def draft(shelf: None) -> Body:
    """Return a function that makes a strategy's body for the API."""

    def body(**changed: Any) -> dict[str, Any]:
        at = timezone.now()
        return {
            "title": "Tea week",
            "reason": "There is too much tea.",
            "kind": "percentage",
            "trigger": "automatic",
            "menu": {"10%": {"rate": "0.10"}},
            "scope": ["TEA"],
            "budget": "100",
            "campaign": {
                "name": "June",
                "starts_at": (at - timedelta(days=1)).isoformat(),
                "ends_at": (at + timedelta(days=28)).isoformat(),
                "zone": "Europe/Berlin",
                "budget": "500",
            },
        } | changed

    return body


@pytest.fixture
def live(proposed: Make) -> Make:
    """Return a function that proposes a strategy and has olga approve it."""

    def make(kind: str = "percentage", **fields: object) -> Strategy:
        strategy = proposed(kind, **fields)
        # A campaign of the past was approved in its time.
        in_time = strategy.campaign.ends_at - timedelta(seconds=1)
        at = min(timezone.now(), in_time)
        approval.approve(strategy.id, by="olga", comment="Good.", at=at)
        strategy.refresh_from_db()
        return strategy

    return make


@pytest.fixture
def by_code(live: Make) -> Strategy:
    """Return a live strategy that takes 10 % off tea by a code."""
    return live(trigger="code", holdout=0)


@pytest.fixture
def give(db: None) -> Give:
    """Return a function that offers a strategy's first variant to a customer."""

    def offer(strategy: Strategy, customer: Customer, **fields: object) -> Offer:
        at = timezone.now()
        values = {
            "id": UUID(int=customer.key.int ^ strategy.id.int),
            "customer": customer.key,
            "strategy": strategy,
            "variant": next(iter(strategy.menu)),
            "probability": 0.95,
            "expected": 1.0,
            "computed_at": at,
            "expires_at": at + timedelta(days=14),
        }
        return Offer.objects.create(**(values | fields))

    return offer


def role(name: str) -> Group:
    """Return a role's group; a test that commits empties the table before others."""
    if not Group.objects.exists():
        made_by = {"promotions.migrations.0026_roles": "make"}
        made_by |= {"promotions.migrations.0028_support": "allow"}
        made_by |= {"promotions.migrations.0029_engineers": "allow"}
        made_by |= {"catalog.migrations.0010_reviews": "allow"}
        made_by |= {"ml.migrations.0009_opinions": "allow"}
        for module, made in (
            made_by
            | {"catalog.migrations.0006_market": "allow"}
            | {"ml.migrations.0010_content_vectors": "allow"}
            | {"promotions.migrations.0031_stock": "allow"}
            | {"promotions.migrations.0033_stock_rules_may_go": "allow"}
            | {"promotions.migrations.0034_questions": "allow"}
        ).items():
            getattr(import_module(module), made)(apps, None)
    return Group.objects.get(name=name)


@pytest.fixture
def api(db: None) -> APIClient:
    """Return a client whose key has every scope."""
    client = APIClient()
    key = access.create_key("test shop", access.SCOPES)
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {key}")
    return client
