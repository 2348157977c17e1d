"""What is too much or will expire is proposed to be marked down; nothing by itself."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from analytics import events, store
from analytics.models import Customer
from catalog.models import Product
from promotions import approval, clearances, price_rolls, supply
from promotions.models import PriceLine, Strategy
from tests.conftest import NOW
from tests.promotions.shelves import expected, listed

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
MONDAY = NOW.replace(hour=5, minute=30)


def expiring(stock: int = 200, days: int = 36, at: datetime = MONDAY) -> None:
    """Ten of it sell a week, and it is good for so many days."""
    listed("yogurt", at=at, stock=stock, expires_on=at.date() + days * DAY)
    expected("yogurt", 10.0, at=at)
    supply.refresh(at=at)


def lines(strategy: Strategy) -> list[PriceLine]:
    return list(strategy.price_lines.order_by("starts_at"))


def sold(units: int, at: datetime) -> None:
    who = Customer.objects.create(external_id=f"someone {at}")
    row = events.OrderLine(
        sku="yogurt",
        category="TEA",
        quantity=units,
        paid=Decimal(8) * units,
        shelf_discount=Decimal(2) * units,
    )
    order = events.OrderCompleted(order_id=f"order {at}", lines=(row,), currency="USD")
    store.append([order], at=at, customer=who.key)


def test_what_will_expire_gets_a_path_of_falling_prices() -> None:
    expiring()
    [strategy] = clearances.propose(at=MONDAY)
    assert (strategy.kind, strategy.state) == ("prices", "proposed")
    path, expires = lines(strategy), Product.objects.get().expires_on
    prices = [line.price for line in path]
    assert prices == sorted(prices, reverse=True)
    assert all(Decimal("4.00") <= one < 10 for one in prices)
    assert len({*prices}) <= 3
    assert path[-1].ends_at
    assert expires
    assert path[-1].ends_at.date() <= expires
    told = strategy.forecast
    assert told["low"] < told["margin"] < told["high"]
    assert told["margin"] > 0
    kept = told["clearance"]["yogurt"]
    assert kept["left"][0] < kept["left_beside"]
    assert "200 units" in strategy.reason
    # Nothing changes a price by itself.
    assert price_rolls.roll(at=MONDAY + DAY) == 0
    assert Product.objects.get().price == 10


def test_it_is_proposed_once() -> None:
    expiring()
    assert len(clearances.propose(at=MONDAY)) == 1
    assert clearances.propose(at=MONDAY) == []


@pytest.mark.parametrize("more", [{"promotable": False}, {"stock": None}])
def test_what_may_not_be_discounted_or_counted_is_left_alone(
    more: dict[str, Any],
) -> None:
    given: dict[str, Any] = {"stock": 200, "expires_on": MONDAY.date() + 36 * DAY}
    listed("yogurt", at=MONDAY, **given | more)
    expected("yogurt", 10.0, at=MONDAY)
    supply.refresh(at=MONDAY)
    assert clearances.propose(at=MONDAY) == []


def test_what_sells_anyway_is_not_marked_down() -> None:
    expiring(stock=20)
    assert clearances.propose(at=MONDAY) == []


def test_what_is_too_much_is_not_sold_below_its_cost() -> None:
    listed("fan", at=MONDAY, stock=2000, cost=Decimal("7.00"))
    expected("fan", 10.0, at=MONDAY, elasticity=-4.0)
    supply.refresh(at=MONDAY)
    for strategy in clearances.propose(at=MONDAY):
        assert min(line.price for line in lines(strategy)) >= 7


def test_each_week_the_path_is_planned_anew_from_what_was_sold() -> None:
    expiring()
    [strategy] = clearances.propose(at=MONDAY)
    approval.approve(strategy.id, by="olga", comment="Clear it.", at=MONDAY)
    first = strategy.forecast["clearance"]["yogurt"]
    price_rolls.roll(at=MONDAY + DAY)
    marked = Product.objects.get().price
    assert marked
    assert marked < 10
    # Nearly all of it goes in the first week: there is no need to go on so.
    sold(150, MONDAY + 3 * DAY)
    listed(
        "yogurt",
        at=MONDAY + 7 * DAY,
        stock=50,
        expires_on=Product.objects.get().expires_on,
    )
    [again] = clearances.propose(at=MONDAY + 7 * DAY)
    assert again.replaces == strategy
    now = again.forecast["clearance"]["yogurt"]
    assert now["now"] == 50
    assert now["level"] > 1.3
    assert now["charged"] == first["path"][:1]
    assert sum(now["path"]) < sum(first["path"][1:])
    # Until it is approved, the old path goes on; then there is no gap.
    assert Strategy.objects.get(pk=strategy.pk).state == "live"
    approval.approve(again.id, by="olga", comment="Yes.", at=MONDAY + 7 * DAY)
    assert Product.objects.get().price == marked
    assert Strategy.objects.get(pk=strategy.pk).state == "ended"


def test_a_path_that_stays_the_best_is_left_alone() -> None:
    expiring(stock=120)
    made = clearances.propose(at=MONDAY)
    approval.approve(made[0].id, by="olga", comment="Clear it.", at=MONDAY)
    path = made[0].forecast["clearance"]["yogurt"]
    before = path["stock"] - path["stock_after"][0][0]
    sold(round(before), MONDAY + 3 * DAY)
    left = path["stock"] - round(before)
    listed(
        "yogurt",
        at=MONDAY + 7 * DAY,
        stock=left,
        expires_on=Product.objects.get().expires_on,
    )
    assert clearances.propose(at=MONDAY + 7 * DAY) == []
