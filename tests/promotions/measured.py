"""Strategies that are over, with sums of their arms."""

from datetime import datetime

import pytest

from promotions import measurement
from promotions.models import Strategy
from tests.conftest import Make
from tests.promotions import planted


@pytest.fixture
def over(live: Make) -> Strategy:
    """Return a strategy, half held back, whose campaign and washout are over."""
    campaign = planted.campaign()
    strategy = live(campaign=campaign, holdout=0.5)
    measured_at(strategy, planted.DONE)
    return strategy


def measured_at(strategy: Strategy, until: datetime) -> None:
    result = measurement.of_strategy(strategy)
    strategy.measured = measurement.written(result, until)
    strategy.save()
