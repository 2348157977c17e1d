"""Three hundred customers with scores, and the offers that the log says they got."""

from decimal import Decimal

import pytest

from analytics import events, store
from analytics.models import Customer
from ml.models import Score, TrainedModel
from promotions.models import Strategy
from tests.conftest import experienced

MANY = 300


@pytest.fixture
def scored(trained: TrainedModel) -> list[Customer]:
    """300 customers who may buy tea, and a response to offers worth having."""
    people = Customer.objects.bulk_create(
        [Customer(external_id=f"c{n}") for n in range(MANY)]
    )
    Score.objects.bulk_create(
        Score(
            customer=person.key,
            category=category,
            probability=0.1 if category == "TEA" else 0.99,
            spend=Decimal(30),
            model=trained,
        )
        for person in people
        for category in ("MILK", "TEA")
    )
    experienced()
    return people


def assigned(strategy: Strategy) -> list[events.OfferAssigned]:
    rows = store.read(until=store.high_water(), types=["offer_assigned"])
    made = [stored.event for stored in rows]
    return [
        event
        for event in made
        if isinstance(event, events.OfferAssigned) and event.strategy == strategy.id
    ]
