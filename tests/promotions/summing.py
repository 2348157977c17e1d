"""A strategy that is tried, orders of its customers, and the sums they come to."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import numpy as np
import pytest

from analytics import events, projections, store
from promotions import sums
from promotions.models import ArmDay, Strategy
from tests.conftest import Make

START = datetime(2026, 6, 1, 9, tzinfo=UTC)
UNTIL = START + timedelta(days=20)
COST = Decimal("0.7")


def assign(strategy: Strategy, customer: UUID, arm: str, at: datetime) -> None:
    said = events.OfferAssigned(
        strategy=strategy.id,
        arm=arm,
        variant="10%" if arm == "treatment" else None,
        probability=0.5,
        segment="Loyal",
        offer=uuid4(),
    )
    store.append([said], at=at, customer=customer)


def order(customer: UUID, number: str, paid: str, at: datetime, **more: Any) -> None:
    line = events.OrderLine(sku="tea", paid=Decimal(paid), **more)
    lines = (line, events.OrderLine(sku="milk", paid=Decimal(2)))
    made = events.OrderCompleted(order_id=number, currency="USD", lines=lines)
    store.append([made], at=at, customer=customer)


def day(n: float) -> datetime:
    return START + timedelta(days=n)


def counted(subject: UUID, **where: Any) -> dict[tuple[str, str], np.ndarray]:
    """Return the Gram matrices of (slice, arm), all days and variants added up."""
    size = len(sums.COLUMNS)
    found: dict[tuple[str, str], np.ndarray] = {}
    for row in ArmDay.objects.filter(subject=subject, **where):
        gram = found.setdefault((row.slice, row.arm), np.zeros((size, size)))
        for value, (a, b) in zip(row.sums, sums.pairs(), strict=True):
            i, j = sums.COLUMNS.index(a), sums.COLUMNS.index(b)
            gram[i, j] += value
            gram[j, i] = gram[i, j]
    return found


def mean(gram: np.ndarray, name: str) -> float:
    return float(gram[0, sums.COLUMNS.index(name)] / gram[0, 0])


def summed(strategy: Strategy) -> dict[tuple[str, str], np.ndarray]:
    while projections.catch_up():
        pass
    sums.refresh_strategy(strategy.id, until=UNTIL)
    return counted(strategy.id)


@pytest.fixture
def tried(live: Make) -> Strategy:
    strategy = live(holdout=0.5)
    campaign = strategy.campaign
    campaign.starts_at, campaign.ends_at = day(-1), day(10)
    campaign.save()
    return strategy
