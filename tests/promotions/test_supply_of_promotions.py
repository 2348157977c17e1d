"""A promotion needs its stock before it is approved, and becomes an order."""

from datetime import timedelta

import pytest
from django.utils import timezone

from ml import forecasts
from ml.models import Forecast
from promotions import (
    approval,
    decision_rules,
    extra_units,
    guards,
    stock_needs,
    supply,
)
from promotions.models import Supply
from tests.conftest import Make
from tests.promotions.shelves import expected, goods, listed

pytestmark = pytest.mark.django_db

FORECAST = {"margin": 300.0, "cost": 100.0, "reach": 40, "days": 28}


def test_a_promotion_needs_its_stock_before_it_is_approved(proposed: Make) -> None:
    """400 of margin at 40 % of 10.00 are 100 units in 28 days: 25 in a week."""
    goods(short=20, ample=20)
    strategy, now = proposed(forecast=FORECAST), timezone.now()
    need = stock_needs.need(strategy, at=now)
    assert need.days == pytest.approx(7)
    assert need.usual == pytest.approx(40)
    assert need.extra == pytest.approx(25)
    assert need.missing == pytest.approx(25)
    with pytest.raises(decision_rules.GuardFailed, match="order 25 first"):
        approval.approve(strategy.id, by="olga", comment="Yes.", at=now)
    listed("few", at=now, stock=20, incoming=30)
    approval.approve(strategy.id, by="olga", comment="Yes.", at=now)


def test_what_expires_before_it_is_asked_for_helps_no_promotion(
    proposed: Make,
) -> None:
    """Of 25 units in a week for each, so many sell until their day."""
    at = timezone.now()
    today = at.date()
    listed("few", at=at, stock=20, expires_on=today - timedelta(days=1))
    listed("some", at=at, stock=60, expires_on=today + timedelta(days=2))
    listed("part", at=at, stock=60, expires_on=today + timedelta(days=2), expiring=30)
    listed("later", at=at, stock=60, expires_on=today + timedelta(days=90))
    for sku in ("few", "some", "part", "later"):
        expected(sku, 20.0, at=at)
    supply.refresh(at=at)
    strategy = proposed(forecast=FORECAST)

    need = stock_needs.need(strategy, at=at)

    each = (80 + 25) / 4
    assert need.days == pytest.approx(7)
    assert need.extra == pytest.approx(25)
    by_then = 2 * each / 7
    assert need.there == int(0 + by_then + (30 + by_then) + 60)
    assert need.missing == pytest.approx(each + (each - by_then), abs=0.1)
    with pytest.raises(decision_rules.GuardFailed, match="order 45 first"):
        approval.approve(strategy.id, by="olga", comment="Yes.", at=at)


def test_a_forecast_goes_on_with_the_week_that_is_not_over() -> None:
    goods()
    today = timezone.now().date()
    before = supply.outlooks(["few"], timezone.now())["few"]
    Forecast.objects.update(first=today - timedelta(days=8))

    now = supply.outlooks(["few"], timezone.now())["few"]

    assert now.first == today - timedelta(days=1)
    assert len(now.units) == len(before.units) - 1


def test_what_is_not_known_of_a_hand_made_promotion_is_not_guessed_from_the_past(
    proposed: Make,
) -> None:
    at = timezone.now()
    expected("TEA", 20.0, at=at, level="category")
    goods()
    strategy = proposed(forecast={})

    assert extra_units.each_day(strategy, 40.0, at=at)
    later = at + forecasts.STALE
    assert extra_units.each_day(strategy, 40.0, at=later) is None


def test_a_promotion_becomes_an_order(live: Make) -> None:
    goods(short=40, ample=40)
    before = Supply.objects.get(pk="few")
    live(forecast=FORECAST)
    supply.refresh(at=timezone.now())
    after = Supply.objects.get(pk="few")
    assert before.promoted == 0
    # 35 days are ordered for, of which it runs 28: half of 100 units.
    assert after.promoted == pytest.approx(50, abs=2)
    assert after.reorder_point > before.reorder_point


def test_what_sells_nothing_beyond_is_not_stopped_by_a_shortage() -> None:
    told = guards.stock(
        products=1, known=1, days=7, wanted=9, extra=0.0, there=3, incoming=0, missing=6
    )
    assert told.passed


def test_the_guard_says_so_where_there_is_no_stock() -> None:
    told = guards.stock(
        products=3,
        known=0,
        days=0,
        wanted=0,
        extra=None,
        there=0,
        incoming=0,
        missing=0,
    )
    assert told.passed
    assert "sends no stock" in str(told.detail)
