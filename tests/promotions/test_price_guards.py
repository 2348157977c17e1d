"""Between a proposal and its approval the shelf moves on: guards look once more."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from catalog.models import (
    CompetitorPrice,
    CompetitorProduct,
    Match,
    PricingRule,
    Product,
)
from ml.models import Forecast
from promotions import (
    approval,
    decision_rules,
    extra_units,
    price_lines,
    price_pages,
    price_proposals,
    stock_needs,
    supply,
)
from promotions.models import PriceLine, Strategy
from promotions.price_lines import Change, Expected, Line
from tests.conftest import NOW
from tests.promotions.shelves import expected, listed

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
EARLIER = NOW - 60 * DAY


def shelf(sku: str = "tea", **more: Any) -> None:
    listed(sku, at=EARLIER, **{"stock": None, "cost": Decimal(2)} | more)


def proposed(*prices: tuple[str, str], was: str = "10.00", **more: Any) -> Strategy:
    lines = [
        Line(sku=sku, price=Decimal(price), was=Decimal(was), starts_at=NOW, **more)
        for sku, price in prices
    ]
    change = Change(title="x", reason="y", lines=lines, margin=5, low=1, high=9)
    return price_lines.propose(change, by="platform", at=NOW)


def approve(strategy: Strategy) -> None:
    approval.approve(strategy.id, by="olga", comment="Yes.", at=NOW)


def asks(sku: str, price: str) -> None:
    theirs = CompetitorProduct.objects.create(
        competitor="Rival",
        product=sku,
        name=sku,
        currency="USD",
        price=Decimal(price),
        since=NOW,
        seen_at=NOW,
    )
    CompetitorPrice.objects.create(
        product=theirs, at=NOW, currency="USD", price=Decimal(price)
    )
    Match.objects.create(product=theirs, sku_id=sku, state="confirmed", how="person")


def test_a_price_above_what_competitors_allow_is_not_approved() -> None:
    PricingRule.objects.create(category="TEA", above_competitors=Decimal("0.02"))
    shelf()
    made = proposed(("tea", "10.49"))
    asks("tea", "10.10")
    with pytest.raises(decision_rules.GuardFailed, match="above competitors"):
        approve(made)
    approve(proposed(("tea", "10.29")))


def test_a_price_too_far_above_the_list_is_not_approved() -> None:
    shelf()
    Product.objects.update(listed_price=Decimal("8.00"))
    with pytest.raises(
        decision_rules.GuardFailed, match="too far above the shop's list"
    ):
        approve(proposed(("tea", "10.29")))
    approve(proposed(("tea", "9.49")))  # no step leads further away


def test_a_price_that_has_just_changed_rests() -> None:
    shelf()
    made = proposed(("tea", "9.49"), was="10.50")
    listed("tea", at=NOW - 2 * DAY, stock=None, price="10.50", cost=Decimal(2))
    with pytest.raises(decision_rules.GuardFailed, match="changed too lately"):
        approve(made)
    PricingRule.objects.create(category="TEA", least_days=2)
    approve(made)


def test_who_pauses_prices_may_resume_them_at_once() -> None:
    shelf()
    made = proposed(("tea", "9.49"))
    approve(made)
    for step in (approval.pause, approval.resume):
        step(made.id, by="olga", comment="x", at=NOW + DAY)
    assert Product.objects.get().price == Decimal("9.49")


def family() -> None:
    """Two colours that cost alike, and a bigger pack."""
    for sku, price, size in (
        ("red", "10.00", "100 g"),
        ("blue", "10.00", "100 g"),
        ("big", "19.00", "200 g"),
    ):
        shelf(sku, price=price, family="soap", size=size)
        expected(sku, 10.0, at=NOW, elasticity=-1.0)


def test_a_familys_order_is_looked_at_once_more() -> None:
    family()
    made = proposed(("red", "9.49"))
    with pytest.raises(
        decision_rules.GuardFailed, match="families would be out of order"
    ):
        approve(made)
    approve(proposed(("red", "9.69"), ("blue", "9.69")))


def test_who_strikes_a_colour_out_is_told_that_the_family_breaks() -> None:
    family()
    made = proposed(("red", "9.69"), ("blue", "9.69"))
    left = price_pages.strike(made.id, ["blue"], by="olga", comment="No.", at=NOW)
    [told] = [one for one in left.guards if one["name"] == "families"]
    assert not told["passed"]


def test_an_answer_to_competitors_keeps_families_in_order() -> None:
    family()
    asks("red", "9.60")
    Forecast.objects.filter(key="red").update(units=[50.0] * 13)
    made = price_proposals.answer("TEA", by="ann", at=NOW)
    prices = dict(made.price_lines.values_list("sku", "price"))
    assert prices["red"] == prices["blue"] < 10
    approve(made)


def test_what_sells_at_a_discount_is_no_demand_at_todays_price() -> None:
    shelf()
    expected("tea", 10.0, at=NOW)
    [whole] = price_proposals.shelf(at=NOW)
    Forecast.objects.update(undiscounted=0.6)
    [plain] = price_proposals.shelf(at=NOW)
    assert plain.units == pytest.approx(0.6 * whole.units)
    assert plain.doubt < whole.doubt


def path(sku: str, *prices: str) -> list[Line]:
    """A price a week, of which each sells 14 units more."""
    more = Expected(
        units=24, units_before=10, margin=1, low=0, high=2, clears=True, expires=True
    )
    return [
        Line(
            sku=sku,
            price=Decimal(price),
            was=Decimal(10),
            starts_at=NOW + week * 7 * DAY,
            ends_at=NOW + (week + 1) * 7 * DAY,
            expects=more,
        )
        for week, price in enumerate(prices)
    ]


def test_steps_that_follow_each_other_sell_one_after_the_other() -> None:
    shelf(stock=100)
    lines = path("tea", "8.99", "7.99", "6.99")
    change = Change(title="x", reason="y", lines=lines, margin=5, low=1, high=9)
    made = price_lines.propose(change, by="platform", at=NOW)
    assert extra_units.each_day(made, 10.0, at=NOW) == pytest.approx(2)
    made.price_lines.filter(price=Decimal("6.99")).update(
        state=PriceLine.State.OVERRULED
    )
    assert extra_units.each_day(made, 10.0, at=NOW) == pytest.approx(2)


def test_what_there_is_of_one_helps_nobody_who_wants_another() -> None:
    for sku, stock, weekly in (("best", 0, 90.0), ("slow", 5000, 10.0)):
        shelf(sku, stock=stock)
        expected(sku, weekly, at=NOW)
    supply.refresh(at=NOW)
    more = Expected(units=140, units_before=100, margin=9, low=1, high=20)
    made = proposed(("best", "9.49"), ("slow", "9.49"), expects=more)
    need = stock_needs.need(made, at=NOW)
    assert need.there == 5000
    assert need.missing == pytest.approx(0.9 * (need.usual + (need.extra or 0)))
    with pytest.raises(decision_rules.GuardFailed, match="first"):
        approve(made)
