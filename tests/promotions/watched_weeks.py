"""Strategies that were watched, and tests that are planned: what tests of both need."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import numpy as np
from django.utils import timezone

from analytics import events, store
from promotions import measurement
from promotions.models import Campaign, StandingRule, Strategy

Kind = StandingRule.Flag


def buys(customer: Any, paid: float, at: datetime) -> store.Fact:
    line = events.OrderLine(sku="tea", paid=Decimal(f"{paid:.2f}"))
    order = events.OrderCompleted(order_id=str(uuid4()), currency="USD", lines=(line,))
    return store.Fact(event=order, at=at, customer=customer)


def ran(strategy: Strategy, *, lift: float, n: int = 3000, share: float = 0.5) -> None:
    """Let n customers, of whom a share gets offers, order before and after."""
    chance, at = np.random.default_rng(1), timezone.now() - timedelta(days=3)
    facts = []
    for number in range(n):
        who, usual = uuid4(), float(chance.gamma(4, 5))
        arm = "treatment" if number < n * share else "holdout"
        assigned = events.OfferAssigned(
            strategy=strategy.id, arm=arm, variant=None, probability=0.5
        )
        facts.append(buys(who, usual + chance.normal() ** 2, at - timedelta(days=9)))
        facts.append(store.Fact(event=assigned, at=at, customer=who))
        paid = usual + chance.normal() ** 2 + (lift if arm == "treatment" else 0)
        facts.append(buys(who, max(paid, 0), at + timedelta(hours=number % 48)))
    store.append_new(facts)
    measurement.refresh(until=timezone.now())
    strategy.refresh_from_db()


def campaign(**more: Any) -> Campaign:
    now = timezone.now()
    usual: dict[str, Any] = {"starts_at": now, "ends_at": now + timedelta(days=28)}
    named = {"name": "June", "budget": Decimal(100), "currency": "USD"}
    return Campaign.objects.create(**named | usual | more)
