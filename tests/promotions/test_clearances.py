"""What is too much or will expire is proposed to be marked down; nothing by itself."""

from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pytest_django.fixtures import Settings

from catalog.episodes import Step
from catalog.models import Product
from ml import lines as order_lines
from ml.models import Forecast
from promotions import (
    approval,
    clearance_plans,
    clearances,
    price_changes,
    price_lines,
    price_outcomes,
    price_rolls,
    supply,
)
from promotions.models import PriceLine, Strategy
from tests.conftest import NOW
from tests.promotions.clearing import DAY, MONDAY, approved, expiring, lines
from tests.promotions.shelves import expected, listed

pytestmark = pytest.mark.django_db


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


@pytest.mark.parametrize("days", [2, 5, 20])
def test_a_path_lasts_until_the_day_on_which_the_goods_expire(days: int) -> None:
    expiring(days=days)
    [strategy] = clearances.propose(at=MONDAY)
    last = lines(strategy)[-1].ends_at
    assert last
    assert last.date() == MONDAY.date() + days * DAY
    kept = strategy.forecast["clearance"]["yogurt"]
    assert sum(kept["units"]) == pytest.approx(10 * (days - 1) / 7, rel=1e-3)


def test_what_expires_today_has_no_path() -> None:
    expiring(days=1)
    assert clearances.propose(at=MONDAY) == []


def test_a_week_teaches_at_the_price_that_was_in_force() -> None:
    """Ten were sold: as was foretold at the full price, few at the planned one."""
    expiring()
    [made] = clearances.propose(at=MONDAY)
    told = made.forecast["clearance"]["yogurt"]
    plan, product = clearance_plans.read("yogurt", told), Product.objects.get()
    path = [told["prices"][index] for index in told["path"]]
    assert path[0] < 6

    def after(*prices: tuple[int, float]) -> clearance_plans.Path:
        steps = [
            Step(at=MONDAY + days * DAY, price=Decimal(price)) for days, price in prices
        ]
        found = clearances._go_on(plan, product, {0: 10}, steps, MONDAY + 7 * DAY)
        assert found
        return found

    late, on_time = after((-9, 10.0)), after((-9, 10.0), (0, path[0]))
    assert (late.charged, on_time.charged) == ((0,), (told["path"][0],))
    assert late.level == pytest.approx(1, abs=0.1)
    assert on_time.level < 0.9
    half = after((-9, 10.0), (4, path[0]))  # a late approval: something between
    assert on_time.level < half.level < late.level
    assert half.charged == on_time.charged


def test_what_cannot_be_planned_takes_nobodys_place() -> None:
    for n in range(clearances.TRIED + 1):
        listed(
            f"gone-{n}",
            at=MONDAY,
            stock=9000,
            expires_on=MONDAY.date(),
        )
        expected(f"gone-{n}", 1.0, at=MONDAY)
    expiring()
    [made] = clearances.propose(at=MONDAY)
    assert {line.sku for line in lines(made)} == {"yogurt"}


def test_what_is_too_much_cannot_be_approved_below_its_cost() -> None:
    listed("fan", at=MONDAY, stock=2000, cost=Decimal("7.00"))
    why: dict[str, Any] = {
        "units": 9,
        "units_before": 1,
        "margin": 9,
        "low": 1,
        "high": 20,
    }
    for expires in (False, True):
        line = price_lines.Line(
            sku="fan",
            price=Decimal("6.99"),
            was=Decimal(10),
            starts_at=MONDAY,
            ends_at=MONDAY + 7 * DAY,
            expects=price_lines.Expected(**why, clears=True, expires=expires),
        )
        change = price_lines.Change(
            title="Out", reason="Out.", lines=[line], margin=9, low=1, high=20
        )
        made = price_lines.propose(change, by="platform", at=MONDAY)
        [floor] = [one for one in made.guards if one["name"] == "margin floor"]
        assert floor["passed"] is expires


def test_guards_say_which_rules_a_clearance_need_not_keep() -> None:
    expiring(stock=2000)
    [made] = clearances.propose(at=MONDAY)
    said = {str(guard["name"]): str(guard["detail"]) for guard in made.guards}

    cheap = sum(line.price < 7 for line in lines(made))
    assert cheap
    assert (
        said["margin floor"]
        == f"what expires may be sold below its cost: {cheap} of {len(lines(made))} "
        "prices are"
    )
    assert said["largest step"] == "the rule does not hold for what must go"


def test_what_a_clearance_brought_has_an_interval() -> None:
    expiring()
    strategy = approved()
    price_rolls.roll(at=MONDAY + DAY)
    came = price_outcomes.of(strategy, at=MONDAY + 8 * DAY)
    assert came
    assert came.low < came.gain < came.high
    assert came.high - came.low > 10
    # What is left of what expires is worth nothing: revenue is what is recovered.
    assert came.before == pytest.approx(came.units_before * 10)


def test_what_is_too_much_is_recovered_beyond_what_it_is_worth_unsold() -> None:
    listed("fan", at=MONDAY, stock=2000, cost=Decimal("5.00"))
    expected("fan", 10.0, at=MONDAY, elasticity=-4.0)
    supply.refresh(at=MONDAY)
    [made] = clearances.propose(at=MONDAY)
    worth = made.forecast["clearance"]["fan"]["salvage"]
    assert lines(made)[0].expects["cost"] == worth > 0
    assert sum(one.expects["margin"] for one in lines(made)) == pytest.approx(
        made.forecast["margin"], rel=0.01
    )


def test_discounts_of_the_past_are_not_taken_for_demand_at_todays_price() -> None:
    expiring()
    [full] = clearances.propose(at=MONDAY)
    PriceLine.objects.all().delete()
    Strategy.objects.all().delete()
    Forecast.objects.update(undiscounted=0.5)
    [less] = clearances.propose(at=MONDAY)
    plans = [one.forecast["clearance"]["yogurt"] for one in (full, less)]
    assert plans[1]["units"][0] == pytest.approx(plans[0]["units"][0] / 2)


def test_the_log_is_read_once_for_all_clearances(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for category in ("TEA", "MILK"):
        sku = category.lower()
        listed(
            sku,
            at=MONDAY,
            stock=200,
            category=category,
            expires_on=MONDAY.date() + 36 * DAY,
        )
        expected(sku, 10.0, at=MONDAY)
    supply.refresh(at=MONDAY)
    for made in clearances.propose(at=MONDAY):
        approval.approve(made.id, by="olga", comment="Clear it.", at=MONDAY)
    assert Strategy.objects.filter(state="live").count() == 2
    read, times = order_lines.read, []

    def counted(**asked: Any) -> Any:
        times.append(asked)
        return read(**asked)

    monkeypatch.setattr(order_lines, "read", counted)
    clearances.propose(at=MONDAY + 7 * DAY)
    assert len(times) == 1


def test_prices_begin_and_end_at_the_shops_midnight(settings: Settings) -> None:
    settings.SHOP_ZONE = "America/New_York"
    expiring(days=20)
    [made] = clearances.propose(at=MONDAY)
    line = lines(made)[-1]
    assert line.ends_at
    assert line.ends_at.hour == 4  # UTC: it is summer there
    zone = ZoneInfo("America/New_York")
    assert line.ends_at.astimezone(zone).date() == MONDAY.date() + 20 * DAY
    assert made.campaign.zone == "America/New_York"
    assert price_changes.start(NOW).hour == 4
