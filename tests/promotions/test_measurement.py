from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import uuid4

import numpy as np
import pytest
from django.utils import timezone

from analytics import events, experiments, store
from analytics.moments import Moments
from promotions import measurement, sums
from promotions.models import Strategy
from tests.conftest import Make


def tell(strategy: object, *, lift: float, seed: int, n: int = 600) -> None:
    """Half of n customers get an offer and spend `lift` more; the orders follow."""
    chance, at = np.random.default_rng(seed), timezone.now()
    facts = []
    for number in range(n):
        customer, arm = uuid4(), ("treatment", "holdout")[number % 2]
        assigned = events.OfferAssigned(
            strategy=strategy,  # type: ignore[arg-type]
            arm=arm,
            variant="10%" if arm == "treatment" else None,
            probability=0.5,
        )
        facts.append(store.Fact(event=assigned, at=at, customer=customer))
        paid = chance.gamma(2, 10) + (lift if arm == "treatment" else 0)
        order = events.OrderCompleted(
            order_id=str(number),
            currency="USD",
            lines=(events.OrderLine(sku="tea", paid=Decimal(f"{paid:.2f}")),),
        )
        facts.append(store.Fact(event=order, at=at, customer=customer))
    store.append_new(facts)


def measured_of(strategy: Strategy) -> measurement.Result:
    return measurement.refresh(until=timezone.now() + timedelta(minutes=1))[strategy.id]


def test_a_planted_effect_is_found(live: Make) -> None:
    strategy = live(holdout=0.5)
    tell(strategy.id, lift=6.0, seed=4)

    measured = measured_of(strategy)

    assert (measured.treatment, measured.control) == (300, 300)
    assert measured.effects["revenue"].low is not None
    assert measured.effects["revenue"].high is not None
    assert 0 < measured.effects["revenue"].low < 6.0 < measured.effects["revenue"].high
    # Margin is what was paid less the assumed 70 % of the shelf price.
    assert measured.effects["margin"].value == pytest.approx(
        0.3 * measured.effects["revenue"].value
    )
    assert measured.mismatch > 0.9


def test_on_noise_the_interval_covers_zero(live: Make) -> None:
    strategy = live(holdout=0.5)
    tell(strategy.id, lift=0.0, seed=2)

    revenue = measured_of(strategy).effects["revenue"]

    assert revenue.low is not None
    assert revenue.high is not None
    assert revenue.low < 0 < revenue.high


def test_orders_before_the_assignment_do_not_count(live: Make) -> None:
    strategy, customer, at = live(), uuid4(), timezone.now()
    order = events.OrderCompleted(
        order_id="early",
        currency="USD",
        lines=(events.OrderLine(sku="tea", paid=Decimal(99)),),
    )
    assigned = events.OfferAssigned(
        strategy=strategy.id, arm="treatment", variant="10%", probability=0.95
    )
    store.append([assigned], at=at, customer=customer)
    store.append([order], at=at - timedelta(minutes=1), customer=customer)

    measured = measured_of(strategy)

    assert measured.effects["revenue"].value == 0
    assert measured.effects["revenue"].low is None


def test_an_order_that_is_reported_late_counts_where_it_belongs(live: Make) -> None:
    strategy, customer, at = live(), uuid4(), timezone.now()
    order = events.OrderCompleted(
        order_id="late",
        currency="USD",
        lines=(events.OrderLine(sku="tea", paid=Decimal(99)),),
    )
    assigned = events.OfferAssigned(
        strategy=strategy.id, arm="treatment", variant="10%", probability=0.95
    )
    store.append([order], at=at, customer=customer)
    store.append([assigned], at=at - timedelta(hours=1), customer=customer)

    measured = measured_of(strategy)

    assert measured.effects["revenue"].value == 99


def test_a_split_that_does_not_fit_its_weights_is_noticed(live: Make) -> None:
    strategy = live(holdout=0.05)
    tell(strategy.id, lift=0.0, seed=3)

    assert measured_of(strategy).mismatch < 0.001


def due(last: int | None, closes: int, until: int) -> bool:
    def day(n: int) -> datetime:
        return datetime(2026, 6, 1, 12, tzinfo=UTC) + timedelta(days=n)

    seen = None if last is None else day(last)
    return measurement._is_due(seen, day(closes), day(until))


@pytest.mark.parametrize(
    ("last", "closes", "until", "expected"),
    [
        (None, 0, 500, True),  # never summed up
        (-1, 0, 0, True),  # not over yet
        (-1, 0, 40, True),  # the worker was down when it ended
        (3, 0, 4, True),  # once a day, since orders are told late
        (4, 0, 4, False),
        (27, 0, 40, True),  # the last time, whenever that is
        (28, 0, 40, False),
    ],
)
def test_what_was_not_summed_up_since_its_end_is_due(
    last: int | None, closes: int, until: int, expected: bool
) -> None:
    assert due(last, closes, until) is expected


def test_an_order_that_is_told_weeks_late_still_counts(live: Make) -> None:
    strategy, customer, at = live(), uuid4(), timezone.now()
    assigned = events.OfferAssigned(
        strategy=strategy.id, arm="treatment", variant="10%", probability=0.95
    )
    store.append([assigned], at=at, customer=customer)
    over = strategy.campaign.ends_at + sums.WASHOUT
    measurement.refresh(until=over + timedelta(days=1))
    order = events.OrderCompleted(
        order_id="late",
        currency="USD",
        lines=(events.OrderLine(sku="tea", paid=Decimal(99)),),
    )
    store.append([order], at=at + timedelta(hours=1), customer=customer)

    found = measurement.refresh(until=over + timedelta(days=20))

    assert found[strategy.id].effects["revenue"].value == 99
    assert measurement.refresh(until=over + timedelta(days=60)) != {}
    assert measurement.refresh(until=over + timedelta(days=61)) == {}


@pytest.mark.parametrize("bought", [0.02, 0.3])
def test_a_small_arm_that_hardly_buys_claims_nothing_by_chance(bought: float) -> None:
    """Nothing is between the arms: 5 % of looks may find something, not a quarter."""
    draw = np.random.default_rng(7)

    def arm(n: int) -> Moments:
        buys = draw.random(n) < bought
        profit = np.where(buys, draw.lognormal(0, 1, n), 0.0)
        return Moments.of(
            ("orders", "profit", "before_profit"),
            np.column_stack([buys, profit, draw.random(n)]),
        )

    found = [measurement.difference(arm(1758), arm(85), "profit") for _ in range(300)]

    assert sum(one.p is not None and one.p < 0.05 for one in found) <= 15


def test_arms_with_many_orders_keep_their_own_spread() -> None:
    names = ("orders", "profit", "before_profit")
    rows = [[1, 1 + n % 2, n % 3] for n in range(400)]
    wide = [[1, 50 * (n % 2), n % 3] for n in range(400)]

    one, two = Moments.of(names, rows), Moments.of(names, wide)

    own = experiments.difference(one, two, "profit", covariate="before_profit")
    assert measurement.difference(one, two, "profit") == own
