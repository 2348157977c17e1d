"""What another budget, depth, audience or floor would bring."""

from datetime import timedelta
from decimal import Decimal
from itertools import pairwise, product

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from analytics.models import Customer
from ml import scores
from ml.customers import segments
from ml.models import CustomerProfile
from promotions import arms, audiences, forecasts, response, what_if
from promotions.beliefs import Run
from promotions.frontier import NOTHING, frontier, within
from promotions.models import Strategy
from promotions.what_if import Asked
from tests.conftest import Make
from tests.promotions.scoring import scored

__all__ = ["scored"]

MENU = {
    label: {"kind": "percentage", "rate": rate}
    for label, rate in (("5%", "0.05"), ("10%", "0.10"))
}


def asked(**more: object) -> Asked:
    usual: dict[str, object] = {
        "budget": 1e6,
        "depth": 1.0,
        "segments": (),
        "floor": 0.0,
    }
    return Asked(**usual | more)  # type: ignore[arg-type]


def most(margin: np.ndarray, cost: np.ndarray, budget: float) -> float:
    """Return the best of all choices, by trying them."""
    best = 0.0
    for chosen in product(range(-1, margin.shape[1]), repeat=len(margin)):
        picks = [(i, v) for i, v in enumerate(chosen) if v >= 0]
        if sum(cost[pick] for pick in picks) <= budget + 1e-9:
            best = max(best, sum(margin[pick] for pick in picks))
    return best


@given(st.integers(0, 10_000))
def test_no_choice_of_offers_lies_above_the_frontier(seed: int) -> None:
    rng = np.random.default_rng(seed)
    margin, cost = rng.normal(1, 1, (4, 2)), rng.uniform(0.1, 2, (4, 2))

    points = frontier(margin[None], cost)

    for point in points:
        assert point.margin == pytest.approx(most(margin, cost, point.cost))
    for budget in rng.uniform(0, 4, 3):
        slack = max((p.margin - q.margin for q, p in pairwise(points)), default=0)
        assert (
            within(points, budget).margin <= most(margin, cost, budget) + slack + 1e-9
        )


@given(st.integers(0, 10_000))
def test_more_budget_never_brings_less_and_each_coin_less_than_the_last(
    seed: int,
) -> None:
    rng = np.random.default_rng(seed)
    draws = rng.normal(0.5, 1, (8, 30, 3))

    points = frontier(draws, rng.uniform(0.01, 2, (30, 3)), each=7.0)

    slopes = [
        (after.margin - before.margin) / (after.cost - before.cost)
        for before, after in pairwise(points)
        if after.cost - before.cost > 1e-6
    ]
    assert all(slope >= -1e-9 for slope in slopes)
    assert all(after <= before + 1e-6 for before, after in pairwise(slopes))
    assert all(p.low <= p.margin + 1e-6 or len(points) < 3 for p in points)


def test_where_nothing_is_worth_it_the_frontier_is_nothing() -> None:
    assert frontier(np.full((3, 4, 2), -1.0), np.ones((4, 2))) == [NOTHING]
    assert within([NOTHING], 100.0) == NOTHING


@pytest.fixture
def strategy(scored: list[Customer], proposed: Make) -> Strategy:
    return proposed(menu=MENU, budget=Decimal(40))


def test_a_larger_budget_buys_more_until_nobody_is_left(strategy: Strategy) -> None:
    at = timezone.now()

    less, more, most = (
        what_if.ask(strategy, asked(budget=budget), at=at)
        for budget in (5.0, 10.0, 1e6)
    )

    assert less.here.margin < more.here.margin < most.here.margin
    assert less.here.cost == pytest.approx(5)
    assert most.here == most.points[-1]
    assert most.customers == 300
    assert most.here.low < most.here.margin < most.here.high


def test_at_its_own_settings_it_comes_to_its_forecast(strategy: Strategy) -> None:
    strategy.holdout = 0.5
    at, believed = timezone.now(), response.believed()
    people = audiences.of(scores.matrix(), segments(), at=at).before(strategy.scope)
    promised = forecasts.forecast(
        strategy.terms,
        strategy.scope,
        people,
        believed,
        run=Run(turns=strategy.turns),
        each=arms.treated(strategy.holdout),
    )

    found = what_if.ask(strategy, asked(), at=at)

    assert found.here.margin == pytest.approx(promised.margin, rel=0.02)
    assert found.here.cost == pytest.approx(promised.cost, rel=0.02)
    assert found.here.reach == pytest.approx(300 * arms.treated(strategy.holdout))
    assert found.customers == 300


def test_deeper_discounts_cost_more(strategy: Strategy) -> None:
    at = timezone.now()

    usual, deep = (
        what_if.ask(strategy, asked(depth=depth), at=at) for depth in (1.0, 2.0)
    )

    assert deep.here.cost / deep.here.reach > usual.here.cost / usual.here.reach


def test_a_floor_keeps_deep_variants_out(strategy: Strategy) -> None:
    at = timezone.now()

    free, kept, none = (
        what_if.ask(strategy, asked(floor=floor), at=at) for floor in (0.0, 0.22, 0.4)
    )

    assert free.here.margin >= kept.here.margin > 0
    assert none.points == [NOTHING]


def test_an_audience_is_a_part_of_all(
    strategy: Strategy, scored: list[Customer]
) -> None:
    CustomerProfile.objects.bulk_create(
        CustomerProfile(
            customer=person.key,
            segment="loyal",
            orders=3,
            spend=Decimal(30),
            last_order_at=timezone.now() - timedelta(days=3),
            computed_at=timezone.now(),
        )
        for person in scored[:60]
    )

    found = what_if.ask(strategy, asked(segments=["loyal"]), at=timezone.now())

    assert found.customers == 60
    assert found.here.reach <= 60


def test_before_any_scores_it_says_so(proposed: Make) -> None:
    with pytest.raises(what_if.NothingScored):
        what_if.ask(proposed(), asked(), at=timezone.now())


def test_operators_ask_in_the_back_office(
    strategy: Strategy, client: Client, olga: User
) -> None:
    client.force_login(olga)
    page = reverse("what_if", args=[strategy.pk])

    usual = client.get(page)
    other = client.get(page, {"budget": "12", "depth": "2", "floor": "0"})
    wrong = client.get(page, {"budget": "-1", "depth": "7"})

    assert "<svg" in usual.content.decode()
    assert "another strategy&#x27;s offer" in usual.content.decode()
    assert "<svg" in other.content.decode()
    assert usual.content != other.content
    assert wrong.status_code == 200
    assert wrong.content.decode().count('role="alert"') == 2
    change = reverse("admin:promotions_strategy_change", args=[strategy.pk])
    strategy.forecast = {"reach": 1, "cost": 1, "margin": 1, "low": 0, "high": 2}
    strategy.save()
    assert page in client.get(change).content.decode()
    client.logout()
    assert client.get(page).status_code == 302
