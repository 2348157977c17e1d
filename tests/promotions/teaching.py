"""A strategy whose customers were drawn into arms, and what they bought."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest

from analytics import events, projections, store
from ml.traits import TRAITS
from promotions.models import Strategy
from tests.conftest import Make

START = datetime(2026, 6, 1, 9, tzinfo=UTC)
LATER = START + timedelta(days=30)
MENU = {
    label: {"kind": "percentage", "rate": rate}
    for label, rate in (("5%", "0.05"), ("10%", "0.10"))
}
NOTHING = (0.0,) * len(TRAITS)


@pytest.fixture
def strategy(live: Make) -> Strategy:
    return live(menu=MENU, scope=["TEA"], holdout=0.2)


@dataclass
class Shop:
    """Customers assigned at the start, told to the log when it is all known."""

    strategy: Strategy
    facts: list[store.Fact] = field(default_factory=list)

    def assigned(self, who: UUID, variant: str | None, **more: Any) -> None:
        known: dict[str, Any] = {
            "p0": 0.2,
            "spend": 20.0,
            "traits": NOTHING,
            "segment": "loyal",
        }
        at = more.pop("at", START)
        event = events.OfferAssigned(
            strategy=self.strategy.id,
            arm=more.pop("arm", "treatment" if variant else "holdout"),
            variant=variant,
            probability=0.5,
            **known | more,
        )
        self.facts.append(store.Fact(event=event, at=at, customer=who))

    def bought(
        self, who: UUID, day: float, category: str = "TEA", number: str = ""
    ) -> None:
        line = events.OrderLine(sku=category, category=category, paid=Decimal(20))
        order = events.OrderCompleted(
            order_id=number or str(uuid4()), currency="USD", lines=(line,)
        )
        at = START + timedelta(days=day)
        self.facts.append(store.Fact(event=order, at=at, customer=who))

    def tell(self) -> None:
        store.append_new(self.facts)
        while projections.catch_up():
            pass
