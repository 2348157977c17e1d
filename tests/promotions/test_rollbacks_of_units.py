"""Units go back line by line, and what they return adds up to the whole."""

from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rest_framework.test import APIClient

from promotions.models import Rollback, Strategy
from tests.conftest import Make
from tests.promotions.reserving import (
    AUTOMATIC,
    TWO_TEAS,
    money,
    part,
    redeem,
    roll_back,
)

pytestmark = pytest.mark.usefixtures("shelf")


def test_units_go_back_by_line_and_the_last_brings_the_rest(
    api: APIClient, live: Make
) -> None:
    strategy = live(**AUTOMATIC)
    lines = [{"sku": "tea", "quantity": 3, "price": "1.11"}]
    [sold] = redeem(api, lines=lines).json()["redemptions"]  # 10 % of 3.33: 0.33

    answers = [roll_back(api, sold, lines=[part(0, 1)]).json() for _ in range(3)]

    assert [a["amount"] for a in answers] == ["0.11", "0.11", "0.11"]
    assert [a["whole"] for a in answers] == [False, False, True]
    assert money(strategy) == (Decimal(0), Decimal(0), 0)
    gone = roll_back(api, sold, lines=[part(0, 1)])
    assert gone.json()["code"] == "already_rolled_back"


@pytest.mark.parametrize(
    "lines",
    [
        [part(0, 3)],
        [part(1, 1)],
        [part(7, 1)],
        [part(0, 1), part(0, 1)],
    ],
)
def test_more_than_was_bought_cannot_go_back(
    api: APIClient, live: Make, lines: list[dict[str, int]]
) -> None:
    strategy = live(**AUTOMATIC)
    cart = [*TWO_TEAS, {"sku": "milk", "quantity": 1}]
    [sold] = redeem(api, lines=cart).json()["redemptions"]

    answer = roll_back(api, sold, lines=lines)

    assert (answer.status_code, answer.json()["code"]) == (422, "more_than_bought")
    assert money(strategy) == (Decimal(0), Decimal(2), 1)
    assert not Rollback.objects.exists()


def test_returned_units_cannot_be_returned_again(api: APIClient, live: Make) -> None:
    live(**AUTOMATIC)
    [sold] = redeem(api).json()["redemptions"]
    roll_back(api, sold, lines=[part(0, 1)])

    answer = roll_back(api, sold, lines=[part(0, 2)])

    assert answer.json()["code"] == "more_than_bought"
    assert "1 can be returned" in answer.json()["detail"]


def test_the_rest_comes_back_whole_after_parts(api: APIClient, live: Make) -> None:
    strategy = live(**AUTOMATIC)
    [sold] = redeem(api).json()["redemptions"]
    roll_back(api, sold, lines=[part(0, 1)])
    assert money(strategy) == (Decimal(0), Decimal(1), 1)

    answer = roll_back(api, sold).json()

    assert (answer["amount"], answer["whole"]) == ("1.00", True)
    assert money(strategy) == (Decimal(0), Decimal(0), 0)


LINES = st.lists(
    st.tuples(st.integers(1, 12), st.integers(1, 999)), min_size=1, max_size=4
)


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(lines=LINES, rate=st.integers(1, 90), data=st.data())
def test_the_parts_of_a_rollback_add_up_to_the_whole(
    api: APIClient,
    live: Make,
    lines: list[tuple[int, int]],
    rate: int,
    data: st.DataObject,
) -> None:
    Strategy.objects.filter(state="live").update(state="ended")
    menu = {"some": {"kind": "percentage", "rate": str(Decimal(rate) / 100)}}
    strategy = live(menu=menu, budget=Decimal(10_000), **AUTOMATIC)
    cart = [
        {"sku": "tea", "quantity": quantity, "price": str(Decimal(price) / 100)}
        for quantity, price in lines
    ]
    sold = redeem(api, lines=cart).json()
    if not sold["redemptions"]:
        return
    [key] = sold["redemptions"]
    discount = Decimal(sold["discount"])
    left = {
        row["line"]: row["quantity"]
        for row in sold["effects"][0]["adjustments"]
        if row["quantity"]
    }
    back = Decimal(0)
    while left:
        line = data.draw(st.sampled_from(sorted(left)))
        quantity = data.draw(st.integers(1, left[line]))
        left[line] -= quantity
        left = {one: n for one, n in left.items() if n}
        answer = roll_back(api, key, lines=[part(line, quantity)])
        assert answer.status_code == 201, answer.json()
        assert Decimal(answer.json()["amount"]) >= 0
        back += Decimal(answer.json()["amount"])
        assert Decimal(answer.json()["left"]) == discount - back
        if answer.json()["whole"]:
            break  # what is left are lines whose discount has no coin

    assert back == discount
    assert money(strategy) == (Decimal(0), Decimal(0), 0)
