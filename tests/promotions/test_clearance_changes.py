"""Each week a path of falling prices is planned anew: by what sold and what is left."""

import pytest

from catalog.models import Product
from ml.models import Forecast
from promotions import approval, clearances, price_pages, price_rolls, supply
from promotions.models import PriceLine, Strategy
from tests.promotions.clearing import DAY, MONDAY, approved, expiring, restocked, sold
from tests.promotions.shelves import expected, listed

pytestmark = pytest.mark.django_db


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


def test_fresh_units_are_not_cleared_with_those_that_expire() -> None:
    expiring()
    approved()
    price_rolls.roll(at=MONDAY + DAY)
    sold(150, MONDAY + 3 * DAY)
    restocked(350, MONDAY + 7 * DAY, expiring=50)
    [again] = clearances.propose(at=MONDAY + 7 * DAY)
    assert again.forecast["clearance"]["yogurt"]["now"] == 50


def test_goods_of_a_later_day_are_not_cleared_by_the_path_of_those_before() -> None:
    expiring()
    approved()
    price_rolls.roll(at=MONDAY + DAY)
    sold(150, MONDAY + 3 * DAY)
    later = MONDAY.date() + 70 * DAY
    restocked(350, MONDAY + 7 * DAY, expires_on=later, expiring=300)
    assert clearances.propose(at=MONDAY + 7 * DAY) == []


def test_what_was_given_back_is_planned_anew_after_a_week() -> None:
    expiring()
    approved()
    price_rolls.roll(at=MONDAY + DAY)
    sold(100, MONDAY + 3 * DAY)
    restocked(100, MONDAY + 7 * DAY)
    [again] = clearances.propose(at=MONDAY + 7 * DAY)
    approval.request_changes(
        again.id, by="olga", comment="Not so low.", at=MONDAY + 8 * DAY
    )
    sold(60, MONDAY + 9 * DAY)
    restocked(40, MONDAY + 14 * DAY)
    assert clearances.propose(at=MONDAY + 14 * DAY) == []
    restocked(20, MONDAY + 21 * DAY)
    [third] = clearances.propose(at=MONDAY + 21 * DAY)
    assert (third.replaces, third.version) == (again, 3)
    approval.approve(third.id, by="olga", comment="Yes.", at=MONDAY + 21 * DAY)


def test_what_was_rejected_does_not_come_back_next_week() -> None:
    expiring(days=80)
    [made] = clearances.propose(at=MONDAY)
    approval.reject(made.id, by="olga", comment="No.", at=MONDAY)
    for weeks in (1, 3):
        assert clearances.propose(at=MONDAY + weeks * 7 * DAY) == []
    # Not by what was forecast five weeks before, which is of no use any more.
    assert clearances.propose(at=MONDAY + 35 * DAY) == []
    Forecast.objects.update(computed_at=MONDAY + 34 * DAY)
    assert len(clearances.propose(at=MONDAY + 35 * DAY)) == 1


def test_a_line_that_is_over_takes_no_product() -> None:
    expiring()
    strategy = approved()
    strategy.price_lines.update(state=PriceLine.State.OVER)
    assert clearances._taken(MONDAY) == set()


def test_to_strike_out_leaves_a_clearance_one() -> None:
    expiring()
    listed("milk", at=MONDAY, stock=200, expires_on=MONDAY.date() + 36 * DAY)
    expected("milk", 10.0, at=MONDAY)
    supply.refresh(at=MONDAY)
    [made] = clearances.propose(at=MONDAY)
    left = price_pages.strike(made.id, ["milk"], by="olga", comment="Ours.", at=MONDAY)
    told = left.forecast["clearance"]
    assert [*told] == ["yogurt"]
    assert left.forecast["margin"] == told["yogurt"]["gain"][0]
    assert "double discount" in [one["name"] for one in left.guards]
    approval.approve(left.id, by="ann", comment="Yes.", at=MONDAY)
    price_rolls.roll(at=MONDAY + DAY)
    sold(150, MONDAY + 3 * DAY)
    restocked_one = Product.objects.get(sku="yogurt").expires_on
    listed("yogurt", at=MONDAY + 7 * DAY, stock=50, expires_on=restocked_one)
    [again] = clearances.propose(at=MONDAY + 7 * DAY)
    assert again.replaces == left


def test_a_product_in_its_last_week_goes_on_when_others_are_planned_anew() -> None:
    expiring()
    listed("milk", at=MONDAY, stock=60, expires_on=MONDAY.date() + 9 * DAY)
    expected("milk", 10.0, at=MONDAY)
    supply.refresh(at=MONDAY)
    approved()
    price_rolls.roll(at=MONDAY + 2 * DAY)
    sold(150, MONDAY + 3 * DAY)
    good = Product.objects.get(sku="yogurt").expires_on
    monday = MONDAY + 8 * DAY  # the last week of milk has begun
    price_rolls.roll(at=monday)
    before = Product.objects.get(sku="milk").price
    listed("yogurt", at=monday, stock=50, expires_on=good)
    [again] = clearances.propose(at=monday)
    approval.approve(again.id, by="olga", comment="Yes.", at=monday)
    assert before
    assert before < 10
    assert Product.objects.get(sku="milk").price == before
    assert [*again.forecast["clearance"]] == ["milk", "yogurt"]
