"""Inline rows are true: folding the log again gives the very same states and sums."""

from contextlib import suppress
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rest_framework.test import APIClient

from analytics import events, store
from analytics.models import Customer
from promotions import approval
from promotions.models import Campaign, Strategy
from tests.conftest import Give, Make
from tests.promotions.test_redemption import redeem

Inline = dict[UUID, tuple[str, Decimal, int, str]]
STATES = {
    events.StrategyProposed: "proposed",
    events.StrategyApproved: "live",
    events.StrategyRejected: "rejected",
    events.StrategyEnded: "ended",
}


def folded() -> Inline:
    rows: dict[UUID, list[Any]] = {}
    for stored in store.read(until=store.high_water()):
        event = stored.event
        if state := STATES.get(type(event)):
            key = UUID(str(stored.stream).removeprefix("strategy:"))
            row = rows.setdefault(key, ["", Decimal(0), 0, ""])
            row[0] = state
            row[3] = getattr(event, "by", "") if state != "proposed" else ""
        if isinstance(event, events.OfferRedeemed):
            rows[event.strategy][1] += event.discount
            rows[event.strategy][2] += 1
    return {key: (row[0], row[1], row[2], row[3]) for key, row in rows.items()}


def inline() -> Inline:
    return {
        s.id: (s.state, s.spent, s.redemptions, s.decided_by)
        for s in Strategy.objects.all()
    }


STEPS = st.lists(st.sampled_from(["approve", "reject", "end", "redeem"]), max_size=8)


@pytest.mark.usefixtures("shelf")
@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.lists(STEPS, min_size=1, max_size=3))
def test_the_log_folds_to_the_inline_rows(
    proposed: Make, give: Give, api: APIClient, histories: list[list[str]]
) -> None:
    for steps in histories:
        strategy = proposed()
        for step in steps:
            if step == "redeem":
                shopper = Customer.objects.create(
                    external_id=f"c{Customer.objects.count()}"
                )
                redeem(api, give(strategy, shopper))
                continue
            decide = getattr(approval, step)
            with suppress(approval.NotProposed, approval.NotLive):
                decide(strategy.id, by="olga", comment="So.", at=timezone.now())

    assert folded() == inline()
    for campaign in Campaign.objects.all():
        spent = [s.spent for s in campaign.strategies.all()]
        assert campaign.spent == sum(spent, Decimal(0))
