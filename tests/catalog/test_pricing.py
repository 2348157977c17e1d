from datetime import timedelta
from decimal import Decimal as D

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog import pricing
from tests.conftest import NOW

PRICES = st.decimals(0, 10_000, places=2)
DAY = timedelta(days=1)
RATES = st.decimals(0, D("0.90"), places=2)


@pytest.mark.parametrize(
    ("currency", "coin"), [("USD", "0.01"), ("JPY", "1"), ("KWD", "0.001")]
)
def test_a_currency_has_its_smallest_coin(currency: str, coin: str) -> None:
    assert pricing.minor_unit(currency) == D(coin)


@pytest.mark.parametrize(
    ("amount", "currency", "rounded"),
    [
        ("0.005", "USD", "0.00"),
        ("0.015", "USD", "0.02"),
        ("-0.015", "USD", "-0.02"),
        ("2.5", "JPY", "2"),
        ("1.23456", "KWD", "1.235"),
    ],
)
def test_halves_go_to_even(amount: str, currency: str, rounded: str) -> None:
    assert str(pricing.rounded(D(amount), currency)) == rounded


def test_the_assumed_margin_stands_in_for_an_unknown_cost() -> None:
    assert pricing.unit_cost(D(10), None, D("0.3")) == D("7.0")
    assert pricing.unit_cost(D(10), D(4), D("0.3")) == D(4)
    assert pricing.unit_cost(D(10), D(0), D("0.3")) == D(0)


def floor(price: str, cost: str | None, least: str = "0.02") -> D:
    return pricing.floor(
        D(price),
        None if cost is None else D(cost),
        assumed_margin=D("0.3"),
        least_margin=D(least),
        currency="USD",
    )


@pytest.mark.parametrize(
    ("price", "cost", "least", "lowest"),
    [
        ("10.00", None, "0.02", "7.15"),
        ("10.00", "5.00", "0.50", "10.00"),
        ("10.00", "4.90", "0.02", "5.00"),
        ("10.00", "4.91", "0.02", "5.02"),
        ("10.00", "12.00", "0.02", "10.00"),
        ("10.00", "0.00", "0.02", "0.00"),
    ],
)
def test_the_floor_keeps_the_least_margin(
    price: str, cost: str | None, least: str, lowest: str
) -> None:
    assert floor(price, cost, least) == D(lowest)


@given(PRICES, st.none() | PRICES, RATES)
def test_no_floor_lies_above_the_price_or_below_the_margin(
    price: D, cost: D | None, least: D
) -> None:
    lowest = pricing.floor(
        price, cost, assumed_margin=D("0.3"), least_margin=least, currency="USD"
    )

    assert lowest <= price
    if lowest < price:
        unit_cost = pricing.unit_cost(price, cost, D("0.3"))
        assert lowest - unit_cost >= least * lowest


@pytest.mark.parametrize(
    ("changes", "lowest"),
    [
        ([], None),
        ([(-100, "10")], "10"),
        ([(-100, "10"), (-40, "8")], "8"),
        ([(-100, "8"), (-40, "10")], "10"),
        ([(-100, "10"), (-20, "7"), (-10, "12")], "7"),
        ([(-100, "7"), (-29, "12")], "7"),
        ([(-30, "9"), (-29, "12")], "9"),
        ([(-5, "9")], "9"),
        ([(0, "9")], None),
        ([(-50, "5"), (-40, None)], None),
        ([(-50, "5"), (-20, None), (-9, "10")], "5"),
    ],
)
def test_the_reference_price_is_the_lowest_of_thirty_days(
    changes: list[tuple[int, str | None]], lowest: str | None
) -> None:
    rows = [
        (NOW + days * DAY, price if price is None else D(price))
        for days, price in changes
    ]

    found = pricing.reference_price(rows, at=NOW)

    assert found == (lowest and D(lowest))


@given(
    price=st.decimals(0, 100, places=2),
    reference=st.decimals("0.01", 100, places=2),
)
def test_a_percentage_never_promises_more_than_it_is(price: D, reference: D) -> None:
    shown = pricing.percent_off(price, reference)

    if shown is not None:
        assert reference * (100 - shown) / 100 >= price
    else:
        assert price > reference * D("0.99")
