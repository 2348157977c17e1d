"""What a line of a quarter's plan costs and brings, and how old that may be."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from ml.models import Forecast
from promotions import quarter_curves, quarter_plans, quarters
from promotions.models import Strategy
from tests.conftest import Make
from tests.promotions.quartering import address, campaign, foretold, planned, soon, this
from tests.promotions.scoring import scored
from tests.promotions.test_roles import member
from tests.promotions.test_what_if import MENU

__all__ = ["planned", "scored"]


def test_a_line_is_priced_as_its_strategy_is_and_bound_by_its_money(
    planned: Strategy,
) -> None:
    plan = quarter_plans.read(soon(), [], at=timezone.now())

    [line] = plan.lines
    assert (line.title, line.state, line.movable) == ("Tea", "proposed", True)
    assert line.curve is not None
    assert line.money == 40
    found = quarters.outlook(plan.lines, plan.shared, soon(), now=timezone.now())
    assert 0 < found.total.cost <= 40
    assert found.total.margin > 0
    assert found.total.low < found.total.margin < found.total.high


def test_weeks_of_more_demand_cost_and_bring_more(planned: Strategy) -> None:
    foretold("TEA", [10.0] * 4 + [20.0] * 9)

    plan = quarter_plans.read(this(), [], at=timezone.now())

    [line] = quarter_plans.read(soon(), [], at=timezone.now()).lines
    assert max(line.demand) in (1.0, pytest.approx(2.0))
    assert min(line.demand) >= 1.0
    assert all(line.doubt[line.demand > 1] > 0)
    assert plan.lines == []


def test_strategies_on_the_same_goods_take_from_each_other(
    planned: Strategy, proposed: Make
) -> None:
    again = proposed(title="Tea again", menu=MENU, campaign=campaign(soon(), 2))
    milk = proposed(title="Milk", scope=["MILK"], campaign=campaign(soon(), 2))

    plan = quarter_plans.read(soon(), [], at=timezone.now())

    [pair] = plan.shared
    assert {pair.first, pair.second} == {str(planned.id), str(again.id)}
    assert 0 < pair.customers <= 300
    assert pair.first_loses + pair.second_loses > 0
    assert str(milk.id) in plan.rows


def test_what_is_too_much_to_price_counts_as_its_forecast_says_and_the_page_tells(
    client: Client, planned: Strategy, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = timezone.now()
    monkeypatch.setattr(quarter_plans, "MOST", 0)
    Strategy.objects.filter(pk=planned.pk).update(
        forecast={"margin": 50, "low": 40, "high": 60, "cost": 20}
    )

    plan = quarter_plans.read(soon(), [], at=at)

    assert (len(plan.lines), plan.unpriced) == (1, 1)
    [line] = plan.lines
    assert not line.movable
    assert line.curve is not None
    assert line.curve.cost.tolist() == [0.0, 20.0]
    client.force_login(member("Approvers"))
    said = client.get(address(soon())).content.decode()
    assert "no more than 0 are priced on customers" in said


def test_demand_that_was_forecast_long_ago_is_not_used_and_the_page_tells(
    client: Client, planned: Strategy
) -> None:
    foretold("GROCERY", [100.0 + 50 * n for n in range(13)])
    fresh = quarter_plans.read(this(), [], at=timezone.now())
    assert fresh.stale is None
    Forecast.objects.update(computed_at=timezone.now() - timedelta(days=9))

    plan = quarter_plans.read(soon(), [], at=timezone.now())

    assert plan.stale is not None
    assert all((line.demand == 1).all() for line in plan.lines)
    client.force_login(member("Approvers"))
    assert "9 days ago" in client.get(address(soon())).content.decode()


def test_what_a_worker_priced_is_shown_with_its_age_and_few_questions(
    planned: Strategy, client: Client, olga: User, django_assert_max_num_queries: Any
) -> None:
    """The first request of an hour, and of a process, prices nothing."""
    alone = quarter_plans.read(soon(), [], at=timezone.now()).lines[0].curve
    assert quarter_plans.price_ahead(at=timezone.now() - timedelta(minutes=7)) == 1
    for known in (quarter_curves._measured, quarter_curves._audience):
        known.cache_clear()
    quarter_curves._believed.cache_clear()
    client.force_login(olga)

    with django_assert_max_num_queries(15):
        said = client.get(address(soon())).content.decode()

    assert "Priced on customers 7 minutes ago." in said
    assert quarter_curves._audience.cache_info().misses == 0
    plan = quarter_plans.read(soon(), [], at=timezone.now())
    assert alone is not None
    assert plan.lines[0].curve is not None
    assert plan.lines[0].curve.margin == pytest.approx(alone.margin)


@pytest.mark.parametrize("hours", [4, -1])
def test_what_was_priced_long_ago_or_by_other_scores_is_not_shown(
    planned: Strategy, hours: int
) -> None:
    at = timezone.now()
    quarter_plans.price_ahead(at=at - timedelta(hours=hours))
    assert quarter_plans.read(soon(), [], at=at).priced_at is None

    quarter_plans.price_ahead(at=at)
    assert quarter_plans.read(soon(), [], at=at).priced_at == at
    on = quarter_curves.basis(at)
    other = replace(on, scores=(on.scores[0] + 1, on.scores[1]))
    assert quarter_curves.kept(other, at=at).worth == {}
