"""A measured strategy of a running campaign, and where its reports are read."""

from typing import Any

import pytest
from django.utils import timezone

from promotions import measurement
from promotions.models import Strategy
from tests.conftest import Make
from tests.promotions.daysums import keep, units

ALL = ("strategies", "strategies/{strategy}", "campaigns/{campaign}", "programme")


@pytest.fixture
def told(live: Make) -> Strategy:
    """Return a measured strategy of a running campaign."""
    strategy = live(holdout=0.5, title="=Tea, or what?")
    for subject, control in (
        (strategy.id, "holdout"),
        (strategy.campaign_id, "held_out"),
    ):
        treated = units(400, profit=8, seed=1, spent=1.0)
        keep(subject, "treatment", treated, variant="10%")
        keep(
            subject,
            control,
            units(400 if control == "holdout" else 21, profit=5, seed=2),
        )
    measured(strategy)
    return strategy


def measured(strategy: Strategy) -> None:
    result = measurement.of_strategy(strategy)
    strategy.measured = measurement.written(result, timezone.now())
    strategy.save()


def address(name: str, strategy: Strategy) -> str:
    ids = {"strategy": strategy.id, "campaign": strategy.campaign_id}
    return f"/api/v1/reports/{name.format(**ids)}"


def content(answer: Any) -> bytes:
    return b"".join(answer.streaming_content) if answer.streaming else answer.content
