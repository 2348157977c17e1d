from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from analytics.models import Customer, StoredEvent
from promotions.models import Campaign, Strategy
from tests.conftest import Give, Make

pytestmark = pytest.mark.usefixtures("shelf")


def qualify(api: APIClient, *lines: tuple[str, int], **more: Any) -> Any:
    rows = [{"sku": sku, "quantity": quantity} for sku, quantity in lines]
    return api.post("/api/v1/qualifications", {"lines": rows, **more}, format="json")


def test_a_cart_shows_what_applies_and_records_nothing(
    api: APIClient, live: Make, give: Give, ana: Customer
) -> None:
    strategy = live()
    give(strategy, ana)
    before = StoredEvent.objects.count()

    body = qualify(api, ("tea", 2), ("milk", 1), customer="ana").json()

    assert body["subtotal"] == "22.00"
    assert body["effects"][0]["discount"] == "2.00"
    assert [line["total"] for line in body["lines"]] == ["18.00", "2.00"]
    strategy.refresh_from_db()
    assert strategy.spent == 0
    assert StoredEvent.objects.count() == before


def test_a_near_miss_says_how_much_more(
    api: APIClient, live: Make, give: Give, ana: Customer
) -> None:
    give(live("threshold"), ana)

    body = qualify(api, ("tea", 1), customer="ana").json()

    assert body["effects"] == []
    missed = body["not_applied"][0]
    assert (missed["reason"], missed["spend_more"]) == ("below_threshold", "10.00")


def test_the_better_of_two_offers_on_a_line_wins_and_the_other_says_so(
    api: APIClient, live: Make, give: Give, ana: Customer
) -> None:
    give(live(), ana)
    better = give(live("threshold"), ana)

    body = qualify(api, ("tea", 2), customer="ana").json()

    assert [effect["offer"] for effect in body["effects"]] == [str(better.id)]
    assert body["not_applied"][0]["reason"] == "another_offer_is_better"


@pytest.mark.parametrize("customer", [None, "nobody", "ben"])
def test_a_guest_a_stranger_and_a_newcomer_have_no_offers_and_no_error(
    api: APIClient, live: Make, give: Give, ana: Customer, ben: Customer, customer: Any
) -> None:
    give(live(), ana)

    answer = qualify(api, ("tea", 1), customer=customer)

    assert answer.status_code == 200
    assert answer.json()["effects"] == []


def test_an_unknown_sku_is_named_and_takes_no_discount(
    api: APIClient, live: Make, give: Give, ana: Customer
) -> None:
    give(live(), ana)

    lines = [
        {"sku": "ufo", "quantity": 1, "price": "5.00"},
        {"sku": "tea", "quantity": 1},
    ]
    body = api.post(
        "/api/v1/qualifications", {"customer": "ana", "lines": lines}, format="json"
    ).json()

    assert body["unknown_skus"] == ["ufo"]
    assert (body["subtotal"], body["discount"]) == ("15.00", "1.00")


def test_no_discount_goes_below_the_margin_floor(
    api: APIClient, live: Make, give: Give, ana: Customer
) -> None:
    menu = {"50%": {"kind": "percentage", "rate": "0.50"}}
    give(live(menu=menu, least_margin=Decimal("0.05")), ana)

    body = qualify(api, ("tea", 1), customer="ana").json()

    # Cost 7.00, least margin 5 %: never below 7.37.
    assert body["total"] == "7.37"


def test_a_product_barred_from_promotions_takes_no_discount(
    api: APIClient, live: Make, give: Give, ana: Customer
) -> None:
    from catalog.models import Product

    Product.objects.filter(sku="tea").update(promotable=False)
    give(live(), ana)

    assert qualify(api, ("tea", 1), customer="ana").json()["effects"] == []


def test_an_offer_in_another_currency_does_not_apply(
    api: APIClient, live: Make, give: Give, ana: Customer
) -> None:
    give(live(), ana)

    body = qualify(api, ("tea", 1), customer="ana", currency="EUR").json()

    assert body["effects"] == body["not_applied"] == []


def test_a_campaigns_period_is_half_open(
    api: APIClient, live: Make, give: Give, ana: Customer
) -> None:
    give(live(), ana)
    Campaign.objects.update(starts_at=timezone.now() + timedelta(hours=1))

    assert qualify(api, ("tea", 1), customer="ana").json()["effects"] == []


def test_a_spent_budget_ends_the_offers(
    api: APIClient, live: Make, give: Give, ana: Customer
) -> None:
    give(live(budget=Decimal("10")), ana)
    Strategy.objects.update(spent=Decimal("10"))

    assert qualify(api, ("tea", 1), customer="ana").json()["effects"] == []


def test_an_empty_and_an_enormous_cart_are_priced(
    api: APIClient, live: Make, give: Give, ana: Customer
) -> None:
    give(live("threshold"), ana)

    empty = qualify(api, customer="ana")
    enormous = qualify(api, *[("tea", 1)] * 1000, customer="ana")

    assert (empty.status_code, enormous.status_code) == (200, 200)
    assert enormous.json()["discount"] == "3.00"
    assert sum(Decimal(ln["discount"]) for ln in enormous.json()["lines"]) == Decimal(3)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"lines": "tea"}, "lines"),
        ({"lines": [{"sku": "tea"}]}, "lines[0].quantity"),
        ({"lines": [{"sku": "tea", "quantity": 0}]}, "lines[0].quantity"),
        ({"lines": [{"sku": "tea", "quantity": 1, "price": "-1"}]}, "lines[0].price"),
        ({"lines": [{"sku": "tea", "quantity": 1, "price": "NaN"}]}, "lines[0].price"),
        (
            {"lines": [{"sku": "tea", "quantity": 1, "price": "1.005"}]},
            "lines[0].price",
        ),
        ({"lines": [{"sku": "tea", "quantity": 1, "price": "1_0"}]}, "lines[0].price"),
        ({"lines": [{"sku": "tea", "quantity": 1, "price": "１"}]}, "lines[0].price"),
        ({"lines": [{"sku": "tea", "quantity": "1_0"}]}, "lines[0].quantity"),
        ({"lines": [{"sku": "tea", "quantity": "１２"}]}, "lines[0].quantity"),
        ({"shipping": "1_000"}, "shipping"),
        ({"lines": [{"sku": "tea", "quantity": 1}] * 1001}, "lines"),
        ({"currency": "euro"}, "currency"),
        ({"customer": "x" * 201}, "customer"),
        ({"custommer": "ana"}, "custommer"),
        ({"lines": [{"sku": "tea", "quantity": 1, "prise": "1"}]}, "lines[0].prise"),
    ],
)
def test_a_bad_cart_is_refused_with_the_fields_name(
    api: APIClient, change: dict[str, Any], field: str
) -> None:
    cart = {"lines": [{"sku": "tea", "quantity": 1}]} | change

    answer = api.post("/api/v1/qualifications", cart, format="json")

    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["code"] == "invalid"
    assert field in [error["field"] for error in answer.json()["errors"]]


def test_a_catalogue_price_in_another_currency_is_no_price(api: APIClient) -> None:
    body = qualify(api, ("tea", 2), currency="JPY").json()

    assert (body["subtotal"], body["unknown_skus"]) == ("0", ["tea"])
