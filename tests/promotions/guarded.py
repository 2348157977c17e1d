"""Strategies that are drafted and approved, as tests of guards write them."""

from typing import Any

from django.utils import timezone

from promotions import approval, backtest, draft_reading, proposals
from promotions.models import Strategy


def make(body: dict[str, Any]) -> Strategy:
    return proposals.propose(draft_reading.read(body), by="oscar", at=timezone.now())


def go_live(strategy: Strategy) -> None:
    backtest.review(strategy, at=timezone.now())
    approval.approve(strategy.id, by="olga", comment="Good.", at=timezone.now())
