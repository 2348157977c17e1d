"""Best prices: exact, within every rule, and no further than what is known reaches."""

import itertools
import time
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog import price_rules
from catalog.price_rules import Member, Rules, Shelf
from promotions import price_gains, price_plans
from promotions.price_plans import Item

CENT = Decimal("0.01")


def shelf(price: str = "10.00", floor: str = "5.00", **more: Any) -> Shelf:
    now = Decimal(price)
    given_: dict[str, Any] = {"listed": now, "currency": "USD"} | more
    return Shelf(price=now, floor=Decimal(floor), **given_)


def item(sku: str = "tea", price: str = "10.00", **more: Any) -> Item:
    given_: dict[str, Any] = {
        "category": "hot",
        "shelf": shelf(price),
        "rules": Rules(),
        "cost": 5.0,
        "units": 100.0,
        "doubt": 10.0,
        "elasticity": -3.0,
        "error": 0.2,
    }
    return Item(sku=sku, **given_ | more)


@pytest.mark.parametrize(
    ("ending", "low", "high"),
    [
        ("9", "8.09", "10.99"),
        (".99", "8.99", "10.99"),
        (".49 .99", "8.49", "10.99"),
        ("0.50", "8.00", "11.00"),
        ("", "8.00", "11.00"),
    ],
)
def test_prices_end_as_they_should(ending: str, low: str, high: str) -> None:
    found = price_rules.candidates(shelf(), Rules(ending=ending))

    assert (min(found), max(found)) == (Decimal(low), Decimal(high))
    assert Decimal(10) in found


@pytest.mark.parametrize(
    ("rules", "more", "low", "high"),
    [
        ({"most_down": Decimal("0.05")}, {}, "9.50", "11.00"),
        ({"most_up": Decimal("0.02")}, {}, "8.00", "10.20"),
        ({}, {"floor": "9.30"}, "9.30", "11.00"),
        ({"most_above": Decimal("0.05")}, {"listed": Decimal(10)}, "8.00", "10.50"),
        (
            {"above_competitors": Decimal("0.03")},
            {"cheapest": Decimal("10.00")},
            *("8.00", "10.30"),
        ),
        (
            {"above_competitors": Decimal(0)},
            {"cheapest": Decimal("9.00")},
            *("8.00", "10.00"),
        ),
    ],
)
def test_bounds_of_a_price(
    rules: dict[str, Any], more: dict[str, Any], low: str, high: str
) -> None:
    bounds = price_rules.bounds(shelf(**more), Rules(**rules))

    assert bounds == (Decimal(low), Decimal(high))


def test_what_changed_of_late_stays() -> None:
    assert price_rules.candidates(shelf(frozen=True), Rules()) == [10]


@pytest.mark.parametrize("wrong", ["x", "9.", "-1", "1e2", "0.00"])
def test_what_is_no_ending_is_refused(wrong: str) -> None:
    assert price_rules.ending_fault(wrong)


@given(
    price=st.decimals("0.50", 500, places=2),
    floor=st.decimals("0.10", 600, places=2),
    cheapest=st.none() | st.decimals("0.10", 500, places=2),
    ending=st.sampled_from(["9", ".99 .49", "0.05", ""]),
)
def test_no_candidate_breaks_a_rule(
    price: Decimal, floor: Decimal, cheapest: Decimal | None, ending: str
) -> None:
    rules = Rules(ending=ending, above_competitors=Decimal("0.02"))
    of = Shelf(
        price=price,
        floor=floor,
        listed=price,
        currency="USD",
        cheapest=cheapest,
    )
    for one in price_rules.candidates(of, rules):
        if one != price:
            assert one >= floor or one > price
            assert price * Decimal("0.80") <= one <= price * Decimal("1.10")
            assert cheapest is None or one <= cheapest * Decimal("1.02") or one < price


def test_an_elastic_product_gets_cheaper_and_an_inelastic_one_dearer() -> None:
    found = price_plans.best([item("a"), item("b", elasticity=-1.1, error=0.1)])

    assert found["a"] < 10 < found["b"]


def test_the_step_shrinks_as_the_interval_widens_and_ends() -> None:
    steps = [
        abs(price_plans.best([item(elasticity=-2.6, error=error)])["tea"] - 10)
        for error in (0.0, 0.3, 0.5, 2.0)
    ]

    assert steps == sorted(steps, reverse=True)
    assert steps[0] > 0
    assert steps[-1] == 0


def test_what_is_short_is_not_made_cheaper() -> None:
    assert price_plans.best([item(stock=100.0)])["tea"] >= 10


def test_a_gain_has_an_interval_that_both_doubts_widen() -> None:
    cheaper = Decimal("9.09")
    low, high = price_gains.gain(item(), cheaper).interval
    wide = price_gains.gain(item(error=0.5), cheaper).interval

    assert low < price_gains.gain(item(), cheaper).margin < high
    assert wide[0] < low
    assert price_gains.gain(item(), Decimal(10)).interval == (0, 0)


@pytest.mark.parametrize(
    ("price", "currency", "ending"),
    [("200000", "JPY", "9"), ("20000.00", "USD", ".99")],
)
def test_dear_products_prices_end_as_they_should_too(
    price: str, currency: str, ending: str
) -> None:
    dear = shelf(price, floor="1", listed=Decimal(price), currency=currency)

    found = price_rules.candidates(dear, Rules(ending=ending))

    assert len(found) > 10
    assert {one for one in found if not str(one).endswith(ending)} == {Decimal(price)}


def test_what_is_sold_at_its_cost_sells_its_units_too() -> None:
    gain = price_gains.gain(item(cost=10.0, elasticity=-1.0), Decimal("10.50"))

    assert gain.units_before == 100
    assert gain.units == pytest.approx(100 / 1.05)
    assert gain.revenue == pytest.approx(0)
    assert gain.margin == pytest.approx(0.5 * 100 / 1.05)


SIZES = st.lists(
    st.tuples(
        st.sampled_from([100, 200, 300, 500]),
        st.integers(150, 1500),
        st.floats(-4, -0.5),
        st.floats(0, 1),
        st.floats(1, 1000),
        st.floats(0.3, 0.95),
    ),
    min_size=2,
    max_size=3,
)


def family(rows: list[Any]) -> list[Item]:
    return [
        item(
            str(n),
            str(Decimal(minor) * CENT),
            shelf=shelf(str(Decimal(minor) * CENT), floor="0.01"),
            rules=Rules(ending=".49 .99"),
            cost=minor / 100 * share,
            units=units,
            elasticity=e,
            error=error,
            family="f",
            amount=Decimal(amount),
            unit="ml",
        )
        for n, (amount, minor, e, error, units, share) in enumerate(rows)
    ]


@settings(max_examples=80, deadline=None)
@given(rows=SIZES)
def test_a_family_is_solved_as_well_as_trying_all_prices_does(rows: list[Any]) -> None:
    items = family(rows)
    members = price_plans.members_of(items)
    found = price_plans.best(items)
    assert price_rules.family_fault(members, found) is None

    def total(prices: dict[str, Decimal]) -> float:
        return sum(
            float(price_plans.worth(one, np.array([float(prices[one.sku])]))[0])
            for one in items
        )

    still = price_rules.stuck(members)
    choices = [
        [one.shelf.price]
        if one.sku in still
        else price_rules.candidates(one.shelf, one.rules)
        for one in items
    ]
    tried = (
        dict(zip((one.sku for one in items), prices, strict=True))
        for prices in itertools.product(*choices)
    )
    most = max(
        total(prices)
        for prices in tried
        if price_rules.family_fault(members, prices) is None
    )
    assert total(found) == pytest.approx(most, rel=1e-9, abs=1e-9)


def test_a_bigger_pack_stays_dearer_and_no_dearer_by_unit() -> None:
    items = family([(100, 399, -4.0, 0.0, 50, 0.3), (200, 749, -0.5, 0.0, 900, 0.3)])
    alone = {one.sku: price_plans.best([one])[one.sku] for one in items}
    members = price_plans.members_of(items)
    assert price_rules.family_fault(members, alone)  # by itself each breaks the order

    together = price_plans.best(items)
    assert together["0"] <= together["1"] <= 2 * together["0"]


def test_colours_keep_one_price() -> None:
    items = family([(100, 499, -4.0, 0.0, 50, 0.3), (100, 499, -0.5, 0.0, 60, 0.3)])
    found = price_plans.best(items)

    assert found["0"] == found["1"]


def test_colours_that_cost_differently_today_are_left_alone() -> None:
    members = [
        Member(sku=sku, amount=Decimal(100), unit="ml", price=Decimal(price))
        for sku, price in (("a", 4), ("b", 5))
    ]
    assert price_rules.stuck(members) == {"a", "b"}


def test_two_thousand_products_take_less_than_two_seconds() -> None:
    items = [
        item(str(n), family=f"f{n // 4}", amount=Decimal(100 * (1 + n % 4)), unit="g")
        for n in range(2000)
    ]
    started = time.perf_counter()
    price_plans.best(items)

    assert time.perf_counter() - started < 10 * 2000 / 10_000 * 2
