"""What strategies share is enough for all that one cart gets: a limit, a gift's stock.

What a cart is shown is what its order comes to.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest
from django.db import connections
from rest_framework.test import APIClient

from analytics.models import Customer
from catalog.models import Product
from promotions.models import Campaign, Counter, Redemption
from tests.conftest import Give, Make
from tests.promotions.reserving import AUTOMATIC, BY_CODE, code, post, redeem, reserve
from tests.promotions.test_limits import campaign

pytestmark = pytest.mark.usefixtures("shelf")
TEA_AND_MILK = [{"sku": "tea", "quantity": 1}, {"sku": "milk", "quantity": 5}]
TWENTY = {"20%": {"kind": "percentage", "rate": "0.20"}}
ONCE = {"most": "1", "per": "customer"}


def qualify(api: APIClient, **cart: Any) -> Any:
    return post(api, "qualifications", **cart).json()


def bought(api: APIClient, cart: Mapping[str, Any]) -> tuple[Any, Any]:
    """Return what a cart is shown, and what its order, at that total, is answered."""
    shown = qualify(api, **cart)
    sold = redeem(api, **cart, total=shown["total"])
    assert sold.status_code == 201, sold.json()
    return shown, sold.json()


def reasons(answer: Any) -> list[str]:
    return [row["reason"] for row in answer["not_applied"]]


def june(live: Make, *limits: dict[str, str], **fields: Any) -> Campaign:
    """Offer tea for 1.00 less and five milks for 2.00 less, of one campaign."""
    shared = campaign(limits=list(limits))
    live(campaign=shared, **fields)
    live(scope=["MILK"], menu=TWENTY, campaign=shared, **fields)
    return shared


@pytest.mark.parametrize("limit", [ONCE, {"most": "1"}, {"most": "1", "period": "day"}])
def test_of_a_campaigns_last_use_the_cart_makes_the_best(
    api: APIClient, live: Make, ana: Customer, limit: dict[str, str]
) -> None:
    june(live, limit, **AUTOMATIC)

    shown, sold = bought(api, {"customer": "ana", "lines": TEA_AND_MILK})

    assert [shown["discount"], sold["discount"]] == ["2.00", "2.00"]
    assert Counter.objects.get().uses == 1
    again, _ = bought(api, {"customer": "ana", "lines": TEA_AND_MILK})
    assert again["discount"] == "0.00"


def test_a_campaigns_limit_of_money_is_never_shown_to_give_more(
    api: APIClient, live: Make
) -> None:
    june(live, {"most": "2.50", "of": "money"}, **AUTOMATIC)

    shown, sold = bought(api, {"lines": TEA_AND_MILK})

    assert [shown["discount"], sold["discount"]] == ["2.00", "2.00"]
    assert Counter.objects.get().money == Decimal(2)


def test_of_two_codes_that_share_a_use_the_better_applies_and_the_other_is_told_why(
    api: APIClient, live: Make, ana: Customer
) -> None:
    shared = campaign(limits=[ONCE])
    tea = code(live(campaign=shared, **BY_CODE), "TEATIME")
    milk = code(live(scope=["MILK"], menu=TWENTY, campaign=shared, **BY_CODE), "MILKY")
    cart: dict[str, Any] = {"customer": "ana", "lines": TEA_AND_MILK}
    both = ["teatime", "milky"]

    shown, sold = bought(api, cart | {"codes": both})

    assert [shown["discount"], sold["discount"]] == ["2.00", "2.00"]
    assert reasons(shown) == reasons(sold) == ["limit_reached"]
    tea.refresh_from_db()
    milk.refresh_from_db()
    assert (tea.uses, milk.uses) == (0, 1)
    late = redeem(api, **(cart | {"codes": ["teatime"]}))
    assert (late.status_code, late.json()["code"]) == (409, "limit_reached")


def test_two_offers_that_share_a_use_are_refused_if_both_are_wanted(
    api: APIClient, live: Make, give: Give, ana: Customer
) -> None:
    shared = campaign(limits=[ONCE])
    offers = [
        str(give(live(scope=[scope], campaign=shared), ana).id)
        for scope in ("TEA", "MILK")
    ]
    cart: dict[str, Any] = {"customer": "ana", "lines": TEA_AND_MILK}

    both = redeem(api, **cart, offers=offers)

    assert (both.status_code, both.json()["code"]) == (409, "limit_reached")
    assert not Counter.objects.exists()
    assert redeem(api, **cart, offers=offers[:1]).status_code == 201


def test_the_last_gift_is_given_once_in_one_cart(api: APIClient, live: Make) -> None:
    live("gift", **AUTOMATIC)
    live("gift", scope=["MILK"], **AUTOMATIC)
    lines = [{"sku": "tea", "quantity": 2}, {"sku": "milk", "quantity": 10}]

    for stock, given in ((1, 1), (3, 2), (None, 2)):
        Redemption.objects.all().delete()
        Product.objects.filter(sku="mug").update(stock=stock)
        shown, sold = bought(api, {"lines": lines})
        assert [len(one["effects"]) for one in (shown, sold)] == [given, given]


def test_what_a_cart_buys_is_not_there_to_be_given_to_it(
    api: APIClient, live: Make
) -> None:
    live("gift", **AUTOMATIC)
    lines = [{"sku": "tea", "quantity": 4}, {"sku": "mug", "quantity": 2}]

    for stock, given in ((2, 0), (3, 1)):
        Product.objects.filter(sku="mug").update(stock=stock)
        shown, sold = bought(api, {"lines": lines})
        assert [len(one["effects"]) for one in (shown, sold)] == [given, given]


def test_a_gift_code_that_loses_the_last_one_stays_unused(
    api: APIClient, live: Make
) -> None:
    live("gift", **AUTOMATIC, rule={"priority": 0})
    spring = code(live("gift", scope=["MILK"], **BY_CODE))
    Product.objects.filter(sku="mug").update(stock=1)
    lines = [{"sku": "tea", "quantity": 2}, {"sku": "milk", "quantity": 10}]

    shown, sold = bought(api, {"lines": lines, "codes": ["spring"]})

    assert len(shown["effects"]) == len(sold["redemptions"]) == 1
    spring.refresh_from_db()
    told = reasons(shown)
    assert (spring.uses, told) in [(0, ["gift_out_of_stock"]), (1, [])]


@pytest.mark.parametrize(("least_margin", "given"), [("0.05", 2), ("0.25", 1)])
def test_a_gift_is_not_given_beside_what_takes_its_strategys_least_margin(
    api: APIClient, live: Make, least_margin: str, given: int
) -> None:
    live("gift", least_margin=Decimal(least_margin), **AUTOMATIC)
    lines = [{"sku": "tea", "quantity": 20}]
    assert len(qualify(api, lines=lines)["effects"]) == 1

    live(menu=TWENTY, **AUTOMATIC)
    shown, sold = bought(api, {"lines": lines})

    assert [shown["discount"], sold["discount"]] == ["40.00", "40.00"]
    assert [len(one["effects"]) for one in (shown, sold)] == [given, given]


@pytest.mark.django_db(transaction=True)
def test_orders_at_once_never_give_more_gifts_than_there_are(
    api: APIClient, live: Make
) -> None:
    """Each is shown two: what the others took since is counted under the lock."""
    live("gift", **AUTOMATIC)
    live("gift", scope=["MILK"], **AUTOMATIC)
    Product.objects.filter(sku="mug").update(stock=4)
    lines = [
        {"sku": "tea", "quantity": 2},
        {"sku": "milk", "quantity": 10},
        {"sku": "mug", "quantity": 1},
    ]

    def order(number: int) -> int:
        try:
            call = redeem if number % 2 else reserve
            answer = call(api, lines=lines)
            assert answer.status_code == 201, answer.json()
            return len(answer.json()["effects"])
        finally:
            connections.close_all()

    with ThreadPoolExecutor(6) as pool:
        given: Sequence[int] = list(pool.map(order, range(6)))

    assert sum(given) == 3, given
