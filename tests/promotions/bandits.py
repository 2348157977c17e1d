"""A bandit that begins on the first of June, and a shop whose customers obey it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import numpy as np
import pytest

from analytics import events, store
from analytics.models import Customer
from ml.models import Score, Scoring, TrainedModel
from promotions import approval, bandit, measurement, targeting
from promotions.models import Campaign, Strategy
from tests.conftest import Make, experienced

START = datetime(2026, 6, 1, 9, tzinfo=UTC)
MENU = {
    label: {"kind": "percentage", "rate": rate}
    for label, rate in (("5%", "0.05"), ("10%", "0.10"), ("15%", "0.15"))
}
Begin = Callable[..., Strategy]


@pytest.fixture
def begin(proposed: Make, trained: TrainedModel) -> Begin:
    """Return a function that has a bandit approved on the first of June."""
    experienced(computed_at=START)
    campaign = Campaign.objects.create(
        name="Summer",
        starts_at=START - timedelta(days=1),
        ends_at=START + timedelta(days=60),
        budget=Decimal(1_000_000),
        currency="USD",
    )

    def make(number: int = 1, **fields: Any) -> Strategy:
        strategy = proposed(
            **{
                "id": UUID(int=number),
                "campaign": campaign,
                "menu": MENU,
                "holdout": 0.1,
                "budget": Decimal(10_000),
                "allocation": "thompson",
                **fields,
            }
        )
        approval.approve(strategy.id, by="olga", comment="Good.", at=START)
        strategy.refresh_from_db()
        return strategy

    return make


def on(day: int) -> datetime:
    return START + timedelta(days=day)


@dataclass
class Shop:
    """New customers day by day; each orders once, an hour after the assignment.

    They pay `base` of the day and 6 on the average, and `lift` of their variant.
    """

    base: Callable[[int], float] = lambda _: 20.0
    lift: Mapping[str, float] = field(default_factory=dict)
    seed: int = 1
    sold: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.chance = np.random.default_rng(self.seed)

    def run(self, days: Iterable[int], *, new: int) -> None:
        for day in days:
            measurement.refresh(until=on(day))
            bandit.set_odds(at=on(day))
            self.arrive(day, new)
            before = store.high_water()
            targeting.refresh(at=on(day))
            self.sell(day, before)

    def arrive(self, day: int, new: int) -> None:
        people = Customer.objects.bulk_create(
            [Customer(external_id=f"{day}-{n}") for n in range(new)]
        )
        model = TrainedModel.objects.get()
        Score.objects.bulk_create(
            Score(
                customer=person.key,
                category="TEA",
                probability=0.1,
                spend=Decimal(30),
                model=model,
            )
            for person in people
        )
        known = {"at": on(day), "position": store.high_water()}
        Scoring.objects.update_or_create(pk=1, defaults=known)

    def sell(self, day: int, after: int) -> None:
        names = dict(Customer.objects.values_list("key", "external_id"))
        got: dict[str, str | None] = {}
        keys = {}
        for stored in assigned(after):
            assert stored.customer
            name = names[stored.customer] or ""
            got.setdefault(name, stored.event.variant)
            keys[name] = stored.customer
        facts = []
        for name in sorted(got):  # the same luck in every run
            plain = self.base(day) + self.chance.gamma(2, 3)
            paid = plain + self.lift.get(got[name] or "", 0.0)
            self.sold.append(plain)
            line = events.OrderLine(sku="tea", paid=Decimal(f"{paid:.4f}"))
            order = events.OrderCompleted(order_id=name, currency="USD", lines=(line,))
            at = on(day) + timedelta(hours=1)
            facts.append(store.Fact(event=order, at=at, customer=keys[name]))
        store.append_new(facts)


def assigned(after: int = 0) -> list[Any]:
    rows = store.read(after=after, until=store.high_water(), types=["offer_assigned"])
    return list(rows)


def odds_of(strategy: Strategy) -> dict[date, dict[str, float]]:
    return dict(strategy.odds.order_by("day").values_list("day", "odds"))


def told() -> dict[tuple[UUID, date], dict[str, float]]:
    """Return the odds that the log tells."""
    rows = store.read(until=store.high_water(), types=["odds_set"])
    made = [stored.event for stored in rows]
    found = {
        (event.strategy, event.day): event.odds
        for event in made
        if isinstance(event, events.OddsSet)
    }
    assert len(found) == len(made)
    return found
