"""A customer's word on an offer, and what is shown after it."""

from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.utils import timezone
from rest_framework.test import APIClient

from analytics import events, store
from promotions import feedback, targeting
from promotions.models import Feedback

RICH = {"budget": Decimal(10_000), "holdout": 0.0}


def say(api: APIClient, offer: UUID, word: object) -> Any:
    path = f"/api/v1/offers/{offer}/feedback"
    return api.post(path, {"feedback": word}, format="json")


def shown(api: APIClient, name: str = "ana") -> list[str]:
    body = api.get(f"/api/v1/customers/{name}/offers").json()
    return [one["strategy"] for one in body["offers"]]


def told() -> list[events.OfferFeedback]:
    rows = store.read(until=store.high_water(), types=["offer_feedback"])
    made = [stored.event for stored in rows]
    return [event for event in made if isinstance(event, events.OfferFeedback)]


def refresh(days: float = 0) -> None:
    targeting.refresh(at=timezone.now() + timedelta(days=days))


def lapse() -> None:
    Feedback.objects.update(said_at=timezone.now() - feedback.LASTS)
